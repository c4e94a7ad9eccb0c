//! The JSON Schemas of reports and events, derived from their types. What stands in `reports/schema/` is held to them.

use crate::Event;
use crate::json::Document;
use schemars::{JsonSchema, generate::SchemaSettings};
use std::path::Path;

fn schema<T: JsonSchema>(title: &str) -> String {
    // As it is written: what a reader may leave out, a writer never does.
    let mut schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

/// Compares with the file; with `UPDATE_SCHEMA=1` in the environment, writes it.
fn check(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(file);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{file} is not what the types say; `UPDATE_SCHEMA=1 cargo test -p dinov3-reports schema` writes it. If an older reader \
         would misread what is new, SCHEMA_VERSION gets the next number."
    );
}

#[test]
fn the_committed_schema_of_reports_is_that_of_the_types() {
    check("report.schema.json", &schema::<Document<'static>>("dinov3-harness report, schema 2"));
}

#[test]
fn the_committed_schema_of_events_is_that_of_the_types() {
    check("events.schema.json", &schema::<Event>("dinov3-harness event, schema 2: one a line"));
}
