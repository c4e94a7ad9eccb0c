//! The bench targets of the workspace, as `cargo metadata` tells of them.

use serde_json::Value;

use crate::failure::Failure;

/// The arguments of `cargo bench` that run the target `name` and build no more than it needs: a target that requires no feature is
/// built without its package's default ones, and so without libtorch.
///
/// # Errors
/// No package has such a target.
pub fn arguments(metadata: &Value, name: &str) -> Result<String, Failure> {
    let all: Vec<Target> = targets(metadata).collect();
    let Some(target) = all.iter().find(|target| target.name == name) else {
        let mut names: Vec<&str> = all.iter().map(|target| target.name).collect();
        names.sort_unstable();
        return Err(Failure::usage(
            format!("there is no benchmark `{name}`"),
            format!("known are {}", names.join(", ")),
        ));
    };
    let features = if target.needs_a_feature { "" } else { " --no-default-features" };
    Ok(format!("bench --package {} --bench {name}{features}", target.package))
}

struct Target<'a> {
    package: &'a str,
    name: &'a str,
    needs_a_feature: bool,
}

fn targets(metadata: &Value) -> impl Iterator<Item = Target<'_>> {
    fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
        of[key].as_array().into_iter().flatten()
    }
    list(metadata, "packages").flat_map(|package| {
        let benches = list(package, "targets").filter(|target| list(target, "kind").any(|kind| kind == "bench"));
        benches.filter_map(|target| {
            Some(Target {
                package: package["name"].as_str()?,
                name: target["name"].as_str()?,
                needs_a_feature: list(target, "required-features").next().is_some(),
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::workspace;

    fn metadata() -> Value {
        let mut command = Command::new(workspace::cargo());
        command.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(workspace::root());
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    }

    #[test]
    fn the_data_is_measured_without_libtorch() {
        let metadata = metadata();
        for name in ["augment", "prepare", "pixels", "compare"] {
            let expected = format!("bench --package dinov3-perf --bench {name} --no-default-features");
            assert_eq!(arguments(&metadata, name).unwrap(), expected);
        }
    }

    #[test]
    fn the_trainer_is_measured_with_it() {
        let metadata = metadata();
        for name in ["step", "ranks"] {
            assert_eq!(arguments(&metadata, name).unwrap(), format!("bench --package dinov3-perf --bench {name}"));
        }
    }

    #[test]
    fn an_unknown_benchmark_is_wrong_usage() {
        let failure = arguments(&metadata(), "stpe").unwrap_err();
        assert_eq!(failure.code, crate::failure::USAGE);
        let error = failure.error.expect("what is wrong is said");
        assert_eq!(
            dinov3_ground::hint::text(error.as_hint()),
            "there is no benchmark `stpe`\nhint: known are augment, compare, pixels, prepare, ranks, step, taps, train"
        );
    }
}
