//! `run`: suites, their events to the terminal and the report, the gate to the exit code.

mod launch;
mod request;

use std::time::Instant;

use dinov3_ground::Words;
use dinov3_reports::{Collector, Event, Reporter, RunReport, Terminal, render, write_report};
use dinov3_suites::{Planned, Session};

use crate::cli::RunArgs;
use crate::failure::Result;
use crate::{environment, failure};
use request::Request;

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
    let session = Session::open(&request.work)?;
    if !session.leads() {
        return Ok(session.follow(&request.work)?);
    }
    let led = lead(&request, &session);
    let ended = session.end(led.as_ref().copied().unwrap_or_else(failure::exit_code));
    // What went wrong first counts.
    led.and_then(|code| Ok(ended.map(|()| code)?))
}

/// Runs the suites and reports, with the other ranks' help if there are any.
fn lead(request: &Request, session: &Session) -> Result<i32> {
    let started = Instant::now();
    let plans = plans(request, session)?;
    let mut environment = environment::environment(&request.device());
    // What a program reads goes to standard output alone.
    let mut terminal: Box<dyn Reporter> = match request.format {
        Some(_) => Box::new(Terminal::on_stderr()),
        None => Box::new(Terminal::on_stdout()),
    };
    let mut collector = Collector::default();
    tell(&mut terminal, &Event::RunStarted { tool: environment::tool(), environment: environment.clone() })?;
    session.lead(&plans, &mut (&mut terminal, &mut collector))?;
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

/// What each suite does. A group may be run on what is for one of its members; a run of idle suites alone is a mistake.
fn plans(request: &Request, session: &Session) -> Result<Vec<Planned<'static>>> {
    let (mut plans, mut idle) = (Vec::new(), None);
    for suite in &request.suites {
        match suite.plan(&request.work, session) {
            Ok(plan) => plans.push((suite.info(), plan)),
            Err(error) if error.is_idle() => idle = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match idle {
        Some(idle) if plans.is_empty() => Err(idle.into()),
        _ => Ok(plans),
    }
}

fn tell(terminal: &mut impl Reporter, event: &Event) -> Result<()> {
    terminal.event(event).map_err(|error| {
        Words::new("the results cannot be shown")
            .hint("see where the output is redirected to, and whether that disk is full")
            .because(error)
            .into()
    })
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
