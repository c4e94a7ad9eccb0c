//! Values of texts, and the messages for texts without a value.

use serde_json::json;

use super::*;

fn value(text: &str) -> Value {
    parse("c.yaml", text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Each text and its message.
fn refusals(texts: &[&str]) -> String {
    let shown = texts.iter().map(|text| match parse("c.yaml", text) {
        Ok(value) => panic!("{text:?} gives {value}"),
        Err(error) => format!("{text:?}\n{}\n", dinov3_ground::hint::text(&error)),
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn order_types_and_structure() {
    let text = "b: 1\na:\n- x\n- 1.0\n- {p: ~, q: 'no'}\nz: {}\n";
    assert_eq!(value(text).to_string(), r#"{"b":1,"a":["x",1.0,{"p":null,"q":"no"}],"z":{}}"#);
    assert_eq!(value(""), json!(null));
    assert_eq!(value("\u{feff}a: 1"), json!({"a": 1}));
}

#[test]
fn merge_keys_give_what_the_mapping_lacks() {
    let text = "b: &b {x: 1, y: 1}\nd: &d {x: 2, z: 2}\nc:\n  <<: [*b, *d]\n  y: 3\n";
    assert_eq!(value(text)["c"], json!({"x": 1, "z": 2, "y": 3}));
    // A key that `<<` brings in twice is not a duplicate; a quoted `<<` is an ordinary key.
    assert_eq!(value("'<<': 1"), json!({"<<": 1}));
    // Each level has a merge key of its own.
    let chain = "a: &a {x: 1}\nb: &b {<<: *a, x: 2, y: 2}\nc: {<<: *b}\n";
    assert_eq!(value(chain)["c"], json!({"x": 2, "y": 2}));
}

#[test]
fn blocks_have_the_line_breaks_of_the_file() {
    for (text, block) in
        [("a: |\n x", "x"), ("a: |\n x\n", "x\n"), ("a: >-\n x\n y\n", "x y"), ("a: |+\n x\n\n", "x\n\n")]
    {
        assert_eq!(value(text), json!({"a": block}), "{text:?}");
    }
    assert_eq!(value("a:\n- |\n x"), json!({"a": ["x"]}));
    // A last line of spaces belongs to the block only beyond its indentation.
    for (text, block) in [
        ("a:\n  b: |\n    x\n  ", "x\n"),
        ("a:\n  b: |\n    x\n    ", "x\n"),
        ("a:\n  b: |\n    x  ", "x  "),
        ("a:\n  b: |\n    x\n      ", "x\n  "),
    ] {
        assert_eq!(value(text), json!({"a": {"b": block}}), "{text:?}");
    }
    assert_eq!(value("a: |\r  x\r"), json!({"a": "x\n"}));
    assert_eq!(value("a: |\r  x\r  y"), json!({"a": "x\ny"}));
}

/// A list that is not indented below its key has no brackets, whatever its first item has.
#[test]
fn lists_of_dashes_have_no_brackets() {
    assert_eq!(value("d:\n- []\n- ???"), json!({"d": [[], "???"]}));
    assert_eq!(value("a:\n- {}\n- ?b"), json!({"a": [{}, "?b"]}));
    assert_eq!(value("a:\n- [1]\n- b: :c"), json!({"a": [[1], {"b": ":c"}]}));
    assert_eq!(value("a: &x\n- &y [1]\n- ?b\nc: [*y]"), json!({"a": [[1], "?b"], "c": [[1]]}));
    for text in ["a: &x [?b]", "a: !!seq [?b]", "a: [[1], :c]", "- [?b]", "a:\n- &y [?b]"] {
        assert!(parse("c.yaml", text).unwrap_err().to_string().contains("must be quoted"), "{text:?}");
    }
}

/// Escapes hold every character.
#[test]
fn escapes_hold_what_ends_a_line() {
    assert_eq!(value("a: \"\\u2028\\N\\P\""), json!({"a": "\u{2028}\u{85}\u{2029}"}));
}

#[test]
fn aliases_are_copies() {
    assert_eq!(value("a: &x {p: [1]}\nb: *x\n&k c: *k"), json!({"a": {"p": [1]}, "b": {"p": [1]}, "c": "c"}));
}

#[test]
fn tags_that_are_known() {
    let text = "a: !!str 5\nb: !!int '5'\nc: !!float 5\nd: !!bool 'Yes'\ne: !!null x\ng: !!seq []\n!!str 1: 2";
    assert_eq!(value(text), json!({"a": "5", "b": 5, "c": 5.0, "d": true, "e": null, "g": [], "1": 2}));
}

#[test]
fn what_is_no_yaml_is_refused() {
    let texts = [
        "a: [1, 2",
        "a: 'x",
        "a: x: y",
        "a:\t1",
        "a: [\n1]",
        "a: [?b]",
        "a: &x {b: :c}",
        "a: *x",
        "a: {b: ${c}}",
        "a: 1\n---\nb: 2",
        "a: &x [*x]",
        "a: &x?y",
        "a: &x:y z",
        "crops:\n  &lr: 31",
        "a: !!str &x[1] b",
        "a: 1 # c\u{2028}b: 2",
        "a: 1 # c\u{85}b: 2",
        "a: 5\u{85}",
        "a: '\u{2029}  '",
        "a: [-, 1]",
        "a: [1,2,\n3]",
        "a:\n  b:\n    - \"x\n\n  y\"",
    ];
    insta::assert_snapshot!(refusals(&texts));
}

#[test]
fn what_is_no_config_is_refused() {
    let texts = [
        "a: 1\nb: 2\na: 3",
        "1: a",
        "? [a]\n: b",
        "true: a",
        "optim:\n  lr: .inf",
        "optim: {lr: [1, 1e999]}",
        "a: 99999999999999999999",
        "a: !!int x",
        "a: !!timestamp 2001-01-01",
        "a: !name {}",
        "a: !",
        "a: ! '5'",
        "a: ! \"\"",
        "a: =",
        "c: {<<: 5}",
    ];
    insta::assert_snapshot!(refusals(&texts));
}

/// A text of a few lines must not fill the memory, and a text of brackets must not overflow the stack.
#[test]
fn what_grows_without_end_is_refused() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..10 {
        laughs += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    assert!(parse("c.yaml", &laughs).unwrap_err().to_string().contains("grows beyond 10000 values"));
    assert!(parse("c.yaml", &"[".repeat(100_000)).is_err());
    let deep: String = (0..101).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(parse("c.yaml", &deep).unwrap_err().to_string().contains("grows beyond 100 levels"));
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let shown = |name: &str| {
        let error = dinov3_ground::hint::text(&load(&folder.path().join(name)).unwrap_err());
        error.replace(&format!("{}/", folder.path().display()), "")
    };
    std::fs::write(folder.path().join("latin.yaml"), b"a: 1\nb: caf\xe9\n").unwrap();
    insta::assert_snapshot!(shown("none.yaml"), @r"
    none.yaml cannot be read: No such file or directory (os error 2)
    hint: give the path of a YAML file, relative to the current folder
    ");
    insta::assert_snapshot!(shown("latin.yaml"), @r"
    latin.yaml:2:7: the file is not UTF-8
    hint: save it as UTF-8
    ");
}

#[test]
fn what_is_written_reads_back() {
    let strings = [
        "",
        "5",
        "yes",
        "a: b",
        "# x",
        "a\nb\n",
        "\u{85}",
        "'",
        "\"",
        "- ",
        "é",
        "\u{1d11e}",
        "2001-01-01",
        "1e5",
        "~",
        "<<",
        "=",
        "?",
        "a #b",
        "\u{2028}  ",
        "x\u{7f}y",
        "\u{1F600}",
        "\0\u{7}\u{8}\u{b}\u{c}\u{1b}",
    ];
    let long = "k".repeat(1100);
    let longer = json!({&long: {&long: [{&long: 1}, 2], "b": 3}, "c": {}});
    assert_eq!(value(&to_yaml(&longer)), longer, "{}", to_yaml(&longer));
    let config = json!({
        "numbers": [0, -1, 1.0, -0.0, 1e-5, 1e22, 0.1, u64::MAX, i64::MIN],
        "strings": strings, "keys": strings.iter().map(|&key| (key.to_owned(), json!([{}]))).collect::<serde_json::Map<_, _>>(),
        "nested": [[[1], []], {"a": {"b": [null, true]}}],
    });
    assert_eq!(value(&to_yaml(&config)), config);
}
