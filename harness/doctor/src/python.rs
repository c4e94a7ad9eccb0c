//! Python, PyTorch and torch_npu.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dinov3_reports::message::{Item, Premul, Python, Why};
use serde::Deserialize;

use crate::cann::Toolkit;
use crate::program::{Ran, first_line, run};
use crate::{Family, Findings, Machine, Request};

/// The release of the published run.
const PUBLISHED: &str = "2.8.0";

/// torch_npu's releases for PyTorch 2.8.0: version, tag, CANN, PREMUL_SUM.
const RELEASES: [(&str, &str, &str, Premul); 6] = [
    ("2.8.0", "v7.2.0", "8.3.RC1", Premul::Raises),
    ("2.8.0.post1", "v7.2.0.1", "8.3.RC1", Premul::Raises),
    ("2.8.0.post2", "v7.3.0", "8.5.0", Premul::DividedInPython),
    ("2.8.0.post3", "v7.3.1", "8.5.0", Premul::DividedInPython),
    ("2.8.0.post4", "v26.0.0", "9.0.0", Premul::InPlace),
    ("2.8.0.post5", "v26.0.1", "9.0.0", Premul::InPlace),
];

/// Names the interpreter whose PyTorch the program runs on; the script of the wheel sets it.
const INTERPRETER: &str = "DINOV3_PYTHON";

/// Says what is installed and imports nothing of it: to load torch_npu is to initialise CANN.
const PROBE: &str = r#"
import importlib.metadata as m, importlib.util as u, json, sys, sysconfig
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
spec = u.find_spec("torch")
folders = list(spec.submodule_search_locations or []) if spec else []
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3], "program": sys.executable,
    "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")), "torch": folders[0] if folders else None,
    "packages": {n: v for n in ("torch", "torch_npu", "nvidia-nccl-cu12") for v in [version(n)] if v}}))
"#;

/// What an interpreter says of itself.
#[derive(Debug, Deserialize)]
pub struct Packages {
    version: String,
    program: String,
    shared: bool,
    /// The folder of PyTorch.
    pub torch: Option<PathBuf>,
    packages: BTreeMap<String, String>,
}

impl Packages {
    /// The version of torch_npu.
    pub fn torch_npu(&self) -> Option<&str> {
        self.packages.get("torch_npu").map(String::as_str)
    }

    /// What torch_npu does with PREMUL_SUM, where it is a known release.
    pub fn premul(&self) -> Option<Premul> {
        let version = public(self.torch_npu()?);
        RELEASES.iter().find(|release| release.0 == version).map(|release| release.3)
    }
}

/// Everything about Python. Gives what is installed, if there is an interpreter.
pub fn look(
    machine: &Machine,
    request: &Request,
    toolkit: Option<&Toolkit>,
    findings: &mut Findings,
) -> Option<Packages> {
    let packages = match probe(machine, request.interpreter.as_deref()) {
        Ok(packages) => packages,
        Err(finding) => {
            if request.device == Family::Cpu {
                findings.idle(Item::Python, Why::OtherDevice { needs: "npu, cuda".to_owned() });
            } else {
                findings.add(finding);
            }
            for item in [Item::Pytorch, Item::TorchNpu, Item::C10d] {
                findings.idle(item, Why::Depends { on: Item::Python });
            }
            return None;
        }
    };
    interpreter(&packages, request.device, findings);
    let torch = torch(&packages, request.device, findings);
    match request.device {
        Family::Npu => torch_npu(&packages, torch.as_deref(), toolkit, findings),
        Family::Cuda => nccl(&packages, findings),
        Family::Cpu => {}
    }
    Some(packages)
}

fn probe(machine: &Machine, named: Option<&Path>) -> Result<Packages, Python> {
    let named = named.or_else(|| machine.variable(INTERPRETER).map(Path::new)).map(Path::to_owned);
    let program = named.or_else(|| machine.program("python3", &[])).ok_or(Python::Absent)?;
    let name = program.display().to_string();
    match run(machine, &program, &["-c", PROBE]) {
        Ran::Ended { well: true, stdout, .. } => {
            serde_json::from_str(&stdout).map_err(|_| Python::Fails { program: name, said: first_line([&*stdout]) })
        }
        Ran::Ended { stdout, stderr, .. } => {
            // The last line of a traceback says what is wrong.
            let said = stderr.lines().rev().chain(stdout.lines()).map(str::trim).find(|line| !line.is_empty());
            Err(Python::Fails { program: name, said: said.unwrap_or("nothing").to_owned() })
        }
        Ran::TooLong => Err(Python::Hangs { program: name, seconds: machine.limit.as_secs() }),
        Ran::NotStarted(error) => Err(Python::Fails { program: name, said: error.to_string() }),
    }
}

fn interpreter(packages: &Packages, device: Family, findings: &mut Findings) {
    let version = packages.version.clone();
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok());
    let supported = version.starts_with("3.") && minor.is_some_and(|minor: u32| (9..=11).contains(&minor));
    match (device, minor) {
        (Family::Npu, _) if !supported => findings.add(Python::Unsupported { version }),
        (Family::Npu, Some(11)) if !packages.shared => findings.add(Python::Static { version }),
        (Family::Npu, Some(9 | 10)) => findings.add(Python::NotPublished { version }),
        _ => findings.fine(Item::Python, format!("{version}, {}", packages.program)),
    }
}

/// The whole version of PyTorch, with its build: `2.8.0+cu128`.
fn torch(packages: &Packages, device: Family, findings: &mut Findings) -> Option<String> {
    let Some(folder) = &packages.torch else {
        match device {
            Family::Cpu => findings.idle(Item::Pytorch, Why::OtherDevice { needs: "npu, cuda".to_owned() }),
            _ => findings.add(Python::NoTorch { python: packages.program.clone() }),
        }
        return None;
    };
    let file = std::fs::read_to_string(folder.join("version.py")).unwrap_or_default();
    let written = file.lines().find_map(|line| line.strip_prefix("__version__ = "));
    let written = written.map(|text| text.trim().trim_matches(['\'', '"']).to_owned());
    let version = written.or_else(|| packages.packages.get("torch").cloned()).unwrap_or_else(|| "?".to_owned());
    let for_cuda = version.contains("+cu");
    match device {
        Family::Cpu => findings.fine(Item::Pytorch, format!("{version}, {}", folder.display())),
        _ if public(&version) != PUBLISHED => findings.add(Python::OtherTorch { version: version.clone() }),
        Family::Npu if for_cuda => findings.add(Python::CudaTorch { version: version.clone() }),
        Family::Cuda if version.contains("+cpu") => {
            findings.add(dinov3_reports::message::Cuda::CpuTorch { version: version.clone() });
        }
        _ => findings.fine(Item::Pytorch, format!("{version}, {}", folder.display())),
    }
    Some(version)
}

fn torch_npu(packages: &Packages, torch: Option<&str>, toolkit: Option<&Toolkit>, findings: &mut Findings) {
    let Some(version) = packages.torch_npu().map(str::to_owned) else {
        return findings.add(Python::NoTorchNpu);
    };
    let series = public(&version).split(".post").next().unwrap_or_default().to_owned();
    let torch = torch.map(public).unwrap_or(PUBLISHED);
    if series != torch {
        return findings.add(Python::OtherTorchNpu { version, torch: torch.to_owned() });
    }
    let Some((_, tag, cann, premul)) = RELEASES.iter().find(|release| release.0 == public(&version)) else {
        return findings.add(Python::UnknownTorchNpu { version });
    };
    match toolkit.filter(|toolkit| series_of_cann(&toolkit.version) != series_of_cann(cann)) {
        Some(toolkit) => {
            let found = toolkit.version.clone();
            findings.add(Python::ForOtherCann { version, needs: (*cann).to_owned(), found });
        }
        None => {
            let (tag, cann) = ((*tag).to_owned(), (*cann).to_owned());
            findings.add(Python::TorchNpu { version, tag, cann, premul: *premul });
        }
    }
}

fn nccl(packages: &Packages, findings: &mut Findings) {
    match packages.packages.get("nvidia-nccl-cu12") {
        Some(version) => findings.fine(Item::Nccl, version),
        None => findings.add(dinov3_reports::message::Cuda::NoNccl),
    }
}

/// `2.8.0` of `2.8.0+cpu`.
fn public(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

/// `8.3` of `8.3.RC1`.
fn series_of_cann(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}
