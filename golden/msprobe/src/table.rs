//! A judged dump as a table in the columns of `msprobe compare`.

use std::io;

use dinov3_golden::Outcome;

use crate::dump::{Dumped, Task, name_of};
use crate::judging::{Judged, Row as Judgement, Told};

/// The cells of a row.
type Row = Vec<String>;

const BASIC: [&str; 8] = [
    "NPU Name",
    "Bench Name",
    "NPU Dtype",
    "Bench Dtype",
    "NPU Tensor Shape",
    "Bench Tensor Shape",
    "NPU Requires_grad",
    "Bench Requires_grad",
];
const OF_ELEMENTS: [&str; 6] =
    ["Cosine", "EucDist", "MaxAbsErr", "MaxRelativeErr", "One Thousandth Err Ratio", "Five Thousandths Err Ratio"];
const OF_STATISTICS: [&str; 8] = [
    "Max diff",
    "Min diff",
    "Mean diff",
    "L2norm diff",
    "MaxRelativeErr",
    "MinRelativeErr",
    "MeanRelativeErr",
    "NormRelativeErr",
];
const FIGURES: [&str; 8] =
    ["NPU max", "NPU min", "NPU mean", "NPU l2norm", "Bench max", "Bench min", "Bench mean", "Bench l2norm"];
const LAST: [&str; 3] = ["Requires_grad Consistent", "Result", "Err_message"];
const NONE: &str = "N/A";

/// Writes the table as CSV. The benchmark is the golden set; names are msprobe's, with the golden set's beside them.
///
/// # Errors
/// If `out` fails.
pub fn csv(judged: &Judged<'_>, out: impl io::Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(header(judged.task))?;
    for row in &judged.rows {
        table.write_record(record(judged.task, row))?;
    }
    table.flush()
}

fn header(task: Task) -> Vec<&'static str> {
    let middle: &[&[&str]] = match task {
        Task::Tensor => &[&OF_ELEMENTS, &FIGURES],
        Task::Statistics => &[&OF_STATISTICS, &FIGURES],
        Task::Md5 => &[&["NPU MD5", "BENCH MD5"]],
    };
    BASIC.iter().chain(middle.iter().copied().flatten()).chain(&LAST).copied().collect()
}

fn record(task: Task, row: &Judgement<'_>) -> Row {
    let (result, message) = verdict(&row.told);
    let middle = match task {
        Task::Tensor => [of_elements(row), figures(row)].concat(),
        Task::Statistics => [differences(row), figures(row)].concat(),
        Task::Md5 => {
            [&row.dumped.md5, &row.golden.crc32].map(|it| it.clone().unwrap_or_else(|| NONE.to_owned())).to_vec()
        }
    };
    // A golden set does not say what autograd follows.
    let last = [NONE.to_owned(), result.to_owned(), message];
    [basic(row).as_slice(), &middle, &last].concat()
}

fn basic(row: &Judgement<'_>) -> [String; 8] {
    let Dumped { name, dtype, shape, requires_grad, .. } = row.dumped;
    let truth = |it: Option<bool>| it.map_or(NONE, |it| if it { "True" } else { "False" }).to_owned();
    [
        name.clone(),
        row.name.to_owned(),
        dtype.clone(),
        format!("torch.{}", name_of(row.golden.dtype)),
        listed(shape),
        listed(&row.golden.shape),
        truth(*requires_grad),
        NONE.to_owned(),
    ]
}

fn listed(shape: &[usize]) -> String {
    format!("[{}]", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
}

/// The distance from what is recorded, as msprobe measures it.
fn of_elements(row: &Judgement<'_>) -> Row {
    let Some(it) = row.beside else { return vec![NONE.to_owned(); OF_ELEMENTS.len()] };
    // msprobe rounds a cosine above 0.9999 to six digits.
    let cosine = if it.cosine > 0.9999 { (it.cosine * 1e6).round() / 1e6 } else { it.cosine };
    [cosine, it.distance, it.max_abs, it.max_relative, it.thousandth, it.five_thousandths]
        .map(|figure| shown(Some(figure)))
        .to_vec()
}

fn pairs(row: &Judgement<'_>) -> [(Option<f64>, Option<f64>); 4] {
    let (ours, theirs) = (row.dumped.figures, row.golden.stats);
    [(ours.max, theirs.max), (ours.min, theirs.min), (ours.mean, theirs.mean), (ours.norm, theirs.l2)]
}

fn shown(figure: Option<f64>) -> String {
    figure.map_or_else(|| NONE.to_owned(), |figure| if figure.is_nan() { "Nan".to_owned() } else { figure.to_string() })
}

fn differences(row: &Judgement<'_>) -> Row {
    let pairs = pairs(row);
    let absolute = pairs.map(|(ours, theirs)| Some(ours? - theirs?));
    let relative = pairs.map(|(ours, theirs)| {
        let theirs = theirs?;
        Some((ours? - theirs).abs() / if theirs == 0.0 { f64::EPSILON } else { theirs.abs() })
    });
    let percent = |it: Option<f64>| it.map_or_else(|| NONE.to_owned(), |it| format!("{}%", it * 100.0));
    absolute.into_iter().map(shown).chain(relative.into_iter().map(percent)).collect()
}

fn figures(row: &Judgement<'_>) -> Row {
    let pairs = pairs(row);
    pairs.iter().map(|it| it.0).chain(pairs.iter().map(|it| it.1)).map(shown).collect()
}

/// msprobe's word, and what there is to say.
fn verdict(told: &Told) -> (&'static str, String) {
    let limits = |judgement: &dinov3_golden::EntryJudgement| {
        judgement
            .checks
            .iter()
            .map(|check| format!("{} {:.2e} of {:.2e}", check.metric, check.error, check.limit))
            .collect::<Vec<_>>()
    };
    match told {
        Told::Elements(judgement) => match judgement.outcome {
            Outcome::Identical => ("pass", "the same bits".to_owned()),
            Outcome::WithinYardstick => ("pass", format!("within rounding: {}", limits(judgement).join(", "))),
            Outcome::NotJudged => ("warning", "other bits, and no rule judges them".to_owned()),
            other => ("error", format!("{other:?}: {}", limits(judgement).join(", "))),
        },
        Told::Statistics(judgement) => match judgement.outcome {
            Outcome::WithinYardstick => ("pass", format!("statistics agree: {}", limits(judgement).join(", "))),
            Outcome::NotJudged => ("warning", "no rule judges these statistics".to_owned()),
            other => ("error", format!("{other:?}: {}", limits(judgement).join(", "))),
        },
        Told::SameBits => ("pass", "the same CRC-32".to_owned()),
        Told::OtherBits => ("error", "another CRC-32: other bits, and it does not tell how far off".to_owned()),
        Told::NoChecksum => ("warning", "the golden set has no CRC-32 of it".to_owned()),
        Told::NoFile => ("warning", "No real data".to_owned()),
    }
}
