//! Every expectation was recorded from Pillow 13.0.0.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::*;

fn file(folder: &str, name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first 16 digits of a SHA-256.
fn digest(hash: Sha256) -> String {
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn check(bytes: &[u8], name: &str, width: usize, height: usize, expected: &str) {
    assert_eq!(dimensions(bytes), Ok((width, height)), "{name}");
    let image = decode(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!((image.width(), image.height()), (width, height), "{name}");
    assert_eq!(digest(Sha256::new_with_prefix(image.pixels())), expected, "{name}");
}

#[test]
fn images_of_every_kind_have_the_pixels_of_pillow() {
    for (name, width, height, expected) in [
        ("410.jpg", 64, 64, "4e074924e73d1c48"),
        ("411.jpg", 64, 64, "ffd54f60547f0118"),
        ("420.jpg", 67, 61, "7834fe24d49b5c8f"),
        ("422.jpg", 80, 57, "5e6cb3d66755f63a"),
        ("440.jpg", 64, 64, "93d7d29ad8d75ac9"),
        ("444.jpg", 49, 52, "a1143ac16a7ee4a7"),
        ("cmyk.jpg", 80, 57, "41d3a1be5a305f9c"),
        ("exif.jpg", 33, 20, "4383318b4ba7a826"),
        ("flat.jpg", 40, 2, "bd0cf54a9488d62c"),
        ("grey.jpg", 64, 48, "fe132454e0de3c32"),
        ("grey1.png", 29, 21, "b955b96bb4755c0a"),
        ("grey16.png", 29, 21, "f0dc6f8b3e6bc42b"),
        ("grey2.png", 29, 21, "b8e77836aa05e769"),
        ("grey4.png", 29, 21, "2559682cd8955b01"),
        ("grey8-trns.png", 29, 21, "6b6d4acc7cba9f35"),
        ("la16.png", 29, 21, "7bb04a756291e0b9"),
        ("la8.png", 29, 21, "6b6d4acc7cba9f35"),
        ("narrow.jpg", 3, 40, "dcba2f33b35d81ff"),
        ("optimised.jpg", 49, 52, "d6c0fedcd784b7ff"),
        ("palette1.png", 29, 21, "a384a765cccec6a6"),
        ("palette2.png", 29, 21, "a85e7f6e7df1cb28"),
        ("palette4.png", 29, 21, "16fd55d54966a1e4"),
        ("palette8-short.png", 29, 21, "da9e747d0b364b2f"),
        ("progressive.jpg", 67, 61, "2c987cc1b5bca1d7"),
        ("restart.jpg", 64, 48, "721ea14f20660b6b"),
        ("rgb.jpg", 64, 48, "5dbd73211d90d6c2"),
        ("rgb16.png", 29, 21, "a3d4350a282cbcf7"),
        ("rgb8-interlaced.png", 29, 21, "6c5f3aeaf5c56f16"),
        ("rgb8-trns.png", 29, 21, "6c5f3aeaf5c56f16"),
        ("rgb8.png", 29, 21, "6c5f3aeaf5c56f16"),
        ("rgba16.png", 29, 21, "a3d4350a282cbcf7"),
        ("rgba8.png", 29, 21, "6c5f3aeaf5c56f16"),
        ("tiny.jpg", 1, 1, "46c8e2cb96fe961f"),
        ("ycck.jpg", 80, 57, "042da420ca5e59d7"),
    ] {
        check(&file("tests/images", name), name, width, height, expected);
    }
}

#[test]
fn photographs_have_the_pixels_of_pillow() {
    for (name, width, height, expected) in [
        ("astronaut.jpg", 500, 500, "8fcac506755e9f42"),
        ("chelsea.jpg", 451, 300, "a76287ceacd550f2"),
        ("coffee.jpg", 500, 333, "3026b3daf7f1611c"),
        ("rocket.jpg", 640, 427, "3d4435cc745752b7"),
    ] {
        check(&file("../../golden/photographs", name), name, width, height, expected);
    }
}

/// `bytes`, damaged in a way that `seed` says: cut short, one bit, four bytes, or a few bytes taken out.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let (mut bytes, body) = (bytes.to_vec(), bytes.len() - 3);
    match next(4) {
        0 => bytes.truncate(3 + next(body)),
        1 => {
            let at = 3 + next(body);
            bytes[at] ^= 1 << next(8);
        }
        2 => {
            for _ in 0..4 {
                let at = 3 + next(body);
                bytes[at] = next(256) as u8;
            }
        }
        _ => {
            let at = 3 + next(body);
            let end = (at + 1 + next(8)).min(bytes.len());
            bytes.drain(at..end);
        }
    }
    bytes
}

/// Pillow decodes this number of 300 damaged copies of each file, namely these copies. Of the kinds that do not go
/// through libjpeg's own transform the pixels are the same, too; in the others coefficients that overflow do so in
/// another way.
#[test]
fn damaged_files_fare_as_with_pillow() {
    for (name, decodable, which, pixels) in [
        ("410.jpg", 179, "e75b9bd9f8f14cb7", None),
        ("411.jpg", 179, "e75b9bd9f8f14cb7", None),
        ("420.jpg", 187, "dc8d182e484fb804", Some("6dccae847e0aae67")),
        ("422.jpg", 190, "f4c2dda087e8940a", Some("6eeadb25ef77cb5c")),
        ("440.jpg", 181, "bb014078d3a4118e", None),
        ("444.jpg", 170, "0d82ebf68c176b9d", Some("3ee214bd5745489a")),
        ("cmyk.jpg", 208, "b608c4f9c6608b9d", None),
        ("exif.jpg", 129, "2c74f6ed9ead4b97", Some("9ccce0c9c853d8fd")),
        ("flat.jpg", 120, "61efe66971440a09", Some("75cf508c4fdd1f0c")),
        ("grey.jpg", 181, "c380ab01fd7d73b1", Some("1aacff9610d04727")),
        ("narrow.jpg", 134, "eb8b3f3678ff9b49", None),
        ("optimised.jpg", 131, "b040693195cf5364", Some("2ede30ae8cc73ffb")),
        ("progressive.jpg", 163, "4ac954aa5075480f", Some("37b8b2d8f449a16c")),
        ("restart.jpg", 178, "5d3091f408e892fd", Some("354f5758573d3bf0")),
        ("rgb.jpg", 198, "18dd83507393a657", None),
        ("tiny.jpg", 112, "65abec869704a779", None),
        ("ycck.jpg", 208, "b608c4f9c6608b9d", None),
    ] {
        let whole = file("tests/images", name);
        let (mut flags, mut hash) = (Vec::new(), Sha256::new());
        for seed in 0..300 {
            let bytes = damaged(&whole, seed);
            if dimensions(&bytes).is_ok_and(|(width, height)| width * height >= 1 << 20) {
                // Damage to the header alone. Too large to be worth the time.
                flags.push(2);
                continue;
            }
            let image = decode(&bytes);
            flags.push(u8::from(image.is_ok()));
            if let Ok(image) = image {
                hash.update(image.pixels());
            }
        }
        assert_eq!(flags.iter().filter(|flag| **flag == 1).count(), decodable, "{name}");
        assert_eq!(digest(Sha256::new_with_prefix(&flags)), which, "{name}");
        if let Some(pixels) = pixels {
            assert_eq!(digest(hash), pixels, "{name}");
        }
    }
}

/// Pillow reports it too: libjpeg reads the bytes after the last row before it returns that row.
#[test]
fn a_file_may_have_more_behind_its_end_but_not_less() {
    let whole = file("tests/images", "420.jpg");
    let image = decode(&whole).unwrap();
    assert!(decode(&[&whole[..], b"and more"].concat()) == Ok(image));
    for less in [1, 2, 40] {
        assert!(decode(&whole[..whole.len() - less]) == Err(DecodeError::Truncated { format: "JPEG" }), "{less}");
    }
    let png = file("tests/images", "rgb8.png");
    assert!(decode(&[&png[..], b"and more"].concat()).is_ok());
    assert!(decode(&png[..png.len() / 2]) == Err(DecodeError::Truncated { format: "PNG" }));
}

#[test]
fn no_damage_to_a_png_goes_unnoticed() {
    let whole = file("tests/images", "palette4.png");
    // An end mark of 12 bytes follows the pixels; no decoder reads it.
    for at in 8..whole.len() - 12 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        assert!(decode(&bytes).is_err(), "byte {at}");
    }
}

/// Pillow reads a version from it, and libjpeg does not mind.
#[test]
fn a_jfif_segment_without_a_version_is_refused() {
    let whole = file("tests/images", "420.jpg");
    assert_eq!(whole[2..11], *b"\xff\xe0\0\x10JFIF\0");
    let with = |segment: &[u8]| [&whole[..2], segment, &whole[20..]].concat();
    assert!(decode(&with(b"\xff\xe0\0\x09JFIF\0\x01\x01")).is_ok());
    assert!(decode(&with(b"\xff\xe0\0\x08JFIF\0\x01")).is_err());
}

#[test]
fn sizes_are_bounded() {
    // A frame of 65535x65535, and one that is just small enough, without anything behind.
    let jpeg = |height: u16, width: u16| {
        let mut bytes = file("tests/images", "grey.jpg");
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        bytes[frame + 5..][..2].copy_from_slice(&height.to_be_bytes());
        bytes[frame + 7..][..2].copy_from_slice(&width.to_be_bytes());
        bytes
    };
    assert_eq!(dimensions(&jpeg(65535, 65535)), Err(DecodeError::TooLarge { width: 65535, height: 65535 }));
    assert_eq!(decode(&jpeg(65535, 65535)), Err(DecodeError::TooLarge { width: 65535, height: 65535 }));
    assert_eq!(dimensions(&jpeg(2730, 65535)), Ok((65535, 2730)));
    assert!(dimensions(&jpeg(2731, 65535)).is_err());
    assert!(matches!(dimensions(&jpeg(0, 7)), Err(DecodeError::Broken { .. })));
}

#[test]
fn other_formats_are_refused_by_name() {
    let check = |bytes: &[u8], name: &'static str| {
        assert_eq!(decode(bytes), Err(DecodeError::Unsupported { format: name }));
        assert_eq!(dimensions(bytes), Err(DecodeError::Unsupported { format: name }));
    };
    check(b"GIF89a\x01\0", "GIF");
    check(b"BM\x46\0\0\0", "BMP");
    check(b"RIFF\x24\0\0\0WEBPVP8 ", "WebP");
    check(b"II*\0\x08\0\0\0", "TIFF");
    check(b"MM\0*\0\0\0\x08", "TIFF");
    check(b"\0\0\0\x1cftypavif", "AVIF");
    check(b"\0\0\0\x18ftypheic", "HEIF");
    check(b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000");
    assert_eq!(decode(b""), Err(DecodeError::Unknown { length: 0 }));
    assert_eq!(decode(b"<!DOCTYPE html>"), Err(DecodeError::Unknown { length: 15 }));
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let text = |error: DecodeError| dinov3_ground::hint::text(&error);
    insta::assert_snapshot!(text(decode(b"GIF89a").unwrap_err()), @r"
    this is a GIF image
    hint: convert it to JPEG or PNG; the name of the file does not matter
    ");
    insta::assert_snapshot!(text(decode(b"not an image").unwrap_err()), @r"
    this is not an image: its 12 bytes do not begin like one
    hint: remove the file from the data set, or fetch it again
    ");
    insta::assert_snapshot!(text(DecodeError::TooLarge { width: 65535, height: 65535 }), @r"
    an image of 65535x65535 pixels is too large to decode
    hint: make it smaller: at most 178956970 pixels are decoded
    ");
    insta::assert_snapshot!(text(decode(&file("tests/images", "grey.jpg")[..600]).unwrap_err()), @r"
    the JPEG image is truncated
    hint: compare its size and hash with the original's, and fetch it again
    ");
    let mut bytes = file("tests/images", "420.jpg");
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 4] = 12;
    insta::assert_snapshot!(text(decode(&bytes).unwrap_err()), @r"
    the JPEG image is broken: its samples have 12 bits
    hint: compare its size and hash with the original's, and fetch it again
    ");
}

/// Files that hostile inputs found, with the pixels or the error of Pillow: `corpus/images.json`. Each gave other pixels
/// once, or none where Pillow has some, or some where Pillow has none.
#[test]
fn hostile_files_are_decoded_as_pillow_decodes_them_or_refused() {
    let recorded: serde_json::Value = serde_json::from_slice(&file("corpus", "images.json")).unwrap();
    let (mut same, mut refused_here) = (0, Vec::new());
    for (name, pillow) in recorded.as_object().unwrap() {
        let ours = decode(&file("corpus/images", name));
        match (ours, pillow["sha256"].as_str()) {
            (Ok(image), Some(pixels)) => {
                assert_eq!(pillow["size"], serde_json::json!([image.width(), image.height()]), "{name}");
                assert_eq!(digest(Sha256::new_with_prefix(image.pixels())), pixels, "{name}");
                same += 1;
            }
            (Err(_), None) => same += 1,
            (Err(error), Some(_)) => refused_here.push(format!("{name}: {error}")),
            (Ok(_), None) => panic!("{name} is decoded, and Pillow says {}", pillow["error"]),
        }
    }
    assert_eq!(same + refused_here.len(), recorded.as_object().unwrap().len());
    insta::assert_snapshot!(refused_here.join("\n"));
}

/// Pillow needs 1.4 GB for this file; the way that holds all coefficients needs 2.1.
#[test]
fn few_bytes_that_claim_many_pixels_take_the_way_of_rows() {
    let bytes = file("corpus/images", "memory-2GB-from-636-bytes.jpg");
    let header = jpeg_header::read(&bytes).unwrap();
    assert!((header.width, header.height) == (13_377, 13_377) && !jpeg::in_proportion(&bytes, &header));
    let photograph = file("corpus/images", "jpeg-overflow-photo-with-a-lost-sector.jpg");
    assert!(jpeg::in_proportion(&photograph, &jpeg_header::read(&photograph).unwrap()));
}
