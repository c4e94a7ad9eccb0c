use tch::{Kind, Tensor};

use super::*;

/// Rows that several ranks have saved, put together and cut anew.
#[test]
fn rows_come_from_whoever_has_them() {
    let whole = Tensor::arange(14, (Kind::Float, HOST)).view([7, 2]);
    let piece = |first: i64, rows: i64| Piece { first, rows, data: Data::Here(whole.narrow(0, first, rows)) };
    let mut state = State::new(0, 4);
    let pieces = vec![piece(0, 2), piece(2, 2), piece(4, 2), piece(6, 1), piece(7, 0)];
    let (kind, shape) = (Kind::Float, vec![7, 2]);
    state.tensors.insert("w".to_owned(), Stored { share: Share::Rows, kind, shape, pieces });
    for (first, count) in [(0, 7), (1, 4), (3, 0), (4, 2), (6, 1), (7, 0)] {
        let rows = state.rows("w", Kind::Float, &[7, 2], first, count).unwrap();
        assert_eq!(rows, whole.narrow(0, first, count), "{count} from {first}");
    }
    assert_eq!(state.tensor("w", Kind::Float).unwrap(), whole);
    let error = |name: &str, kind, shape: &[i64]| state.rows(name, kind, shape, 0, 1).unwrap_err().to_string();
    assert_eq!(error("v", Kind::Float, &[7, 2]), "the state has no `v`");
    assert_eq!(error("w", Kind::BFloat16, &[7, 2]), "`w` of the state is Float, the model's is BFloat16");
    assert_eq!(error("w", Kind::Float, &[7, 3]), "`w` of the state is [7, 2], the model's is [7, 3]");
    assert!(state.rows("w", Kind::Double, &[7, 2], 0, 1).is_ok(), "float64 takes fp32");
    state.tensors.get_mut("w").unwrap().pieces.remove(1);
    let error = state.rows("w", Kind::Float, &[7, 2], 1, 5).unwrap_err();
    assert_eq!(error.to_string(), "the state lacks rows 2 to 6 of `w`, the last one excluded");
}

#[test]
fn what_is_saved_does_not_change() {
    let mut tensor = Tensor::from_slice(&[1.0f32, 2.0]);
    let mut state = State::new(1, 2);
    state.put_same("a", &tensor);
    state.put_own("b", &tensor);
    let _ = tensor.zero_();
    assert_eq!(state.tensor("a", Kind::Float).unwrap(), Tensor::from_slice(&[1.0f32, 2.0]));
    assert!(state.own_tensor("b", Kind::Float, 2).unwrap().is_some());
    assert!(state.own_tensor("b", Kind::Float, 3).unwrap().is_none(), "of another number of ranks");
}

#[test]
fn values_are_those_of_all_or_of_one() {
    let mut state = State::new(1, 2);
    state.put("nans", 2);
    state.put_own_value("place", [3, 4]);
    assert_eq!(state.get::<u32>("nans").unwrap(), 2);
    assert_eq!(state.get_own::<[u32; 2]>("place", 2).unwrap(), Some([3, 4]));
    assert_eq!(state.get_own::<[u32; 2]>("place", 1).unwrap(), None);
    assert!(matches!(state.get::<u32>("place"), Err(StateError::Missing(key)) if key == "place"));
    assert!(matches!(state.get::<String>("nans"), Err(StateError::Value { .. })));
}

#[test]
fn configs_that_differ_are_told_apart_by_key() {
    let leaves = |json: serde_json::Value| {
        let mut found = Leaves::new();
        config::walk("", &json, &mut found);
        found
    };
    let of = |lr: f64, batch: i64| {
        leaves(serde_json::json!({"training": {"lr": lr, "batch_size_per_gpu": batch, "betas": [0.9, 0.99]}}))
    };
    assert_eq!(differences(&of(0.1, 2), &of(0.1, 2), true), Vec::<String>::new());
    assert_eq!(
        differences(&of(0.1, 2), &of(0.2, 4), true),
        ["`training.batch_size_per_gpu` was 2, is 4", "`training.lr` was 0.1, is 0.2"]
    );
    assert_eq!(differences(&of(0.1, 2), &of(0.1, 4), false), Vec::<String>::new());
}
