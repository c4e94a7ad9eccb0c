//! JSON as Python's `json.dump` writes it: NaN and infinities stand in it bare.

use serde_json::Value;

/// What a bare word becomes: a text, as no number of JSON is one.
const BARE: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// The value of a text; NaN, Infinity and -Infinity are texts of these names.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(&quoted(text))
}

/// A number, one of the bare words among them.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(text) if text == "NaN" => Some(f64::NAN),
        Value::String(text) if text == "Infinity" => Some(f64::INFINITY),
        Value::String(text) if text == "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The text with its bare words in quotes.
fn quoted(text: &str) -> String {
    let mut found = String::with_capacity(text.len() + 64);
    let (mut within, mut rest) = (false, text);
    while let Some(next) = rest.chars().next() {
        let bare = BARE.iter().find(|word| !within && rest.starts_with(**word));
        if let Some(word) = bare {
            found.extend(["\"", word, "\""]);
            rest = &rest[word.len()..];
            continue;
        }
        // An escaped character ends no text.
        let length = if within && next == '\\' {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else {
            next.len_utf8()
        };
        within ^= next == '"';
        found.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bare_words_are_numbers_and_texts_stay() {
        let text = r#"{"a": NaN, "b": [-Infinity, Infinity], "NaN": "is \" NaN", "c": -1.5}"#;
        let value = parse(text).unwrap();
        assert_eq!(value, json!({"a": "NaN", "b": ["-Infinity", "Infinity"], "NaN": "is \" NaN", "c": -1.5}));
        assert!(number(&value["a"]).unwrap().is_nan());
        assert_eq!(number(&value["b"][0]), Some(f64::NEG_INFINITY));
        assert_eq!((number(&json!(true)), number(&json!(null))), (Some(1.0), None));
    }

    #[test]
    fn a_damaged_text_is_an_error() {
        for text in ["", "{", "{\"a\": NaNa}", "\"\\", "{\"a\": \"\\"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
