//! In English.

use super::{Basis, Trajectory, exact, listed, number, p_value};
use crate::message::{Pen, Say};

pub(super) fn sentence(message: &Trajectory, pen: Pen) -> String {
    use Trajectory as T;
    match message {
        T::Title { check, run } => format!("{}: {}", pen.name(run), check.en(pen)),
        T::Findings { run } => format!("{}: all findings", pen.name(run)),
        T::Plot { meter, run } => format!("{} of {}", pen.name(meter), pen.name(run)),
        T::Covered { both, expected, span } => match span {
            Some((first, last)) => format!("{both} of {expected} logged iterations, from {first} to {last}"),
            None => format!("{both} of {expected} logged iterations"),
        },
        T::Missing(steps) if steps.count == 1 => format!("one iteration is missing: {}", listed(steps)),
        T::Missing(steps) => format!("{} iterations are missing: {}", steps.count, listed(steps)),
        T::Repeated(steps) => format!("{} iterations come twice, and the program was not restarted: {}", steps.count, listed(steps)),
        T::OutOfOrder(steps) => format!("{} iterations come behind later ones: {}", steps.count, listed(steps)),
        T::Restarted(steps) => format!("the program was restarted, and went on from {}; the last line of an iteration counts", listed(steps)),
        T::Truncated { last: Some(last), expected } => format!("the log ends at iteration {last} of {expected}: a truncated run does not pass"),
        T::Truncated { last: None, expected } => format!("no iteration is in both logs; the reference's last one is {expected}"),
        T::BeginsLate { first, expected } => format!("the log begins at iteration {first}, not at {expected}"),
        T::Longer { last, expected } => format!("the log goes on to iteration {last}; what comes after {expected} is not compared"),
        T::Horizon { candidate, against } => horizon(*candidate, *against),
        T::NotFinite { nan, infinite, first } => format!("{nan} values are NaN and {infinite} infinite, the first at iteration {first}"),
        T::Cadence { candidate, against, medians } => {
            let medians = if *medians { "; medians of 20 steps were taken of its values, as the reference logs them" } else { "" };
            format!("the log has a line each {candidate} steps, the reference's each {against}{medians}")
        }
        T::MeterMissing => "the log has no such column".to_owned(),
        T::MeterUnknown => "the reference's log has no such column".to_owned(),
        T::Rounded { decimals: Some(decimals) } => format!("the log gives {decimals} decimals: values that agree are equal as printed, never identical"),
        T::Rounded { decimals: None } => "the log gives rounded values: values that agree are equal as printed, never identical".to_owned(),
        T::TemperatureUnseen => "the teacher's temperature is in no log: a wrong one shows in the losses alone".to_owned(),
        T::FactorUnseen { norm } => format!("no number of ranks shows in {}: correct runs are apart in it by more than a factor of two", pen.name(norm)),
        T::ShortSpikesUnseen { steps } => format!("the log has medians: a spike of fewer than {steps} steps does not show"),
        T::Prefix { .. } => prefix(message, pen),
        T::States { same, of, first } => match first {
            None => format!("{same} of {of} states have the reference's bits"),
            Some((step, which)) => format!("after step {step} {} differ; {same} of {of} states have the reference's bits", which.join(" and ")),
        },
        T::Column { .. } => column(message),
        T::Deviation { difference, deviation, limit, p, window } => {
            let place = window.map_or(String::new(), |(from, to)| format!(" in iterations {from} to {}", to.saturating_sub(1)));
            format!("{} off the mean of correct runs{place}: {} standard errors, limit {} (p {})", number(*difference), number(*deviation), number(*limit), p_value(*p))
        }
        T::Equivalence { difference, interval: (low, high), margin, p, smallest, mean } => format!(
            "{} off {}, 90 % interval {} to {}, margin {} (p {}); the smallest margin that this log could have shown is {}",
            number(*difference), number(*mean), number(*low), number(*high), number(*margin), p_value(*p), number(*smallest)
        ),
        T::Slope { change, interval: (low, high), p } => {
            format!("the difference changes by {} over the run, 99 % interval {} to {} (p {})", number(*change), number(*low), number(*high), p_value(*p))
        }
        T::Spike { largest, limit, height, span: (from, to), count } => {
            format!("the largest residual is {} ({} robust standard deviations, limit {}) at iterations {from} to {to}; {count} points are beyond the limit", number(*height), number(*largest), number(*limit))
        }
        T::Factor { .. } => factor(message),
        T::TooFew { have, need } => {
            format!("the {have} points are worth fewer than the {need} independent stretches that are needed")
        }
        T::FewRuns => "too few of the runs that the spread is measured from reach these steps".to_owned(),
        T::Nothing => "the logs have nothing that this check could look at".to_owned(),
        T::TwoNumbers { .. } => two_numbers(message),
        T::Rests(Basis::Runs { runs }) => format!("the spread is that of {runs} runs of the same recipe"),
        T::Rests(Basis::OwnWindows) => "the spread is estimated from stretches of the two logs alone: how far two correct runs wander from each other over a longer time is not known, and counts as a difference; give further runs with --spread".to_owned(),
        T::Rests(Basis::Nothing) => "one number of each run, and no spread".to_owned(),
        T::Power { shift, weaker } => format!("a shift of the loss by {:.3} % would be found in 9 runs of 10 ({:.2} times what an exactly known spread would find)", shift.0 * 100.0, weaker.0),
    }
}

fn horizon(candidate: Option<u64>, against: Option<u64>) -> String {
    let text = |length: Option<u64>| length.map_or("an unknown number of".to_owned(), |length| length.to_string());
    format!(
        "the whole training has {} iterations, the reference's {}: their schedules differ",
        text(candidate),
        text(against)
    )
}

fn prefix(message: &Trajectory, pen: Pen) -> String {
    let Trajectory::Prefix { steps, of, each_step, exact: exactly, parted } = message else { return String::new() };
    let what = if *each_step { "steps" } else { "logged iterations" };
    let how = if *exactly { "have the reference's bits" } else { "agree as far as they are printed" };
    let all = format!("{steps} of {of} {what} {how}");
    match parted {
        None => all,
        Some(parted) => format!(
            "{all}; the first that differs is {} at iteration {}: {}, the reference's {}",
            pen.name(&parted.meter),
            parted.iteration,
            exact(parted.candidate),
            exact(parted.against)
        ),
    }
}

fn column(message: &Trajectory) -> String {
    let Trajectory::Column { compared, differing, parted, factor } = message else { return String::new() };
    let Some(parted) = parted else { return format!("all {compared} values are the schedule's") };
    let factor = factor.map_or(String::new(), |factor| format!(", {} times as much in the median", number(factor)));
    format!(
        "{differing} of {compared} values are not the schedule's{factor}; the first at iteration {}: {}, the reference's {}",
        parted.iteration,
        exact(parted.candidate),
        exact(parted.against)
    )
}

fn factor(message: &Trajectory) -> String {
    let Trajectory::Factor { factor, interval: (low, high), limit, averaged, summed } = message else {
        return String::new();
    };
    let figures = format!(
        "{} times the reference's, 99 % interval {} to {}, limit {}",
        number(*factor),
        number(*low),
        number(*high),
        number(*limit)
    );
    match (averaged, summed) {
        (Some(ranks), _) => format!(
            "{figures}: gradients are averaged over {ranks} ranks, where the reference at this commit sums them (newer commits average)"
        ),
        (_, Some(ranks)) => {
            format!("{figures}: gradients are summed over {ranks} ranks, where the other run averages them")
        }
        _ => figures,
    }
}

fn two_numbers(message: &Trajectory) -> String {
    let Trajectory::TwoNumbers { candidate, against, margin, rounding, needs } = message else { return String::new() };
    let difference = candidate.0 - against.0;
    let relative = 100.0 * difference / against.0;
    let needs: Vec<String> = needs
        .iter()
        .map(|(runs, spread)| match spread {
            Some(spread) => format!(
                "with {runs} further runs they would be equivalent if these spread by at most {}",
                number(*spread)
            ),
            None => format!("{runs} further runs would not be enough at any spread"),
        })
        .collect();
    format!(
        "{} and {} are {} apart ({relative:.3} %), known to {}; the margin is {}. One number of each run shows neither equivalence nor a difference: {}",
        exact(*candidate),
        exact(*against),
        number(difference.into()),
        number(*rounding),
        number(*margin),
        needs.join("; ")
    )
}
