//! How much room text takes where every character has one width or two.

use unicode_width::UnicodeWidthStr;

/// Columns that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The columns that a line goes on in.
const INDENT: usize = 8;

/// `text` with each line broken between words, so that it fits so many columns. What goes on is indented. A word that is longer stays whole,
/// and colours take no room.
pub(crate) fn wrapped(text: &str, columns: usize) -> String {
    text.split_inclusive('\n').map(|line| wrapped_line(line, columns)).collect()
}

fn wrapped_line(line: &str, columns: usize) -> String {
    let visible = |text: &str| width(&anstream::adapter::strip_str(text).to_string());
    if visible(line.trim_end_matches('\n')) <= columns || columns < 3 * INDENT {
        return line.to_owned();
    }
    let (mut wrapped, mut taken) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let room = visible(word.trim_end());
        if taken > INDENT && room > 0 && taken + room > columns {
            wrapped.truncate(wrapped.trim_end_matches(' ').len());
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(INDENT));
            taken = INDENT;
        }
        wrapped.push_str(word);
        taken += visible(word.trim_end_matches('\n'));
    }
    wrapped
}

/// `text` with spaces after it, so that it takes so many columns.
pub(crate) fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `text` with spaces before it, so that it takes so many columns.
pub(crate) fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail: lines broke within words.
    #[test]
    fn lines_break_between_words() {
        let line = "   \u{1b}[32mPASS\u{1b}[0m [    0.06 s] layers/micro/fp32  318 tensors, all identical\n";
        let short = "short\n";
        let text = wrapped(&format!("{line}{short}"), 44);
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "   PASS [    0.06 s] layers/micro/fp32  318\n        tensors, all identical\nshort\n"
        );
        assert_eq!(wrapped(line, 200), line);
        let long = format!("        {}\n", "x".repeat(100));
        assert_eq!(wrapped(&long, 40), long);
    }

    #[test]
    fn chinese_takes_two_columns() {
        assert_eq!((width("PASS"), width("通过")), (4, 4));
        assert_eq!(right("不通过", 7), " 不通过");
        assert_eq!(left("通过", 6), "通过  ");
        assert_eq!(left("longer", 3), "longer");
    }
}
