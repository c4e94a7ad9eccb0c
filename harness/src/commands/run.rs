//! `run`: suites, their events to the terminal and the report, the gate to the exit code.

mod launch;
mod ranks;
mod request;

use std::time::Instant;

use anyhow::{Context, Error, Result, anyhow, bail};
use dinov3_ranks::Backend;
use dinov3_reports::{Collector, Event, Reporter, RunReport, Terminal, render, write_report};
use dinov3_suites::catalogue::SuiteInfo;
use dinov3_suites::data::Data;
use dinov3_suites::layers::Layers;
use dinov3_suites::reduce_op::{self, Place, Workers};
use dinov3_suites::training::Training;
use dinov3_suites::{Judging, SuiteError, judging};

use super::worker;
use crate::cli::RunArgs;
use crate::failure::EnvironmentFailure;
use crate::{device, environment, failure};
use ranks::Ranks;
use request::Request;

/// How many ranks `reduce-op` starts at most where there are none: worlds of 1, 2, 4 and 8.
const WORKERS: usize = 8;

/// Runs the suites asked for and reports; the exit code is the gate's. Of several ranks, rank 0 does, and all give its exit code.
pub fn run(args: RunArgs) -> Result<i32> {
    let (nproc, is_a_rank) = (args.nproc, dinov3_ranks::launch::is_a_rank());
    if let (Some(count), true) = (nproc, is_a_rank) {
        // Which it refuses, whatever else the arguments say.
        return launch::launch(count);
    }
    let request = Request::of(args)?;
    if nproc.is_some() || is_a_rank {
        request.can_be_shared()?;
    }
    if let Some(count) = nproc {
        return launch::launch(count);
    }
    match Ranks::of_this_process(&request)? {
        None => lead(&request, None),
        Some(ranks) if ranks.is_first() => {
            let led = lead(&request, Some(&ranks));
            let ended = ranks.end(led.as_ref().copied().unwrap_or_else(failure::exit_code));
            // What went wrong first counts.
            led.and_then(|code| ended.map(|()| code))
        }
        Some(ranks) => ranks.follow(&request),
    }
}

/// Runs the suites and reports, with the other ranks' help if there are any.
fn lead(request: &Request, ranks: Option<&Ranks>) -> Result<i32> {
    let started = Instant::now();
    let mut environment = environment::environment(&request.device());
    // What a program reads goes to standard output alone.
    let mut terminal: Box<dyn Reporter> = match request.format {
        Some(_) => Box::new(Terminal::on_stderr()),
        None => Box::new(Terminal::on_stdout()),
    };
    let mut collector = Collector::default();
    tell(&mut terminal, &Event::RunStarted { tool: environment::tool(), environment: environment.clone() })?;
    let mut idle = Vec::new();
    for suite in &request.suites {
        idle.extend(run_suite(suite, request, ranks, &mut (&mut terminal, &mut collector))?);
    }
    // A group may be run on a set that is for one of its members; but one that was asked for in vain is a mistake.
    if idle.len() == request.suites.len()
        && let Some(idle) = idle.pop()
    {
        return Err(idle);
    }
    // Known now: a golden set brings its own number of threads.
    environment.threads = dinov3_torch::runtime::threads();
    environment.seconds = started.elapsed().as_secs_f64();
    let report = collector.into_report(environment::tool(), environment, request.allow_vacuous.clone());
    let gate = report.gate();
    for remark in remarks(&report, request) {
        tell(&mut terminal, &Event::Note(remark))?;
    }
    // A report that cannot be written costs neither the other ones nor the last line.
    let delivered = deliver(&report, request, &mut terminal);
    tell(&mut terminal, &Event::RunFinished { gate, seconds: report.environment.seconds })?;
    delivered.map(|()| gate.exit_code())
}

fn tell(terminal: &mut impl Reporter, event: &Event) -> Result<()> {
    terminal.event(event).context(
        "the results cannot be shown\nhint: see where the output is redirected to, and whether that disk is full",
    )
}

/// Runs one suite; gives the reason where there was nothing for it to judge.
fn run_suite(
    suite: &SuiteInfo,
    request: &Request,
    ranks: Option<&Ranks>,
    reporter: &mut dyn Reporter,
) -> Result<Option<Error>> {
    let training = Training { ranks: ranks.map(Ranks::to_train) };
    let judging: &dyn Judging = match suite.name {
        "data" => &Data,
        "layers" => &Layers,
        "training" => &training,
        "reduce-op" => return run_reduce_op(suite, request, ranks, reporter),
        name => bail!("the suite `{name}` is in the catalogue but cannot be run"),
    };
    if let Some(fault) = request.fault().filter(|fault| fault.is_of_the_collectives()) {
        let name = fault.name();
        return Ok(Some(anyhow!(
            "`{name}` is planted in the collectives, of which the suite `{}` has none\nhint: use `run --suite reduce-op --plant {name}`",
            suite.name
        )));
    }
    if let Some(ranks) = ranks.filter(|_| suite.name == "training") {
        ranks.begin(suite)?;
    }
    match judging::run(judging, &request.judging(), reporter) {
        Err(idle @ SuiteError::NothingFor { .. }) => Ok(Some(idle.into())),
        ran => ran.map(|()| None).map_err(Into::into),
    }
}

fn run_reduce_op(
    suite: &SuiteInfo,
    request: &Request,
    ranks: Option<&Ranks>,
    reporter: &mut dyn Reporter,
) -> Result<Option<Error>> {
    let asked = match request.of_collectives() {
        Ok(asked) => asked,
        Err(idle) => return Ok(Some(idle.into())),
    };
    if let Some(ranks) = ranks {
        ranks.begin(suite)?;
        return Ok(reduce_op::run(&asked, &Place::Ranks(ranks.to_reduce(&asked)), reporter).map(|()| None)?);
    }
    let program = launch::this_program()?;
    let ranks = workers(request.backend()?)?;
    let workers = Workers { program, arguments: worker::ARGUMENTS.map(Into::into).into(), ranks };
    Ok(reduce_op::run(&asked, &Place::Workers(&workers), reporter).map(|()| None)?)
}

/// How many ranks `reduce-op` starts: one a device, where they are not in the host's memory.
fn workers(backend: Backend) -> Result<usize> {
    let devices = match backend {
        Backend::Gloo => None,
        Backend::Nccl { .. } => Some(device::cuda_devices()),
        Backend::Plugin { plugin, .. } => {
            plugin.devices().map_err(|error| EnvironmentFailure(format!("{error}\nhint: {}", error.hint())))?
        }
    };
    match devices {
        Some(0) => Err(EnvironmentFailure(format!(
            "{backend} exchanges tensors of devices, and there is none\nhint: see that the device's driver is there"
        ))
        .into()),
        Some(count) => Ok(count.min(WORKERS)),
        None => Ok(WORKERS),
    }
}

/// What was asked for and turned out to mean nothing.
fn remarks(report: &RunReport, request: &Request) -> Vec<String> {
    let ran = |id: &String| report.checks().any(|check| check.id == *id);
    let idle = request.allow_vacuous.iter().filter(|id| !ran(id));
    idle.map(|id| format!("--allow-vacuous {id}: no check of that name ran")).collect()
}

/// Writes and prints the report wherever it is wanted; the first failure is returned after everything was tried.
fn deliver(report: &RunReport, request: &Request, terminal: &mut impl Reporter) -> Result<()> {
    let mut delivered = Ok(());
    for path in &request.reports {
        let written = write_report(path, report).map_err(Into::into);
        delivered = delivered.and(match written {
            Ok(()) => tell(terminal, &Event::Note(format!("report: {}", path.display()))),
            failed => failed,
        });
    }
    if let Some(format) = request.format {
        let text = render(report, format)?;
        delivered = delivered.and(super::print(&text));
    }
    delivered
}
