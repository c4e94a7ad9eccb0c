//! A disk that takes no more: what was saved stays, and what was not is said and tried again.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::killed::{last_checkpoint_of, wait_until};
use super::place::{ENVIRONMENT, figures, place, text, train};
use crate::support::Place;

/// Twelve steps with three checkpoints.
const ARGUMENTS: &str = "--loader-threads 1 optim.epochs=1 train.OFFICIAL_EPOCH_LENGTH=12 checkpointing.period=4 \
                         evaluation.eval_period_iterations=0";

/// The exit code of what the arguments or files are to blame for.
const USAGE: i32 = 2;

/// A training started by a shell, after `before`.
fn started(place: &Place, before: &str, out: &str) -> Child {
    let program = assert_cmd::cargo::cargo_bin!("dinov3-harness").display().to_string();
    let line = format!("{before} exec {program} train --config-file micro.yaml --output-dir {out} {ARGUMENTS}");
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(place.path("")).envs(ENVIRONMENT);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn whole(place: &Place) {
    assert_eq!(train(place, &format!("--output-dir whole {ARGUMENTS}")).code, 0);
}

/// No file may be larger than a checkpoint, until the limit is lifted. Seen red where the limit's signal ended the program.
#[test]
fn a_checkpoint_that_is_too_large_is_tried_again() {
    let place = place();
    whole(&place);
    let child = started(&place, "ulimit -S -f 1000;", "out");
    wait_until("the second try", || {
        fs::read_to_string(place.path("out/logs/log.txt")).is_ok_and(|log| log.contains("it is tried again in 1 s"))
    });
    let pid = child.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = text(&place, "out/logs/log.txt");
    assert!(log.contains("the state after iteration 3 cannot be saved: ") && log.contains("File too large"), "{log}");
    assert!(!log.contains("given up"), "{log}");
    assert!(last_checkpoint_of(&place, "out", 11) == last_checkpoint_of(&place, "whole", 11));
    assert_eq!(figures(&place, "out"), figures(&place, "whole"));
}

/// A file system of its own, with room for some checkpoints, which the training alone sees at `disk`.
const DISK: &str = "mkdir -p disk && mount -t tmpfs -o size=32m tmpfs disk &&";

/// Whether the kernel lets a process have mounts of its own; if not, a line says that the test was skipped, and why.
fn mounts(test: &str) -> bool {
    let output = Command::new("unshare").args(["--mount", "--map-root-user", "true"]).output();
    let reason = match output {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => format!("unshare: {error}"),
    };
    println!("SKIPPED {test}: {reason}");
    false
}

/// Runs a script in mounts of its own, in which `$BEGIN` takes four steps and `$TRAIN` all of them; gives what it said.
fn with_mounts(place: &Place, script: &str) -> String {
    let program = assert_cmd::cargo::cargo_bin!("dinov3-harness").display().to_string();
    let line =
        |more: &str| format!("{program} train --config-file micro.yaml --output-dir disk/out {more} {ARGUMENTS}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-euc", &format!("{DISK} {script}")]);
    command.env("BEGIN", line("--steps 4")).env("TRAIN", line("")).envs(ENVIRONMENT);
    let output = command.current_dir(place.path("")).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

/// A disk that is full and then is not. `cargo nextest run --profile system`.
#[test]
fn a_full_disk_loses_nothing() {
    if !mounts("a_full_disk_loses_nothing") {
        return;
    }
    let place = place();
    whole(&place);
    // The filler leaves room for the log, and goes as soon as a save has failed.
    let script = "$BEGIN >/dev/null
        cp -r disk/out/ckpt/3 kept
        head -c $(( $(df --output=avail -B1 disk | tail -1) - 1000000 )) /dev/zero > disk/filler
        ( until grep -q 'it is tried again in 1 s' disk/out/logs/log.txt; do sleep 0.05; done
          cmp disk/out/ckpt/3/rank-00000.safetensors kept/rank-00000.safetensors
          rm disk/filler ) &
        $TRAIN >/dev/null
        wait
        cp -r disk/out out";
    with_mounts(&place, script);
    let log = text(&place, "out/logs/log.txt");
    assert!(log.contains("cannot be saved: ") && log.contains("No space left on device"), "{log}");
    assert!(last_checkpoint_of(&place, "out", 11) == last_checkpoint_of(&place, "whole", 11));
    assert_eq!(figures(&place, "out"), figures(&place, "whole"));
}

/// A disk that nobody may write to any more: the run ends and says why, and goes on once it may. `cargo nextest run --profile system`.
#[test]
fn a_read_only_folder_loses_nothing_that_was_saved() {
    if !mounts("a_read_only_folder_loses_nothing_that_was_saved") {
        return;
    }
    let place = place();
    whole(&place);
    let script = "$BEGIN >/dev/null
        mount -o remount,ro disk
        if $TRAIN >/dev/null; then echo no error; else echo code $?; fi
        mount -o remount,rw disk
        $TRAIN >/dev/null
        cp -r disk/out out";
    let said = with_mounts(&place, script);
    assert!(said.contains(&format!("code {USAGE}\n")) && said.contains("Read-only file system"), "{said}");
    assert!(said.contains("see whether the disk is full, and the folder can be read and written"), "{said}");
    assert!(last_checkpoint_of(&place, "out", 11) == last_checkpoint_of(&place, "whole", 11));
    assert_eq!(figures(&place, "out"), figures(&place, "whole"));
}
