//! Names and shapes of every size, against those of the reference's builders on the meta device.

use dinov3_config::SslConfig;
use dinov3_vit::module::Module;
use dinov3_vit::vit::VisionTransformer;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fixture::merged_config;

#[derive(Deserialize)]
struct Recorded {
    architectures: Vec<Architecture>,
}

#[derive(Deserialize)]
struct Architecture {
    name: String,
    builder: String,
    options: Map<String, Value>,
    state: Vec<(String, Vec<i64>)>,
}

/// The merged config whose network the builder's options describe.
fn config(architecture: &Architecture) -> Value {
    let mut config = merged_config();
    let student = config["student"].as_object_mut().unwrap();
    student["arch"] = Value::from(architecture.builder.clone());
    for (key, value) in &architecture.options {
        let key = if key == "layerscale_init" { "layerscale" } else { key };
        if let Some(slot) = student.get_mut(key) {
            *slot = value.clone();
        }
    }
    config
}

#[test]
fn names_and_shapes_are_the_references() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/architectures.json");
    let recorded: Recorded = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(recorded.architectures.len() >= 9);
    for architecture in &recorded.architectures {
        let config = SslConfig::from_merged(&config(architecture)).unwrap();
        // Built, never written to: the 7 billion parameters of `vit_7b` cost address space, not memory.
        let vit = VisionTransformer::new("vit".to_owned(), &config.student);
        let ours: Vec<(String, Vec<i64>)> = vit
            .state_dict()
            .into_iter()
            .map(|(name, _, tensor)| (name.trim_start_matches("vit.").to_owned(), tensor.size()))
            .collect();
        assert_eq!(ours, architecture.state, "{}", architecture.name);
    }
}
