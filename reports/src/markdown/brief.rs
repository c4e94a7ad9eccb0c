//! Half a page that can be handed to somebody who reads nothing else: what is wrong, how much was looked at, and what that entitles one
//! to claim.

use super::Page;
use crate::message::{Page as Word, Pen};
use crate::{RunReport, headline};

pub(super) fn brief(page: &mut Page, report: &RunReport) {
    let lang = page.lang;
    for (index, sentence) in headline::headline(report, lang, Pen::Markdown).into_iter().enumerate() {
        page.block(if index == 0 { format!("**{sentence}**") } else { sentence });
    }
    for line in headline::compared(report) {
        page.says(line);
    }
    page.block(format!("## {}", page.say(&Word::InShort)));
    let colon = lang.colon();
    let mut list = String::new();
    for (head, says) in headline::brief(report, lang, Pen::Markdown) {
        let says: Vec<String> = says.iter().map(|it| page.say(it)).collect();
        list.push_str(&format!("* **{}**{colon}{}\n", page.say(&head), says.join(lang.of("; ", "；"))));
    }
    page.block(list);
}
