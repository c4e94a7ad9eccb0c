//! The workflows in `ci/workflows`, read line by line: each step is a task of this program, with arguments that it takes.

use std::fs;
use std::path::PathBuf;

use crate::cli::is_a_task;
use crate::workspace;

/// What workflows may use of others, at these versions.
const ACTIONS: [&str; 3] = ["actions/checkout@v4", "actions/cache@v4", "actions/upload-artifact@v4"];

fn workflows() -> Vec<(PathBuf, String)> {
    let folder = workspace::root().join("ci/workflows");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "yml"));
    files.map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}

/// The command lines of a workflow: of GitHub's `run:`, and of GitLab's lists under `script:`.
fn commands(text: &str) -> Vec<String> {
    let (mut found, mut script) = (Vec::new(), None);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let plain = line.trim_start().trim_start_matches("- ");
        if let Some(command) = plain.strip_prefix("run: ") {
            found.push(command.to_owned());
        }
        match script {
            Some(depth) if indent > depth && line.trim_start().starts_with("- ") => found.push(plain.to_owned()),
            _ => script = plain.ends_with("script:").then_some(indent),
        }
    }
    found
}

/// What of a workflow is no task, or an action that is not in the table.
fn strangers(text: &str) -> Vec<String> {
    let is_ours = |command: &String| command.strip_prefix("cargo ci ").is_some_and(is_a_task);
    let strangers = commands(text).into_iter().filter(|command| !is_ours(command));
    let uses = text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "));
    strangers.chain(uses.filter(|action| !ACTIONS.contains(action)).map(str::to_owned)).collect()
}

#[test]
fn a_workflow_holds_no_logic() {
    let workflows = workflows();
    assert_eq!(workflows.len(), 4);
    for (file, text) in workflows {
        assert!(!commands(&text).is_empty(), "{} runs nothing", file.display());
        assert_eq!(strangers(&text), [""; 0], "{}", file.display());
    }
}

#[test]
fn a_step_that_is_no_task_is_found() {
    let text = "    steps:\n      - run: cargo ci gate --step nothing\n      - run: |\n      - uses: some/action@v1\n  script:\n    - make test\n    - cargo ci gate\n";
    assert_eq!(strangers(text), ["cargo ci gate --step nothing", "|", "make test", "some/action@v1"]);
}

/// Ascend's fleet gives a job without an image no card, and a check that is red must not hide the others.
#[test]
fn the_gates_have_what_their_runners_ask_for() {
    for (file, text) in workflows() {
        let ascend = text.contains("runs-on: linux-aarch64");
        assert!(!ascend || text.contains("container:\n      image: "), "{}", file.display());
        let steps = text.matches("--step ").count();
        let free = text.matches("if: ${{ !cancelled() }}").count() + text.matches("if: ${{ always() }}").count();
        assert!(steps == 0 || free >= steps - 1, "{}: {steps} steps, {free} of them free", file.display());
        let summary = text.contains("--step summary")
            || text.contains("cargo ci gate\n")
            || text.contains("cargo ci gate --device");
        assert!(summary, "{}", file.display());
    }
}
