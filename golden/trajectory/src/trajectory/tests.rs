use dinov3_ground::hint;
use serde_json::json;

use super::*;

fn trajectory() -> Trajectory {
    let mut run = Run::from_values(
        "a run",
        &[0, 10, 11],
        vec![("lr".to_owned(), vec![0.0, 0.1, 0.2]), ("total_loss".to_owned(), vec![9.5, f64::NAN, 9.25])],
    );
    run.series.push(crate::run::Series {
        meter: crate::meters::STEP_TOTAL_LOSS.to_owned(),
        iterations: (0..12).collect(),
        values: vec![9.5; 12],
        resolution: crate::run::Resolution::Exact,
    });
    let state = State { step: 10, weights: "a".repeat(64), moments: "b".repeat(64), streams: "c".repeat(64) };
    let entry = RunEntry {
        precision: "fp32".to_owned(),
        file: "fp32.safetensors".to_owned(),
        sha256: String::new(),
        steps: 12,
        horizon: 20,
        program: "plain".to_owned(),
        fingerprint: json!({"torch": "2.8.0"}),
        recorded: "2026-11-27".to_owned(),
        states: vec![state],
    };
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        name: "micro_125k".to_owned(),
        description: "A test".to_owned(),
        reference: Reference { repository: "owner/name".to_owned(), commit: "c".repeat(40) },
        recipe: Recipe { name: "micro-125k".to_owned(), yaml: "optim:\n".to_owned(), overrides: vec![] },
        dataset: json!({"folder": "images"}),
        runs: vec![],
    };
    Trajectory { manifest, recordings: vec![Recording { entry, run }] }
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let written = trajectory();
    written.write(folder.path()).unwrap();
    let read = Trajectory::open(folder.path()).unwrap();
    let recording = read.recording("fp32").unwrap();
    assert_eq!(recording.run.name, "micro_125k (fp32)");
    assert_eq!(recording.run.facts.horizon, Some(20));
    assert_eq!(recording.state(10).unwrap().moments, "b".repeat(64));
    for series in &written.recordings[0].run.series {
        let own = recording.run.series(&series.meter).unwrap();
        assert_eq!(own.iterations, series.iterations);
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&own.values), bits(&series.values), "{}", series.meter);
    }
    assert!(read.recording("bf16").is_none());
}

/// The error of a folder whose manifest or columns are changed.
fn broken(change: impl Fn(&mut serde_json::Value), columns: Option<&[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    trajectory().write(folder.path()).unwrap();
    let file = folder.path().join(MANIFEST);
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    if let Some(bytes) = columns {
        fs::write(folder.path().join("fp32.safetensors"), bytes).unwrap();
        manifest["runs"][0]["sha256"] = sha256(bytes).into();
    }
    change(&mut manifest);
    fs::write(&file, manifest.to_string()).unwrap();
    let error = Trajectory::open(folder.path()).unwrap_err();
    hint::text(&error).replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn what_is_broken_is_named() {
    let mut short = trajectory().recordings[0].run.clone();
    short.series.truncate(2);
    let short = columns::to_bytes(&short, 12).unwrap();
    let errors = [
        broken(|it| it["schema_version"] = 2.into(), None),
        broken(|it| it["runs"][0]["sha256"] = "0".repeat(64).into(), None),
        broken(|it| it["runs"][0]["file"] = "../fp32.safetensors".into(), None),
        broken(|it| it["runs"][0]["steps"] = 21.into(), None),
        broken(|it| it["runs"][0]["states"][0]["weights"] = "a".into(), None),
        broken(|it| it["runs"][0]["extra"] = 1.into(), None),
        broken(|it| it["runs"][0]["steps"] = 13.into(), None),
        broken(|it| it["runs"][0]["steps"] = 5.into(), Some(&short)),
        broken(|_| (), Some(b"no safetensors")),
    ];
    insta::assert_snapshot!(errors.join("\n"));
}
