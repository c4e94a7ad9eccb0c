//! Numbers as `awk` reads and prints them.

/// What `print` writes: a whole number as such, anything else by `%.6g`. Empty for what is no finite number: one `awk`
/// ends with an error there, another prints `-nan` or `inf`.
pub(super) fn printed(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    if value == value.trunc() && value.abs() < 2.0_f64.powi(53) {
        return format!("{}", value as i64);
    }
    let scientific = format!("{value:.5e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return trimmed(&format!("{value:.*}", (5 - exponent) as usize)).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

/// Without the zeros at the end of a fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// The number that a word begins with; 0 if it begins with none.
pub(super) fn number(word: &[u8]) -> f64 {
    let mut end = usize::from(matches!(word.first(), Some(b'+' | b'-')));
    let digits = |from: usize| word[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    end += digits(end);
    if word.get(end) == Some(&b'.') {
        end += 1;
        end += digits(end);
    }
    if matches!(word.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(word.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits((end + 1 + sign).min(word.len()));
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    std::str::from_utf8(&word[..end]).ok().and_then(|word| word.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_with_six_digits() {
        let cases = [
            (393.800_561_474_5, "393.801"),
            (1.300_15, "1.30015"),
            (512.0, "512"),
            (5_120_000.0, "5120000"),
            (1_234_567.5, "1.23457e+06"),
            (0.000_012_345_678, "1.23457e-05"),
            (0.000_1, "0.0001"),
            (0.5, "0.5"),
            (999_999.5, "1e+06"),
            (f64::NAN, ""),
            (f64::INFINITY, ""),
        ];
        for (value, expected) in cases {
            assert_eq!(printed(value), expected, "{value}");
        }
    }

    #[test]
    fn a_number_ends_where_it_is_none_any_more() {
        let cases: [(&[u8], f64); 8] = [
            (b"1.300123", 1.300_123),
            (b"1.3x", 1.3),
            (b"", 0.0),
            (b"data:", 0.0),
            (b"-2e1z", -20.0),
            (b"3e", 3.0),
            (b".5", 0.5),
            (b"-", 0.0),
        ];
        for (word, expected) in cases {
            assert_eq!(number(word), expected, "{}", String::from_utf8_lossy(word));
        }
    }
}
