//! `checkpoint show | convert`.

use std::path::Path;

use dinov3_reports::{TextColumn, TextTable, exit};
use dinov3_weights::{Checkpoint, Converted, Entry, Format, Leaf, convert, is_part};
use serde_json::{Value, json};

use super::{print, print_table};
use crate::cli::{CheckpointCommand, ConvertArgs, ConvertFormat, ShowArgs, ShowFormat};
use crate::failure::{Result, no_json, refusal};

/// Runs one of the two commands.
pub fn checkpoint(command: CheckpointCommand) -> Result<i32> {
    match command {
        CheckpointCommand::Show(args) => show(&args),
        CheckpointCommand::Convert(args) => converted(&args),
    }
}

fn show(args: &ShowArgs) -> Result<i32> {
    let checkpoint = Checkpoint::open(&args.path)?;
    if args.format == ShowFormat::Json {
        print(&(serde_json::to_string_pretty(&facts(&checkpoint)).map_err(no_json)? + "\n"))?;
        return Ok(exit::PASS);
    }
    let tensors: Vec<&Entry> = checkpoint.entries.iter().filter(|entry| entry.tensor().is_some()).collect();
    let bytes: u64 = tensors.iter().filter_map(|entry| Some(entry.tensor()?.bytes())).sum();
    let (path, format) = (args.path.display(), checkpoint.format);
    print(&format!("{path}: {format}, {} tensors, {bytes} bytes\n\n", tensors.len()))?;
    if args.tensors {
        return each(&checkpoint);
    }
    print_table(&networks(&tensors))?;
    for entry in &checkpoint.entries {
        if let ([key], Leaf::Value(value)) = (&entry.path[..], &entry.leaf) {
            print(&format!("\n{key} = {value}\n"))?;
        }
    }
    Ok(exit::PASS)
}

/// Every tensor, then every value.
fn each(checkpoint: &Checkpoint) -> Result<i32> {
    let mut tensors =
        TextTable::new([TextColumn::left("tensor"), TextColumn::left("dtype"), TextColumn::left("shape")]);
    let mut values = TextTable::new([TextColumn::left("value"), TextColumn::left("")]);
    for entry in &checkpoint.entries {
        match &entry.leaf {
            Leaf::Tensor(it) => tensors.push([entry.name(), it.dtype.name().to_owned(), format!("{:?}", it.shape)]),
            Leaf::Value(value) => values.push([entry.name(), value.to_string()]),
        }
    }
    print_table(&tensors)?;
    if !values.rows.is_empty() {
        print("\n")?;
        print_table(&values)?;
    }
    Ok(exit::PASS)
}

/// The modules that are a network's own, and what they come to.
fn networks(tensors: &[&Entry]) -> TextTable {
    let mut table = TextTable::new([
        TextColumn::left("module"),
        TextColumn::right("tensors"),
        TextColumn::right("elements"),
        TextColumn::right("bytes"),
        TextColumn::left("dtypes"),
    ]);
    let mut modules: Vec<(String, usize, u64, u64, Vec<&str>)> = Vec::new();
    for entry in tensors {
        let Some(stored) = entry.tensor() else { continue };
        let module = module_of(entry);
        let at = modules.iter().position(|it| it.0 == module).unwrap_or_else(|| {
            modules.push((module, 0, 0, 0, Vec::new()));
            modules.len() - 1
        });
        let (_, count, elements, bytes, dtypes) = &mut modules[at];
        *count += 1;
        *elements += stored.elements();
        *bytes += stored.bytes();
        if !dtypes.contains(&stored.dtype.name()) {
            dtypes.push(stored.dtype.name());
        }
    }
    for (module, count, elements, bytes, dtypes) in modules {
        table.push([module, count.to_string(), elements.to_string(), bytes.to_string(), dtypes.join(", ")]);
    }
    table
}

/// `teacher.backbone`, `model.student.backbone`: the keys up to the module that is neither a key of the file nor a whole network.
fn module_of(entry: &Entry) -> String {
    let name = entry.name();
    let words: Vec<&str> = name.split('.').collect();
    let outer =
        words.iter().take_while(|word| ["teacher", "model", "optimizer", "state"].contains(word) || is_part(word));
    words[..(outer.count() + 1).min(words.len())].join(".")
}

fn facts(checkpoint: &Checkpoint) -> Value {
    let mut tensors = serde_json::Map::new();
    let mut values = serde_json::Map::new();
    for entry in &checkpoint.entries {
        match &entry.leaf {
            Leaf::Tensor(it) => {
                let fact = json!({"dtype": it.dtype.name(), "shape": it.shape, "bytes": it.bytes()});
                tensors.insert(entry.name(), fact);
            }
            Leaf::Value(value) => drop(values.insert(entry.name(), value.to_string().into())),
        }
    }
    json!({"path": checkpoint.path, "format": checkpoint.format.to_string(), "tensors": tensors, "values": values})
}

fn converted(args: &ConvertArgs) -> Result<i32> {
    let from = Checkpoint::open(&args.from)?;
    if let Some(part) = args.part.as_deref().filter(|part| !is_part(part)) {
        let hint = "a training's state has `student`, `model_ema`, and perhaps `teacher` and `gram_teacher`";
        return Err(refusal(format!("`--part {part}` is no network of a training"), hint));
    }
    if same_place(&args.from, &args.to) {
        return Err(refusal("FROM and TO are the same file", "write to another path"));
    }
    let format = format_of(args);
    let Converted { tensors, bytes, left_out, without_iteration } =
        convert(&from, args.part.as_deref(), &args.to, format)?;
    let (to, was) = (args.to.display(), from.format);
    print(&format!("{tensors} tensors, {bytes} bytes, of {was} are in {to} as {format}\n"))?;
    if !left_out.is_empty() {
        print(&format!("left out, as no other program could read them: {}\n", left_out.join(", ")))?;
    }
    if without_iteration {
        print("FROM has no iteration; TO says \"unknown\", since torch refuses a folder without one\n")?;
    }
    Ok(exit::PASS)
}

fn same_place(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn format_of(args: &ConvertArgs) -> Format {
    match args.format {
        Some(ConvertFormat::Pth) => Format::Pth,
        Some(ConvertFormat::Dcp) => Format::Dcp,
        Some(ConvertFormat::Safetensors) => Format::Safetensors,
        None => match args.to.extension().and_then(|ending| ending.to_str()) {
            Some("pth" | "pt") => Format::Pth,
            Some("safetensors") => Format::Safetensors,
            _ => Format::Dcp,
        },
    }
}
