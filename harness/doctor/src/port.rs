//! What the published port changes: a line of PyTorch, by hand, and a checkout of the reference, by a patch.

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_reports::message::{Edit, Item, Port, Premul, Why};

use crate::python::Packages;
use crate::{Family, Findings, Request};

/// The pinned commit of the reference.
const COMMIT: &str = "cb054165e9ec6bd86dbae674416eb36c8349adcb";

/// The function whose op the port replaces.
const FUNCTION: &str = "def reduce_scatter_tensor(";

/// The assignment in it.
const ASSIGNMENT: &str = "opts.reduceOp =";

/// The edited line of `distributed_c10d.py`.
pub fn look_at_torch(packages: Option<&Packages>, on_npu: bool, findings: &mut Findings) {
    let Some(packages) = packages else { return };
    let Some(file) = packages.torch.as_ref().map(|folder| folder.join("distributed/distributed_c10d.py")) else {
        return findings.idle(Item::C10d, Why::Depends { on: Item::Pytorch });
    };
    let Some((line, text)) = fs::read_to_string(&file).ok().and_then(|text| assignment(&text)) else {
        return findings.idle(Item::C10d, Why::NotShown { file: file.display().to_string() });
    };
    let torch_npu = packages.torch_npu().unwrap_or_default().to_owned();
    let handles = packages.premul().is_some_and(|premul| premul != Premul::Raises);
    match text.strip_prefix(ASSIGNMENT).map(str::trim).unwrap_or_default() {
        "op" if on_npu && packages.premul() == Some(Premul::Raises) => findings.add(Edit::Unedited { torch_npu }),
        text if text == "op" || text.contains("PREMUL_SUM") => {
            findings.fine(Item::C10d, format!("line {line}: `{ASSIGNMENT} {text}`"))
        }
        "Reduceop.SUM" => findings.add(Edit::Misspelt { line }),
        "ReduceOp.SUM" if handles => findings.add(Edit::Shadows { line, torch_npu }),
        "ReduceOp.SUM" => findings.add(Edit::SumForAll { line }),
        _ => findings.add(Edit::EditedOtherwise { line, text }),
    }
}

/// The number and text of the assignment in the function.
fn assignment(text: &str) -> Option<(usize, String)> {
    let lines = text.lines().enumerate().skip_while(|(_, line)| !line.starts_with(FUNCTION)).skip(1);
    let mut body = lines.take_while(|(_, line)| !line.starts_with("def ") && !line.starts_with('@'));
    body.find(|(_, line)| line.trim().starts_with(ASSIGNMENT)).map(|(index, line)| (index + 1, line.trim().to_owned()))
}

/// The checkout of the reference, and which of the port's known defects it has.
pub fn look_at_checkout(request: &Request, findings: &mut Findings) {
    let Some(folder) = &request.checkout else {
        return findings.idle(Item::Checkout, Why::NotGiven { option: "--checkout DIR".to_owned() });
    };
    let checkout = Checkout(folder.clone());
    let files = ["dinov3/train/ssl_meta_arch.py", "dinov3/logging/helpers.py", "dinov3/train/train.py"];
    if let Some(lacks) = files.iter().find(|file| !folder.join(file).is_file()) {
        let folder = folder.display().to_string();
        return findings.add(Port::NoCheckout { folder, lacks: (*lacks).to_owned() });
    }
    let commit = commit(folder);
    let mut found: Vec<Port> = Vec::new();
    if let Some(commit) = commit.as_ref().filter(|commit| *commit != COMMIT) {
        found.push(Port::OtherCommit { commit: commit.clone() });
    }
    found.extend(checkout.defects(request.device));
    findings.all_or_fine(Item::Checkout, found, commit.unwrap_or_else(|| folder.display().to_string()));
}

struct Checkout(PathBuf);

impl Checkout {
    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_default()
    }

    /// The number of the first line of code that `is` is true of.
    fn line(&self, file: &str, is: impl Fn(&str) -> bool) -> Option<usize> {
        let text = self.read(file);
        text.lines().position(|line| is(line.split('#').next().unwrap_or_default())).map(|index| index + 1)
    }

    /// What the published patch breaks or changes, worst first.
    fn defects(&self, device: Family) -> Vec<Port> {
        let on_npu = device == Family::Npu;
        let (arch, helpers) = ("dinov3/train/ssl_meta_arch.py", "dinov3/logging/helpers.py");
        let (train, saves) = ("dinov3/train/train.py", "dinov3/checkpointer/checkpointer.py");
        let recipe = "dinov3/configs/train/vitl_im1k_lin834.yaml";
        let misspelt = self.line(arch, |line| line.contains("ema_param_lists"));
        let total = self.line(helpers, |line| line.contains("self.total") && line.contains("float32"));
        let wide = self.line(helpers, |line| line.contains("self.total") && line.contains("float64"));
        let ported = self.line(train, |line| line.trim_start().starts_with("import torch_npu")).is_some();
        let dynamo = self.line(train, |line| line.contains("_dynamo.config.disable"));
        let tf32 = self.line(train, |line| line.contains("backends.cuda.matmul.allow_tf32"));
        let host = self.line(saves, |line| line.contains(".cpu()") || line.contains("to(\"cpu\")"));
        let eager = self.line(recipe, |line| line.trim() == "compile: false");
        let all = [
            misspelt.map(|line| Port::TeacherAlone { line }),
            total.map(|line| Port::Float32Totals { line }),
            wide.filter(|_| on_npu).map(|line| Port::Float64Totals { line }),
            host.map(|line| Port::HostCheckpoint { line }),
            eager.map(|_| Port::NoCompile { file: recipe.to_owned() }),
            dynamo.map(|line| Port::NoDynamo { line }),
            tf32.filter(|_| ported).map(|line| Port::Tf32 { line }),
        ];
        all.into_iter().flatten().collect()
    }
}

/// The commit that a checkout is at, read from git's files.
fn commit(folder: &Path) -> Option<String> {
    let git = folder.join(".git");
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    if let Ok(commit) = fs::read_to_string(git.join(name)) {
        return Some(commit.trim().to_owned());
    }
    let packed = fs::read_to_string(git.join("packed-refs")).ok()?;
    let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(_, it)| *it == name).map(|(commit, _)| commit.to_owned())
}
