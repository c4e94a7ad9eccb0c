use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// `examples.json`: names with their parts, and texts that are refused with the reason. Python reads the same file.
fn examples() -> Value {
    serde_json::from_str(include_str!("../../examples.json")).expect("examples.json is JSON")
}

#[test]
fn the_examples_have_the_parts_that_they_say() {
    let examples = examples();
    let names = examples["names"].as_array().expect("a list of names");
    assert!(!names.is_empty());
    for example in names {
        let text = example["name"].as_str().expect("a name");
        let name: EntryName = text.parse().unwrap_or_else(|error| panic!("{error}"));
        let (call, port) = (u64::from(name.call()), name.port().map(str::to_owned));
        let parts = serde_json::json!({
            "name": text, "kind": name.kind(), "path": name.path(), "call": call, "port": port,
        });
        assert_eq!(parts, *example);
        assert_eq!(EntryName::new(name.kind(), name.path(), name.call(), name.port()), Ok(name));
    }
}

#[test]
fn what_is_no_name_is_refused_with_its_reason() {
    let examples = examples();
    let refused = examples["refused"].as_object().expect("texts and reasons");
    assert!(!refused.is_empty());
    for (text, reason) in refused {
        let error = text.parse::<EntryName>().expect_err(text);
        assert_eq!(error.problem.to_string(), reason.as_str().expect("a reason"), "{text}");
    }
    let error = "lost:total_loss".parse::<EntryName>().unwrap_err();
    insta::assert_snapshot!(dinov3_ground::hint::text(&error), @r"
    `lost:total_loss` is not an entry name: there is no kind `lost`
    hint: use one of param, data, rng, groups, schedule, sinkhorn, gram, loss, grad, gradout, grad_norm, exp_avg, exp_avg_sq, trajectory, metric, final
    ");
    let error = serde_json::from_str::<EntryName>("\"a#0\"").unwrap_err();
    assert!(error.to_string().starts_with("`a#0` is not an entry name: `#0` is not a call number"), "{error}");
}

proptest! {
    /// `Display` returns every accepted text, and the parts of a name compose the same name.
    #[test]
    fn a_text_is_refused_or_comes_back(text in "[a-z_]{0,4}[:.#/a1 ]{0,3}[a-z.#:0-9]{0,8}") {
        if let Ok(name) = text.parse::<EntryName>() {
            prop_assert_eq!(name.to_string(), text);
            prop_assert_eq!(&EntryName::new(name.kind(), name.path(), name.call(), name.port()), &Ok(name));
        }
    }

    #[test]
    fn parts_come_back(path in "[a-z_][A-Za-z0-9_-]{0,5}\\.[A-Za-z0-9_.-]{0,5}", call in 0u32..3, port in prop::option::of("[a-z0-9_.]{1,5}")) {
        let name = EntryName::new(Kind::Output, &path, call, port.as_deref()).unwrap();
        prop_assert_eq!((name.path(), name.call(), name.port()), (path.as_str(), call, port.as_deref()));
    }
}
