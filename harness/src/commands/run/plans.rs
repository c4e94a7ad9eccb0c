//! The plans of the suites that were asked for, and what cannot be planned.

use dinov3_ground::AnyError;
use dinov3_ground::similar::most_like;
use dinov3_reports::message::Coverage;
use dinov3_suites::{Choice, Plan, Planned, Session, Source, SuiteError, SuiteInfo, Told};

use super::request::Request;
use crate::failure::{Result, refusal};

/// The plans of the suites. A suite that was asked for by its name and has nothing to do says so; a suite whose sets are at fault is an error
/// beside the others.
///
/// # Errors
/// If nothing at all can be judged, or an error is about more than a set.
pub fn plans(request: &Request, session: &Session) -> Result<Vec<Planned<'static>>> {
    let (mut plans, mut refused, mut idle): (Vec<Planned<'static>>, Option<SuiteError>, Option<SuiteError>) =
        (Vec::new(), None, None);
    let mut judges = false;
    for suite in &request.suites {
        let info = suite.info();
        match suite.plan(&request.work, session) {
            Ok(plan) if plan.checks().iter().any(|id| request.work.choice.takes(id)) => {
                judges |= plan.judges();
                plans.push((info, plan));
            }
            Ok(_) => {}
            Err(error) if error.is_idle() => {
                plans.extend(told(request, info, &error).map(|told| (info, Box::new(told) as Box<dyn Plan>)));
                idle = idle.or(Some(error));
            }
            Err(error) if error.is_about_a_set() => {
                plans.push((info, Box::new(Told::error(info.name, &error))));
                refused = refused.or(Some(error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    match refused.or(idle) {
        _ if judges => Ok(plans),
        None if request.work.choice.checks.is_empty() || !plans.is_empty() => Err(nothing_for(request).into()),
        Some(error) if request.work.choice.checks.is_empty() || !error.is_idle() => Err(error.into()),
        _ => Err(no_such_check(request, session)),
    }
}

/// The first suite has nothing to judge, and no other has.
fn nothing_for(request: &Request) -> SuiteError {
    let roots = match &request.work.source {
        Source::Candidate(folders) => folders.clone(),
        Source::Trainer { .. } => request.work.golden.clone(),
    };
    let suite = request.suites.first().map_or("", |suite| suite.info().name);
    SuiteError::NothingFor { suite, roots }
}

/// What a suite that has nothing to do says: it was asked for by its name, or reduces over ranks where a candidate is judged.
fn told(request: &Request, info: SuiteInfo, error: &SuiteError) -> Option<Told> {
    let candidate = matches!(request.work.source, Source::Candidate(_));
    let reduces = matches!(error, SuiteError::NothingToReduce { .. });
    let asked = (candidate && reduces) || request.named.iter().any(|name| name == info.name);
    let chosen = request.work.choice.takes(info.name);
    let why = match reduces && candidate {
        true => Coverage::NoRecordings,
        false => Coverage::NothingForSuite { suite: info.name.to_owned() },
    };
    (asked && chosen).then(|| Told::skipped(info.name, why))
}

/// No check has a name that was asked for.
fn no_such_check(request: &Request, session: &Session) -> AnyError {
    let everything = dinov3_suites::Request { choice: Choice::default(), ..request.work.clone() };
    let plans = request.suites.iter().filter_map(|suite| suite.plan(&everything, session).ok());
    let known: Vec<String> = plans.flat_map(|plan| plan.checks()).collect();
    let asked: Vec<&str> = request.work.choice.checks.iter().map(|pattern| pattern.as_str()).collect();
    let meant = asked.iter().find_map(|asked| most_like(asked, known.iter().map(String::as_str)));
    let hint = match (meant, known.first()) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, Some(first)) => format!("a check is called such as `{first}`; `*` stands for any text"),
        (None, None) => "these suites have no check here at all".to_owned(),
    };
    refusal(format!("no check of these suites is called `{}`", asked.join("` or `")), hint)
}
