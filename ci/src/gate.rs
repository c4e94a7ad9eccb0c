//! `cargo ci gate`: what a workflow runs, and what anybody can run in its place. A workflow holds no logic; each of its steps is one step
//! here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::harness;

/// GitHub names the file of the job's summary here.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// GitHub refuses a summary of more than 1 MiB, and shows nothing of it.
const LARGEST_SUMMARY: usize = 900 * 1024;

/// What is asked of a run that is held against an accepted one; precision is a step of its own.
const RULES: &str = "fps>=0.97x,loss<=1.001x";

/// `cargo ci gate`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct GateArgs {
    /// One step instead of all; repeatable
    #[arg(long, value_enum)]
    step: Vec<Step>,
    /// Where to compute: cpu, cuda or npu
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Start so many ranks for the suites that train
    #[arg(long, value_name = "N")]
    nproc: Option<usize>,
    /// The plugin that lends the device, for npu
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// The folder of the reports
    #[arg(long, value_name = "DIR", default_value = "target/gate")]
    out: PathBuf,
    /// The recipe that the step `performance` measures, for one epoch
    #[arg(long, value_name = "NAME", default_value = "micro-125k")]
    recipe: String,
    /// Hold the performance against the accepted run in this file (`dinov3-harness baseline accept`)
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

/// A step of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Everything that a run needs of the machine
    Doctor,
    /// The precision suites, quick
    Precision,
    /// The recorded training, quick
    Trajectory,
    /// One epoch, and the accepted run beside it
    Performance,
    /// The reports together, in the job's summary or on standard output
    Summary,
}

/// The steps, in order.
const STEPS: [Step; 5] = [Step::Doctor, Step::Precision, Step::Trajectory, Step::Performance, Step::Summary];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Precision => "precision",
            Self::Trajectory => "trajectory",
            Self::Performance => "performance",
            Self::Summary => "summary",
        }
    }
}

/// Runs the steps. One that fails keeps none of the others from running; the first that failed gives the exit code.
pub fn gate(args: &GateArgs) -> Result<(), Failure> {
    let steps = if args.step.is_empty() { &STEPS[..] } else { &args.step };
    fs::create_dir_all(&args.out).map_err(|error| unwritten(&args.out, &error))?;
    let mut first = None;
    for &step in steps {
        let failed = match step {
            Step::Summary => summary(&args.out).err(),
            step => run(args, step).err(),
        };
        first = first.or(failed);
    }
    first.map_or(Ok(()), Err)
}

/// Runs the program for a step. Its output is the step's; what `doctor` prints is kept as well.
fn run(args: &GateArgs, step: Step) -> Result<(), Failure> {
    let arguments = arguments(args, step);
    eprintln!("$ dinov3-harness {}", arguments.join(" "));
    let mut command = harness::command()?;
    command.args(&arguments).stdin(Stdio::null());
    let code = match step {
        Step::Doctor => shown_and_kept(&mut command, &args.out.join("doctor.txt"))?,
        _ => command.status().map_err(|error| harness::cannot_run(&command, &error))?.code(),
    };
    match code {
        Some(0) => Ok(()),
        // The program has said why.
        Some(code) => Err(Failure { code: u8::try_from(code).unwrap_or(crate::failure::CHECK_FAILED), error: None }),
        None => Err(Failure::check(
            "dinov3-harness was ended by a signal",
            "the kernel's log says by whom, perhaps for its memory",
        )),
    }
}

/// The command line of a step.
fn arguments(args: &GateArgs, step: Step) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut line = match step {
        Step::Doctor => return words(&format!("doctor --device {}", args.device)),
        Step::Precision => words("run --suite precision --profile quick"),
        Step::Trajectory => words("run --suite trajectory --profile quick"),
        Step::Performance => words(&format!("run --suite performance --epochs 1 --recipe {}", args.recipe)),
        Step::Summary => Vec::new(),
    };
    line.extend(words(&format!("--device {}", args.device)));
    if let Some(plugin) = &args.plugin {
        line.extend(["--plugin".to_owned(), plugin.display().to_string()]);
    }
    if let Some(count) = args.nproc {
        line.extend(["--nproc".to_owned(), count.to_string()]);
    }
    let path = |ending: &str| args.out.join(format!("{}.{ending}", step.name())).display().to_string();
    for ending in ["md", "html", "xml", "json"] {
        line.extend(["--report".to_owned(), path(ending)]);
    }
    line.extend(["--events".to_owned(), path("jsonl")]);
    if let (Step::Performance, Some(baseline)) = (step, &args.baseline) {
        line.extend(["--baseline".to_owned(), baseline.display().to_string(), "--gate".to_owned(), RULES.to_owned()]);
    }
    line
}

/// Shows a program's standard output and keeps it in a file.
fn shown_and_kept(command: &mut Command, file: &Path) -> Result<Option<i32>, Failure> {
    let output = command.stderr(io::stderr()).output().map_err(|error| harness::cannot_run(command, &error))?;
    fs::write(file, &output.stdout).map_err(|error| unwritten(file, &error))?;
    io::stdout().write_all(&output.stdout).map_err(|error| unwritten(Path::new("standard output"), &error))?;
    Ok(output.status.code())
}

/// Puts the reports of the steps that have run into the job's summary.
fn summary(folder: &Path) -> Result<(), Failure> {
    let text = together(folder)?;
    match std::env::var_os(SUMMARY).filter(|file| !file.is_empty()) {
        Some(file) => {
            let opened: io::Result<File> = OpenOptions::new().create(true).append(true).open(&file);
            opened
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| unwritten(Path::new(&file), &error))
        }
        None => {
            io::stdout().write_all(text.as_bytes()).map_err(|error| unwritten(Path::new("standard output"), &error))
        }
    }
}

/// The reports as one page, each cut where the page would become too long.
fn together(folder: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    for step in STEPS.iter().filter(|step| **step != Step::Summary) {
        let doctor = *step == Step::Doctor;
        let file = folder.join(format!("{}.{}", step.name(), if doctor { "txt" } else { "md" }));
        let report = match fs::read_to_string(&file) {
            Ok(report) if doctor => format!("## doctor\n\n```text\n{report}```\n\n"),
            Ok(report) => format!("{report}\n"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                format!("## {}\n\nThis step left no report.\n\n", step.name())
            }
            Err(error) => return Err(unwritten(&file, &error)),
        };
        let room = LARGEST_SUMMARY.saturating_sub(text.len());
        match report.len() <= room {
            true => text += &report,
            false => {
                let end = report[..report.floor_char_boundary(room)].rfind('\n').unwrap_or(0);
                text += &format!("{}\n\n(cut here; the whole report is among the artifacts)\n\n", &report[..end]);
            }
        }
    }
    Ok(text)
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::environment(
        format!("`{}` cannot be used: {error}", path.display()),
        "name another folder with `--out DIR`",
    )
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod workflows;
