//! The comparison of the recipes of two sets.

use std::fmt;

use dinov3_ground::{Hint, Hints};
use serde_json::Value;

use crate::manifest::{Intermediate, Manifest, Training};

/// Paths within the merged config that describe the place of a run and do not change its computation.
const PLACE: &[&str] = &["train.output_dir", "MODEL.DEVICE", "device"];

/// A field with different values in two recipes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Path of the field within the manifest.
    pub field: String,
    /// Its value in the golden set.
    pub golden: String,
    /// Its value in the candidate.
    pub candidate: String,
}

/// The candidate was recorded from another recipe, so its values cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeMismatch {
    /// Name of the golden set.
    pub golden: String,
    /// Every differing field; never empty.
    pub differences: Vec<Difference>,
}

impl fmt::Display for RecipeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the candidate was not recorded from the recipe of `{}`:", self.golden)?;
        for Difference { field, golden, candidate } in &self.differences {
            write!(f, "\n  {field}: golden {golden}, candidate {candidate}")?;
        }
        Ok(())
    }
}

impl Hint for RecipeMismatch {
    fn hints(&self) -> Hints {
        "record the candidate again with the golden set's recipe and sample limit".into()
    }
}

impl std::error::Error for RecipeMismatch {}

/// Checks that `candidate` was recorded from `golden`'s recipe: seed, ranks, batch, noise, photographs, training steps,
/// merged configs, and (unless it stores everything in full) sample limit. The place of the run, the recorded stages,
/// and the notation of the config (file and overrides) may differ.
///
/// # Errors
/// [`RecipeMismatch`] with every differing field.
pub fn check_same_recipe(golden: &Manifest, candidate: &Manifest) -> Result<(), RecipeMismatch> {
    let mut found = Differences(Vec::new());
    let (g, c) = (&golden.recipe, &candidate.recipe);
    found.unless_equal("recipe.seed", g.seed, c.seed);
    found.unless_equal("recipe.world_size", g.world_size, c.world_size);
    found.unless_equal("recipe.batch_size", g.batch_size, c.batch_size);
    found.unless_equal("recipe.warm", g.warm, c.warm);
    found.unless_equal("recipe.photographs.length", g.photographs.len(), c.photographs.len());
    for (index, (ours, theirs)) in g.photographs.iter().zip(&c.photographs).enumerate() {
        // The hash decides: a copy under another name is the same photograph.
        found.unless_equal(&format!("recipe.photographs.{index}.sha256"), &ours.sha256, &theirs.sha256);
    }
    found.unless_equal("recipe.intermediate", describe(&g.intermediate), describe(&c.intermediate));
    found.training(g.training.as_ref(), c.training.as_ref());
    let version = |battery: Option<u32>| battery.map_or_else(|| "none".to_owned(), |version| version.to_string());
    found.unless_equal("recipe.loss_battery", version(g.loss_battery), version(c.loss_battery));
    found.unless_equal("recipe.data_battery", version(g.data_battery), version(c.data_battery));
    found.config("recipe.config", "", &g.config, &c.config);
    if candidate.sample_limit.is_some() {
        let text = |limit: Option<usize>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        found.unless_equal("sample_limit", text(golden.sample_limit), text(candidate.sample_limit));
    }
    if found.0.is_empty() { Ok(()) } else { Err(RecipeMismatch { golden: golden.name.clone(), differences: found.0 }) }
}

fn describe(call: &Option<Intermediate>) -> String {
    call.as_ref().map_or_else(
        || "none".to_owned(),
        |it| format!("{}x{}, blocks {:?}, norm {}", it.height, it.width, it.n, it.norm),
    )
}

struct Differences(Vec<Difference>);

impl Differences {
    fn unless_equal<T: PartialEq + fmt::Display>(&mut self, field: &str, golden: T, candidate: T) {
        if golden != candidate {
            self.0.push(Difference {
                field: field.to_owned(),
                golden: golden.to_string(),
                candidate: candidate.to_string(),
            });
        }
    }

    fn training(&mut self, golden: Option<&Training>, candidate: Option<&Training>) {
        let (Some(g), Some(c)) = (golden, candidate) else {
            let steps = |it: Option<&Training>| it.map_or("none".to_owned(), |it| format!("{} steps", it.steps));
            return self.unless_equal("recipe.training", steps(golden), steps(candidate));
        };
        // A candidate that lacks the activations of a step is judged without them.
        let Training { iteration, steps, batches, state, updates, activations: _, teacher_config, students } = g;
        self.unless_equal("recipe.training.iteration", *iteration, c.iteration);
        self.unless_equal("recipe.training.steps", *steps, c.steps);
        self.unless_equal("recipe.training.batches", *batches, c.batches);
        self.unless_equal("recipe.training.state", *state, c.state);
        self.unless_equal("recipe.training.updates", *updates, c.updates);
        let or_null = |config: &Option<Value>| config.clone().unwrap_or_default();
        let root = "recipe.training.teacher_config";
        self.config(root, "", &or_null(teacher_config), &or_null(&c.teacher_config));
        self.unless_equal("recipe.training.students.length", students.len(), c.students.len());
        for (i, (ours, theirs)) in students.iter().zip(&c.students).enumerate() {
            let root = format!("recipe.training.students.{i}");
            self.unless_equal(&format!("{root}.ranks"), format!("{:?}", ours.ranks), format!("{:?}", theirs.ranks));
            self.config(&format!("{root}.config"), "", &ours.config, &theirs.config);
        }
    }

    /// Compares two configs; `root` is their path in the manifest. Numbers compare by value: YAML's `0` and `0.0`
    /// configure the same run.
    fn config(&mut self, root: &str, path: &str, golden: &Value, candidate: &Value) {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        if PLACE.contains(&path) {
            return;
        }
        match (golden, candidate) {
            (Value::Object(g), Value::Object(c)) => {
                let added = c.keys().filter(|key| !g.contains_key(*key));
                for key in g.keys().chain(added) {
                    match (g.get(key), c.get(key)) {
                        (Some(g), Some(c)) => self.config(root, &below(key), g, c),
                        (g, c) if !PLACE.contains(&below(key).as_str()) => {
                            let text = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
                            self.unless_equal(&format!("{root}.{}", below(key)), text(g), text(c));
                        }
                        _ => {}
                    }
                }
            }
            (Value::Array(g), Value::Array(c)) if g.len() == c.len() => {
                for (index, (g, c)) in g.iter().zip(c).enumerate() {
                    self.config(root, &below(&index.to_string()), g, c);
                }
            }
            (Value::Number(g), Value::Number(c)) if g.as_f64() == c.as_f64() => {}
            (g, c) if path.is_empty() => self.unless_equal(root, g, c),
            (g, c) => self.unless_equal(&format!("{root}.{path}"), g, c),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::{Photograph, Student};
    use crate::testing::header;

    #[test]
    fn place_and_stages_do_not_matter() {
        let golden = header("tiny");
        let mut candidate = header("theirs");
        candidate.recipe.config["train"]["output_dir"] = json!("/elsewhere");
        candidate.recipe.config["MODEL"] = json!({"DEVICE": "npu"});
        candidate.recipe.config["optim"]["lr"] = json!(1.0);
        candidate.recipe.overrides.clear();
        candidate.recipe.stages.clear();
        candidate.sample_limit = None;
        // The golden config has no MODEL at all: that is a difference, and it names the whole of it.
        let mismatch = check_same_recipe(&golden, &candidate).unwrap_err();
        assert_eq!(mismatch.differences.len(), 1);
        assert_eq!(mismatch.differences[0].field, "recipe.config.MODEL");
        let mut golden = golden;
        golden.recipe.config["MODEL"] = json!({"DEVICE": "cuda"});
        assert_eq!(check_same_recipe(&golden, &candidate), Ok(()));
    }

    #[test]
    fn every_field_that_matters_is_named() {
        let golden = header("tiny");
        let mut candidate = golden.clone();
        candidate.sample_limit = Some(1024);
        let recipe = &mut candidate.recipe;
        (recipe.seed, recipe.world_size, recipe.batch_size, recipe.warm) = (1, 2, 3, 0.5);
        recipe.photographs = vec![Photograph { file: "cat.jpg".into(), sha256: "0".repeat(64) }];
        recipe.intermediate = Some(Intermediate { height: 48, width: 32, n: vec![0, 2], norm: true });
        recipe.config["student"] = json!({"arch": "vit_large", "drop": [0.0, 0.1]});
        recipe.config["optim"] = json!({});
        recipe.loss_battery = Some(1);
        recipe.data_battery = Some(1);
        recipe.training = Some(training(json!({"student": {"arch": "vit_large"}})));
        let error = check_same_recipe(&golden, &candidate).unwrap_err();
        insta::assert_snapshot!(dinov3_ground::hint::text(&error));
    }

    fn training(teacher: Value) -> Training {
        Training {
            iteration: 3,
            steps: 2,
            batches: 4,
            state: false,
            updates: 0,
            activations: false,
            teacher_config: Some(teacher),
            students: Vec::new(),
        }
    }

    #[test]
    fn every_field_of_the_steps_matters() {
        let mut golden = header("tiny");
        golden.recipe.training = Some(training(json!({"student": {"arch": "vit_large"}, "lr": 1})));
        let mut candidate = golden.clone();
        candidate.recipe.training = Some(training(json!({"student": {"arch": "vit_large"}, "lr": 1.0})));
        assert_eq!(check_same_recipe(&golden, &candidate), Ok(()), "numbers compare by value");
        let teacher_config = Some(json!({"student": {"arch": "vit_small"}, "lr": 1}));
        let students = vec![Student { ranks: [0, 1], config: json!({}) }];
        let theirs = Training {
            iteration: 4,
            steps: 3,
            batches: 5,
            state: true,
            updates: 6,
            activations: true,
            teacher_config,
            students,
        };
        candidate.recipe.training = Some(theirs);
        let all = check_same_recipe(&golden, &candidate).unwrap_err().to_string();
        candidate.recipe.training = Some(Training { teacher_config: None, ..training(json!(null)) });
        let no_teacher = check_same_recipe(&golden, &candidate).unwrap_err().to_string();
        insta::assert_snapshot!([all, no_teacher].join("\n"));
    }
}
