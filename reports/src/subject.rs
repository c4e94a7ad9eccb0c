//! Who was judged, apart from who judges: the circumstances under which the tensors of a check came to be.

use std::collections::BTreeMap;

use crate::message::{Pen, Say};
use crate::report::pins;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Environment variables that pin the arithmetic, with their values.
pub type Pins = Vec<(String, String)>;

/// Whose tensors a check judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// The folder of a recording; null for our own trainer.
    pub folder: Option<String>,
    /// The device that computed them, such as `cpu` or `npu`.
    pub device: String,
    /// The version of PyTorch or libtorch.
    pub torch: String,
    /// Processor architecture, for example `x86_64`.
    pub architecture: String,
    /// The processor's maker as MKL sees it.
    pub cpu_vendor: Option<String>,
    /// The instruction set of torch's own kernels.
    pub cpu_capability: String,
    /// Threads within an operation.
    pub threads: u32,
    /// Environment variables that pinned the arithmetic, with their values.
    #[serde(with = "pins")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub pins: Pins,
    /// How many ranks, and as what they ran.
    pub ranks: RanksOf,
    /// When it was recorded, as RFC 3339, where the recording says so.
    pub recorded: Option<String>,
    /// Other software of the recording, by name, with versions.
    pub software: BTreeMap<String, String>,
    /// SHA-256 of the recording's manifest, which has the hashes of everything else.
    pub manifest: Option<String>,
    /// The code that ran, of a recording.
    pub code: Option<Code>,
}

/// The ranks of a recording or of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RanksOf {
    /// How many ranks.
    pub world_size: u32,
    /// How many processes they were; fewer than ranks where these were threads. Null where it is not known.
    pub processes: Option<u32>,
    /// What the processes exchanged tensors over, where there were several.
    pub backend: Option<String>,
}

/// The code that a recording was made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Code {
    /// The commit of the reference that the checkout has; null if it has none.
    pub commit: Option<String>,
    /// Git's hash of the package as it lay on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// Whether the recording says what is different from the commit. One that does not was made from an untouched checkout, as far as its
    /// recorder could tell.
    pub examined: bool,
    /// The changed files; none of an untouched checkout.
    pub changed: Vec<ChangedFile>,
    /// SHA-256 of the difference.
    pub diff: Option<String>,
    /// The difference itself, if it is short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A file that differs from the reference's commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedFile {
    /// Path within the checkout.
    pub path: String,
    /// Lines that the reference does not have.
    pub added: u64,
    /// Lines of the reference that are gone.
    pub removed: u64,
}

impl Subject {
    /// `x86_64 GenuineIntel AVX2`.
    pub fn processor(&self) -> String {
        let parts = [Some(&self.architecture), self.cpu_vendor.as_ref(), Some(&self.cpu_capability)];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
    }

    /// How the recorder ran the code: `eager` or `compiled`, where it says so.
    pub fn mode(&self) -> Option<&str> {
        self.software.get("mode").map(String::as_str)
    }

    /// `MKL_CBWR=AVX2 ONEDNN_MAX_CPU_ISA=AVX2`; empty without pins.
    pub fn pinned(&self) -> String {
        self.pins.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }
}

impl RanksOf {
    /// Whether ranks ran as threads of fewer processes.
    pub fn as_threads(&self) -> bool {
        self.processes.is_some_and(|processes| processes < self.world_size)
    }
}

/// One line: what a person must know of whose tensors were judged.
impl Say for Subject {
    fn en(&self, pen: Pen) -> String {
        let mut parts = vec![self.device.clone(), format!("torch {}", self.torch), self.processor()];
        parts.push(if self.pins.is_empty() { "no pins".to_owned() } else { self.pinned() });
        parts.push(format!("{} thread{}", self.threads, if self.threads == 1 { "" } else { "s" }));
        let mut parts: Vec<String> = parts.iter().map(|part| pen.text(part)).collect();
        parts.extend((self.ranks.world_size > 1).then(|| self.ranks.en(pen)));
        parts.extend(self.recorded.iter().map(|when| format!("recorded {}", pen.text(when))));
        parts.extend(self.code.iter().map(|code| code.en(pen)));
        parts.extend(self.mode().map(|mode| pen.text(mode)));
        parts.join(", ")
    }

    fn zh(&self, pen: Pen) -> String {
        let mut parts = vec![self.device.clone(), format!("torch {}", self.torch), self.processor()];
        parts.push(if self.pins.is_empty() { "未固定指令集".to_owned() } else { self.pinned() });
        parts.push(format!("{} 个线程", self.threads));
        let mut parts: Vec<String> = parts.iter().map(|part| pen.text(part)).collect();
        parts.extend((self.ranks.world_size > 1).then(|| self.ranks.zh(pen)));
        parts.extend(self.recorded.iter().map(|when| format!("采集于 {}", pen.text(when))));
        parts.extend(self.code.iter().map(|code| code.zh(pen)));
        parts.extend(self.mode().map(|mode| pen.text(mode)));
        parts.join("，")
    }
}

impl Say for RanksOf {
    fn en(&self, pen: Pen) -> String {
        let over = self.backend.as_ref().map_or_else(String::new, |backend| format!(" over {}", pen.text(backend)));
        match (self.world_size, self.processes) {
            (0 | 1, _) => "1 rank".to_owned(),
            (ranks, Some(1)) => format!("{ranks} ranks as threads of 1 process"),
            (ranks, Some(processes)) if processes < ranks => {
                format!("{ranks} ranks as threads of {processes} processes")
            }
            (ranks, Some(_)) => format!("{ranks} processes{over}"),
            (ranks, None) => format!("{ranks} ranks"),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        let over = self.backend.as_ref().map_or_else(String::new, |backend| format!("（{}）", pen.text(backend)));
        match (self.world_size, self.processes) {
            (0 | 1, _) => "1 个 rank".to_owned(),
            (ranks, Some(processes)) if processes < ranks => {
                format!("{ranks} 个 rank（{processes} 个进程中的线程）")
            }
            (ranks, Some(_)) => format!("{ranks} 个进程{over}"),
            (ranks, None) => format!("{ranks} 个 rank"),
        }
    }
}

impl Code {
    fn lines(&self) -> (u64, u64) {
        self.changed.iter().fold((0, 0), |(added, removed), file| (added + file.added, removed + file.removed))
    }

    fn short(hash: &str) -> &str {
        hash.get(..8).unwrap_or(hash)
    }
}

impl Say for Code {
    fn en(&self, pen: Pen) -> String {
        let commit = self.commit.as_deref().map_or("no commit", Self::short);
        if self.changed.is_empty() && self.diff.is_none() {
            return format!("code {}", pen.text(commit));
        }
        let ((added, removed), files) = (self.lines(), self.changed.len());
        let files = if files == 1 { "1 changed file".to_owned() } else { format!("{files} changed files") };
        let diff = self.diff.as_deref().map_or_else(String::new, |it| format!(", diff {}", Self::short(it)));
        format!("code {} with {files} (+{added} -{removed}{diff})", pen.text(commit))
    }

    fn zh(&self, pen: Pen) -> String {
        let commit = self.commit.as_deref().map_or("无提交", Self::short);
        if self.changed.is_empty() && self.diff.is_none() {
            return format!("代码 {}", pen.text(commit));
        }
        let ((added, removed), files) = (self.lines(), self.changed.len());
        let diff = self.diff.as_deref().map_or_else(String::new, |it| format!("，diff {}", Self::short(it)));
        format!("代码 {}，改动 {files} 个文件（+{added} -{removed}{diff}）", pen.text(commit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn one_line_says_who_was_judged() {
        let mut subject = fixture::subject();
        let said = |subject: &Subject| [subject.en(Pen::Plain), subject.zh(Pen::Plain)].join("\n");
        let patched = said(&subject);
        subject.code = Some(Code { commit: Some("cb054165e9ec".to_owned()), ..Code::default() });
        subject.pins = vec![("MKL_CBWR".to_owned(), "AVX2".to_owned())];
        subject.ranks = RanksOf { world_size: 4, processes: Some(1), backend: None };
        insta::assert_snapshot!([patched, said(&subject)].join("\n\n"));
        assert!(subject.ranks.as_threads() && !fixture::subject().ranks.as_threads());
    }
}
