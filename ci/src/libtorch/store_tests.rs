use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::super::stand_in::Fake;
use super::*;

const FOLDER: &str = "libtorch-2.8.0-fake-1";

fn store<'a>(cache: &'a Path, fake: &'a Fake) -> Store<'a> {
    Store::new(cache, &fake.recipe, fake)
}

/// Names of all that is in `folder`, sorted, those of unfinished folders without their random part.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(name).collect();
    names.iter_mut().filter(|name| name.starts_with(PARTIAL)).for_each(|name| PARTIAL.clone_into(name));
    names.sort();
    names
}

#[test]
fn an_empty_cache_gets_filled_and_nothing_else_stays() {
    let (cache, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let folder = store(&cache.path().join("made/too"), &fake).provide().unwrap();
    assert_eq!(folder, cache.path().join("made/too").join(FOLDER));
    assert_eq!(names(folder.parent().unwrap()), [FOLDER, LOCK]);
    assert_eq!(names(&folder), ["include", "lib", "wheels.sha256"]);
    assert_eq!(names(&folder.join("lib")), ["libgomp.so", "libgomp.so.1", "libtorch.so", "libtorch_cpu.so"]);
    assert_eq!(fs::read_to_string(folder.join("include/ATen/ATen.h")).unwrap(), "header");
    assert_eq!(fs::read_to_string(folder.join("lib/libgomp.so")).unwrap(), "openmp");
    assert_eq!(&fs::read(folder.join("lib/libtorch.so")).unwrap()[..4], b"\x7fELF");
}

#[test]
fn a_full_cache_is_used_as_it_is() {
    let (cache, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let store = store(cache.path(), &fake);
    let folder = store.provide().unwrap();
    // Nothing may be written: it could be part of a read-only image.
    fs::remove_file(cache.path().join(LOCK)).unwrap();
    assert_eq!(store.provide().unwrap(), folder);
    assert_eq!(names(cache.path()), [FOLDER]);
    assert_eq!(fake.fetched.load(Ordering::SeqCst), 1);
}

#[test]
fn two_at_once_download_once() {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake { meanwhile: |_| thread::sleep(Duration::from_millis(300)), ..Fake::new() };
    thread::scope(|scope| {
        let first = scope.spawn(|| store(cache.path(), &fake).provide());
        let second = scope.spawn(|| store(cache.path(), &fake).provide());
        assert_eq!(first.join().unwrap().unwrap(), second.join().unwrap().unwrap());
    });
    assert_eq!(fake.fetched.load(Ordering::SeqCst), 1);
}

#[test]
fn a_damaged_folder_is_made_again() {
    for damage in ["lib/libtorch_cpu.so", "lib/libtorch.so", "include/ATen/ATen.h", ORIGIN] {
        let (cache, fake) = (tempfile::tempdir().unwrap(), Fake::new());
        let store = store(cache.path(), &fake);
        let folder = store.provide().unwrap();
        fs::remove_file(folder.join(damage)).unwrap();
        // Single headers are not looked at every time; their folder is.
        if damage.ends_with(".h") {
            fs::remove_dir(folder.join("include/ATen")).unwrap();
        }
        store.provide().unwrap();
        assert!(folder.join(damage).exists(), "{damage}");
        assert_eq!(names(cache.path()), [FOLDER, LOCK]);
        assert_eq!(fake.fetched.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn a_folder_made_of_other_wheels_is_not_taken() {
    let (cache, old) = (tempfile::tempdir().unwrap(), Fake::new());
    store(cache.path(), &old).provide().unwrap();
    let new = Fake::with(&[
        ("torch/include/ATen/ATen.h", "newer"),
        ("torch/lib/libtorch_cpu.so", ""),
        ("torch/lib/libgomp.so.1", ""),
    ]);
    let folder = store(cache.path(), &new).provide().unwrap();
    assert_eq!(fs::read_to_string(folder.join("include/ATen/ATen.h")).unwrap(), "newer");
}

#[test]
fn what_a_crash_leaves_is_never_taken_for_complete_and_goes_next_time() {
    let (cache, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let left = cache.path().join(format!("{PARTIAL}x/new/lib"));
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("libtorch_cpu.so"), "half").unwrap();
    let folder = store(cache.path(), &fake).provide().unwrap();
    assert_eq!(fs::read_to_string(folder.join("lib/libtorch_cpu.so")).unwrap(), "library");
    assert_eq!(names(cache.path()), [FOLDER, LOCK]);
}

#[test]
fn a_panic_in_the_middle_leaves_nothing_and_gives_the_lock_back() {
    let (cache, fake) = (tempfile::tempdir().unwrap(), Fake { meanwhile: |_| panic!("in the middle"), ..Fake::new() });
    let outcome = catch_unwind(AssertUnwindSafe(|| store(cache.path(), &fake).provide()));
    assert!(outcome.is_err());
    assert_eq!(names(cache.path()), [LOCK]);
    store(cache.path(), &Fake::new()).provide().unwrap();
}

#[test]
fn a_wheel_with_another_hash_is_refused_and_deleted() {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake { bytes: super::super::stand_in::zip(&[("torch/lib/libtorch_cpu.so", "evil")]), ..Fake::new() };
    let error = store(cache.path(), &fake).provide().unwrap_err();
    assert!(matches!(error, Error::HashMismatch { .. }), "{error}");
    assert_eq!(names(cache.path()), [LOCK]);
}

#[test]
fn a_wheel_without_a_promised_library_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    for members in [&[][..], &[("torch/include/ATen/ATen.h", ""), ("torch/lib/libgomp.so.1", "")]] {
        let fake = Fake::with(members);
        let error = store(cache.path(), &fake).provide().unwrap_err();
        let Error::Incomplete { missing } = error else { panic!("{error}") };
        assert_eq!(missing, Path::new("lib/libtorch_cpu.so"));
        assert_eq!(names(cache.path()), [LOCK]);
    }
}

#[test]
fn too_little_space_is_seen_before_the_download() {
    let (cache, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    let full = Store { free: |_| Ok(999_999), ..store(cache.path(), &fake) };
    let error = full.provide().unwrap_err();
    assert!(matches!(error, Error::NoSpace { needed: 1_000_000, available: 999_999, .. }), "{error}");
    assert_eq!(fake.fetched.load(Ordering::SeqCst), 0);
    Store { free: |_| Ok(1_000_000), ..store(cache.path(), &fake) }.provide().unwrap();
}

#[test]
fn a_cache_folder_that_cannot_be_written_to_is_named() {
    let (cache, fake) = (tempfile::tempdir().unwrap(), Fake::new());
    // A file in the place of a folder stops root as well.
    let file = cache.path().join("file");
    fs::write(&file, "").unwrap();
    let error = store(&file.join("cache"), &fake).provide().unwrap_err();
    assert!(matches!(&error, Error::NotWritable { folder, .. } if *folder == file.join("cache")), "{error}");
}
