//! The command lines `cargo harness ARGS…` and `cargo ci TASK`.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};

use clap::{Parser, Subcommand};

use crate::cuda::CudaArgs;
use crate::environment::shell_lines;
use crate::failure::Failure;
use crate::gate::GateArgs;
use crate::package::{InstallArgs, PackageArgs};
use crate::wheel::WheelArgs;
use crate::{aarch64, cuda, gate, harness, libtorch, npu, package, tasks, wheel};

const VARIABLES: &str = "\
Environment:
  DINOV3_LIBTORCH  a libtorch 2.8 folder, or the `torch` folder of an installed PyTorch 2.8, to use instead of a download
  LIBTORCH         the same, for whoever has it set already; DINOV3_LIBTORCH comes first
  DINOV3_CACHE     folder for the downloaded libtorch; the user's cache folder by default

Exit codes: 0 success, 1 a check failed, 2 wrong usage, 3 the environment is missing something.";

#[derive(Debug, Parser)]
#[command(name = "cargo ci", bin_name = "cargo ci", about = "Set-up and checks of this repository", after_help = VARIABLES)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
enum Task {
    /// Everything a change must pass: set-up, lint, then all tests
    Test,
    /// Format, clippy and documentation, none of which may complain
    Lint,
    /// Bring libtorch here, if it is not yet, and print its folder
    Libtorch,
    /// Print shell lines for plain cargo: eval "$(cargo ci env)"
    Env,
    /// Run the benchmarks, or one of them
    Bench {
        /// Name of a bench target
        name: Option<String>,
        /// Given to it as they are
        #[arg(last = true, requires = "name")]
        arguments: Vec<OsString>,
    },
    /// Hand mutated files to every reader of files from elsewhere; needs no libtorch
    Fuzz {
        /// Minutes for each reader
        #[arg(long, value_name = "N", default_value_t = 1.0)]
        minutes: f64,
        /// One reader instead of all
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
    },
    /// Compile and link the plugin for torch_npu against PyPI's wheel, which is fetched once
    Npu,
    /// Compile for aarch64 on a machine of another kind, and run what emulation can
    Aarch64,
    /// Make a folder that judges and measures on a bare machine with one GPU
    Cuda(CudaArgs),
    /// What a change must pass on a device: doctor, precision, trajectory, performance, and a summary
    Gate(GateArgs),
    /// Build dinov3-harness and put it on the PATH, with its golden sets
    Install(InstallArgs),
    /// Make a folder that runs on another machine of this kind, without cargo
    Package(PackageArgs),
    /// Make a Python wheel that runs on the PyTorch of the environment it is installed in
    Wheel(WheelArgs),
    /// Build dinov3-harness and run it: `cargo harness ARGS…` is short for this
    Harness {
        /// Given to dinov3-harness as they are
        arguments: Vec<OsString>,
    },
}

/// Whether `line`, without `cargo ci`, is a task with arguments that it takes: for tests of the workflows.
#[cfg(test)]
pub fn is_a_task(line: &str) -> bool {
    Arguments::try_parse_from(std::iter::once("cargo ci").chain(line.split_whitespace())).is_ok()
}

/// Does what the arguments (without the program's name) ask for.
pub fn run(arguments: Vec<OsString>) -> Result<(), Failure> {
    match parse(arguments) {
        Task::Harness { arguments } => harness::run(&arguments),
        Task::Test => tasks::test(),
        Task::Lint => tasks::lint(),
        Task::Bench { name, arguments } => tasks::bench(name.as_deref(), &arguments),
        Task::Fuzz { minutes, target } => tasks::fuzz(minutes, target.as_deref()),
        Task::Npu => npu::npu(),
        Task::Aarch64 => aarch64::aarch64(),
        Task::Cuda(args) => cuda::cuda(&args),
        Task::Gate(args) => gate::gate(&args),
        Task::Install(args) => package::install(&args),
        Task::Package(args) => package::package(&args),
        Task::Wheel(args) => wheel::wheel(&args),
        Task::Libtorch => print(&format!("{}\n", libtorch::provide()?.display())),
        Task::Env => print(&shell_lines(&libtorch::provide()?)),
    }
}

/// clap would read `--help` and drop `--`, so what comes after `harness` does not pass through it.
fn parse(arguments: Vec<OsString>) -> Task {
    match arguments.split_first() {
        Some((first, rest)) if first == "harness" => Task::Harness { arguments: rest.to_vec() },
        _ => Arguments::parse_from(std::iter::once(OsString::from("cargo ci")).chain(arguments)).task,
    }
}

/// Data goes to stdout; whoever closes the pipe has read enough.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::environment(format!("cannot write to stdout: {error}"), "look at where stdout is directed to"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn task(arguments: &[&str]) -> Task {
        parse(arguments.iter().map(OsString::from).collect())
    }

    #[test]
    fn the_harness_gets_its_arguments_untouched() {
        for arguments in
            [&["--help"][..], &["--", "layers"], &["layers", "--", "--set", "a b"], &["-h", ""], &["help"], &[]]
        {
            let given = ["harness"].iter().chain(arguments).copied().collect::<Vec<_>>();
            let expected = arguments.iter().map(OsString::from).collect();
            assert_eq!(task(&given), Task::Harness { arguments: expected });
        }
    }

    #[cfg(unix)]
    #[test]
    fn arguments_need_not_be_unicode() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(vec![0xff, b'a']);
        let parsed = parse(vec![OsString::from("harness"), odd.clone()]);
        assert_eq!(parsed, Task::Harness { arguments: vec![odd] });
    }

    #[test]
    fn tasks_are_known_by_name() {
        assert_eq!(task(&["test"]), Task::Test);
        assert_eq!(task(&["lint"]), Task::Lint);
        assert_eq!(task(&["libtorch"]), Task::Libtorch);
        assert_eq!(task(&["env"]), Task::Env);
        assert_eq!(task(&["npu"]), Task::Npu);
        let fuzz = |minutes, target: Option<&str>| Task::Fuzz { minutes, target: target.map(str::to_owned) };
        assert_eq!(task(&["fuzz"]), fuzz(1.0, None));
        assert_eq!(task(&["fuzz", "--minutes", "0.5", "--target", "yaml"]), fuzz(0.5, Some("yaml")));
        let bench = |name: Option<&str>, arguments: &[&str]| Task::Bench {
            name: name.map(str::to_owned),
            arguments: arguments.iter().map(OsString::from).collect(),
        };
        assert_eq!(task(&["bench"]), bench(None, &[]));
        assert_eq!(task(&["bench", "compare"]), bench(Some("compare"), &[]));
        assert_eq!(task(&["bench", "step", "--", "--rounds", "2"]), bench(Some("step"), &["--rounds", "2"]));
    }

    #[test]
    fn arguments_of_a_benchmark_need_its_name() {
        // All of them have no options in common.
        assert!(Arguments::try_parse_from(["cargo ci", "bench", "--", "--rounds", "2"]).is_err());
        assert!(Arguments::try_parse_from(["cargo ci", "bench", "step", "--rounds", "2"]).is_err());
    }

    #[test]
    fn an_unknown_task_is_wrong_usage() {
        let error = Arguments::try_parse_from(["cargo ci", "tset"]).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(crate::failure::USAGE));
    }

    #[test]
    fn help_reads_well() {
        insta::assert_snapshot!(Arguments::command().term_width(100).render_help().to_string());
    }
}
