//! Tables as comma-separated values (RFC 4180, LF at the end of a line): a line a check, or a line a tensor. Heads are the same in all
//! languages, for programs; numbers have all their digits.

use crate::message::{Pen, Say};
use crate::number::Float;
use crate::{Check, Lang, Message, Place, RenderError, Rendered, Renderer, RunReport, Subject, TextColumn, TextTable};

/// The format `csv`.
#[derive(Clone, Copy, Debug)]
pub struct Checks;

impl Renderer for Checks {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn ending(&self) -> &'static str {
        ".csv"
    }

    fn about(&self) -> &'static str {
        "A line a check"
    }

    fn has_findings(&self) -> bool {
        false
    }

    fn render(&self, report: &RunReport, lang: Lang, _: &Place) -> Result<Rendered, RenderError> {
        Ok(to_csv(&checks(report, lang))?.into())
    }
}

/// The format `tensors`.
#[derive(Clone, Copy, Debug)]
pub struct Tensors;

impl Renderer for Tensors {
    fn name(&self) -> &'static str {
        "tensors"
    }

    fn ending(&self) -> &'static str {
        ".tensors.csv"
    }

    fn about(&self) -> &'static str {
        "A line a tensor: every one that was judged, with all figures"
    }

    fn has_findings(&self) -> bool {
        false
    }

    fn render(&self, report: &RunReport, lang: Lang, _: &Place) -> Result<Rendered, RenderError> {
        Ok(to_csv(&tensors(report, lang))?.into())
    }
}

/// The table, heading first. A row shorter than the heading is filled with empty fields.
///
/// # Errors
/// None that a table can cause; the writer's are passed on.
pub fn to_csv(table: &TextTable) -> Result<String, ::csv::Error> {
    let columns = table.rows.iter().map(Vec::len).chain([table.columns.len()]).max().unwrap_or(0);
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let head: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
    let rows = table.rows.iter().map(|row| row.iter().map(String::as_str).collect());
    for mut record in [head].into_iter().chain(rows) {
        record.resize(columns, "");
        writer.write_record(record)?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    String::from_utf8(bytes).map_err(|error| std::io::Error::other(error).into())
}

fn headed<const N: usize>(names: [&str; N]) -> TextTable {
    TextTable::new(names.map(TextColumn::left))
}

/// One row a check of the whole run. Of several figures it has the first, which decided.
fn checks(report: &RunReport, lang: Lang) -> TextTable {
    let mut table = headed([
        "suite",
        "id",
        "verdict",
        "reason",
        "figure",
        "measured",
        "unit",
        "limit",
        "seconds",
        "summary",
        "judged_device",
        "judged_torch",
        "judged_processor",
        "judged_recorded",
        "judged_manifest",
        "golden_manifest",
    ]);
    let said = |message: Option<&Message>| message.map_or_else(String::new, |it| it.plain(lang));
    for suite in &report.suites {
        for check in &suite.checks {
            let figure = check.figures.first();
            table.push([
                suite.suite.clone(),
                check.id.clone(),
                check.verdict.name().to_owned(),
                said(check.verdict.reason()),
                figure.map_or_else(String::new, |it| it.key.clone()),
                figure.map_or_else(String::new, |it| it.value.to_string()),
                said(figure.and_then(|it| it.unit.as_ref())),
                number(figure.and_then(|it| it.limit)),
                check.seconds.to_string(),
                said(check.summary.as_ref()),
                who(check, |it| it.device.clone()),
                who(check, |it| it.torch.clone()),
                who(check, Subject::processor),
                who(check, |it| it.recorded.clone().unwrap_or_default()),
                who(check, |it| it.manifest.clone().unwrap_or_default()),
                check.golden.as_ref().and_then(|it| it.manifest.clone()).unwrap_or_default(),
            ]);
        }
    }
    table
}

/// One row a judged tensor of the whole run.
fn tensors(report: &RunReport, lang: Lang) -> TextTable {
    let mut table = headed([
        "check",
        "set",
        "precision",
        "tensor",
        "stage",
        "outcome",
        "relative_l2",
        "max_abs",
        "mean_abs",
        "cosine",
        "ulp",
        "reference_relative_l2",
        "metric",
        "error",
        "yardstick",
        "k",
        "limit",
        "ratio_to_limit",
        "ratio_to_yardstick",
        "reason",
    ]);
    for check in report.checks() {
        let golden = check.golden.as_ref();
        for tensor in &check.tensors {
            let (error, nearest) = (tensor.error.as_ref(), tensor.nearest());
            table.push([
                check.id.clone(),
                golden.map_or_else(String::new, |it| it.set.clone()),
                golden.map_or_else(String::new, |it| it.precision.name().to_owned()),
                tensor.name.clone(),
                tensor.stage.map_or_else(String::new, |it| it.en(Pen::Plain)),
                tensor.outcome.en(Pen::Plain).replace(' ', "_"),
                number(error.map(|it| it.relative_l2)),
                number(error.map(|it| it.max_abs)),
                number(error.map(|it| it.mean_abs)),
                number(error.map(|it| it.cosine)),
                error.map_or_else(String::new, |it| it.ulp.to_string()),
                number(tensor.reference),
                nearest.map_or_else(String::new, |it| it.metric.en(Pen::Plain).replace(' ', "_")),
                number(nearest.map(|it| it.error)),
                number(nearest.map(|it| it.yardstick)),
                number(nearest.map(|it| it.k)),
                number(nearest.map(|it| it.limit)),
                number(tensor.ratio_to_limit),
                number(tensor.ratio_to_yardstick),
                tensor.reason.as_ref().map_or_else(String::new, |it| it.say(lang, Pen::Plain)),
            ]);
        }
    }
    table
}

fn who(check: &Check, what: impl Fn(&Subject) -> String) -> String {
    check.judged.as_deref().map_or_else(String::new, what)
}

fn number(value: Option<Float>) -> String {
    value.map_or_else(String::new, |value| value.0.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_checks_of_a_report() {
        insta::assert_snapshot!(to_csv(&checks(&fixture::report(), Lang::En)).unwrap());
    }

    #[test]
    fn the_tensors_of_a_report() {
        insta::assert_snapshot!(to_csv(&tensors(&fixture::report(), Lang::Zh)).unwrap());
    }

    #[test]
    fn fields_are_quoted_and_rows_filled() {
        let mut table = TextTable::new([TextColumn::left("a"), TextColumn::right("b")]);
        table.push(["x, \"y\"\nz"]);
        assert_eq!(to_csv(&table).unwrap(), "a,b\n\"x, \"\"y\"\"\nz\",\n");
    }
}
