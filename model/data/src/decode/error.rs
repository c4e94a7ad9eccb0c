//! Errors of decoding.

use dinov3_ground::{Hint, Hints};

/// The reason why the bytes of a file cannot be decoded. The caller adds the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// An image of an unsupported format.
    #[error("this is a {format} image")]
    Unsupported {
        /// The format's name.
        format: &'static str,
    },
    /// The first bytes do not begin an image.
    #[error("this is not an image: its {length} bytes do not begin like one")]
    Unknown {
        /// Bytes in the file.
        length: usize,
    },
    /// More pixels than Pillow would decode.
    #[error("an image of {width}x{height} pixels is too large to decode")]
    TooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// The file ends before the end of its image.
    #[error("the {format} image is truncated")]
    Truncated {
        /// The format's name.
        format: &'static str,
    },
    /// The file violates its format.
    #[error("the {format} image is broken: {why}")]
    Broken {
        /// The format's name.
        format: &'static str,
        /// The decoder's message.
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
