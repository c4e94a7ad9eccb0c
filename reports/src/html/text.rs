//! Words in both languages.

use crate::message::{Pen, Say};
use maud::{Markup, PreEscaped, html};

/// Words in both languages, of which the page shows one; once, where they are the same.
pub(super) fn both(words: &dyn Say) -> Markup {
    pair(&words.en(Pen::Html), &words.zh(Pen::Html))
}

/// Two texts with the markup of [`Pen::Html`].
pub(super) fn pair(en: &str, zh: &str) -> Markup {
    let (en, zh) = (markup(en), markup(zh));
    match en.0 == zh.0 {
        true => en,
        false => html! { span lang="en" { (en) } span lang="zh" { (zh) } },
    }
}

/// The markup that [`Pen::Html`] makes, and everything else as text: fixed words may hold `<` and `&` as they are.
pub(super) fn markup(text: &str) -> Markup {
    const KEPT: [&str; 5] = ["<code>", "</code>", "&amp;", "&lt;", "&gt;"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&', '\n']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let kept = KEPT.iter().find(|kept| rest.starts_with(**kept));
        let (shown, length) = match (kept, &rest[..1]) {
            (Some(kept), _) => (*kept, kept.len()),
            (None, "<") => ("&lt;", 1),
            (None, ">") => ("&gt;", 1),
            (None, "&") => ("&amp;", 1),
            (None, _) => ("<br>", 1),
        };
        out.push_str(shown);
        rest = &rest[length..];
    }
    out.push_str(rest);
    PreEscaped(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_markup_is_markup() {
        assert_eq!(markup("a < 3 & <b> <code>x&lt;y</code>\nz").0, "a &lt; 3 &amp; &lt;b&gt; <code>x&lt;y</code><br>z");
    }

    #[test]
    fn the_same_in_both_languages_stands_once() {
        assert_eq!(pair("x", "x").0, "x");
        assert_eq!(pair("x", "y").0, "<span lang=\"en\">x</span><span lang=\"zh\">y</span>");
    }
}
