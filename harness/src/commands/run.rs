//! `run`: suites, their events to the terminal and the report, the gate to the exit code.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use dinov3_golden::manifest::Profile;
use dinov3_reports::{Collector, Event, Reporter, RunReport, Terminal, print, render, write::Format, write_report};
use dinov3_suites::catalogue::{self, SuiteInfo};
use dinov3_suites::layers;

use crate::cli::{FormatArg, RunArgs};
use crate::{device, environment};

/// What to run, with nothing left to doubt.
struct Request {
    suites: Vec<SuiteInfo>,
    golden: Vec<PathBuf>,
    profile: Profile,
    source: layers::Source,
    device: String,
    reports: Vec<PathBuf>,
    format: Option<Format>,
    allow_vacuous: Vec<String>,
}

/// Runs the suites asked for and reports; the exit code is the gate's.
pub fn run(args: RunArgs) -> Result<i32> {
    let request = resolve(args)?;
    let started = Instant::now();
    let mut environment = environment::environment(&request.device);
    // What a program reads goes to standard output alone.
    let mut terminal: Box<dyn Reporter> = match request.format {
        Some(_) => Box::new(Terminal::on_stderr()),
        None => Box::new(Terminal::on_stdout()),
    };
    let mut collector = Collector::default();
    terminal.event(&Event::RunStarted { tool: environment::tool(), environment: environment.clone() })?;
    for suite in &request.suites {
        run_suite(suite, &request, &mut (&mut terminal, &mut collector))?;
    }
    environment.threads = dinov3_model::runtime::threads();
    environment.seconds = started.elapsed().as_secs_f64();
    let report = collector.into_report(environment::tool(), environment, request.allow_vacuous.clone());
    let gate = report.gate();
    let seconds = report.environment.seconds;
    deliver(&report, &request, &mut terminal)?;
    terminal.event(&Event::RunFinished { gate, seconds })?;
    Ok(gate.exit_code())
}

fn resolve(args: RunArgs) -> Result<Request> {
    let mut suites: Vec<SuiteInfo> = Vec::new();
    for name in &args.suite {
        let selected = catalogue::select(name);
        if selected.is_empty() {
            bail!("there is no suite `{name}`\nhint: {}", nearest(name));
        }
        suites.extend(selected.into_iter().filter(|suite| !suites.contains(suite)).collect::<Vec<_>>());
    }
    for path in &args.report {
        Format::of_path(path)?;
    }
    let (source, device) = match args.candidate {
        Some(folder) => (layers::Source::Candidate(folder), "the candidate's own".to_owned()),
        None => {
            let device = device::parse(&args.device)?;
            (layers::Source::Trainer { device, plant: args.plant }, device::name(device))
        }
    };
    Ok(Request {
        suites,
        golden: super::golden_roots(&args.golden),
        profile: args.profile.into(),
        source,
        device,
        reports: args.report,
        format: args.format.map(|format| match format {
            FormatArg::Json => Format::Json,
            FormatArg::Markdown => Format::Markdown,
            FormatArg::Junit => Format::Junit,
        }),
        allow_vacuous: args.allow_vacuous,
    })
}

/// The suite or group whose name is most like the one given, or where to find all of them.
fn nearest(name: &str) -> String {
    let names = catalogue::CATALOGUE.iter().flat_map(|suite| [suite.name, suite.group]);
    let similar = names.map(|known| (strsim::jaro_winkler(name, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match similar {
        Some((similarity, known)) if similarity > 0.7 => format!("did you mean `{known}`?"),
        _ => "`dinov3-harness suites` lists them".to_owned(),
    }
}

fn run_suite(suite: &SuiteInfo, request: &Request, reporter: &mut dyn Reporter) -> Result<()> {
    match suite.name {
        "layers" => {
            let Request { golden, profile, source, .. } = request;
            let request = layers::Request { golden: golden.clone(), profile: *profile, source: source.clone() };
            Ok(layers::run(&request, reporter)?)
        }
        name => bail!("the suite `{name}` is in the catalogue but cannot be run"),
    }
}

fn deliver(report: &RunReport, request: &Request, terminal: &mut impl Reporter) -> Result<()> {
    for path in &request.reports {
        write_report(path, report)?;
        terminal.event(&Event::Note(format!("report: {}", path.display())))?;
    }
    if let Some(format) = request.format {
        print(&mut anstream::stdout(), &render(report, format)?)?;
    }
    Ok(())
}
