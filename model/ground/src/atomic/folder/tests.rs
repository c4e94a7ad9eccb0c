use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Everything below a folder, with the content of the files.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.path().is_dir() {
            true => found.extend(tree(&entry.path()).into_iter().map(|below| format!("{name}/{below}"))),
            false => found.push(format!("{name}={}", fs::read_to_string(entry.path()).unwrap())),
        }
    }
    found.sort();
    found
}

fn staged(path: &Path, text: &str) -> StagedFolder {
    let staged = StagedFolder::create(path).unwrap();
    fs::create_dir(staged.temporary_path().join("deep")).unwrap();
    fs::write(staged.temporary_path().join("deep/file"), text).unwrap();
    staged
}

#[test]
fn a_folder_appears_whole_and_an_abandoned_one_never() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("set");
    let folder = staged(&path, "1");
    assert!(!path.exists());
    folder.publish(Existing::Refuse).unwrap();
    assert_eq!(tree(root.path()), ["set/deep/file=1"]);
    drop(staged(&path, "2"));
    assert_eq!(tree(root.path()), ["set/deep/file=1"]);
}

#[test]
fn what_is_there_is_replaced_only_where_that_is_allowed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("set");
    staged(&path, "old").publish(Existing::Replace).unwrap();
    let error = staged(&path, "new").publish(Existing::Refuse).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(tree(root.path()), ["set/deep/file=old"]);
    staged(&path, "new").publish(Existing::Replace).unwrap();
    assert_eq!(tree(root.path()), ["set/deep/file=new"]);
    // An empty folder and a file must not be replaced either.
    for (name, make) in [("empty", fs::create_dir as fn(PathBuf) -> _), ("file", |path| fs::write(path, "text"))] {
        let path = root.path().join(name);
        make(path.clone()).unwrap();
        let error = staged(&path, "new").publish(Existing::Refuse).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        staged(&path, "new").publish(Existing::Replace).unwrap();
    }
    assert_eq!(tree(root.path()), ["empty/deep/file=new", "file/deep/file=new", "set/deep/file=new"]);
}

/// Two renames in place of the exchange leave a moment without a folder.
#[test]
#[cfg_attr(not(any(target_os = "linux", target_os = "macos")), ignore = "replaces a folder in steps")]
fn a_reader_finds_a_whole_folder_at_any_time() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("set");
    staged(&path, "0").publish(Existing::Refuse).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert!(path.exists(), "there is no folder");
            }
        });
        for i in 1..=100 {
            staged(&path, &i.to_string()).publish(Existing::Replace).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(tree(root.path()), ["set/deep/file=100"]);
}

#[test]
fn a_file_system_that_cannot_exchange_gives_the_same() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("new")).unwrap();
    fs::write(at("new/file"), "new").unwrap();
    rename_in_steps(&at("new"), &at("set"), RenameFlags::NOREPLACE).unwrap();
    fs::create_dir(at("newer")).unwrap();
    fs::write(at("newer/file"), "newer").unwrap();
    let error = rename_in_steps(&at("newer"), &at("set"), RenameFlags::NOREPLACE).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    rename_in_steps(&at("newer"), &at("set"), RenameFlags::EXCHANGE).unwrap();
    assert_eq!(tree(root.path()), ["newer/file=new", "set/file=newer"]);
    // The new folder does not exist, so its rename fails.
    let error = rename_in_steps(&at("nowhere"), &at("set"), RenameFlags::EXCHANGE).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_eq!(tree(root.path()), ["newer/file=new", "set/file=newer"]);
}

#[cfg(unix)]
#[test]
fn the_umask_says_who_may_look() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let mode = |name: &str| fs::metadata(root.path().join(name)).unwrap().permissions().mode();
    fs::create_dir(root.path().join("plain")).unwrap();
    staged(&root.path().join("ours"), "").publish(Existing::Refuse).unwrap();
    assert_eq!(mode("ours"), mode("plain"));
}
