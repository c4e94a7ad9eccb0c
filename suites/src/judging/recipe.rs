//! A recipe held against itself and its inputs, before anything is computed: a number out of range would end a replay by a
//! panic or by memory without end, and a contradiction would be passed over.

use dinov3_config::ConfigError;
use dinov3_golden::manifest::Recipe;
use dinov3_golden::{GoldenSet, TensorFile};
use serde_json::Value;

use crate::SuiteError;

/// The most ranks that are replayed as threads of a process.
const MOST_RANKS: u64 = 64;
/// The most images of a batch and the most batches, far beyond any recorded set. All are cut, or held, at once.
const MOST: u64 = 4096;
/// The most steps, far beyond any recorded set.
const MOST_STEPS: u64 = 1 << 20;
/// The longest schedule (`dinov3_config`'s limit), and so the last iteration.
const MOST_ITERATIONS: u64 = 1 << 27;
/// The longest side of an image in pixels, as of a crop.
const MOST_PIXELS: u64 = 4096;

/// Checks the numbers of the recipe of `set`, and the shapes of its inputs against them.
///
/// # Errors
/// When a number is out of range, an input of a batch is missing, or its shape is another than the recipe's.
pub fn check(set: &GoldenSet) -> Result<(), SuiteError> {
    let recipe = &set.manifest().recipe;
    numbers(recipe).map_err(|source| SuiteError::Config { set: set.manifest().name.clone(), source })?;
    match set.inputs()? {
        Some(file) if recipe.data_battery.is_none() => shapes(recipe, file)
            .map_err(|(input, reason)| SuiteError::Input { set: set.manifest().name.clone(), input, reason }),
        _ => Ok(()),
    }
}

fn numbers(recipe: &Recipe) -> Result<(), ConfigError> {
    let mut all = vec![
        ("recipe.world_size", u64::from(recipe.world_size), 1, MOST_RANKS),
        ("recipe.batch_size", recipe.batch_size as u64, 1, MOST),
    ];
    if let Some(training) = &recipe.training {
        all.extend([
            ("recipe.training.iteration", training.iteration as u64, 0, MOST_ITERATIONS),
            ("recipe.training.steps", training.steps as u64, 1, MOST_STEPS),
            ("recipe.training.batches", training.batches as u64, 1, MOST),
        ]);
    }
    if let Some(wanted) = &recipe.intermediate {
        all.extend([
            ("recipe.intermediate.height", wanted.height as u64, 1, MOST_PIXELS),
            ("recipe.intermediate.width", wanted.width as u64, 1, MOST_PIXELS),
        ]);
    }
    students(recipe)?;
    match all.into_iter().find(|(_, given, least, most)| !(least..=most).contains(&given)) {
        None => Ok(()),
        Some((key, given, least, most)) => Err(ConfigError::Value {
            key: key.to_owned(),
            given: given.to_string(),
            reason: format!("expected {least} to {most}"),
        }),
    }
}

/// Each rank has one student, in the order of the ranks.
fn students(recipe: &Recipe) -> Result<(), ConfigError> {
    let students = recipe.training.iter().flat_map(|training| &training.students);
    let mut end = 0;
    for (i, student) in students.enumerate() {
        let [first, after] = student.ranks;
        if first != end || after <= first {
            return Err(ConfigError::Value {
                key: format!("recipe.training.students[{i}].ranks"),
                given: format!("{:?}", student.ranks),
                reason: format!("expected ranks from {end} on"),
            });
        }
        end = after;
    }
    if end != 0 && end != recipe.world_size {
        return Err(ConfigError::Value {
            key: "recipe.training.students".to_owned(),
            given: format!("{end} ranks"),
            reason: format!("expected one for each of {}", recipe.world_size),
        });
    }
    Ok(())
}

/// The images that a rank of the recorded student computes; its masks are theirs, and the crops are those that it loads.
pub(super) fn computed(recipe: &Recipe) -> usize {
    let first = recipe.training.as_ref().and_then(|training| training.students.first());
    let all = recipe.config.pointer("/multidistillation/global_batch_size").and_then(Value::as_u64);
    match (first, all) {
        (Some(student), Some(images)) => images as usize / student.size().max(1) as usize,
        _ => recipe.batch_size,
    }
}

/// The shapes that the recipe gives the tensors of a batch, by the end of their names.
fn expected(recipe: &Recipe) -> Vec<(&'static str, Vec<usize>)> {
    let whole = |key: &str| recipe.config.pointer(key).and_then(Value::as_u64).map(|number| number as usize);
    let images = recipe.batch_size;
    let crops = images.saturating_mul(2);
    let mut expected = Vec::new();
    // Of several resolutions each batch has one; their sizes are lists.
    if let (Some(side), Some(patch)) = (whole("/crops/global_crops_size"), whole("/student/patch_size")) {
        expected.push(("global_crops", vec![crops, 3, side, side]));
        expected.push(("masks", vec![computed(recipe).saturating_mul(2), (side / patch.max(1)).saturating_pow(2)]));
    }
    if let (Some(side), Some(number)) = (whole("/crops/local_crops_size"), whole("/crops/local_crops_number")) {
        expected.push(("local_crops", vec![number.saturating_mul(images), 3, side, side]));
    }
    if let Some(side) = whole("/crops/gram_teacher_crops_size") {
        expected.push(("gram_teacher_crops", vec![crops, 3, side, side]));
    }
    if let Some(wanted) = &recipe.intermediate {
        expected.push(("intermediate", vec![1, 3, wanted.height, wanted.width]));
    }
    expected
}

/// The first tensor whose shape is another than the recipe's, or that is missing, with the reason.
fn shapes(recipe: &Recipe, file: &TensorFile) -> Result<(), (String, String)> {
    let expected = expected(recipe);
    let mut names: Vec<&str> = file.names().collect();
    names.sort_unstable();
    for name in names {
        let part = name.rsplit('.').next().unwrap_or(name);
        let Some((_, shape)) = expected.iter().find(|(known, _)| *known == part) else { continue };
        let given = file.get(name).map(|view| view.shape().to_vec()).unwrap_or_default();
        if given != *shape {
            return Err((name.to_owned(), format!("its shape is {given:?}, and by the recipe {shape:?}")));
        }
    }
    let batches = recipe.training.as_ref().map_or(0, |training| training.batches);
    let missing = (0..batches).map(|number| format!("{number}.masks")).find(|name| file.get(name).is_none());
    missing.map_or(Ok(()), |name| Err((name, format!("the recipe has {batches} batches"))))
}

#[cfg(test)]
mod tests {
    use dinov3_golden::find_sets;
    use serde_json::json;

    use super::*;

    fn set(name: &str) -> GoldenSet {
        GoldenSet::open(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/sets").join(name)).unwrap()
    }

    /// What is said of the recipe of a set with one change.
    fn said(name: &str, change: impl FnOnce(&mut Recipe)) -> String {
        let set = set(name);
        let mut recipe = set.manifest().recipe.clone();
        change(&mut recipe);
        let inputs = || set.inputs().unwrap().map_or(Ok(()), |file| shapes(&recipe, file));
        match (numbers(&recipe), inputs()) {
            (Err(error), _) => error.to_string(),
            (Ok(()), Err((input, reason))) => format!("{input}: {reason}"),
            (Ok(()), Ok(())) => "nothing".to_owned(),
        }
    }

    /// Each of these ended a replay by a panic or an abort, or passed without a word.
    #[test]
    fn contradictions_are_found() {
        fn training(recipe: &mut Recipe) -> &mut dinov3_golden::manifest::Training {
            recipe.training.as_mut().unwrap()
        }
        let shown = [
            said("train_micro", |recipe| recipe.world_size = 1000),
            said("train_micro", |recipe| training(recipe).iteration = usize::MAX),
            said("train_micro", |recipe| training(recipe).steps = 1 << 62),
            said("micro", |recipe| recipe.batch_size = 0),
            said("micro", |recipe| recipe.batch_size = 1_000_000),
            said("micro", |recipe| recipe.batch_size = 1 << 62),
            said("train_micro", |recipe| training(recipe).batches = 1 << 53),
            said("train_micro", |recipe| training(recipe).batches = 9),
            said("train_micro", |recipe| recipe.batch_size = 7),
            said("micro", |recipe| recipe.intermediate.as_mut().unwrap().height = 42_000),
            said("micro", |recipe| recipe.intermediate.as_mut().unwrap().height = 64),
            said("train_v2", |recipe| recipe.config["student"]["patch_size"] = json!(4)),
            said("opt_rope", |recipe| recipe.config["student"]["patch_size"] = json!(9)),
            said("micro", |recipe| recipe.config["crops"]["local_crops_number"] = json!(1)),
            said("micro", |recipe| recipe.config["crops"]["local_crops_size"] = json!(24)),
            said("train_gram", |recipe| recipe.config["crops"]["gram_teacher_crops_size"] = json!(48)),
            said("train_gram", |_| ()),
        ];
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn no_recorded_set_contradicts_itself() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/sets");
        let folders = find_sets(&root).unwrap();
        assert!(folders.len() > 10);
        for folder in folders {
            check(&GoldenSet::open(&folder).unwrap()).unwrap();
        }
    }
}
