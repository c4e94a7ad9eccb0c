//! `cargo ci cuda`: a folder for a machine that has a GPU, Python and PyTorch, and neither cargo nor a network. `measure.sh` in it judges and
//! measures there.
//!
//! ```text
//! measure.sh             everything in one go, one report
//! reference.py           the reference's program, ended after some steps
//! bin/dinov3-harness     built with the PyTorch of that machine, which brings its libraries
//! lib/                   a backend of c10d, as a plugin
//! golden/                sets of the quick profile, trajectories, photographs
//! photographs/           what is trained on
//! recipes/               the recipes that are measured
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::Value;

use crate::failure::Failure;
use crate::package::{build, cargo_build, copy, copy_folder, golden, not_built, unwritten, whole};
use crate::{libtorch, workspace};

/// The backend that travels.
const BACKEND: &str = "libdinov3_simulated.so";

/// `cargo ci cuda`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct CudaArgs {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The `torch` folder of a PyTorch like that machine's, of any version, in place of DINOV3_LIBTORCH: another one than 2.8 is not supported,
    /// and may not compile
    #[arg(long, value_name = "DIR")]
    torch: Option<PathBuf>,
}

/// Makes the folder, whole or not at all.
pub fn cuda(args: &CudaArgs) -> Result<(), Failure> {
    let torch = torch(args.torch.as_deref())?;
    let (program, backend) = (build(&torch, false)?, backend(&torch)?);
    whole(&args.out, |folder| fill(folder, &program, &backend).map_err(|error| unwritten(&args.out, &error)))?;
    eprintln!("made {}: copy it to the machine with the GPU, and start measure.sh OUT [CHECKOUT]", args.out.display());
    Ok(())
}

/// The libtorch to build with: one with CUDA.
fn torch(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let torch = match named {
        Some(folder) => std::path::absolute(folder).map_err(|error| unwritten(folder, &error))?,
        None => libtorch::provide()?,
    };
    if torch.join("lib/libtorch_cuda.so").is_file() {
        return Ok(torch);
    }
    Err(Failure::environment(
        format!("{} has no lib/libtorch_cuda.so", torch.display()),
        "`--torch DIR` or DINOV3_LIBTORCH names the `torch` folder of an installed PyTorch with CUDA",
    ))
}

fn fill(folder: &Path, program: &Path, backend: &Path) -> io::Result<()> {
    let root = workspace::root();
    for file in ["measure.sh", "reference.py"] {
        copy(&root.join("ci/cuda").join(file), &folder.join(file))?;
    }
    let command = folder.join("bin/dinov3-harness");
    copy(program, &command)?;
    strip(&command)?;
    copy(backend, &folder.join("lib").join(BACKEND))?;
    golden(&folder.join("golden"), false)?;
    let recipes = root.join("model/program/recipes");
    copy_folder(&recipes.join("photographs"), &folder.join("photographs"), &|_| true)?;
    for entry in fs::read_dir(&recipes)? {
        let recipe = entry?.path();
        if recipe.extension().is_some_and(|extension| extension == "yaml") {
            copy(&recipe, &folder.join("recipes").join(recipe.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Takes the debug information away, which is most of a program that has to travel.
fn strip(program: &Path) -> io::Result<()> {
    let status = Command::new("strip").arg("--strip-debug").arg(program).status()?;
    status.success().then_some(()).ok_or_else(|| io::Error::other("`strip` cannot read it"))
}

/// Builds the plugins and gives the file of the backend, which the build script leaves in a folder of its own.
fn backend(torch: &Path) -> Result<PathBuf, Failure> {
    let messages = cargo_build(torch, "dinov3-plugins", &["--lib"], false)?;
    made(&messages).ok_or_else(|| not_built(format!("cargo has built no {BACKEND}")))
}

/// The backend among what cargo's messages name.
fn made(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let folders = messages.filter_map(|message| Some(PathBuf::from(message["out_dir"].as_str()?)));
    folders.map(|folder| folder.join(BACKEND)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_has_all_that_its_script_names() {
        let (folder, program) = (tempfile::tempdir().unwrap(), std::env::current_exe().unwrap());
        fill(folder.path(), &program, &program).unwrap();
        let script = fs::read_to_string(folder.path().join("measure.sh")).unwrap();
        let named = script.split("$here/").skip(1).map(|rest| {
            rest.split(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c))).next().unwrap_or_default()
        });
        let named: Vec<&str> = named.collect();
        assert!(named.len() > 4, "{named:?}");
        for path in named {
            assert!(folder.path().join(path).exists(), "{path}");
        }
        for recipe in script.lines().filter_map(|line| line.strip_prefix("measured ")) {
            let recipe = recipe.split(' ').next().unwrap();
            assert!(folder.path().join(format!("recipes/{recipe}.yaml")).is_file(), "{recipe}");
        }
    }

    #[test]
    fn a_torch_without_cuda_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = torch(Some(folder.path())).unwrap_err();
        assert!(dinov3_ground::hint::text(refused.error.unwrap().as_hint()).contains("libtorch_cuda.so"));
    }
}
