//! Dumps of msprobe in the place of a candidate.

use dinov3_golden::manifest::Profile;
use dinov3_ground::Hint;
use dinov3_reports::{Check, Collector, Verdict};
use dinov3_suites::layers::Layers;
use dinov3_suites::training::Training;
use dinov3_suites::{Request, Source, Suite, SuiteError, run_alone};

use crate::fixture;

fn run(suite: &dyn Suite, dump: &str, golden: &str) -> Result<Vec<Check>, SuiteError> {
    let dump = fixture::sets().join("../msprobe/fixtures").join(dump);
    let source = Source::Candidate(vec![dump]);
    let request = Request::of_sets(vec![fixture::sets().join(golden)], Profile::Quick, source);
    let mut collector = Collector::default();
    run_alone(suite, &request, &mut collector)?;
    Ok(collector.suites()[0].checks.clone())
}

#[test]
fn a_dump_of_the_reference_passes_and_one_with_a_defect_names_the_layer() {
    let checks = run(&Layers, "tensor", "micro").unwrap();
    let verdicts: Vec<_> = checks.iter().map(|check| (check.id.as_str(), check.verdict.name())).collect();
    assert_eq!(verdicts, [("layers/micro/fp32", "pass")]);
    let summary = checks[0].summary.as_ref().unwrap().to_string();
    assert!(summary.starts_with("12 tensors, all identical; ") && summary.contains("not observed"), "{summary}");
    assert!(checks[0].judged.is_none(), "a dump does not say where it was made");

    let check = run(&Layers, "tanh", "micro").unwrap().remove(0);
    assert!(matches!(check.verdict, Verdict::Fail { .. }), "{:?}", check.verdict);
    assert_eq!(check.findings[0].subject.as_name(), Some("teacher.backbone.blocks.0.mlp.act"));
}

/// Seen to fail: "there is no candidate under …".
#[test]
fn a_dump_that_could_prove_nothing_is_refused_with_what_to_do() {
    let hint = |suite: &dyn Suite, dump, golden| run(suite, dump, golden).unwrap_err().hints().to_string();
    assert!(hint(&Layers, "tensor", "").contains("--golden golden/sets/micro"));
    for dump in ["statistics", "statistics-bf16", "md5"] {
        assert!(hint(&Layers, dump, "micro").contains("golden msprobe"), "{dump}");
    }
    assert!(matches!(run(&Training, "tensor", "micro"), Err(SuiteError::NothingFor { .. })));
}
