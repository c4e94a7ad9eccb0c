//! Numbers as people read them, and as JSON carries them when they are not finite.

/// A figure for a person: whole numbers in full, others with four significant digits, very large and very small ones
/// in scientific notation. `NaN`, `inf` and `-inf` are written as such.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        format!("{value}")
    } else if value == 0.0 {
        "0".to_owned()
    } else if value.fract() == 0.0 && size < 1e9 {
        format!("{value:.0}")
    } else if (1e-3..1e5).contains(&size) {
        let decimals = (3 - size.log10().floor() as i32).max(0) as usize;
        let text = format!("{value:.decimals$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    } else {
        format!("{value:.2e}")
    }
}

/// An error for a person: three significant digits and an exponent, or `0`.
pub fn error(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.2e}") }
}

/// The ratio of two errors for a person: three decimals, or an exponent where it is beyond what anyone wants to read.
pub fn ratio(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e4).contains(&value.abs()) {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    }
}

/// A duration given in seconds, for a person: `0.41 s`, `23.4 s`, `4 min 05 s`, `2 h 03 min`.
pub fn duration(seconds: f64) -> String {
    // Rounded first, so that 59.96 s is not written as `60.0 s` and 119.7 s not as `1 min 60 s`.
    if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 99.95 {
        format!("{seconds:.1} s")
    } else if seconds < 3599.5 {
        let whole = seconds.round() as u64;
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        let minutes = (seconds / 60.0).round() as u64;
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    }
}

/// A float in JSON. JSON has no `NaN` and no infinity, and a measured figure may well be one: those are written as the
/// strings `"NaN"`, `"inf"` and `"-inf"`, everything else as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Float(pub f64);

impl From<f64> for Float {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

impl schemars::JsonSchema for Float {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Float".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A number; one that is not finite is a string.",
            "anyOf": [{"type": "number"}, {"enum": ["NaN", "inf", "-inf"]}]
        })
    }
}

impl serde::Serialize for Float {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> serde::Deserialize<'de> for Float {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FloatVisitor)
    }
}

struct FloatVisitor;

impl serde::de::Visitor<'_> for FloatVisitor {
    type Value = Float;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a number, or one of the strings \"NaN\", \"inf\", \"-inf\"")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Float, E> {
        Ok(Float(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Float, E> {
        match value {
            "NaN" => Ok(Float(f64::NAN)),
            "inf" => Ok(Float(f64::INFINITY)),
            "-inf" => Ok(Float(f64::NEG_INFINITY)),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(value), &self)),
        }
    }
}

/// `#[serde(with = "number::float")]` for an `f64` field.
pub(crate) mod float {
    use super::Float;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Float(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Float::deserialize(deserializer)?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (412.0, "412"),
            (125_000.0, "125000"),
            (0.5, "0.5"),
            (1.23456, "1.235"),
            (9.99996, "10"),
            (123.456, "123.5"),
            (0.001, "0.001"),
            (12345.6, "12346"),
            (99999.9, "100000"),
            (3.2109e-7, "3.21e-7"),
            (-1.5e12, "-1.50e12"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(figure(value), expected, "figure({value:?})");
        }
    }

    #[test]
    fn durations() {
        let cases = [
            (0.0, "0.00 s"),
            (0.413, "0.41 s"),
            (9.999, "10.0 s"),
            (23.4, "23.4 s"),
            (99.96, "1 min 40 s"),
            (119.7, "2 min 00 s"),
            (3599.9, "1 h 00 min"),
            (7380.0, "2 h 03 min"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected, "duration({seconds})");
        }
    }

    #[test]
    fn any_float_survives_json() {
        for value in [0.1, -1e-310, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 7.0] {
            let text = serde_json::to_string(&Float(value)).unwrap();
            let back: Float = serde_json::from_str(&text).unwrap();
            assert_eq!(back.0.is_nan(), value.is_nan(), "{text}");
            assert!(value.is_nan() || back.0 == value, "{text}");
        }
        assert!(serde_json::from_str::<Float>("\"nought\"").is_err());
        assert!(serde_json::from_str::<Float>("null").is_err());
    }
}
