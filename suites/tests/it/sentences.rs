//! Results are data: a suite gives names and numbers, and each sentence about them exists in every language.

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_golden::manifest::Profile;
use dinov3_reports::{Cell, Collector, Lang, Message, Section, SuiteResult};
use dinov3_suites::layers::Layers;
use dinov3_suites::training::Training;
use dinov3_suites::{Request, SUITES, Source, Suite, SuiteError, run_alone};
use dinov3_torch::device::Device;

use crate::fixture;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// A message takes a string in one place, for a name that stands alone. Seen to fail with `Message::name("a sentence")` in a suite.
#[test]
fn no_suite_makes_a_name_up() {
    let mut names = 0;
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        for argument in text.split("Message::name(").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(!argument.contains('"') && !argument.contains("format!"), "{}: {argument}", path.display());
            names += 1;
        }
    }
    assert!(names > 0, "the sources are not where they are looked for");
}

fn run(suite: &dyn Suite, golden: &str, plant: &str) -> Result<SuiteResult, SuiteError> {
    let source = Source::Trainer { device: Device::Cpu, plant: Some(plant.parse().unwrap()) };
    let request = Request::of_sets(vec![fixture::sets().join(golden)], Profile::Quick, source);
    let mut collector = Collector::default();
    run_alone(suite, &request, &mut collector)?;
    Ok(collector.suites()[0].clone())
}

/// Everything that a suite says.
fn messages(result: &SuiteResult) -> Vec<&Message> {
    let mut all = vec![&result.proves];
    for check in &result.checks {
        all.extend([Some(&check.title), check.summary.as_ref(), check.verdict.reason()].into_iter().flatten());
        all.extend(check.figures.iter().map(|figure| &figure.name));
        for finding in &check.findings {
            all.extend([Some(&finding.subject), Some(&finding.text), finding.hint.as_ref()].into_iter().flatten());
        }
    }
    for Section { title, text, table, plot, .. } in &result.sections {
        all.extend([Some(title), text.as_ref()].into_iter().flatten());
        if let Some(table) = table {
            all.extend(table.columns.iter().map(|column| &column.title));
            let cells = table.rows.iter().flat_map(|row| &row.cells);
            all.extend(cells.filter_map(|cell| if let Cell::Says(message) = cell { Some(message) } else { None }));
        }
        if let Some(plot) = plot {
            all.extend([&plot.title, &plot.x_label, &plot.y_label]);
            all.extend(plot.series.iter().map(|series| &series.name));
        }
    }
    all
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[test]
fn whatever_a_failing_run_says_it_says_in_chinese_too() {
    let _stream = fixture::libtorch();
    // The same word in both languages.
    let shared = ["k", "fp32", "bf16"];
    for (suite, golden, plant) in
        [(&Layers as &dyn Suite, "opt_plain", "rope-on-prefix"), (&Training, "train_micro_10", "clip-all-together")]
    {
        let result = run(suite, golden, plant).unwrap();
        let said = messages(&result);
        assert!(said.len() > 40, "{}", said.len());
        for message in said.into_iter().filter(|message| message.as_name().is_none()) {
            let (en, zh) = (message.to_string(), message.plain(Lang::Zh));
            assert!(!is_chinese(&en) && (is_chinese(&zh) || shared.contains(&zh.as_str())), "{en}: {zh}");
        }
    }
}

#[test]
fn every_suite_says_what_it_proves_in_every_language() {
    for suite in SUITES.iter().map(|suite| suite.info()) {
        assert!(is_chinese(suite.proves.text(Lang::Zh)) && !is_chinese(suite.proves.text(Lang::En)), "{}", suite.name);
    }
}
