//! A file in the place of a folder refuses every save, also to root; without it the next try succeeds.

use std::fs;
use std::path::Path;

use dinov3_ground::Hint;
use dinov3_ranks::Alone;
use dinov3_train::checkpoint::Keep;
use tch::Tensor;
use tempfile::TempDir;

use super::*;

const SHORT: Duration = Duration::from_millis(20);

struct Place {
    folder: TempDir,
    journal: Arc<Journal>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(folder.path(), "dinov3", 0).unwrap());
        Self { folder, journal }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn saving(&self, pauses: &[Duration]) -> Saving {
        let export = Export { folder: self.folder.path().to_owned(), period: 0, sharded: false };
        let folder = Folder::new(self.path("ckpt"), 4, Keep { last: None, every: 0 });
        Saving::pausing(folder, Arc::new(Alone), Arc::clone(&self.journal), export, pauses).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("logs/log.txt")).unwrap()
    }

    /// Removes `path` as soon as a save is to be tried again.
    fn removes_when_tried_again(&self, path: &Path) -> JoinHandle<()> {
        let (log, path) = (self.path("logs/log.txt"), path.to_owned());
        thread::spawn(move || {
            while !fs::read_to_string(&log).unwrap().contains("it is tried again in 0.02 s") {
                thread::sleep(Duration::from_millis(1));
            }
            fs::remove_file(path).unwrap();
        })
    }
}

fn state() -> State {
    let mut state = State::new(0, 1);
    state.put_same("param.weight", &Tensor::from_slice(&[1.0_f32, 2.0]));
    state
}

fn teacher(place: &Place) -> Job {
    let tensors = vec![("backbone.cls_token".to_owned(), Tensor::from_slice(&[1.0_f32]))];
    Job::Teacher { it: 3, folder: place.path("eval/training_3"), tensors, sharded: false }
}

#[test]
fn a_save_that_failed_is_tried_again() {
    for (blocked, saved) in [("ckpt", "ckpt/3/manifest.json"), ("eval", "eval/training_3/teacher_checkpoint.pth")] {
        let place = Place::new();
        fs::write(place.path(blocked), "").unwrap();
        let mut saving = place.saving(&[SHORT; 500]);
        let remover = place.removes_when_tried_again(&place.path(blocked));
        saving.begin(teacher(&place)).unwrap();
        saving.save(3, state()).unwrap();
        saving.wait().unwrap();
        remover.join().unwrap();
        assert!(place.path(saved).is_file() && place.path("ckpt/3").is_dir());
        let log = place.log();
        assert!(log.contains("cannot be saved: ") && !log.contains("given up"), "{log}");
        assert!(log.contains("checkpointer.py:132] Saved: ") && log.contains("train.py:265] Saved eval checkpoint: "));
    }
}

/// `train.sharded_eval_checkpoint`: a folder that the reference reads takes the place of the file. Seen to fail: without the field, where the
/// file was written.
#[test]
fn a_teacher_is_exported_as_a_folder() {
    let place = Place::new();
    let Job::Teacher { it, folder, tensors, .. } = teacher(&place) else { unreachable!("it is an export") };
    let mut saving = place.saving(&[]);
    saving.begin(Job::Teacher { it, folder: folder.clone(), tensors, sharded: true }).unwrap();
    saving.wait().unwrap();
    let read = dinov3_train::weights::read_checkpoint(&folder.join(export::FOLDER)).unwrap();
    assert_eq!(read["backbone.cls_token"], Tensor::from_slice(&[1.0_f32]));
    assert_eq!(read.len(), 1);
    assert!(!folder.join(export::FILE).exists());
    assert!(place.log().contains(export::FOLDER), "{}", place.log());
}

#[test]
fn what_is_given_up_is_an_error_at_the_end_and_the_next_state_is_saved() {
    let place = Place::new();
    fs::write(place.path("ckpt"), "").unwrap();
    let mut saving = place.saving(&[SHORT]);
    saving.save(3, state()).unwrap();
    let error = saving.wait().unwrap_err();
    assert!(error.hints().iter().next().is_some_and(|hint| hint.contains("disk is full")), "{error}");
    assert_eq!(place.log().matches("the state after iteration 3 cannot be saved: ").count(), 2);
    assert!(place.log().contains("; it is given up"));
    // While training goes on, a newer state takes the place of one that is lost.
    saving.save(7, state()).unwrap();
    fs::remove_file(place.path("ckpt")).unwrap();
    saving.save(11, state()).unwrap();
    saving.wait().unwrap();
    assert!(place.path("ckpt/11").is_dir());
}

/// A training whose states are all on disk has lost an export all the same.
#[test]
fn an_export_that_is_given_up_is_an_error_at_the_end() {
    let place = Place::new();
    fs::write(place.path("eval"), "").unwrap();
    let mut saving = place.saving(&[SHORT]);
    saving.begin(teacher(&place)).unwrap();
    saving.save(3, state()).unwrap();
    saving.save(7, state()).unwrap();
    let error = saving.wait().unwrap_err().to_string();
    assert!(error.contains("training_3"), "{error}");
    assert!(place.path("ckpt/7").is_dir() && place.log().contains("the teacher after iteration 3 cannot be saved"));
}
