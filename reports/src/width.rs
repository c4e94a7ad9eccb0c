//! How much room text takes where every character has one width or two.

use unicode_width::UnicodeWidthStr;

/// Columns that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
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

    #[test]
    fn chinese_takes_two_columns() {
        assert_eq!((width("PASS"), width("通过")), (4, 4));
        assert_eq!(right("不通过", 7), " 不通过");
        assert_eq!(left("通过", 6), "通过  ");
        assert_eq!(left("longer", 3), "longer");
    }
}
