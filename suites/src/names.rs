//! The names of tensors in a candidate whose modules are called otherwise than the reference's.

use std::path::{Path, PathBuf};

use dinov3_golden::WRAPPERS;
use dinov3_ground::{Hint, Hints};
use serde_json::Value;

use crate::pattern::Pattern;

/// A map from a candidate's names to the golden set's. The first rule that fits a name counts.
#[derive(Clone, Debug, Default)]
pub struct OtherNames(Vec<(Pattern, Option<Pattern>)>);

/// A file of names cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the names in `{}` cannot be used: {why}", path.display())]
pub struct NamesError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

impl Hint for NamesError {
    fn hints(&self) -> Hints {
        "give a JSON object such as {\"*.attn.in_proj*\": \"*.attn.qkv*\", \"*.npu_only*\": null}: the candidate's name, then the golden set's, \
         with as many `*` on both sides; null leaves a tensor out"
            .into()
    }
}

impl OtherNames {
    /// Reads a JSON object: the candidate's names as keys, the golden set's as values, null for a tensor that is left out.
    ///
    /// # Errors
    /// If the file cannot be read, or is no such object.
    pub fn read(path: &Path) -> Result<Self, NamesError> {
        let fault = |why: String| NamesError { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        Self::parse(&text).map_err(fault)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let rules: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let rule = |(theirs, ours): (String, Value)| {
            let theirs = Pattern::new(theirs);
            let ours = match ours {
                Value::Null => None,
                Value::String(ours) => Some(Pattern::new(ours)),
                other => return Err(format!("`{theirs}` is mapped to {other}, which is no name")),
            };
            match ours.as_ref().map(Pattern::stars) {
                Some(stars) if stars != theirs.stars() => {
                    Err(format!("`{theirs}` has {} stars, and its name in the golden set {stars}", theirs.stars()))
                }
                _ => Ok((theirs, ours)),
            }
        };
        rules.into_iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// The golden set's name of a candidate's tensor; `None` for one that is left out.
    pub fn ours(&self, theirs: &str) -> Option<String> {
        let bare = unwrapped(theirs);
        for (pattern, ours) in &self.0 {
            if let Some(texts) = pattern.captures(theirs) {
                return ours.as_ref().map(|ours| ours.filled(&texts));
            }
            if let Some(texts) = pattern.captures(&bare) {
                return ours.as_ref().map(|ours| ours.filled(&texts));
            }
        }
        Some(bare)
    }
}

/// A name without the parts that wrappers insert.
fn unwrapped(name: &str) -> String {
    let mut name = name.to_owned();
    for wrapper in WRAPPERS {
        name = name.replace(&format!(".{wrapper}."), ".").replace(&format!(":{wrapper}."), ":");
        if let Some(rest) = name.strip_prefix(&format!("{wrapper}.")) {
            name = rest.to_owned();
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_mapped_left_out_or_kept() {
        let text = r#"{"*.attn.in_proj*": "*.attn.qkv*", "*.npu_only*": null}"#;
        let names = OtherNames::parse(text).unwrap();
        let ours = |theirs: &str| names.ours(theirs).unwrap_or_else(|| "left out".to_owned());
        assert_eq!(ours("grad:student.blocks.0.attn.in_proj.weight"), "grad:student.blocks.0.attn.qkv.weight");
        assert_eq!(ours("student.blocks.0.attn.in_proj"), "student.blocks.0.attn.qkv");
        assert_eq!(ours("student.npu_only:1"), "left out");
        assert_eq!(ours("student.norm"), "student.norm");
    }

    /// `torch.compile` wraps modules, and so do checkpointing and sharding.
    #[test]
    fn wrappers_of_pytorch_are_no_part_of_a_name() {
        let names = OtherNames::default();
        let ours = |theirs: &str| names.ours(theirs).unwrap();
        assert_eq!(ours("student._orig_mod.backbone.blocks.0"), "student.backbone.blocks.0");
        assert_eq!(ours("param:_orig_mod.student.blocks._checkpoint_wrapped_module.0"), "param:student.blocks.0");
        assert_eq!(ours("_orig_mod.student"), "student");
    }

    #[test]
    fn a_file_of_names_must_be_one() {
        let refused = |text: &str| OtherNames::parse(text).unwrap_err();
        insta::assert_snapshot!([refused("[]"), refused(r#"{"a": 1}"#), refused(r#"{"a.*": "b"}"#),].join("\n"));
        let error = OtherNames::read(Path::new("no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("the names in `no/such/file` cannot be used: "), "{error}");
    }
}
