//! The images of a folder, in the order of torchvision's `ImageFolder`: every folder is a class, links are followed,
//! folders in a class are searched, and names are ordered by code point.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::error::PrepareError;
use super::order::sort;

/// The extensions of images, in upper or lower case.
pub const EXTENSIONS: [&str; 9] = [".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"];

/// The names of the class folders, in order; at least one.
pub fn classes(folder: &Path) -> Result<Vec<OsString>, PrepareError> {
    let entries = fs::read_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PrepareError::NoFolder(folder.to_owned()),
        _ => PrepareError::Read { path: folder.to_owned(), error },
    })?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(PrepareError::read(folder))?;
        if is_folder(&entry)? {
            names.push(entry.file_name());
        }
    }
    if names.is_empty() {
        return Err(PrepareError::NoClass(folder.to_owned()));
    }
    sort(&mut names, |name| name.as_encoded_bytes());
    Ok(names)
}

/// The images of one folder: a class or a folder in a class.
pub struct Images {
    /// The folder.
    pub folder: PathBuf,
    /// The files' names, in order.
    pub names: Vec<OsString>,
}

/// The images of a class, folder by folder. The function fails for a folder that cannot be read and for links that lead
/// in a circle; the reference skips such folders.
pub fn images(class: &Path) -> Result<Vec<Images>, PrepareError> {
    let mut found = Vec::new();
    let mut folders = vec![class.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(PrepareError::read(&folder))? {
            let entry = entry.map_err(PrepareError::read(&folder))?;
            let name = entry.file_name();
            if is_folder(&entry)? {
                let path = folder.join(name);
                refuse_circle(class, &folder, &path)?;
                folders.push(path);
            } else if is_image(&name) {
                names.push(name);
            }
        }
        sort(&mut names, |name| name.as_encoded_bytes());
        found.push(Images { folder, names });
    }
    sort(&mut found, |images| images.folder.as_os_str().as_encoded_bytes());
    Ok(found)
}

/// The folders in a class, at any depth.
pub fn below(class: &Path) -> Result<Vec<PathBuf>, PrepareError> {
    let (mut found, mut folders) = (Vec::new(), vec![class.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(PrepareError::read(&folder))? {
            let entry = entry.map_err(PrepareError::read(&folder))?;
            if is_folder(&entry)? {
                let path = folder.join(entry.file_name());
                refuse_circle(class, &folder, &path)?;
                folders.push(path.clone());
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn is_image(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    EXTENSIONS.iter().any(|extension| {
        let start = name.len().checked_sub(extension.len());
        start.is_some_and(|start| name[start..].eq_ignore_ascii_case(extension.as_bytes()))
    })
}

/// Whether the path is a folder or a link to a folder. A link that is broken, or leads to itself, is a file, as for the
/// reference.
fn is_folder(entry: &DirEntry) -> Result<bool, PrepareError> {
    let path = || entry.path();
    let kind = entry.file_type().map_err(|error| PrepareError::Read { path: path(), error })?;
    if !kind.is_symlink() {
        return Ok(kind.is_dir());
    }
    match fs::metadata(path()) {
        Ok(target) => Ok(target.is_dir()),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ELOOP) => Ok(false),
        Err(error) => Err(PrepareError::Read { path: path(), error }),
    }
}

/// Fails if `path`, found in `folder` of `class`, is one of the folders that contain it.
fn refuse_circle(class: &Path, folder: &Path, path: &Path) -> Result<(), PrepareError> {
    if !path.is_symlink() {
        return Ok(());
    }
    let target = path.canonicalize().map_err(PrepareError::read(path))?;
    for above in folder.ancestors() {
        if above.canonicalize().map_err(PrepareError::read(above))? == target {
            return Err(PrepareError::Loop(path.to_owned()));
        }
        if above == class {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_ending() {
        for name in ["a.jpg", "a.JPEG", ".Png", "a.b.tiff", "a.webp"] {
            assert!(is_image(name.as_ref()), "{name}");
        }
        for name in ["jpg", "a.gif", "a.jpg.txt", "", "a.j\u{131}pg"] {
            assert!(!is_image(name.as_ref()), "{name}");
        }
    }

    /// Python's `os.walk` takes it for a file: without the name of an image it is passed over, and with one it is an
    /// image that no one can read.
    #[cfg(unix)]
    #[test]
    fn a_link_to_itself_is_a_file() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("n01_1.JPEG"), "").unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        symlink("n01_2.JPEG", root.path().join("n01_2.JPEG")).unwrap();
        let found = images(root.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].names, ["n01_1.JPEG", "n01_2.JPEG"]);
        assert_eq!(below(root.path()).unwrap(), [""; 0].map(PathBuf::from));
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_are_refused() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let class = root.path().join("train/n01");
        fs::create_dir_all(class.join("deep")).unwrap();
        fs::create_dir(root.path().join("other")).unwrap();
        for (target, link) in [("../../other", "n02"), ("..", "deep/up"), ("../train", "../../other/back")] {
            symlink(target, class.join(link)).unwrap();
            let result = images(&class);
            match link {
                "n02" => assert_eq!(result.unwrap().len(), 3),
                _ => {
                    assert!(matches!(&result, Err(PrepareError::Loop(path)) if path.starts_with(&class)), "{link}");
                    fs::remove_file(class.join(link)).unwrap();
                }
            }
        }
    }
}
