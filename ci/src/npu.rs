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

/// The libraries of CANN and of the driver that torch_npu loads.
const CANN: [&str; 8] = [
    "libascendcl.so",
    "libhccl.so",
    "libge_runner.so",
    "libgraph.so",
    "libacl_op_compiler.so",
    "libacl_tdt_channel.so",
    "libopapi.so",
    "libascend_hal.so",
];

/// Makes the plugin, and tells where it is and what this machine lacks for it.
pub fn npu() -> Result<(), Failure> {
    let (torch, torch_npu) = (libtorch::provide()?, libtorch::torch_npu::provide()?);
    let shell = workspace::shell()?;
    let out = workspace::root().join("target/torch_npu");
    let no_folder = |error| {
        Failure::environment(format!("{} cannot be made: {error}", out.display()), "see whether the disk is full")
    };
    fs::create_dir_all(&out).map_err(no_folder)?;
    let make = Make { shell: &shell, torch: &torch, torch_npu: &torch_npu, out: &out, python: python_headers(&shell)? };
    for (library, files) in HALVES {
        make.library(library, files)?;
    }
    make.compiles_without_python()?;
    eprintln!("the plugin is in {}", out.display());
    make.examine()?;
    make.load()
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
        let ours = [
            sources.join("include"),
            include.clone(),
            include.join("torch/csrc/api/include"),
            include.join("torch/csrc/distributed"),
        ];
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
        let failed =
            |_| Failure::check("the plugin does not build against torch_npu's wheel", "the compiler's output is above");
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
        let failed =
            |_| Failure::check("the plugin does not compile for libtorch_npu", "the compiler's output is above");
        cmd!(shell, "c++ -fsyntax-only {options...} {source}").quiet().run().map_err(failed)
    }

    /// Checks one capability of the plugin with the program for that, and gives its exit code and what it printed.
    fn conforms(&self, capability: &str, variables: &[(&str, String)]) -> Result<(Option<i32>, String), Failure> {
        let (shell, cargo, plugin) = (self.shell, workspace::cargo(), self.out.join(HALVES[0].0));
        for (name, value) in &crate::environment::Environment::of(self.torch).set {
            shell.set_var(name, value);
        }
        let mut command = cmd!(
            shell,
            "{cargo} run --quiet --package dinov3-plugins --bin dinov3-plugin-conformance -- {plugin} --only {capability}"
        );
        for (name, value) in variables {
            command = command.env(name, value);
        }
        let ended = command.env("DINOV3_TORCH_NPU", self.torch_npu).quiet().ignore_status().output();
        let ended = ended.map_err(|error| {
            Failure::environment(format!("cargo cannot be run: {error}"), "see whether it is in PATH")
        })?;
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        eprint!("{said}");
        Ok((ended.status.code(), said))
    }

    /// Asks the plugin, as `run` does before it uses it.
    fn examine(&self) -> Result<(), Failure> {
        // 3: this machine lacks something, as every machine without an NPU does, and its name is above.
        match self.conforms("doctor/1", &[])?.0 {
            Some(0 | 3) => Ok(()),
            _ => Err(Failure::check("the plugin cannot be loaded", "its output is above")),
        }
    }

    /// Loads Python, torch_npu and both halves of the plugin, with stubs in the place of CANN and the driver, and files in the place of devices.
    /// It goes as far as a machine without CANN can: the device is registered, and there is none.
    fn load(&self) -> Result<(), Failure> {
        if !self.torch.join("lib/libtorch_python.so").exists() {
            eprintln!(
                "torch_npu was not loaded: the libtorch is one without Python; DINOV3_LIBTORCH names the `torch` folder of an installed PyTorch 2.8"
            );
            return Ok(());
        }
        let machine = self.out.join("machine");
        self.stubs(&machine)?;
        let text = |path: PathBuf| path.display().to_string();
        let before = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
        let variables = [
            ("ASCEND_HOME_PATH", text(machine.join("cann"))),
            ("ASCEND_OPP_PATH", text(machine.join("cann/opp"))),
            ("DINOV3_NPU_DEVICES", text(machine.join("dev"))),
            ("PYTHONPATH", self.torch.parent().unwrap_or(self.torch).display().to_string()),
            (
                "LD_LIBRARY_PATH",
                format!("{}:{}:{before}", machine.join("lib").display(), self.torch.join("lib").display()),
            ),
        ];
        let (_, said) = self.conforms("device/1", &variables)?;
        if said.contains("pass    device/1 register_device") && said.contains("there is no device to check") {
            return Ok(());
        }
        Err(Failure::check("torch_npu was not loaded", "its output is above"))
    }

    /// Libraries that define what torch_npu needs of CANN, each call of which fails as without a device; folders and files of an installation.
    fn stubs(&self, machine: &Path) -> Result<(), Failure> {
        let shell = self.shell;
        let failed = |error: String| {
            Failure::environment(format!("no stub of CANN can be made: {error}"), "a C compiler and `nm` are needed")
        };
        for folder in ["lib", "cann/opp", "cann/runtime", "cann/compiler", "dev"] {
            fs::create_dir_all(machine.join(folder)).map_err(|error| failed(error.to_string()))?;
        }
        for device in ["davinci_manager", "devmm_svm", "hisi_hdc"] {
            fs::write(machine.join("dev").join(device), "").map_err(|error| failed(error.to_string()))?;
        }
        let folder = self.torch_npu.join("lib");
        let libraries = ["libtorch_npu.so", "libtensorpipe.so", "libnpu_profiler.so"].map(|name| folder.join(name));
        let wanted = cmd!(shell, "nm -D --undefined-only {libraries...}")
            .quiet()
            .read()
            .map_err(|error| failed(error.to_string()))?;
        let of_cann = |name: &&str| name.starts_with("acl") || name.starts_with("Hccl");
        let names: std::collections::BTreeSet<&str> =
            wanted.lines().filter_map(|line| line.split_whitespace().last()).filter(of_cann).collect();
        let calls: String = names.into_iter().map(|name| format!("int {name}(void) {{ return 507899; }}\n")).collect();
        for library in CANN {
            let to = machine.join("lib").join(library);
            let program = if library == "libascendcl.so" { calls.as_str() } else { "" };
            let made =
                cmd!(shell, "cc -shared -fPIC -w -x c - -o {to} -Wl,-soname,{library}").stdin(program).quiet().run();
            made.map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }
}
