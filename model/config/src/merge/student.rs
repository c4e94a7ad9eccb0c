//! The config of one student of a multi-distillation: `setup_multidistillation` without its processes.

use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use super::{Layer, MergeError, Merged, StudentProblem, interpolation, load, merged_layers};

/// A student and the ranks that train it.
#[derive(Clone, Debug, PartialEq)]
pub struct Student {
    /// `multidistillation.students[i].name`.
    pub name: String,
    /// The ranks that train it.
    pub ranks: Range<usize>,
    /// The student's config: defaults, the student's own file, the base config, the overrides, and its share of the
    /// global batch as `train.batch_size_per_gpu`.
    pub merged: Merged,
}

/// The config of the student that `rank` of `world_size` trains, from the base config with the list of students. With
/// `output_dir`, `train.output_dir` becomes the student's folder in `output_dir`. Relative paths are relative to the
/// current folder.
///
/// The students and the global batch come only from the base config: overrides of them have no effect, as in the
/// reference.
///
/// # Errors
/// If multi-distillation is not enabled, no student has this rank, or the student's ranks cannot share the global
/// batch, as the reference asserts. And as [`super::merged`].
pub fn merged_student(
    base: &Path,
    overrides: &[String],
    rank: usize,
    world_size: usize,
    output_dir: Option<&str>,
) -> Result<Student, MergeError> {
    let base = load(base)?;
    let fail = |problem| MergeError::Student { base: base.name.clone(), rank, world_size, problem };
    let plan = plan(&base).map_err(fail)?;
    let entry = plan.entry(rank).map_err(fail)?;
    if world_size == 0 {
        return Err(fail(StudentProblem::NoRank));
    }
    let mut overrides = overrides.to_vec();
    if let Some(folder) = output_dir {
        overrides.push(format!("train.output_dir={}", Path::new(folder).join(&entry.name).display()));
    }
    overrides.push(format!("train.batch_size_per_gpu={}", plan.global_batch_size / world_size as u64));
    let own = load(Path::new(&entry.config_path))?;
    let merged = merged_layers(vec![own, base], &overrides)?;
    Ok(Student { name: entry.name, ranks: entry.ranks, merged })
}

/// All students of the base config, in its order, as [`merged_student`] has each. Every rank of the world has one.
///
/// # Errors
/// As [`merged_student`], and when a rank has no student or several, or a student has a rank beyond the world.
pub fn students(base: &Path, overrides: &[String], world_size: usize) -> Result<Vec<Student>, MergeError> {
    let layer = load(base)?;
    let fail = |rank, problem| MergeError::Student { base: layer.name.clone(), rank, world_size, problem };
    let plan = plan(&layer).map_err(|problem| fail(0, problem))?;
    for rank in 0..world_size {
        plan.entry(rank).map_err(|problem| fail(rank, problem))?;
        let mut having = plan.students.iter().filter(|student| student.ranks.contains(&rank));
        if let (Some(first), Some(second)) = (having.next(), having.next()) {
            return Err(fail(rank, StudentProblem::Twice { first: first.name.clone(), second: second.name.clone() }));
        }
    }
    if let Some(student) = plan.students.iter().find(|student| student.ranks.end > world_size) {
        let (last, student) = (student.ranks.end - 1, student.name.clone());
        return Err(fail(last, StudentProblem::Beyond { student, last }));
    }
    let own = |student: &Entry| merged_student(base, overrides, student.ranks.start, world_size, None);
    plan.students.iter().map(own).collect()
}

/// `multidistillation` of the base config.
struct Plan {
    global_batch_size: u64,
    students: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    name: String,
    config_path: String,
    ranks: Range<usize>,
}

fn plan(base: &Layer) -> Result<Plan, StudentProblem> {
    let section =
        interpolation::resolve_at(&Value::Object(base.mapping.clone()), &["multidistillation"])?.unwrap_or_default();
    if !crate::truth(&section["enabled"]) {
        return Err(StudentProblem::NotEnabled);
    }
    let wrong = |key: &str, value: &Value, wanted| StudentProblem::Value {
        key: key.to_owned(),
        value: value.to_string(),
        wanted,
    };
    let number = |value: &Value, key: &str| value.as_u64().ok_or_else(|| wrong(key, value, "a whole number"));
    let global_batch_size = number(&section["global_batch_size"], "multidistillation.global_batch_size")?;
    let list = section["students"].as_array().ok_or(StudentProblem::NoList)?;
    let students = list.iter().enumerate().map(|(i, student)| {
        let key = |name: &str| format!("multidistillation.students.{i}.{name}");
        let text = |name: &str| {
            let value = student[name].as_str().map(str::to_owned);
            value.ok_or_else(|| wrong(&key(name), &student[name], "a text"))
        };
        let given = &student["ranks_range"];
        let range = given.as_array().filter(|range| range.len() == 2);
        let range =
            range.ok_or_else(|| wrong(&key("ranks_range"), given, "the first rank and the one after the last"))?;
        let bound = |i: usize| number(&range[i], &key("ranks_range")).map(|rank| rank as usize);
        let ranks = bound(0)?..bound(1)?;
        if ranks.is_empty() {
            return Err(StudentProblem::EmptyRange { key: key("ranks_range") });
        }
        Ok(Entry { name: text("name")?, config_path: text("config_path")?, ranks })
    });
    Ok(Plan { global_batch_size, students: students.collect::<Result<_, StudentProblem>>()? })
}

impl Plan {
    fn entry(&self, rank: usize) -> Result<Entry, StudentProblem> {
        let Some(entry) = self.students.iter().find(|student| student.ranks.contains(&rank)) else {
            let ranges = self
                .students
                .iter()
                .map(|student| format!("{} has {} to {}", student.name, student.ranks.start, student.ranks.end - 1));
            return Err(StudentProblem::NoRange { ranges: ranges.collect::<Vec<_>>().join(", ") });
        };
        let gpus = entry.ranks.len() as u64;
        if !self.global_batch_size.is_multiple_of(gpus) {
            return Err(StudentProblem::Batch {
                batch: self.global_batch_size,
                ranks: gpus,
                student: entry.name.clone(),
            });
        }
        Ok(entry.clone())
    }
}
