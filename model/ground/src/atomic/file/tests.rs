use super::*;

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_file_replaces_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figures.json");
    for text in ["old", "new"] {
        write_file(&path, |out| out.write_all(text.as_bytes())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(names(folder.path()), ["figures.json"]);
}

#[test]
fn a_write_that_fails_leaves_what_was_there_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.npy");
    fs::write(&path, "old").unwrap();
    let error = write_file(&path, |out| {
        out.write_all(&vec![0; 3 * BUFFER])?;
        Err(io::ErrorKind::StorageFull.into())
    });
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(names(folder.path()), ["t.npy"]);
    assert_eq!(fs::read(path).unwrap(), b"old");
}

#[test]
fn nothing_has_the_name_before_the_file_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let staged = StagedFile::create(&path).unwrap();
    fs::write(staged.temporary_path(), "by its path").unwrap();
    assert!(!path.exists());
    drop(staged);
    assert!(names(folder.path()).is_empty());
    let staged = StagedFile::filled(&path, |out| out.write_all(b"whole")).unwrap();
    assert!(names(folder.path()).iter().all(|name| name.starts_with(".a.") && name.ends_with(".partial")));
    staged.publish().unwrap();
    assert_eq!(fs::read(path).unwrap(), b"whole");
}

#[cfg(unix)]
#[test]
fn the_umask_says_who_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    fs::write(folder.path().join("plain"), "").unwrap();
    write_file(&folder.path().join("ours"), |_| Ok(())).unwrap();
    assert_eq!(mode("ours"), mode("plain"));
}

#[test]
fn leftovers_go_and_all_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    // The last three belong to another file, to an editor, and to a file whose own name looks temporary.
    for name in [".a.killed.partial", ".b.killed.partial", ".a.swp", ".a.longer-than-six.partial"] {
        fs::write(folder.path().join(name), "half").unwrap();
    }
    let path = folder.path().join("a");
    let stage = || StagedFile::filled(&path, |out| out.write_all(b"new")).unwrap();
    // Neither writer removes the other's file as a leftover.
    let (first, second) = (stage(), stage());
    first.publish().unwrap();
    second.publish().unwrap();
    assert_eq!(names(folder.path()), [".a.longer-than-six.partial", ".a.swp", ".b.killed.partial", "a"]);
}

#[test]
fn a_name_as_long_as_a_file_system_allows_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["n".repeat(255), "図".repeat(85)] {
        write_file(&folder.path().join(&name), |_| Ok(())).unwrap();
        assert!(folder.path().join(name).exists());
    }
}

#[test]
fn what_is_no_name_of_a_file_is_refused() {
    for path in ["/", "a/.."] {
        let error = write_file(Path::new(path), |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    let error = write_file(&folder.path().join("inner"), |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory, "{error}");
    let error = write_file(&folder.path().join("nowhere/a"), |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    assert_eq!(names(folder.path()), ["inner"]);
}
