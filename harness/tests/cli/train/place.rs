//! A folder with the recording's small ImageNet.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Outcome, Place};

/// One thread, as the recording had: full reductions depend on their number.
pub const ENVIRONMENT: [(&str, &str); 1] = [("OMP_NUM_THREADS", "1")];

const CLASSES: [&str; 3] = ["n01000000", "n01000001", "n01000002"];
const PHOTOGRAPHS: [&str; 4] = ["astronaut.jpg", "chelsea.jpg", "coffee.jpg", "rocket.jpg"];

/// Something in the repository's `golden`.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("golden").join(name)
}

/// Fifteen copies of four photographs in three classes, their tables, and the config of the recording.
pub fn place() -> Place {
    let place = Place::empty();
    let mut next = PHOTOGRAPHS.iter().cycle();
    for class in CLASSES {
        let folder = place.path("root/train").join(class);
        fs::create_dir_all(&folder).unwrap();
        for image in 1..=5 {
            let photograph = golden("photographs").join(next.next().unwrap());
            fs::copy(photograph, folder.join(format!("{class}_{image}.JPEG"))).unwrap();
        }
    }
    let labels: String = CLASSES.iter().enumerate().map(|(i, class)| format!("{class},class {i}\n")).collect();
    fs::write(place.path("root/labels.txt"), labels).unwrap();
    fs::copy(golden("program/micro.yaml"), place.path("micro.yaml")).unwrap();
    assert_eq!(place.run("data prepare --root root --extra extra").code, 0);
    place
}

/// Runs `train` with that config.
pub fn train(place: &Place, arguments: &str) -> Outcome {
    place.run_in(&format!("train --config-file micro.yaml {arguments}"), &ENVIRONMENT)
}

/// The text of a file.
pub fn text(place: &Place, file: &str) -> String {
    fs::read_to_string(place.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Figures without times.
pub fn figures(place: &Place, out: &str) -> Vec<serde_json::Value> {
    let lines = text(place, &format!("{out}/training_metrics.json"));
    let figures = lines.lines().map(|line| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().retain(|key, _| !key.ends_with("_time"));
        line
    });
    figures.collect()
}
