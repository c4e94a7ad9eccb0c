use super::*;

#[test]
fn every_name_is_read_back() {
    for defect in DEFECTS {
        let block = if defect.site == Site::Block { 2 } else { 0 };
        let plant = Plant { defect, block };
        assert_eq!(plant.to_string().parse::<Plant>().unwrap(), plant);
    }
    assert_eq!("gelu-tanh".parse::<Plant>().unwrap().block, 0);
}

#[test]
fn what_is_no_plant_is_said() {
    let said = |text: &str| text.parse::<Plant>().unwrap_err().to_string();
    assert_eq!(said("gelu@x"), "`gelu` is not a fault that can be planted");
    assert_eq!(said("gelu-tanh@x"), "`x` in `gelu-tanh@x` is no block");
    assert_eq!(said("wrong-chunk@1"), "`wrong-chunk` sits in no block, so `wrong-chunk@1` says nothing");
}

#[test]
fn a_defect_shows_in_the_suite_that_catches_it() {
    for defect in DEFECTS {
        let plant = Plant { defect, block: 0 };
        assert!(crate::named(defect.caught_by.suite()).is_some(), "{}", defect.name);
        assert!(plant.shows_in(defect.caught_by.suite()).is_ok(), "{}", defect.name);
    }
}

#[test]
fn where_a_defect_cannot_show_it_is_said_where_it_can() {
    let said = |plant: &str, suite: &str| {
        dinov3_ground::hint::text(&plant.parse::<Plant>().unwrap().shows_in(suite).unwrap_err())
    };
    insta::assert_snapshot!(said("gelu-tanh", REDUCE_OP), @"
    `gelu-tanh@0` is planted in a block, of which the suite `reduce-op` computes none
    hint: use `run --suite layers --plant gelu-tanh@0`
    ");
    insta::assert_snapshot!(said("clip-all-together", LAYERS), @"
    `clip-all-together` is planted in the training step, of which the suite `layers` takes none
    hint: use `run --suite training --plant clip-all-together`
    ");
    insta::assert_snapshot!(said("lost-element", TRAINING), @"
    `lost-element` is planted in the collectives, of which the suite `training` has none
    hint: use `run --suite reduce-op --plant lost-element`
    ");
}

#[test]
fn biases_decay_like_weights_and_those_of_norms_like_norms() {
    use dinov3_config::{Optim, Scaling};
    let optim = Optim {
        betas: (0.9, 0.999),
        layerwise_decay: 1.0,
        patch_embed_lr_mult: 1.0,
        dino_head_wd_multiplier: 1.0,
        multi_tensor: true,
        clip_grad: None,
        scaling: Scaling::None,
    };
    let parts = "weight-decay-on-biases".parse::<Plant>().unwrap().parts();
    let decay = |name| (parts.multipliers)(name, 0, &optim).weight_decay;
    assert_eq!((decay("mlp.0.bias"), decay("blocks.0.norm1.bias")), (1.0, 0.0));
}

/// The words of a Rust or C++ source below `folder`, but for plugins, which are none of the trainer's.
fn words_below(folder: &std::path::Path, found: &mut impl FnMut(&std::path::Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("model/plugins") {
            words_below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "cpp") {
            let text = std::fs::read_to_string(&path).unwrap();
            text.split(|c: char| !c.is_alphanumeric() && c != '_').for_each(|word| found(&path, word));
        }
    }
}

/// Seen red: a comment of `model/config` that spoke of one.
#[test]
fn the_trainer_has_no_word_for_a_defect() {
    let mut words = 0;
    let mut found = |path: &std::path::Path, word: &str| {
        words += 1;
        let word = word.to_lowercase();
        let known = ["fault", "faults", "plant", "plants", "planted"].contains(&word.as_str());
        assert!(!known, "{}: `{word}`", path.display());
    };
    words_below(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../model")), &mut found);
    assert!(words > 10_000, "{words} are not the trainer's");
}
