//! `cargo ci npu`: the plugin for torch_npu is compiled and linked against the wheel that PyPI has, and asked what this machine lacks.

use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::failure::Failure;
use crate::{libtorch, workspace};

/// The files of the half that needs no torch_npu, and of the half that does.
const HALVES: [(&str, &[&str]); 2] =
    [("libdinov3_torch_npu.so", &["missing", "plugin", "python"]), ("libdinov3_torch_npu_device.so", &["device"])];

/// torch_npu as PyPI has it, which needs a Python in the process; without it, `libtorch_npu` as its own build script makes it.
const WHEEL: &str = "-DDINOV3_TORCH_NPU_WHEEL";

/// Makes the plugin, and tells where it is and what this machine lacks for it.
pub fn npu() -> Result<(), Failure> {
    let (torch, torch_npu) = (libtorch::provide()?, libtorch::torch_npu::provide()?);
    let shell = Shell::new().map_err(|error| {
        Failure::environment(format!("there is no current folder: {error}"), "change to a folder that exists")
    })?;
    let out = workspace::root().join("target/torch_npu");
    let no_folder = |error| Failure::environment(format!("{} cannot be made: {error}", out.display()), "see whether the disk is full");
    fs::create_dir_all(&out).map_err(no_folder)?;
    let make = Make { shell: &shell, torch: &torch, torch_npu: &torch_npu, out: &out, python: python_headers(&shell)? };
    for (library, files) in HALVES {
        make.library(library, files)?;
    }
    make.compiles_without_python()?;
    eprintln!("the plugin is in {}", out.display());
    make.examine()
}

fn python_headers(shell: &Shell) -> Result<String, Failure> {
    let program = "import sysconfig; print(sysconfig.get_paths()['include'])";
    let found = cmd!(shell, "python3 -c {program}").quiet().read();
    found.map_err(|_| Failure::environment("python3 cannot be run", "install Python 3.11 with its headers"))
}

struct Make<'a> {
    shell: &'a Shell,
    torch: &'a Path,
    torch_npu: &'a Path,
    out: &'a Path,
    python: String,
}

impl Make<'_> {
    /// Options under which a file of the plugin is compiled.
    fn options(&self) -> Vec<String> {
        let sources = workspace::root().join("model/plugins");
        let include = self.torch.join("include");
        let ours = [sources.join("include"), include.clone(), include.join("torch/csrc/api/include"), include.join("torch/csrc/distributed")];
        let theirs = [self.torch_npu.join("include"), PathBuf::from(&self.python)];
        let own = ours.iter().map(|folder| format!("-I{}", folder.display()));
        // Not as ours: they are not free of warnings.
        let others = theirs.iter().map(|folder| format!("-isystem{}", folder.display()));
        let fixed = ["-std=c++17", "-fPIC", "-O1", "-Wall", "-Wno-unused-parameter", "-D_GLIBCXX_USE_CXX11_ABI=1"];
        fixed.map(str::to_owned).into_iter().chain(own).chain(others).collect()
    }

    fn source(file: &str) -> PathBuf {
        workspace::root().join(format!("model/plugins/torch_npu/{file}.cpp"))
    }

    fn library(&self, library: &str, files: &[&str]) -> Result<(), Failure> {
        let (shell, options) = (self.shell, self.options());
        let sources: Vec<PathBuf> = files.iter().map(|file| Self::source(file)).collect();
        let to = self.out.join(library);
        let failed = |_| Failure::check("the plugin does not build against torch_npu's wheel", "the compiler's output is above");
        eprintln!("$ c++ … -o {}", to.display());
        // CANN, which torch_npu needs, is not here.
        let with = [self.torch.join("lib"), self.torch_npu.join("lib")].map(|folder| format!("-L{}", folder.display()));
        let linked: &[&str] = if files == ["device"] { &["-ltorch_npu", "-ltorch_cpu", "-lc10"] } else { &[] };
        let undefined = ["-Wl,--no-undefined", "-Wl,--allow-shlib-undefined"];
        cmd!(shell, "c++ -shared {options...} {WHEEL} {sources...} -o {to} {with...} {linked...} {undefined...} -ldl")
            .quiet()
            .run()
            .map_err(failed)
    }

    /// The flavour for `libtorch_npu` has other calls; there is no published build to link it with.
    fn compiles_without_python(&self) -> Result<(), Failure> {
        let (shell, options, source) = (self.shell, self.options(), Self::source("device"));
        eprintln!("$ c++ … -fsyntax-only {}", source.display());
        let failed = |_| Failure::check("the plugin does not compile for libtorch_npu", "the compiler's output is above");
        cmd!(shell, "c++ -fsyntax-only {options...} {source}").quiet().run().map_err(failed)
    }

    /// Asks the plugin, as `run` does before it uses it.
    fn examine(&self) -> Result<(), Failure> {
        let (shell, cargo) = (self.shell, workspace::cargo());
        shell.change_dir(workspace::root());
        for (name, value) in &crate::environment::Environment::of(self.torch).set {
            shell.set_var(name, value);
        }
        let plugin = self.out.join(HALVES[0].0);
        let command = cmd!(
            shell,
            "{cargo} run --quiet --package dinov3-plugins --bin dinov3-plugin-conformance -- {plugin} --only doctor/1"
        );
        let ended = command.env("DINOV3_TORCH_NPU", self.torch_npu).quiet().ignore_status().output();
        let ended = ended.map_err(|error| Failure::environment(format!("cargo cannot be run: {error}"), "see whether it is in PATH"))?;
        eprint!("{}", String::from_utf8_lossy(&ended.stdout));
        // 3: this machine lacks something, as every machine without an NPU does, and its name is above.
        match ended.status.code() {
            Some(0 | 3) => Ok(()),
            _ => Err(Failure::check("the plugin cannot be loaded", "its output is above")),
        }
    }
}
