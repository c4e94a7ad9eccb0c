//! Values as Python writes them: `str`, `repr`, `json.dumps`, format specifications, `timedelta`.

use dinov3_config::yaml::python_float;
use serde_json::Value;

/// `repr(value)` of a float.
pub fn float(value: f64) -> String {
    match value {
        value if value.is_nan() => "nan".to_owned(),
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        value => python_float(value),
    }
}

/// `json.dumps(value)` of a float, which knows numbers that JSON does not.
pub fn json_float(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => python_float(value),
    }
}

/// `f"{value:.4f}"`, for 4 digits.
pub fn fixed(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { float(value) }
}

/// `f"{number:,d}"`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.into_iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// `str(datetime.timedelta(seconds=int(seconds)))`.
pub fn timedelta(seconds: f64) -> String {
    let all = seconds as i64;
    let (days, rest) = (all.div_euclid(86400), all.rem_euclid(86400));
    let clock = format!("{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 | -1 => format!("{days} day, {clock}"),
        _ => format!("{days} days, {clock}"),
    }
}

/// `str(value)` of a value of a config.
pub fn str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

/// `repr(value)` of a value of a config, which is what its `str` is within a list or a mapping.
pub fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(value) => float(value),
            None => number.to_string(),
        },
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", quoted(key), repr(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

/// `repr(text)`.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for char in text.chars() {
        match char {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            char if char == quote => quoted.extend(['\\', quote]),
            char if char.is_control() && (char as u32) < 0x100 => quoted.push_str(&format!("\\x{:02x}", char as u32)),
            char => quoted.push(char),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each expected text is what Python 3.11 printed.
    #[test]
    fn texts_are_python_s() {
        assert_eq!(
            [4e-5, 1e-6, 0.04, 1e16, 0.0, -0.0, 123456.0].map(json_float).join(" "),
            "4e-05 1e-06 0.04 1e+16 0.0 -0.0 123456.0"
        );
        let ties = [
            0.165_103_912_353_515_63,
            -0.165_103_912_353_515_63,
            1234.5,
            5e-324,
            0.1 + 0.2,
            1.000_000_000_000_000_2,
            100.0,
        ];
        assert_eq!(
            ties.map(json_float).join(" "),
            "0.16510391235351562 -0.16510391235351562 1234.5 5e-324 0.30000000000000004 1.0000000000000002 100.0"
        );
        assert_eq!([f64::NAN, f64::INFINITY, -f64::INFINITY].map(json_float).join(" "), "NaN Infinity -Infinity");
        assert_eq!(
            [f64::NAN, f64::INFINITY, 0.00005, 2.5, 10.123_45].map(|it| fixed(it, 4)).join(" "),
            "nan inf 0.0001 2.5000 10.1235"
        );
        assert_eq!([0.5, 1.5, 2.5].map(|it| fixed(it, 0)).join(" "), "0 2 2");
        assert_eq!([0, 15, 999, 1_281_167].map(thousands).join(" "), "0 15 999 1,281,167");
    }

    #[test]
    fn spans_are_python_s() {
        let spans = [0.999, 5.0, 3599.9, 90_000.0 + 7_384.0, 12.0 * 86_400.0 + 1.0].map(timedelta);
        assert_eq!(spans.join("; "), "0:00:00; 0:00:05; 0:59:59; 1 day, 3:03:04; 12 days, 0:00:01");
    }

    #[test]
    fn values_of_a_config_are_python_s() {
        let config =
            json!({"a": [0.1, 1.0, 1], "b": {"c": null, "d": true}, "e": "it's", "f": "a\"b'c", "g": "x\ny", "h": ""});
        assert_eq!(
            str(&config),
            r#"{'a': [0.1, 1.0, 1], 'b': {'c': None, 'd': True}, 'e': "it's", 'f': 'a"b\'c', 'g': 'x\ny', 'h': ''}"#
        );
        assert_eq!(str(&json!("plain")), "plain");
    }
}
