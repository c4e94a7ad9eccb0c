//! Why a file has no pixels.

use dinov3_ground::{Hint, Hints};

/// What is wrong with the bytes of a file. The file's name is the caller's to add.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// An image, but of a format that is not read here.
    #[error("this is a {format} image")]
    Unsupported {
        /// The format's name.
        format: &'static str,
    },
    /// No image, by its first bytes.
    #[error("this is no image: its {length} bytes do not begin like one")]
    Unknown {
        /// Bytes in the file.
        length: usize,
    },
    /// More pixels than Pillow would decode.
    #[error("an image of {width}x{height} pixels is larger than any that is decoded")]
    TooLarge {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The file ends before its image does.
    #[error("the {format} image is truncated")]
    Truncated {
        /// The format's name.
        format: &'static str,
    },
    /// The format's own rules are broken.
    #[error("the {format} image is broken: {why}")]
    Broken {
        /// The format's name.
        format: &'static str,
        /// What the decoder says.
        why: String,
    },
}

impl Hint for DecodeError {
    fn hints(&self) -> Hints {
        let hint: String = match self {
            Self::Unsupported { .. } => "convert it to JPEG or PNG; the name of the file does not matter".to_owned(),
            Self::Unknown { .. } => "remove the file from the data set, or fetch it again".to_owned(),
            Self::TooLarge { .. } => format!("make it smaller: at most {} pixels are decoded", super::MOST_PIXELS),
            Self::Truncated { .. } | Self::Broken { .. } => {
                "compare its size and hash with the original's, and fetch it again".to_owned()
            }
        };
        hint.into()
    }
}
