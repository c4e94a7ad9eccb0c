//! `train`: the reference's training program.

use std::thread;

use dinov3_ground::AnyError;
use dinov3_program::{
    Aside, Asked, Cause, Job, Links, Live, Outcome, Plan, ProgramError, Recipe, Resume, Screen, Source,
};
use dinov3_reports::exit;
use dinov3_torch::device::{Device, caught};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{config, run};
use crate::cli::{NeverRead, ResumeArg, TrainArgs};
use crate::device;
use crate::failure::{EnvironmentFailure, Result, refusal};

/// Trains; gives the exit code.
pub fn train(args: TrainArgs) -> Result<i32> {
    if let Some(count) = args.nproc {
        return run::launch::launch(count);
    }
    let job = Job::of_environment()?;
    let asked = asked(args, &job)?;
    let plan = Plan::of(asked.clone(), job.world())?;
    if job.rank() == 0 {
        config::remark(&plan.merged, &plan.remarks())?;
    }
    let links = Links::of_students(asked.device, job, plan.students())?;
    match caught(|| plan.train(&links, screen()).map_err(AnyError::from)) {
        Ok(Ok(Outcome::Done | Outcome::Stopped { .. })) => Ok(exit::PASS),
        Ok(Err(error)) => Err(error),
        // On the host it is a fault of this program.
        Err(failure) if asked.device == Device::Cpu => panic!("{failure}"),
        Err(failure) => {
            let hint = "the same command goes on from the last checkpoint; see the log of the device's driver";
            Err(EnvironmentFailure::new(format!("{} failed: {failure}", asked.device), hint).into())
        }
    }
}

/// The exit code of a training that ended early.
pub fn exit_code(error: &ProgramError) -> i32 {
    match error.cause() {
        Cause::Input => exit::USAGE,
        Cause::Training => exit::CHECK_FAILED,
        Cause::Peer => exit::PEER,
        Cause::Environment => exit::ENVIRONMENT,
    }
}

fn asked(args: TrainArgs, job: &Job) -> Result<Asked> {
    if let Some(option) = never_read(&args.never_read) {
        let hint =
            "leave it out; `dinov3-harness run` judges, and the teacher of each export can be evaluated elsewhere";
        return Err(refusal(format!("`{option}` does nothing in the reference's program, or crashes it"), hint));
    }
    if let Some(word) = args.overrides.iter().find(|word| word.starts_with('-')) {
        let what =
            format!("`{word}` comes after the first KEY=VALUE, where the reference takes every word for an override");
        return Err(refusal(what, "give options before the overrides"));
    }
    let source = match (args.config_file, args.recipe) {
        (Some(base), _) if args.multi_distillation => Source::Students { base, rank: job.rank(), world: job.world() },
        (Some(path), _) => Source::File(path),
        (None, _) if args.multi_distillation => {
            let hint = "give --config-file FILE, the base config with `multidistillation.students`";
            return Err(refusal("`--multi-distillation` needs a config that lists the students", hint));
        }
        (None, Some(name)) => Source::Recipe(Recipe::named(&name)?),
        (None, None) => {
            return Err(refusal("there is nothing to train", "give --config-file FILE or --recipe NAME"));
        }
    };
    let threads = args.loader_threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    Ok(Asked {
        source,
        overrides: args.overrides,
        output_dir: args.output_dir,
        seed: args.seed,
        resume: match (args.no_resume, args.resume_as) {
            (true, _) => Resume::Not,
            (false, ResumeArg::Exact) => Resume::Exactly,
            (false, ResumeArg::Reference) => Resume::AsReference,
        },
        steps: args.steps,
        until: None,
        tensorboard: args.tensorboard,
        device: device::parse(&args.device, job.local_rank(), args.plugin.as_deref())?,
        threads,
        broken_limit: args.broken_limit,
        trace: args.trace.map(|every| every as usize),
        ulp_seed: args.ulp_seed,
    })
}

/// The first option given that does nothing in the reference.
fn never_read(options: &NeverRead) -> Option<&'static str> {
    let given = [
        ("--eval-only", options.eval_only),
        ("--eval", options.eval.is_some()),
        ("--eval_pretrained_weights", options.eval_pretrained_weights.is_some()),
        ("--benchmark-codebase", options.benchmark_codebase),
        ("--test-ibot", options.test_ibot),
        ("--profiling", options.profiling),
        ("--dump-fsdp-weights", options.dump_fsdp_weights),
        ("--record_ref_losses", options.record_ref_losses),
        ("--ref_losses_path", options.ref_losses_path.is_some()),
    ];
    given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
}

/// A line on standard error, which is hidden where that is no terminal.
struct Line(ProgressBar);

impl Live for Line {
    fn show(&mut self, line: &str) {
        self.0.set_message(line.to_owned());
        self.0.tick();
    }
}

/// Ends with its bar.
impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

struct Beside(ProgressBar);

impl Aside for Beside {
    fn aside(&self, print: &mut dyn FnMut()) {
        self.0.suspend(print);
    }
}

fn screen() -> Screen<'static> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = bar.with_style(style);
    let live = Some(Box::new(Line(bar.clone())) as Box<dyn Live>);
    Screen { live, aside: Some(Box::new(Beside(bar))), quiet: false, measure: None }
}
