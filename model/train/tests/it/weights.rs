//! Weights to disk and back.

use std::fs;

use dinov3_train::weights::{WeightsError, load, save, save_tensors};
use dinov3_vit::module::Module;
use dinov3_weights::FileError;
use serde_json::json;
use tch::{Kind, Tensor};

use crate::fixture;

#[test]
fn weights_come_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("student.safetensors");
    let saved = fixture::arch(&fixture::merged_config()).student;
    save(&saved, "", &path).unwrap();
    let loaded = fixture::arch(&fixture::merged_config()).student;
    loaded.warm(1.0);
    load(&loaded, "", &path).unwrap();
    for ((name, _, mine), (_, _, theirs)) in loaded.state_dict().into_iter().zip(saved.state_dict()) {
        assert_eq!(mine, theirs, "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn every_key_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("student.safetensors");
    save(&fixture::arch(&fixture::merged_config()).student, "", &path).unwrap();
    let other = fixture::arch(&fixture::with_student("ffn_bias", json!(false))).student;
    let Err(WeightsError::Keys { missing, unexpected, .. }) = load(&other, "", &path) else {
        panic!("weights with more keys were taken");
    };
    assert!(missing.is_empty(), "{missing:?}");
    assert!(unexpected.contains(&"student.backbone.blocks.0.mlp.fc1.bias".to_owned()), "{unexpected:?}");
}

#[test]
fn another_shape_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("student.safetensors");
    save(&fixture::arch(&fixture::merged_config()).student, "", &path).unwrap();
    let other = fixture::arch(&fixture::with_student("n_storage_tokens", json!(3))).student;
    let before = other.state_dict().remove(0).2.copy();
    let error = load(&other, "", &path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`student.backbone.storage_tokens` is float32 [1, 2, 64] in the file and float32 [1, 3, 64] in the model"
    );
    assert_eq!(other.state_dict().remove(0).2, before);
}

/// `load_state_dict` copies whatever dtype into the model's: weights in bfloat16, periods of RoPE in float32. It was refused.
#[test]
fn another_dtype_is_cast_as_load_state_dict_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("student.safetensors");
    let saved = fixture::arch(&fixture::merged_config()).student;
    let cast = |(name, _, tensor): (String, _, Tensor)| {
        let kind = if name.ends_with("periods") { Kind::Float } else { Kind::BFloat16 };
        (name, tensor.detach().to_kind(kind))
    };
    let tensors: Vec<(String, Tensor)> = saved.state_dict().into_iter().map(cast).collect();
    save_tensors(&path, &tensors, None).unwrap();
    let loaded = fixture::arch(&fixture::merged_config()).student;
    loaded.warm(1.0);
    let said = load(&loaded, "", &path).unwrap();
    let casts: Vec<(&str, &str, usize)> = said.casts.iter().map(|it| (it.from, it.to, it.tensors)).collect();
    assert_eq!(casts, [("bfloat16", "float32", tensors.len() - 1), ("float32", "bfloat16", 1)]);
    for ((name, _, mine), (_, theirs)) in loaded.state_dict().into_iter().zip(tensors) {
        assert_eq!(mine.detach(), theirs.to_kind(mine.kind()), "{name}");
    }
}

#[test]
fn a_truncated_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("student.safetensors");
    let student = fixture::arch(&fixture::merged_config()).student;
    save(&student, "", &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(load(&student, "", &path), Err(WeightsError::File(FileError::Invalid { .. }))));
    assert!(matches!(load(&student, "", &folder.path().join("none")), Err(WeightsError::File(FileError::Io { .. }))));
}

/// What another program writes of a backbone has the names of a backbone alone.
#[test]
fn a_backbone_is_saved_and_loaded_under_its_own_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backbone.safetensors");
    let arch = fixture::arch(&fixture::merged_config());
    save(&arch.student.backbone, "student.backbone", &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert!(file.names().contains(&"blocks.0.attn.qkv.weight"), "{:?}", file.names());
    let other = fixture::arch(&fixture::merged_config()).teacher;
    other.warm(1.0);
    load(&other.backbone, "teacher.backbone", &path).unwrap();
    for ((name, _, mine), (_, _, theirs)) in
        other.backbone.state_dict().into_iter().zip(arch.student.backbone.state_dict())
    {
        assert_eq!(mine, theirs, "{name}");
    }
}

/// Seen to fail: a temporary file that `tempfile` makes is for its owner alone, and stays so under its new name.
#[cfg(unix)]
#[test]
fn the_umask_says_who_may_read_saved_weights() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
    fs::write(dir.path().join("plain"), "").unwrap();
    save(&fixture::arch(&fixture::merged_config()).student, "", &dir.path().join("weights.safetensors")).unwrap();
    assert_eq!(mode("weights.safetensors"), mode("plain"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}
