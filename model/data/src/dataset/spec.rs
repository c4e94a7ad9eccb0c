//! The reference's dataset strings, such as `ImageNet:split=TRAIN:root=/data/imagenet:extra=/data/extra`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use dinov3_ground::similar::most_like;
use dinov3_ground::{Hint, Hints};

use crate::imagenet::{Split, UnknownSplit};

/// The only supported dataset.
const IMAGENET: &str = "ImageNet";
/// The reference's other datasets.
const NOT_BUILT: [&str; 3] = ["ImageNet22k", "ADE20K", "CocoCaptions"];
/// The keys of a dataset string.
const KEYS: [&str; 3] = ["split", "root", "extra"];

/// A parsed dataset string (`_parse_dataset_str` of the reference's `dinov3/data/loaders.py`).
///
/// Two points differ from the reference. A value may hold `=`, since a path may; the reference fails. A key given twice
/// is refused; the reference takes the last value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetSpec {
    /// The split of ImageNet.
    pub split: Split,
    /// The folder that holds `train`, `val` and `test`.
    pub root: PathBuf,
    /// The folder that holds the tables.
    pub extra: PathBuf,
}

/// The reason why a text is not a dataset string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The reference supports this dataset, and this crate does not.
    #[error("the dataset `{0}` is not supported")]
    NotBuilt(String),
    /// The dataset is unknown.
    #[error("there is no dataset `{0}`")]
    Unknown(String),
    /// A part has no `=`.
    #[error("`{0}` in the dataset string is not `key=value`")]
    NoValue(String),
    /// A key is unknown.
    #[error("a dataset has no `{0}`")]
    Key(String),
    /// A key appears twice.
    #[error("the dataset string gives `{0}` twice")]
    Twice(&'static str),
    /// A key is missing or empty.
    #[error("the dataset string gives no `{0}`")]
    Missing(&'static str),
    /// A word is not the name of a split.
    #[error(transparent)]
    Split(#[from] UnknownSplit),
}

impl Hint for SpecError {
    fn hints(&self) -> Hints {
        let example = "ImageNet:split=TRAIN:root=PATH:extra=PATH";
        let meant = |given: &str, known: &[&'static str]| match most_like(given, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("write it as {example}"),
        };
        let hint: String = match self {
            Self::NotBuilt(_) => format!("this trainer reads only ImageNet of the reference's datasets: {example}"),
            Self::Unknown(given) => meant(given, &[IMAGENET]),
            Self::Key(given) => meant(given, &KEYS),
            Self::NoValue(_) => format!("write it as {example}; a path cannot hold a `:` here"),
            Self::Twice(_) => "keep one of the two".to_owned(),
            Self::Missing(_) => format!("write it as {example}"),
            Self::Split(unknown) => return unknown.hints(),
        };
        hint.into()
    }
}

impl DatasetSpec {
    /// Reads a dataset string.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        if name != IMAGENET {
            let error = if NOT_BUILT.contains(&name) { SpecError::NotBuilt } else { SpecError::Unknown };
            return Err(error(name.to_owned()));
        }
        let mut values: [Option<&str>; 3] = [None; 3];
        for part in parts {
            let (key, value) = part.split_once('=').ok_or_else(|| SpecError::NoValue(part.to_owned()))?;
            let place = KEYS.iter().position(|known| *known == key).ok_or_else(|| SpecError::Key(key.to_owned()))?;
            if values[place].replace(value).is_some() {
                return Err(SpecError::Twice(KEYS[place]));
            }
        }
        let value =
            |place: usize| values[place].filter(|value| !value.is_empty()).ok_or(SpecError::Missing(KEYS[place]));
        Ok(Self { split: value(0)?.parse()?, root: value(1)?.into(), extra: value(2)?.into() })
    }

    /// [`DatasetSpec::root`] with a leading `~` replaced by the user's home, as in the reference: a shell does not
    /// expand a `~` in the middle of a dataset string.
    pub fn root_folder(&self) -> PathBuf {
        match (self.root.strip_prefix("~"), std::env::home_dir()) {
            (Ok(below), Some(home)) => home.join(below),
            _ => self.root.clone(),
        }
    }
}

impl FromStr for DatasetSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        Self::parse(text)
    }
}

impl fmt::Display for DatasetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{IMAGENET}:split={}:root={}:extra={}", self.split, self.root.display(), self.extra.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_come_in_any_order_and_hold_equals_signs() {
        let text = "ImageNet:split=VAL:root=/data/a=b:extra=../extra tables";
        let spec = DatasetSpec::parse(text).unwrap();
        let expected = DatasetSpec { split: Split::Val, root: "/data/a=b".into(), extra: "../extra tables".into() };
        assert_eq!((&spec, spec.to_string().as_str()), (&expected, text));
        assert_eq!(DatasetSpec::parse("ImageNet:extra=../extra tables:root=/data/a=b:split=VAL"), Ok(expected));
    }

    #[test]
    fn the_root_may_be_in_the_users_home() {
        let folder = |root: &str| {
            let text = format!("ImageNet:split=VAL:root={root}:extra=b");
            DatasetSpec::parse(&text).unwrap().root_folder()
        };
        assert_eq!(folder("~/data"), std::env::home_dir().unwrap().join("data"));
        assert_eq!(["a/~/b", "~someone/b"].map(folder), ["a/~/b", "~someone/b"].map(PathBuf::from));
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let refused = |text: &str| {
            let error = DatasetSpec::parse(text).unwrap_err();
            format!("{text}\n  {error}\n  hint: {}\n", error.hints())
        };
        let texts = [
            "ImageNet22k:root=a:extra=b",
            "ADE20K:split=TRAIN:root=a",
            "CocoCaptions:split=TRAIN:root=a",
            "imagenet:split=TRAIN:root=a:extra=b",
            "LAION",
            "",
            "ImageNet",
            "ImageNet:split=TRAIN",
            "ImageNet:split=TRAIN:root=a",
            "ImageNet:split=TRAIN:root=:extra=b",
            "ImageNet:split=train:root=a:extra=b",
            "ImageNet:split=X:root=a:extra=b",
            "ImageNet:split=TRAIN:root=C:\\data:extra=b",
            "ImageNet:split=TRAIN:root=a:root=b:extra=c",
            "ImageNet:split=TRAIN:roots=a:extra=b",
            "ImageNet:split=TRAIN:root=a:extra=b:transform=c",
            "ImageNet:split=TRAIN:root=a:extra=b:",
        ];
        insta::assert_snapshot!(texts.map(refused).concat());
    }
}
