//! YAML in the layout of `OmegaConf.to_yaml`: block style, lists not indented below their key, keys in their order.
//!
//! A string that would read back as another value is quoted. Unlike libyaml, the writer folds no line at 80 columns,
//! writes a string of several lines on one line in double quotes, and quotes a few texts more, such as `½`.

use serde_json::Value;

use super::scalar::{self, Type};

/// The YAML of a value; ends in a newline.
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut text, map, 0, false),
        Value::Array(items) if !items.is_empty() => list(&mut text, items, 0, false),
        other => line(&mut text, other),
    }
    text
}

fn indent(text: &mut String, depth: usize, inline: bool) {
    if !inline {
        text.push_str(&"  ".repeat(depth));
    }
}

/// `inline`: whether the first line continues after a dash.
fn mapping(text: &mut String, map: &serde_json::Map<String, Value>, depth: usize, inline: bool) {
    for (i, (key, value)) in map.iter().enumerate() {
        indent(text, depth, inline && i == 0);
        let key = string(key);
        // A longer key is none that stands before its colon on one line.
        let long = key.chars().count() > 128;
        if long {
            text.push_str("? ");
        }
        text.push_str(&key);
        if long {
            text.push('\n');
            indent(text, depth, false);
        }
        text.push(':');
        match value {
            Value::Object(below) if long && !below.is_empty() => {
                text.push(' ');
                mapping(text, below, depth + 1, true);
            }
            Value::Array(items) if long && !items.is_empty() => {
                text.push(' ');
                list(text, items, depth + 1, true);
            }
            Value::Object(below) if !below.is_empty() => {
                text.push('\n');
                mapping(text, below, depth + 1, false);
            }
            Value::Array(items) if !items.is_empty() => {
                text.push('\n');
                list(text, items, depth, false);
            }
            other => {
                text.push(' ');
                line(text, other);
            }
        }
    }
}

fn list(text: &mut String, items: &[Value], depth: usize, inline: bool) {
    for (i, item) in items.iter().enumerate() {
        indent(text, depth, inline && i == 0);
        text.push_str("- ");
        match item {
            Value::Object(below) if !below.is_empty() => mapping(text, below, depth + 1, true),
            Value::Array(below) if !below.is_empty() => list(text, below, depth + 1, true),
            other => line(text, other),
        }
    }
}

fn line(text: &mut String, value: &Value) {
    text.push_str(&match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => yaml_float(float),
            _ => number.to_string(),
        },
        Value::String(value) => string(value),
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
    });
    text.push('\n');
}

/// A finite float as Python's `repr` writes it: `0.001`, `1e-05`, `1e+16`. Where two shortest texts are as near to the
/// value, Python takes the one that ends in an even digit (0.165103912353515625 is 0.16510391235351562), and Rust the
/// larger one.
pub fn python_float(value: f64) -> String {
    let digits = |text: String| -> Vec<char> {
        let mantissa = text.split('e').next().unwrap_or_default().to_owned();
        mantissa.chars().filter(char::is_ascii_digit).collect()
    };
    let count = digits(format!("{value:e}")).len();
    let mut even = digits(format!("{value:.*e}", count - 1)).into_iter();
    let (mut leads, mut ended) = (true, false);
    let text = larger_of_two(value);
    let replaced = text.chars().map(|char| {
        ended |= char == 'e';
        leads &= !matches!(char, '1'..='9');
        if char.is_ascii_digit() && !leads && !ended { even.next().unwrap_or(char) } else { char }
    });
    replaced.collect()
}

/// The same, with the larger of two texts that are as near.
fn larger_of_two(value: f64) -> String {
    // Rust's shortest form turns to an exponent at the same sizes.
    let text = format!("{value:?}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

/// The float with a decimal point, since YAML 1.1 reads a float without one as a string.
fn yaml_float(value: f64) -> String {
    let text = python_float(value);
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}

fn string(text: &str) -> String {
    if text.chars().any(is_special) {
        double_quoted(text)
    } else if is_safe_plain(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Characters that only double quotes can hold.
fn is_special(char: char) -> bool {
    matches!(char, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}'..)
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\x0b' => quoted.push_str("\\v"),
            '\x0c' => quoted.push_str("\\f"),
            '\r' => quoted.push_str("\\r"),
            '\x1b' => quoted.push_str("\\e"),
            '\u{85}' => quoted.push_str("\\N"),
            '\u{2028}' => quoted.push_str("\\L"),
            '\u{2029}' => quoted.push_str("\\P"),
            char if is_special(char) => quoted.push_str(&match char as u32 {
                code @ ..=0xff => format!("\\x{code:02X}"),
                code @ ..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            }),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether the unquoted text reads back as the same string, by PyYAML's rules and ours. Python's `int` and `float` must
/// not accept the text either, since OmegaConf checks both.
fn is_safe_plain(text: &str) -> bool {
    scalar::type_of(text) == Type::String
        && !matches!(text, "y" | "Y" | "n" | "N")
        && !python_reads_number(text)
        && !looks_like_a_date(text)
        && !is_marked(text)
}

/// Whether the text has YAML's marks at places where they have a meaning.
fn is_marked(text: &str) -> bool {
    let bytes = text.as_bytes();
    let spaced = |i: usize| bytes.get(i).is_none_or(|&next| next == b' ');
    let starts_badly = match bytes.first() {
        Some(
            b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
            | b'`',
        ) => true,
        Some(b'-' | b'?' | b':') => spaced(1),
        first => first.is_none_or(|&first| first == b' '),
    };
    let within = (1..bytes.len()).any(|i| match bytes[i] {
        b':' => spaced(i + 1),
        b'#' => bytes[i - 1] == b' ',
        _ => false,
    });
    starts_badly || within || text.ends_with(' ') || text.starts_with("---") || text.starts_with("...")
}

/// YAML 1.1's timestamps: `2001-01-01`, or with shorter parts before a time.
fn looks_like_a_date(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let day = rest.split(|char: char| !char.is_ascii_digit()).next().unwrap_or_default();
    let behind = &rest[day.len()..];
    year.len() == 4
        && digits(year)
        && digits(month)
        && month.len() < 3
        && digits(day)
        && day.len() < 3
        && (behind.starts_with(['T', 't', ' ', '\t']) || behind.is_empty() && month.len() + day.len() == 4)
}

/// Whether Python's `int()` or `float()` may accept the text: underscores stand between digits. Unnecessary quotes do no
/// harm.
fn python_reads_number(text: &str) -> bool {
    let text = text.trim();
    let bytes = text.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let misplaced = |(i, byte): (usize, &u8)| *byte == b'_' && !(digit(i.checked_sub(1)) && digit(Some(i + 1)));
    if text.is_ascii() && bytes.iter().enumerate().any(misplaced) {
        return false;
    }
    let clean = text.replace('_', "").to_lowercase();
    clean.parse::<f64>().is_ok() || !clean.is_empty() && clean.chars().all(char::is_numeric)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each expected text is what Python 3.11 printed.
    #[test]
    fn a_float_ends_in_an_even_digit_where_two_texts_are_as_near() {
        let ties = [0.165_103_912_353_515_63, -0.165_103_912_353_515_63, 1234.5, 5e-324, 0.1 + 0.2, 100.0];
        let texts = ties.map(python_float).join(" ");
        assert_eq!(texts, "0.16510391235351562 -0.16510391235351562 1234.5 5e-324 0.30000000000000004 100.0");
    }

    #[test]
    fn the_layout_is_omegaconf_s() {
        let value = json!({
            "a": {"b": [1, [2, [3, {"x": 1, "y": [5]}]], {"c": {"d": 1}}, [], {}], "e": {}, "f": []},
            "5": 1, "a b": 2, "x: y": 4,
            "l": [{"p": 1, "q": {"r": [1, 2]}}, "z"],
        });
        insta::assert_snapshot!(to_yaml(&value), @r"
        a:
          b:
          - 1
          - - 2
            - - 3
              - x: 1
                'y':
                - 5
          - c:
              d: 1
          - []
          - {}
          e: {}
          f: []
        '5': 1
        a b: 2
        'x: y': 4
        l:
        - p: 1
          q:
            r:
            - 1
            - 2
        - z
        ");
    }

    #[test]
    fn floats_are_python_s_with_a_point() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e-5, "1.0e-05"),
            (0.0001, "0.0001"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1.0e+16"),
            (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
            (5e-324, "5.0e-324"),
        ] {
            assert_eq!(yaml_float(value), text);
        }
    }

    /// OmegaConf's own answers, except for those with a line break, which it spreads over lines.
    #[test]
    fn strings_are_quoted_where_omegaconf_quotes_them() {
        for plain in [
            "a b",
            "?x",
            ":x",
            "it's",
            "é",
            "x]",
            "a,b",
            "???",
            "${x}",
            "\\${x}",
            "a:b",
            "None",
            "-x",
            "a\\b",
            "a\"b",
            "1e",
            "0o7",
            ".",
            "ImageNet:split=TRAIN",
            "_1",
            "0_e0",
            "2001-1-1",
        ] {
            assert_eq!(string(plain), plain);
        }
        for quoted in [
            "",
            "5",
            "1_000",
            "yes",
            "y",
            "null",
            "~",
            "a: b",
            "-",
            "- a",
            "x:",
            "x #",
            "#x",
            "  x",
            "x ",
            "nan",
            "inf",
            "0x1F",
            "017",
            "1:30",
            "2001-01-01",
            ".5",
            "=",
            "<<",
            "@x",
            "%x",
            "!x",
            "&x",
            "*x",
            "[x",
            "{x",
            "|",
            ">",
            "1e5",
            "true",
            "1.",
            "+1",
            "٣",
            "---",
            "...",
            "--- a",
            "Infinity",
            "0b1",
            "-.inf",
            "x: ",
            " ",
            "!",
            "?",
            "? x",
            "`x",
        ] {
            assert_eq!(string(quoted), format!("'{quoted}'"));
        }
        assert_eq!(string("'x"), "'''x'");
        assert_eq!(string("a\tb\u{7}\n"), r#""a\tb\a\n""#);
        assert_eq!(string("\0\u{b}\u{c}\u{8}\u{1b}\u{7f}\u{1}"), r#""\0\v\f\b\e\x7F\x01""#);
        assert_eq!(string("\u{85}\u{2028}\u{2029}\u{feff}\u{1F600}"), r#""\N\L\P\uFEFF\U0001F600""#);
    }
}
