//! The tables of generated trees, compared with the tables of the reference's `dump_extra` for the same trees.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use dinov3_ground::Hint;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;

/// Cases that the reference accepts and we refuse: it counts an image forty times, and reads digits of any script.
const REFUSED_HERE: [&str; 2] = ["loop of links", "arabic digits"];

/// A tree in a temporary folder, with its tables in `extra`.
struct Tree(TempDir);

impl Tree {
    /// With files, folders (`a/`) and links (`a -> b`); `%FF` in a name is that byte.
    fn new<'a>(files: impl IntoIterator<Item = &'a str>, labels: Option<&str>) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for file in files {
            let (file, target) = file.split_once(" -> ").map_or((file, None), |(file, target)| (file, Some(target)));
            let path = tree.root().join(path(file));
            if file.ends_with('/') {
                fs::create_dir_all(path).unwrap();
                continue;
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match target {
                Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
                None => drop(File::create(path).unwrap()),
            }
        }
        if let Some(labels) = labels {
            fs::write(tree.root().join(LABELS), bytes(labels)).unwrap();
        }
        tree
    }

    fn plain() -> Self {
        let files = ["train/n01/n01_10.JPEG", "train/n01/n01_2.JPEG", "train/n02/n02_7.JPEG"];
        Self::new(files, Some("n01,tench\nn02,great white shark\n"))
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn extra(&self) -> PathBuf {
        self.root().join("extra")
    }

    fn prepare(&self, split: Split, force: bool) -> Result<Done, PrepareError> {
        let extra = self.extra();
        prepare(split, &Options { root: self.root(), extra: &extra, force, progress: &|_| {} })
    }

    fn sha256(&self, file: &str) -> String {
        let hash = Sha256::digest(fs::read(self.extra().join(file)).unwrap());
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    fn error(&self, split: Split) -> String {
        let error = self.prepare(split, false).unwrap_err();
        format!("{error}\n  {}", error.hints()).replace(&*self.root().to_string_lossy(), "ROOT")
    }
}

/// Text with `%FF` for bytes that are none.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    bytes
}

fn path(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes(text)).into()
}

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn tables_are_the_references_byte_for_byte_or_refused() {
    let (mut refused, mut same) = (String::new(), 0);
    for case in cases() {
        let name = case["name"].as_str().unwrap();
        let split: Split = case["split"].as_str().unwrap_or("TRAIN").parse().unwrap();
        let tree = Tree::new(strings(&case["files"]), case["labels"].as_str());
        if case["raises"].is_string() || REFUSED_HERE.contains(&name) {
            refused += &format!("{name}: {}\n", tree.error(split));
            assert!(!tree.extra().exists(), "{name}");
            continue;
        }
        tree.prepare(split, false).unwrap_or_else(|error| panic!("{name}: {error}"));
        let made = [entries_file(split), class_ids_file(split), class_names_file(split)].map(|file| tree.sha256(&file));
        assert_eq!(made.each_ref().map(String::as_str), *strings(&case["sha256"]), "{name}");
        same += 1;
    }
    assert_eq!(same, 38);
    insta::assert_snapshot!(refused);
}

/// NumPy 1.26.4's bytes; NumPy 2 refuses the reference's `np.uint32(-1)`.
#[test]
fn the_test_split_has_its_official_rows_whatever_is_on_the_disk() {
    let tree = Tree::new(["train/"], None);
    tree.prepare(Split::Test, false).unwrap();
    assert_eq!(tree.sha256("entries-TEST.npy"), "91d543be19b75a09");
    assert_eq!(fs::read_dir(tree.extra()).unwrap().count(), 1);
    let entries = Entries::open(&tree.extra().join("entries-TEST.npy")).unwrap();
    let last =
        Entry { actual_index: 100_000, class_index: u32::MAX, class_id: String::new(), class_name: String::new() };
    assert_eq!((entries.len(), entries.entry(99_999).unwrap()), (100_000, last));
    assert!(matches!(tree.prepare(Split::Test, false), Ok(Done::Kept(Prepared { images: 100_000, classes: 0, .. }))));
    fs::write(tree.extra().join("entries-TEST.npy"), "cut").unwrap();
    assert!(matches!(tree.prepare(Split::Test, false), Ok(Done::Written(_))));
    assert_eq!(tree.sha256("entries-TEST.npy"), "91d543be19b75a09");
}

#[test]
fn tables_are_read_as_they_were_written() {
    let tree = Tree::plain();
    tree.prepare(Split::Train, false).unwrap();
    let entries = Entries::open(&tree.extra().join("entries-TRAIN.npy")).unwrap();
    let entry = |actual_index, class_index, class_id: &str, class_name: &str| Entry {
        actual_index,
        class_index,
        class_id: class_id.to_owned(),
        class_name: class_name.to_owned(),
    };
    let expected = [entry(10, 0, "n01", "tench"), entry(2, 0, "n01", "tench"), entry(7, 1, "n02", "great white shark")];
    assert_eq!([0, 1, 2].map(|index| entries.entry(index).unwrap()), expected);
    assert_eq!((entries.id_width(), entries.name_width()), (3, 17));
    let error = entries.entry(3).unwrap_err();
    assert!(error.to_string().ends_with("entries-TRAIN.npy has 3 rows, and no row 3"), "{error}");
    let ids = Texts::open(&tree.extra().join("class-ids-TRAIN.npy")).unwrap();
    assert_eq!((ids.all().unwrap(), ids.width()), (vec!["n01".to_owned(), "n02".to_owned()], 3));
}

fn mark(done: &Done) -> char {
    match done {
        Done::Written(_) => 'w',
        Done::Kept(_) => 'k',
    }
}

#[test]
fn whole_tables_are_kept_until_something_changes() {
    let tree = Tree::plain();
    let train = tree.root().join("train");
    let did = || {
        let done = mark(&tree.prepare(Split::Train, false).unwrap());
        // Clocks of file systems tick slowly.
        std::thread::sleep(Duration::from_millis(20));
        done
    };
    assert_eq!([did(), did()], ['w', 'k']);
    assert_eq!(mark(&tree.prepare(Split::Train, true).unwrap()), 'w');
    type Change<'a> = (&'a str, &'a dyn Fn());
    let changes: [Change; 8] = [
        ("a new image", &|| drop(File::create(train.join("n02/n02_8.JPEG")).unwrap())),
        ("an image less", &|| fs::remove_file(train.join("n02/n02_8.JPEG")).unwrap()),
        ("a new class", &|| {
            fs::create_dir(train.join("n03")).unwrap();
            File::create(train.join("n03/n03_1.JPEG")).unwrap();
            fs::write(tree.root().join(LABELS), "n01,tench\nn02,great white shark\nn03,x\n").unwrap();
        }),
        ("a table less", &|| fs::remove_file(tree.extra().join("class-ids-TRAIN.npy")).unwrap()),
        ("a table cut short", &|| {
            let file = File::options().write(true).open(tree.extra().join("entries-TRAIN.npy")).unwrap();
            file.set_len(300).unwrap();
        }),
        ("a folder set back to an old time", &|| {
            File::create(train.join("n02/n02_9.JPEG")).unwrap();
            File::open(train.join("n02")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }),
        ("another name, the labels set back to an old time", &|| {
            let labels = tree.root().join(LABELS);
            fs::write(&labels, "n01,carp\nn02,great white shark\nn03,x\n").unwrap();
            File::options().write(true).open(labels).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }),
        ("tables older than the images", &|| {
            let file = File::options().write(true).open(tree.extra().join("entries-TRAIN.npy")).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }),
    ];
    for (what, change) in changes {
        change();
        assert_eq!([did(), did()], ['w', 'k'], "{what}");
    }
}

/// The times do not tell: the other tree is older.
#[test]
fn tables_of_another_tree_are_not_kept() {
    let files = ["train/n01/n01_1.JPEG", "train/n02/n02_1.JPEG"];
    let older = [
        Tree::new(files, Some("n01,carp\nn02,great white shark\n")),
        Tree::new(files, Some("n01,tench\nn02,great white shark\nn03,x\n")),
        Tree::new(
            ["train/n01/n01_1.JPEG", "train/n03/n03_1.JPEG"],
            Some("n01,tench\nn02,great white shark\nn03,great white shark\n"),
        ),
        Tree::new(files, Some("n01,tench\nn0202,x\nn02,great white shark\n")),
    ];
    std::thread::sleep(Duration::from_millis(20));
    let tree = Tree::plain();
    let extra = tree.extra();
    let did = older.each_ref().map(|other| {
        tree.prepare(Split::Train, true).unwrap();
        let options = Options { root: other.root(), extra: &extra, force: false, progress: &|_| {} };
        mark(&prepare(Split::Train, &options).unwrap())
    });
    // The second labels agree with the first for all existing classes.
    assert_eq!(did, ['w', 'k', 'w', 'w']);
}

#[test]
fn progress_reaches_its_end() {
    let tree = Tree::plain();
    let steps = Mutex::new(Vec::new());
    let extra = tree.extra();
    let progress = |step: Steps| steps.lock().unwrap().push((step.done, step.total));
    prepare(Split::Train, &Options { root: tree.root(), extra: &extra, force: false, progress: &progress }).unwrap();
    let mut steps = steps.into_inner().unwrap();
    steps.sort_unstable();
    assert_eq!(steps, [(0, 2), (1, 2), (2, 2)]);
}

#[test]
fn what_a_dataset_will_not_find_is_remarked_on() {
    let files = ["train/n01/n01_1.JPEG", "train/n01/n01_01.JPEG", "train/n01/n02/n02_5.JPEG", "train/n02/n02_7.jpg"];
    let tree = Tree::new(files, Some("n05,a\nn04,b\nn01,tench\nn02,c\n"));
    let Done::Written(prepared) = tree.prepare(Split::Train, false).unwrap() else { panic!() };
    let example = Some(tree.root().join("train/n01/n01_01.JPEG"));
    assert_eq!(prepared.remarks, Remarks { lost: 3, lost_example: example, cut: 1 });
    assert_eq!((prepared.images, prepared.classes), (4, 2));
}

/// The check does not apply to root.
#[test]
fn a_folder_that_cannot_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::plain();
    let class = tree.root().join("train/n02");
    fs::set_permissions(&class, fs::Permissions::from_mode(0o000)).unwrap();
    let readable = fs::read_dir(&class).is_ok();
    let result = tree.prepare(Split::Train, false);
    fs::set_permissions(&class, fs::Permissions::from_mode(0o755)).unwrap();
    match result {
        Err(error) => assert!(error.to_string().contains("train/n02 cannot be read: "), "{error}"),
        Ok(_) => assert!(readable, "a folder was passed over"),
    }
}

fn refused(entries: bool, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let tree = Tree::plain();
    tree.prepare(Split::Train, false).unwrap();
    let table = tree.extra().join(if entries { "entries-TRAIN.npy" } else { "class-ids-TRAIN.npy" });
    let mut bytes = fs::read(&table).unwrap();
    change(&mut bytes);
    fs::write(&table, bytes).unwrap();
    let read = |path: &Path| match entries {
        true => Entries::open(path)?.entry(0).map(drop),
        false => Texts::open(path)?.all().map(drop),
    };
    let error = read(&table).unwrap_err();
    format!("{error}\n  {}\n", error.hints()).replace(&*tree.root().to_string_lossy(), "ROOT")
}

fn replace(bytes: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
}

#[test]
fn damaged_tables_are_refused_by_name() {
    insta::assert_snapshot!(
        [
            refused(true, |bytes| bytes.truncate(bytes.len() - 1)),
            refused(true, |bytes| bytes.push(0)),
            refused(true, |bytes| bytes.truncate(40)),
            refused(true, |bytes| bytes.clear()),
            refused(true, |bytes| replace(bytes, "NUMPY", "numpy")),
            refused(true, |bytes| replace(bytes, "<u4", "<i4")),
            refused(true, |bytes| replace(bytes, "class_id'", "class_ix'")),
            refused(true, |bytes| replace(bytes, "(3,), }     ", "(30000,), } ")),
            refused(false, |bytes| replace(bytes, "'<U3'", "'|O' ")),
            refused(false, |bytes| replace(bytes, "'<U3'", "'<u4'")),
            refused(false, |bytes| *bytes.last_mut().unwrap() = 0x7f),
        ]
        .concat()
    );
    let missing = Entries::open(Path::new("nowhere/entries-TRAIN.npy")).unwrap_err();
    assert!(missing.to_string().starts_with("the table nowhere/entries-TRAIN.npy cannot be read: "), "{missing}");
    assert!(missing.hints().to_string().contains("data prepare"));
}

/// `'descr': '<U0', 'shape': (18446744073709551615,)` and no data: it took all memory.
#[test]
fn a_table_of_rows_without_bytes_is_made_again() {
    let hostile = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/tables/class-ids-TRAIN.npy")).unwrap();
    for table in [class_ids_file(Split::Train), class_names_file(Split::Train)] {
        let tree = Tree::plain();
        tree.prepare(Split::Train, false).unwrap();
        let good = tree.sha256(&table);
        fs::write(tree.extra().join(&table), &hostile).unwrap();
        let error = Texts::open(&tree.extra().join(&table)).unwrap_err();
        assert!(
            error.to_string().ends_with(&format!("{table} claims 18446744073709551615 rows of no bytes")),
            "{error}"
        );
        assert!(matches!(tree.prepare(Split::Train, false), Ok(Done::Written(_))));
        assert_eq!(tree.sha256(&table), good);
    }
}

/// The scan counts images in a folder within a class, as torchvision does.
#[test]
fn an_image_added_within_a_class_is_seen() {
    let files = ["train/n01/n01_1.JPEG", "train/n01/n01/n01_2.JPEG", "train/n01/n01/deep/n01/n01_3.JPEG"];
    let tree = Tree::new(files, Some("n01,tench\n"));
    let images = |done: Done| match done {
        Done::Written(prepared) => ("written", prepared.images),
        Done::Kept(prepared) => ("kept", prepared.images),
    };
    assert_eq!(images(tree.prepare(Split::Train, false).unwrap()), ("written", 3));
    std::thread::sleep(Duration::from_millis(20));
    File::create(tree.root().join("train/n01/n01/deep/n01/n01_4.JPEG")).unwrap();
    assert_eq!(images(tree.prepare(Split::Train, false).unwrap()), ("written", 4));
    assert_eq!(images(tree.prepare(Split::Train, false).unwrap()), ("kept", 4));
}

#[test]
fn kaggles_list_of_classes_is_recognised() {
    let tree = Tree::new(
        ["train/n01440764/n01440764_1.JPEG"],
        Some(
            "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\nn01484850 great white shark, white shark, man-eater\n",
        ),
    );
    insta::assert_snapshot!(tree.error(Split::Train));
}
