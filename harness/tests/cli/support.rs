//! A folder to work in, the program run in it, and what came of that as a snapshot.

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_golden::promise::bits_are_promised;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Stands for the folder of this repository's golden sets in what is typed and shown.
const REFERENCE: &str = "REFERENCE";

/// The files of a set, `SHA256SUMS` included.
pub const FILES: [&str; 6] =
    ["SHA256SUMS", "bf16.safetensors", "fp32.safetensors", "inputs.safetensors", "manifest.json", "truth.safetensors"];

/// This repository's golden sets.
pub fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("golden/sets")
}

/// An empty folder that the program is started in.
pub struct Place(TempDir);

impl Place {
    /// With nothing in it.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With copies of the set `opt_plain` in folders of these names.
    pub fn with_sets(folders: &[&str]) -> Self {
        let place = Self::empty();
        for folder in folders {
            let folder = place.path(folder);
            fs::create_dir_all(&folder).unwrap();
            for file in FILES {
                fs::copy(reference().join("opt_plain").join(file), folder.join(file)).unwrap();
            }
        }
        place
    }

    /// With a recording of the set `opt_plain` in the folder `candidate`, which has the golden set's bits and was made at another time.
    pub fn with_candidate() -> Self {
        let place = Self::with_sets(&["candidate"]);
        place.edit_manifest(
            "candidate",
            "\"exporter\": 1,",
            "\"exporter\": 1,\n  \"recorded\": \"2026-11-27T04:00:00Z\",",
        );
        place
    }

    /// The path of something in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Changes a file's bytes.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Flips the lowest bit of a file's middle byte.
    pub fn flip_a_bit(&self, name: &str) {
        self.edit(name, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
    }

    /// Replaces text in a set's manifest, and hashes its files anew: a set of another recipe, not a damaged one.
    pub fn edit_manifest(&self, set: &str, from: &str, to: &str) {
        self.edit(&format!("{set}/manifest.json"), |bytes| {
            let text = String::from_utf8(std::mem::take(bytes)).unwrap();
            assert!(text.contains(from), "{from}");
            *bytes = text.replacen(from, to, 1).into_bytes();
        });
        let lines = FILES[1..].iter().map(|file| {
            let hash = Sha256::digest(fs::read(self.path(set).join(file)).unwrap());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hash}  {file}\n")
        });
        fs::write(self.path(set).join("SHA256SUMS"), lines.collect::<String>()).unwrap();
    }

    /// The program, about to be run in this folder with a line of arguments; `REFERENCE` in one of them is the folder of
    /// this repository's golden sets.
    pub fn command(&self, line: &str) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("dinov3-harness"));
        command.current_dir(self.0.path());
        command.args(line.split_whitespace().map(|word| word.replace(REFERENCE, &reference().to_string_lossy())));
        let of_a_rank = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"];
        for variable in
            ["DINOV3_GOLDEN", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"].into_iter().chain(of_a_rank)
        {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the program.
    pub fn run(&self, line: &str) -> Outcome {
        self.run_in(line, &[])
    }

    /// Runs the program with more in its environment.
    pub fn run_in(&self, line: &str, environment: &[(&str, &str)]) -> Outcome {
        let output = self.command(line).envs(environment.iter().copied()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Outcome {
            line: line.to_owned(),
            code: output.status.code().expect("the program died of a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// What came of running the program.
pub struct Outcome {
    line: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// As in a terminal, but with the two streams apart.
    pub fn transcript(&self) -> String {
        let mut text = format!("$ {}\n", ["dinov3-harness", &self.line].join(" ").trim_end());
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text += &format!("--- {name}\n{stream}");
            }
        }
        text + &format!("--- exit code {}\n", self.code)
    }
}

/// Compares transcripts with the snapshot of this name. What differs between runs and machines is replaced first, by
/// something as wide as it where columns line up.
pub fn check(name: &str, outcomes: &[Outcome]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, placeholder) in [
        (r"\[ *[\d.]+ (s|min [\d ]+ s)\]", "[      TIME]"),
        (r"(passed|failed|skipped|vacuous) in [\d.]+ s", "$1 in TIME"),
        (r"dinov3-harness \d+\.\d+\.\d+( \(\w+(-dirty)?\))?", "dinov3-harness VERSION"),
        (r"libtorch \S+ on (.+); .+, \S+, \d+ threads?", "libtorch TORCH on $1; CPU, ISA, N threads"),
        (r"judged by libtorch \S+ on .+, \S+, \d+ threads?", "judged by libtorch TORCH on CPU, ISA, N threads"),
        (r"由 libtorch \S+ 判定，.+，\S+，\d+ 个线程", "由 libtorch TORCH 判定，CPU，ISA，N 个线程"),
        (r"耗时 [\d.]+ s", "耗时 TIME"),
        (r"libtorch [^，]+，(.+)；.+，\S+，\d+ 个线程", "libtorch TORCH，$1；CPU，ISA，N 个线程"),
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\b\d\.\d+e-?\d+(, limit|\)| \()", "FIGURE$1"),
        // Which bits come out is the processor's business; `run.rs` says where they must be the same.
        (r", \d+ wrong \(\d+ by rounding alone, (\d+) otherwise\)", ", $1 wrong"),
        (r", \d+ wrong \(by rounding alone\)", ""),
        (
            r"tensors(, all identical|: \d+ identical(, \d+ within the limit)?)(; \d+ more not judged)?",
            "tensors, IDENTICAL",
        ),
    ] {
        settings.add_filter(pattern, placeholder);
    }
    let text = outcomes.iter().map(Outcome::transcript).collect::<Vec<_>>().join("\n");
    let text = text.replace(&*reference().to_string_lossy(), REFERENCE);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Whether this machine, pinned to AVX2, has the fingerprint of the committed sets, or promises their bits.
pub fn is_like_the_recording() -> bool {
    bits_are_promised() || has_their_fingerprint()
}

fn has_their_fingerprint() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx2")
            && dinov3_torch::runtime::cpu_vendor().as_deref() == Some("GenuineIntel")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// On a machine like that of the recording, nothing less than its bits.
pub fn assert_identical(outcome: &Outcome) {
    if is_like_the_recording() {
        assert_eq!(outcome.stdout.matches("tensors, all identical").count(), 2, "{}", outcome.stdout);
    }
}
