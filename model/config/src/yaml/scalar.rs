//! The types of plain scalars: YAML 1.1 as in PyYAML, with OmegaConf's floats and without dates.

/// The type of a plain scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Bool(bool),
    Int,
    Float,
    String,
    /// `<<`
    Merge,
    /// `=`
    Value,
}

/// The type of a plain scalar's text.
pub(super) fn type_of(text: &str) -> Type {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Type::Null,
        "<<" => return Type::Merge,
        "=" => return Type::Value,
        _ => {}
    }
    if let Some(value) = bool_of(text) {
        return Type::Bool(value);
    }
    if is_int(text) {
        Type::Int
    } else if is_float(text) {
        Type::Float
    } else {
        Type::String
    }
}

/// `yes`, `On`, `TRUE`, …; not `y` and `n`.
fn bool_of(text: &str) -> Option<bool> {
    let word = text.to_lowercase();
    let spelt_evenly = text == word || text == text.to_uppercase() || is_capitalised(text);
    match word.as_str() {
        "yes" | "true" | "on" if spelt_evenly => Some(true),
        "no" | "false" | "off" if spelt_evenly => Some(false),
        _ => None,
    }
}

fn is_capitalised(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_uppercase) && chars.all(char::is_lowercase)
}

/// Whether a tagged text is a boolean: `!!bool` takes any spelling.
pub(super) fn tagged_bool(text: &str) -> Option<bool> {
    bool_of(&text.to_lowercase())
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, test: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(test)
}

fn digit_or_line(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_'
}

/// A digit first, then digits and underscores.
fn loose_digits(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_digit()) && all(text, digit_or_line)
}

/// Groups of digits with one underscore between them.
fn strict_digits(text: &str) -> bool {
    !text.is_empty() && text.split('_').all(|group| !group.is_empty() && all(group, |byte| byte.is_ascii_digit()))
}

/// One or two digits below 60.
fn is_sixtieth(text: &str) -> bool {
    match text.as_bytes() {
        [low] => low.is_ascii_digit(),
        [high, low] => (b'0'..=b'5').contains(high) && low.is_ascii_digit(),
        _ => false,
    }
}

pub(super) fn is_int(text: &str) -> bool {
    let text = unsigned(text);
    if let Some(digits) = text.strip_prefix("0b") {
        return !digits.is_empty() && all(digits, |byte| matches!(byte, b'0' | b'1' | b'_'));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && all(digits, |byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    if let Some(digits) = text.strip_prefix('0') {
        return all(digits, |byte| matches!(byte, b'0'..=b'7' | b'_'));
    }
    let mut places = text.split(':');
    places.next().is_some_and(loose_digits) && places.all(is_sixtieth)
}

pub(super) fn is_float(text: &str) -> bool {
    let sign_free = unsigned(text);
    if matches!(sign_free, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some((places, fraction)) = sign_free.split_once('.')
        && let Some((first, rest)) = places.split_once(':')
    {
        return loose_digits(first) && rest.split(':').all(is_sixtieth) && all(fraction, digit_or_line);
    }
    if let Some(decimals) = text.strip_prefix('.') {
        return match decimals.find(['e', 'E']) {
            Some(at) => loose_digits(&decimals[..at]) && exponent(&decimals[at + 1..], true),
            None => loose_digits(decimals),
        };
    }
    let (mantissa, power) = match sign_free.find(['e', 'E']) {
        Some(at) => (&sign_free[..at], Some(&sign_free[at + 1..])),
        None => (sign_free, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    match (fraction, power) {
        (None, None) => false,
        (None, Some(power)) => strict_digits(whole) && exponent(power, false),
        (Some(fraction), None) => loose_digits(whole) && all(fraction, digit_or_line),
        // PyYAML allows loose digits but requires a sign in the exponent; OmegaConf allows an exponent without a sign
        // but requires strict digits.
        (Some(fraction), Some(power)) => {
            all(fraction, digit_or_line)
                && (loose_digits(whole) && exponent(power, true) || strict_digits(whole) && exponent(power, false))
        }
    }
}

fn exponent(text: &str, signed: bool) -> bool {
    let digits = unsigned(text);
    (!signed || digits.len() < text.len()) && !digits.is_empty() && all(digits, |byte| byte.is_ascii_digit())
}

/// The value of a text that [`is_int`] accepts; `None` if it does not fit, or has a prefix but no digit.
pub(super) fn int(text: &str) -> Option<i128> {
    let clean = text.replace('_', "");
    let digits = unsigned(&clean);
    let size = if let Some(digits) = digits.strip_prefix("0b") {
        i128::from_str_radix(digits, 2).ok()?
    } else if let Some(digits) = digits.strip_prefix("0x") {
        i128::from_str_radix(digits, 16).ok()?
    } else if digits.contains(':') {
        digits.split(':').try_fold(0_i128, |sum, place| sum.checked_mul(60)?.checked_add(place.parse().ok()?))?
    } else if digits.starts_with('0') && digits.len() > 1 {
        i128::from_str_radix(digits, 8).ok()?
    } else {
        digits.parse().ok()?
    };
    Some(if clean.starts_with('-') { -size } else { size })
}

/// The value of a text that [`is_float`] or [`is_int`] accepts; `None` for any other text. The value may be infinite or
/// NaN.
pub(super) fn float(text: &str) -> Option<f64> {
    let clean = text.replace('_', "").to_lowercase();
    let sign = if clean.starts_with('-') { -1.0 } else { 1.0 };
    let digits = unsigned(&clean);
    let size = match digits {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ if digits.contains(':') => sixtieths(digits)?,
        _ => digits.parse().ok()?,
    };
    Some(sign * size)
}

/// Summed from the right, as PyYAML does, for the same rounding.
fn sixtieths(digits: &str) -> Option<f64> {
    let mut value = 0.0;
    let mut base = 1.0;
    for place in digits.rsplit(':') {
        value += place.parse::<f64>().ok()? * base;
        base *= 60.0;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Type, texts: &[&str]) {
        for text in texts {
            assert_eq!(type_of(text), kind, "{text:?}");
        }
    }

    #[test]
    fn plain_texts_have_the_types_of_yaml_1_1() {
        check(Type::Null, &["", "~", "null", "Null", "NULL"]);
        check(Type::Bool(true), &["yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"]);
        check(Type::Bool(false), &["no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"]);
        check(
            Type::Int,
            &["0", "-0", "+1", "010", "0b11", "0x1F", "1_000", "1_", "1__0", "1:30", "-1:30", "190:20:30"],
        );
        check(
            Type::Float,
            &["1.", ".5", "-0.0", "1e3", "1E5", "1.e3", "0.1e-5", ".5e+3", "1_0.5_5", "1:30.5", "+.inf", ".NaN"],
        );
        check(
            Type::String,
            &[
                "y",
                "N",
                "tRue",
                "nULL",
                "08",
                "0o17",
                "_1",
                "1:75",
                ".5e3",
                "2001-01-01",
                "-.5",
                "1e",
                "-.nan",
                "1__0e3",
                "yeſ",
            ],
        );
    }

    #[test]
    fn numbers_have_the_values_that_python_gives_them() {
        for (text, value) in [
            ("-0", 0),
            ("010", 8),
            ("-010", -8),
            ("0b101", 5),
            ("-0x1f", -31),
            ("1_000", 1000),
            ("1:30:45", 5445),
            ("0_", 0),
        ] {
            assert_eq!(int(text), Some(value), "{text}");
        }
        assert_eq!(int("0x_"), None);
        for (text, value) in [
            ("1e-4", 1e-4),
            ("1:30.5", 90.5),
            ("-1:30.5", -90.5),
            ("1_0.5_5", 10.55),
            ("5", 5.0),
            ("-.inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(float(text), Some(value), "{text}");
        }
        assert!(float("-0.0").is_some_and(f64::is_sign_negative));
    }
}
