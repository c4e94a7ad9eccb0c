//! `run`: runs suites, hands their events to the terminal and the report, and turns the gate into the exit code.

pub mod launch;
mod request;

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use dinov3_reports::events::JsonLines;
use dinov3_reports::message::Run as Note;
use dinov3_reports::write::WriteError;
use dinov3_reports::{Collector, Event, SCHEMA_VERSION, SuiteResult};
use dinov3_suites::{Planned, Session};

use crate::cli::RunArgs;
use crate::deliver::tell;
use crate::failure::{OUR_FAULT, Result, refusal};
use crate::{environment, failure};
use request::Request;

/// Runs the suites of the arguments and reports. The exit code is the gate's. With several ranks, rank 0 reports, and all give its exit code.
pub fn run(args: RunArgs) -> Result<i32> {
    let (nproc, is_a_rank) = (args.nproc, dinov3_ranks::launch::is_a_rank());
    if let (Some(count), true) = (nproc, is_a_rank) {
        // A rank starts no ranks: this refuses, whatever the other arguments are.
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
    match &led {
        Ok(code) => session.end(*code)?,
        Err(error) => session.give_up(failure::exit_code(error)),
    }
    led
}

/// Runs the suites and reports, as rank 0 or alone.
fn lead(request: &Request, session: &Session) -> Result<i32> {
    let started = Instant::now();
    let plans = plans(request, session)?;
    let mut terminal = request.output.terminal();
    let mut kept = (request.events.as_deref().map(events_file).transpose()?, Collector::default());
    let begun = Event::RunStarted {
        schema_version: SCHEMA_VERSION,
        tool: environment::tool(),
        environment: environment::environment(request.judged(), request.work.device()),
        allow_vacuous: request.allow_vacuous.clone(),
    };
    tell(&mut (&mut terminal, &mut kept), &begun)?;
    session.lead(&plans, &mut (&mut terminal, &mut kept))?;
    for note in remarks(kept.1.suites(), request) {
        tell(&mut (&mut terminal, &mut kept), &Event::Note { note: note.into() })?;
    }
    // The number of threads is known now, since a golden set sets it.
    let (gate, threads) = (kept.1.gate(), dinov3_torch::runtime::threads());
    let ended = Event::RunFinished { gate, threads, seconds: started.elapsed().as_secs_f64() };
    tell(&mut kept, &ended)?;
    let report = kept.1.report().ok_or_else(|| refusal("the run ended before it began", OUR_FAULT))?;
    // If a report cannot be written, the other reports and the last line still are.
    let delivered = request.output.deliver(&report, &mut terminal);
    tell(&mut terminal, &ended)?;
    delivered.map(|()| gate.exit_code())
}

/// The file of events, emptied.
fn events_file(path: &Path) -> Result<JsonLines<File>, WriteError> {
    let fault = |cause| WriteError::Io { path: path.to_owned(), cause };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fault)?;
    }
    File::create(path).map(JsonLines::new).map_err(fault)
}

/// The plans of the suites. A group may run on sets that are for one of its members only; a run of idle suites alone is an error.
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

/// Remarks on arguments that had no effect.
fn remarks(suites: &[SuiteResult], request: &Request) -> Vec<Note> {
    let ran = |id: &String| suites.iter().flat_map(|suite| &suite.checks).any(|check| check.id == *id);
    let idle = request.allow_vacuous.iter().filter(|id| !ran(id));
    idle.map(|id| Note::NoSuchCheck { option: format!("--allow-vacuous {id}") }).collect()
}
