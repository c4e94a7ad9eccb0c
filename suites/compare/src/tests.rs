//! Comparisons as a whole: what stands in the table, for every kind of side.

use std::fmt::Write as _;
use std::path::Path;

use dinov3_reports::message::Pen;
use dinov3_reports::{Lang, SuiteResult, Verdict};

use crate::{CompareError, Options, compare, read};

/// The text log of a run of so many steps that take `seconds`, with the loss of each line.
fn log(steps: u64, seconds: f64, loss: impl Fn(u64) -> f64) -> String {
    let mut text = String::new();
    for step in (0..steps).filter(|step| step % 10 == 0 || step + 1 == steps) {
        // A hundredth of noise that repeats itself.
        let time = seconds * (1.0 + 0.01 * ((step * 7919 % 101) as f64 / 50.0 - 1.0));
        writeln!(
            text,
            "I20251111 10:12:13 4242 dinov3 helpers.py:105] Training  [{step:>6}/{steps}]  eta: 1:00:00  lr: 0.0001 (0.0001)  \
             total_loss: {:.4} (9.0000)  local_batch_size: 64.0000 (64.0000)  global_batch_size: 512.0000 (512.0000)  \
             time: {time:.6}  data: 0.000345  mem: 41000  (max mem: 52345)",
            loss(step)
        )
        .unwrap();
    }
    text
}

fn falling(step: u64) -> f64 {
    9.0 + 3.0 / (1.0 + step as f64 / 200.0) + 0.01 * ((step * 31 % 17) as f64 - 8.0)
}

fn compared(arguments: &[&str]) -> SuiteResult {
    compare(arguments.iter().map(|it| read(it).unwrap()).collect(), &Options::default())
}

/// The result table, a line a row.
fn shown(result: &SuiteResult, lang: Lang, folder: &Path) -> String {
    let table = result.sections[0].table.as_ref().unwrap().text(lang, Pen::Plain, false);
    let head: Vec<String> = table.columns.iter().map(|column| column.title.clone()).collect();
    let rows = std::iter::once(head).chain(table.rows).map(|row| row.join(" | "));
    rows.collect::<Vec<_>>().join("\n").replace(&*folder.to_string_lossy(), "FOLDER")
}

#[test]
fn the_published_rows() {
    let result = compared(&["competitor-a", "atlas-800t-a2"]);
    insta::assert_snapshot!(shown(&result, Lang::En, Path::new("?")));
    insta::assert_snapshot!(shown(&result, Lang::Zh, Path::new("?")));
    assert!(result.checks.iter().all(|check| check.verdict != Verdict::Pass), "nothing was measured here");
    let ratio = result.checks.iter().find(|it| it.id == "compare/atlas-800t-a2/speed").unwrap();
    assert_eq!(format!("{:.4}", ratio.figures[0].value), "0.6385");
}

/// Eight cards beside one were called so many times as fast, without a word of the cards.
#[test]
fn other_numbers_of_cards_stand_beside_the_ratio() {
    let mut one = read("competitor-a").unwrap();
    (one.name, one.cards, one.fps) = ("one".to_owned(), Some(1), Some("100".to_owned()));
    let result = compare(vec![one, read("atlas-800t-a2").unwrap()], &Options::default());
    let speed = result.checks.iter().find(|it| it.id == "compare/atlas-800t-a2/speed").unwrap();
    let said = dinov3_reports::message::Say::say(speed.summary.as_ref().unwrap(), Lang::En, Pen::Plain);
    assert!(
        said.contains("393.8 images/s on 8 cards, 3.938")
            && said.ends_with("of the 100 of one on 1 card; 0.4923 a card"),
        "{said}"
    );
}

#[test]
fn logs_folders_and_files_of_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let place = |name: &str| root.join(name).to_string_lossy().into_owned();
    std::fs::create_dir_all(root.join("gpu/logs")).unwrap();
    std::fs::write(root.join("gpu/logs/log.txt"), log(1250, 0.83009, falling)).unwrap();
    std::fs::create_dir_all(root.join("npu")).unwrap();
    std::fs::write(root.join("npu/train_performance_8p_base_fp32.log"), log(1250, 1.30015, falling)).unwrap();
    let nine = |fps: &str, loss: &str| {
        format!(
            "Network = DinoV3\nRankSize = 8\nBatchSize = 64\nDeviceType = aarch64\nCaseName = DinoV3_bs64_8p_perf\nActualFPS = {fps}\nTrainingTime = 1.3\nActualLoss = {loss}\nE2ETrainingTime = 1893\n"
        )
    };
    std::fs::write(root.join("npu/DinoV3_bs64_8p_perf.log"), nine("393.8", "9.3800")).unwrap();
    std::fs::write(root.join("failed.log"), nine("", "total_loss:")).unwrap();
    let slow = log(1250, 1.30015, |step| falling(step) + 0.2);
    std::fs::write(root.join("other.log"), slow).unwrap();
    let (gpu, npu) = (format!("GPU={}", place("gpu")), format!("Atlas={}", place("npu")));
    let (other, failed) = (format!("other={}", place("other.log")), format!("failed={}", place("failed.log")));
    let result = compared(&[&gpu, &npu, &other, &failed, "competitor-a"]);
    insta::assert_snapshot!(shown(&result, Lang::En, root));
    let verdict = |id: &str| result.checks.iter().find(|it| it.id.ends_with(id)).map(|it| it.verdict.name());
    assert_eq!(verdict("failed/speed"), Some("fail"), "a script that ends with 0 hides no failed run");
    assert_eq!(verdict("Atlas/speed"), Some("pass"));
}

/// The losses of a run's folder are read from one log, and its times from another: what either says beside them is told.
#[test]
fn both_logs_of_a_folder_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("logs")).unwrap();
    let crash =
        "Traceback (most recent call last):\n  File \"train.py\", line 1, in <module>\nRuntimeError: device lost\n";
    std::fs::write(folder.path().join("logs/log.txt"), log(300, 1.3, falling) + crash).unwrap();
    let line = |step: u64| format!("{{\"iteration\": {}, \"total_loss\": {}}}\n", 10 * step, falling(10 * step));
    let losses: String = (0..30).map(line).chain(["{\"iteration\": 300, \"tot".to_owned()]).collect();
    std::fs::write(folder.path().join("training_metrics.json"), losses).unwrap();
    let side = read(&folder.path().to_string_lossy()).unwrap();
    let said: Vec<String> =
        side.remarks.iter().map(|it| dinov3_reports::message::Say::say(it, Lang::En, Pen::Plain)).collect();
    assert!(said.iter().any(|it| it.contains("training_metrics.json:31")), "{said:?}");
    assert!(said.iter().any(|it| it.contains("log.txt:") && it.contains("RuntimeError: device lost")), "{said:?}");
}

/// An export of ten seconds in the last step of a full log: the scripts' figure falls, the median stays, and the step is named.
#[test]
fn the_export_in_the_published_window_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.txt");
    let mut lines: Vec<String> = log(12_500, 1.30015, falling).lines().map(str::to_owned).collect();
    let last = lines.last_mut().unwrap();
    let at = last.find("  time: ").unwrap() + 8;
    let time: f64 = last[at..at + 8].parse().unwrap();
    last.replace_range(at..at + 8, &format!("{:.6}", time + 10.0 / 20.0));
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let side = read(&file.to_string_lossy()).unwrap();
    let (script, median) = (side.fps.clone().unwrap().parse::<f64>().unwrap(), side.speed.unwrap().value.0);
    assert!((360.0..372.0).contains(&script), "{script}");
    assert!((391.0..397.0).contains(&median), "{median}");
    let result = compare(vec![side], &Options::default());
    let window = result.sections.iter().find(|it| it.title.to_string().starts_with("What the scripts' figure covers"));
    let rows = window.unwrap().table.as_ref().unwrap().text(Lang::En, Pen::Plain, false).rows;
    assert!(rows.last().unwrap()[1].starts_with("export for evaluation at step 12499"), "{rows:?}");
}

#[test]
fn what_is_nothing_is_refused_with_what_could_be_given() {
    let error = read("nowhere").unwrap_err();
    insta::assert_snapshot!(dinov3_ground::hint::text(&error), @"
    `nowhere` is no file, no folder and no published row
    hint: give a JSON report, the folder or the log of a training, or a published row: competitor-a or atlas-800t-a2
    ");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.log");
    std::fs::write(&file, "nothing\n").unwrap();
    assert!(matches!(read(&file.to_string_lossy()), Err(CompareError::Log(_))));
}
