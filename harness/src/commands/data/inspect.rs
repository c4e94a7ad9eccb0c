//! `data inspect`.

use std::path::PathBuf;

use dinov3_data::dataset::DatasetSpec;
use dinov3_data::imagenet::Split;
use dinov3_data::tables::entries_file;
use dinov3_reports::{TextColumn, TextTable, exit};
use serde_json::json;

use super::facts::{EntryFacts, SplitFacts, read};
use super::{note, warning};
use crate::cli::{InspectArgs, InspectFormat};
use crate::commands::{print, print_table};
use crate::failure::{Result, no_json, refusal, show_all};

/// What to look at.
struct Request {
    splits: Vec<Split>,
    extra: PathBuf,
    root: Option<PathBuf>,
}

/// Shows the tables; those that are damaged do not hide the others.
pub fn inspect(args: InspectArgs) -> Result<i32> {
    let format = args.format;
    let request = resolve(args)?;
    let (mut facts, mut unreadable) = (Vec::new(), Vec::new());
    for split in &request.splits {
        match read(*split, &request.extra, request.root.as_deref()) {
            Ok(found) => facts.push(found),
            Err(error) => unreadable.push(error.into()),
        }
    }
    match format {
        InspectFormat::Json => {
            print(&(serde_json::to_string_pretty(&json!({ "splits": facts })).map_err(no_json)? + "\n"))?
        }
        InspectFormat::Text if facts.is_empty() => {}
        InspectFormat::Text => show(&facts)?,
    }
    show_all(&unreadable);
    let missing = facts.iter().any(|facts| facts.sample.as_ref().is_some_and(|sample| sample.missing > 0));
    Ok(match (unreadable.is_empty(), missing) {
        (false, _) => exit::USAGE,
        (true, true) => exit::CHECK_FAILED,
        (true, false) => exit::PASS,
    })
}

fn resolve(args: InspectArgs) -> Result<Request> {
    if let Some(dataset) = args.dataset {
        let spec = DatasetSpec::parse(&dataset)?;
        return Ok(Request { splits: vec![spec.split], root: Some(spec.root_folder()), extra: spec.extra });
    }
    let extra = args.extra.unwrap_or_default();
    let splits: Vec<Split> = Split::ALL.into_iter().filter(|split| extra.join(entries_file(*split)).exists()).collect();
    if splits.is_empty() {
        return Err(refusal(format!("there are no tables in {}", extra.display()), "make them with `data prepare`"));
    }
    Ok(Request { splits, extra, root: args.root })
}

fn show(all: &[SplitFacts]) -> Result<()> {
    let mut splits = TextTable::new([
        TextColumn::left("split"),
        TextColumn::right("images"),
        TextColumn::right("officially"),
        TextColumn::right("classes"),
        TextColumn::right("id width"),
        TextColumn::right("name width"),
    ]);
    let mut tables =
        TextTable::new([TextColumn::left("table"), TextColumn::right("bytes"), TextColumn::left("sha256")]);
    let mut rows = TextTable::new([
        TextColumn::left("entry"),
        TextColumn::right("class"),
        TextColumn::left("name"),
        TextColumn::left("image"),
    ]);
    for facts in all {
        splits.push([
            facts.split.to_owned(),
            facts.images.to_string(),
            facts.official_images.to_string(),
            facts.classes.map_or("-".to_owned(), |classes| classes.to_string()),
            facts.widths[0].to_string(),
            facts.widths[1].to_string(),
        ]);
        for table in &facts.tables {
            tables.push([table.file.clone(), table.bytes.to_string(), table.sha256.clone()]);
        }
        for (which, entry) in [("first", &facts.first), ("last", &facts.last)] {
            rows.push(row(facts, which, entry.as_ref()));
        }
    }
    print_table(&splits)?;
    print("\n")?;
    print_table(&tables)?;
    print("\n")?;
    print_table(&rows)?;
    all.iter().try_for_each(|facts| {
        if facts.images != facts.official_images {
            warning(&format!(
                "{}: the reference asserts {} images, the official number, and stops at any other",
                facts.split, facts.official_images
            ))?;
        }
        found(facts)
    })
}

/// The official number, or how far it is.
fn row(facts: &SplitFacts, which: &str, entry: Option<&EntryFacts>) -> [String; 4] {
    let which = format!("{} {which}", facts.split);
    match entry {
        None => [which, "-".to_owned(), "-".to_owned(), "none".to_owned()],
        Some(entry) if facts.classes.is_none() => [which, "-".to_owned(), "-".to_owned(), entry.path.clone()],
        Some(entry) => [which, entry.class_index.to_string(), entry.class_name.clone(), entry.path.clone()],
    }
}

/// Says what became of the images that were looked for.
fn found(facts: &SplitFacts) -> Result<()> {
    let Some(sample) = &facts.sample else { return Ok(()) };
    match &sample.first_missing {
        None => note(&format!("{}: {} images were looked for, and all are there", facts.split, sample.looked_for)),
        Some(first) => warning(&format!(
            "{}: {} of the {} images that were looked for not found; the first is {first}",
            facts.split, sample.missing, sample.looked_for
        )),
    }
}
