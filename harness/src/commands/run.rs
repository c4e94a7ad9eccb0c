//! `run`: runs suites, hands their events to the terminal and the report, and turns the gate into the exit code.

mod demands;
mod gate;
mod heard;
pub mod launch;
mod patience;
mod plans;
mod request;
mod signals;

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use dinov3_ground::AnyError;
use dinov3_ground::hint::text;
use dinov3_ground::similar::most_like;
use dinov3_reports::events::JsonLines;
use dinov3_reports::message::{Coverage, Run as Note};
use dinov3_reports::write::WriteError;
use dinov3_reports::{Collector, Event, Judged, Message, SCHEMA_VERSION, SuiteResult};
use dinov3_suites::judging::words;
use dinov3_suites::{Session, SuiteError};
use dinov3_torch::device::Device;

use crate::cli::RunArgs;
use crate::deliver::{Output, shown, tell};
use crate::failure::{OUR_FAULT, Result, refusal};
use crate::{environment, failure};
use demands::Demanding;
use heard::{Shared, suite_of_the_run};
use request::Request;
use signals::Waiting;

/// Runs the suites of the arguments and reports. The exit code is the gate's. With several ranks, rank 0 reports, and all give its exit code.
/// Whatever ends the run, the report says it, and an older one does not stay.
pub fn run(args: RunArgs) -> Result<i32> {
    let (nproc, is_a_rank) = (args.nproc, dinov3_ranks::launch::is_a_rank());
    if let (Some(count), true) = (nproc, is_a_rank) {
        // A rank starts no ranks: this refuses, whatever the other arguments are.
        return launch::launch(count);
    }
    let refused = Refused::of(&args);
    let request = refused.report(Request::of(args))?;
    if nproc.is_some() || is_a_rank {
        refused.report(request.can_be_shared())?;
    }
    if let Some(count) = nproc {
        return launch::launch(count);
    }
    let session = patience::told(|| Session::open(&request.work).map_err(AnyError::from));
    let session = refused.report(session)?;
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

/// What the report of a run needs that is refused before it begins.
struct Refused {
    output: Output,
    judged: Judged,
    allow_vacuous: Vec<String>,
}

impl Refused {
    fn of(args: &RunArgs) -> Self {
        let judged = match &args.candidate[..] {
            [] => Judged::Trainer { device: args.device.clone(), planted: args.plant.clone() },
            folders => request::candidates(folders),
        };
        let output = Output::unchecked(args.output.clone());
        Self { output, judged, allow_vacuous: args.allow_vacuous.clone() }
    }

    /// The same result; an error is reported first, by rank 0.
    fn report<T>(&self, result: Result<T>) -> Result<T> {
        let first = !dinov3_ranks::launch::is_a_rank() || std::env::var("RANK").is_ok_and(|rank| rank == "0");
        if let (Err(error), true) = (&result, first) {
            let mut collector = Collector::default();
            let why = Coverage::Error { text: text(error.as_hint()) };
            for event in
                [begun(self.judged.clone(), Device::Cpu, &self.allow_vacuous)].into_iter().chain(heard::ended(why))
            {
                tell(&mut collector, &event)?;
            }
            if let Some(report) = collector.report() {
                self.output.deliver_quietly(&report);
            }
        }
        result
    }
}

/// The beginning of a run.
fn begun(judged: Judged, device: Device, allow_vacuous: &[String]) -> Event {
    Event::RunStarted {
        schema_version: SCHEMA_VERSION,
        tool: environment::tool(),
        environment: environment::environment(judged, device),
        allow_vacuous: allow_vacuous.to_vec(),
    }
}

/// Runs the suites and reports, as rank 0 or alone.
fn lead(request: &Request, session: &Session) -> Result<i32> {
    let events = request.events.as_deref().map(events_file).transpose()?;
    let shared = Shared::new(request.output.terminal(), events);
    let begun = begun(request.judged(), request.work.device(), &request.allow_vacuous);
    // A report of nothing takes the place of an older one, whatever happens from here on.
    let unfinished = shared.with(|heard| shown(heard.quietly(&begun)).map(|()| heard.collector.clone().report()))?;
    if let Some(report) = unfinished {
        let _ = request.output.write(&report);
    }
    let waiting = Waiting::start(shared.clone(), request.output.clone())?;
    let led = led(request, session, &shared, &begun);
    if let Err(error) = &led {
        let by_a_signal = matches!(error.downcast_ref(), Some(SuiteError::Signal { .. }));
        if waiting.told() || by_a_signal {
            waiting.give_way();
        }
        let why = Coverage::Error { text: text(error.as_hint()) };
        let unreported = |heard: &mut heard::Heard| (!heard.over).then(|| heard.cut_short(why)).flatten();
        if let Some(report) = shared.with(unreported) {
            request.output.deliver_quietly(&report);
        }
    }
    led
}

fn led(request: &Request, session: &Session, shared: &Shared, begun: &Event) -> Result<i32> {
    let started = Instant::now();
    let plans = plans::plans(request, session)?;
    let mut reporter = shared.clone();
    shared.with(|heard| tell(&mut *heard.terminal, begun))?;
    let (required, chosen) = (&request.required, &request.work.choice.checks);
    session.lead(&plans, &mut Demanding { inner: shared.clone(), required, chosen })?;
    let suites = shared.with(|heard| heard.collector.suites().to_vec());
    let unmet = demands::unmet(required, &suites);
    if !unmet.is_empty() {
        for event in suite_of_the_run(unmet) {
            tell(&mut reporter, &event)?;
        }
    }
    for note in remarks(&suites, request) {
        tell(&mut reporter, &Event::Note { note })?;
    }
    if let Some(gate) = &request.gate {
        let mut environment = environment::environment(request.judged(), request.work.device());
        environment.threads = dinov3_torch::runtime::threads();
        for event in gate.events(&environment, &suites, &request.allow_vacuous)? {
            tell(&mut reporter, &event)?;
        }
    }
    shared.with(|heard| {
        // The number of threads is known now, since a golden set sets it.
        let (gate, threads) = (heard.collector.gate(), dinov3_torch::runtime::threads());
        let (ended, code) = (
            Event::RunFinished { gate, threads, seconds: started.elapsed().as_secs_f64() },
            heard.collector.exit_code(),
        );
        shown(heard.quietly(&ended))?;
        heard.over = true;
        let report = heard.collector.clone().report();
        let report = report.ok_or_else(|| refusal("the run ended before it began", OUR_FAULT))?;
        // If a report cannot be written, the other reports and the last line still are.
        let delivered = request.output.deliver(&report, &mut *heard.terminal);
        tell(&mut *heard.terminal, &ended)?;
        delivered.map(|()| code)
    })
}

/// The file of events, emptied.
fn events_file(path: &Path) -> Result<JsonLines<File>, WriteError> {
    let fault = |cause| WriteError::Io { path: path.to_owned(), cause };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fault)?;
    }
    File::create(path).map(JsonLines::new).map_err(fault)
}

/// Remarks on arguments that had no effect, and on what one precision alone cannot show.
fn remarks(suites: &[SuiteResult], request: &Request) -> Vec<Message> {
    let checks = || suites.iter().flat_map(|suite| &suite.checks);
    let idle = request.allow_vacuous.iter().filter(|id| !checks().any(|check| check.id == **id));
    let idle = idle.map(|id| {
        let meant = most_like(id, checks().map(|check| check.id.as_str())).map(str::to_owned);
        Message::from(Note::NoSuchCheck { option: format!("--allow-vacuous {id}"), meant })
    });
    let of_sets = checks().any(|check| check.golden.is_some());
    let alone = request.work.choice.precision.filter(|_| of_sets);
    let alone = alone.map(|judged| Coverage::OnlyPrecision { judged: words::precision(judged) });
    idle.chain(alone.map(Message::from)).collect()
}
