//! A wheel on disk: is it the right one, and what is in it.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::Path;

use dinov3_ground::hex;
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

use super::Error;
use super::members::destination;
use super::progress::{bar, pump};
use super::recipe::Wheel;

/// Compares the SHA-256 of the file at `path` with that of `wheel`.
pub fn verify(path: &Path, wheel: &Wheel) -> Result<(), Error> {
    let failed = |source| Error::io("read", path, source);
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let bar = bar(size, "checking");
    let mut hash = Sha256::new();
    pump(&mut file, &bar, |piece| {
        hash.update(piece);
        Ok(())
    })
    .map_err(failed)?;
    bar.finish_and_clear();
    let found = hex(&hash.finalize());
    if found == wheel.sha256 {
        return Ok(());
    }
    Err(Error::HashMismatch { file: wheel.file.to_owned(), expected: wheel.sha256.to_owned(), found })
}

/// Unpacks the wanted members (see [`destination`]) of the wheel at `path` into `folder`.
pub fn unpack(path: &Path, libraries: &[&str], folder: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
    let failed = |error: ZipError| Error::Unpack {
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        reason: error.to_string(),
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(failed)?;
    let mut wanted = Vec::new();
    let mut bytes = 0;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(failed)?;
        let name = member.name().map_err(failed)?;
        if let Some(place) = destination(&name, libraries) {
            bytes += member.size();
            wanted.push((index, place));
        }
    }
    let bar = bar(bytes, "unpacking");
    for (index, place) in wanted {
        let mut member = archive.by_index(index).map_err(failed)?;
        let target = folder.join(&place);
        write_file(&target, place.starts_with("lib"), |output| {
            // zip compares the member's checksum at its end.
            pump(&mut member, &bar, |piece| output.write_all(piece))
        })
        .map_err(|source| Error::io("unpack into", &target, source))?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// A library is written through to the disk: a power cut must not leave a complete folder with holes in it.
fn write_file(target: &Path, through: bool, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut output = File::create(target)?;
    fill(&mut output)?;
    if through { output.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Fake, sha256};
    use super::*;

    #[test]
    fn the_right_hash_passes_and_any_other_does_not() {
        let fake = Fake::new();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fake.whl");
        fs::write(&path, &fake.bytes).unwrap();
        let wheel = &fake.recipe.wheels[0];
        verify(&path, wheel).unwrap();

        let mut damaged = fake.bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(&path, &damaged).unwrap();
        let error = verify(&path, wheel).unwrap_err();
        let Error::HashMismatch { expected, found, .. } = error else { panic!("{error}") };
        assert_eq!((expected.as_str(), found), (wheel.sha256, sha256(&damaged)));
    }

    #[test]
    fn the_hash_is_sha_256() {
        // The published value for the three letters "abc".
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_no_wheel_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fake.whl");
        fs::write(&path, "this is no wheel").unwrap();
        let error = unpack(&path, &[], folder.path()).unwrap_err();
        assert!(matches!(&error, Error::Unpack { file, .. } if file == "fake.whl"), "{error}");
    }
}
