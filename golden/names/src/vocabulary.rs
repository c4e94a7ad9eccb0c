//! Closed vocabularies: enums with one word for each member.

use dinov3_ground::{Hint, Hints};

/// The error of an unknown word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {what}")]
pub struct UnknownName {
    /// The name of the vocabulary, such as `precision`.
    pub what: &'static str,
    /// The given word.
    pub given: String,
    /// The known words, separated by commas.
    pub expected: String,
}

impl Hint for UnknownName {
    fn hints(&self) -> Hints {
        format!("use one of {}", self.expected).into()
    }
}

/// Declares an enum with one name for each variant, shared by `Display`, `FromStr` and serde.
#[macro_export]
macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            $crate::private::serde::Serialize, $crate::private::serde::Deserialize,
        )]
        #[serde(crate = "::dinov3_names::private::serde")]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every member, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name used in files and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(given: &str) -> Result<Self, $crate::UnknownName> {
                Self::ALL.iter().copied().find(|it| it.as_str() == given).ok_or_else(|| $crate::UnknownName {
                    what: $what,
                    given: given.to_owned(),
                    expected: Self::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
