use super::*;
use crate::fixture;
use crate::message::Outcome;
use std::collections::HashSet;

/// The page of the fixture, which first shows itself in English.
fn shown() -> String {
    page(&fixture::report(), Lang::En)
}

/// Every start tag of the page, with its attributes.
fn tags(page: &str) -> Vec<&str> {
    let body = page.split("<script>").next().unwrap_or_default();
    body.split('<').skip(1).filter_map(|part| part.split('>').next()).filter(|tag| !tag.starts_with('/')).collect()
}

/// The words of the page, a line a piece of text.
fn words(page: &str) -> String {
    let body = page.split("</style>").nth(1).and_then(|rest| rest.split("<script>").next()).unwrap_or_default();
    let pieces =
        body.split('<').filter_map(|part| part.split_once('>').map(|(tag, text)| (tag.to_owned(), text.trim())));
    let mut lines = Vec::new();
    let mut hidden = false;
    for (tag, text) in pieces {
        match tag.as_str() {
            "span lang=\"zh\"" => hidden = true,
            "/span" => hidden = false,
            _ => {}
        }
        if !text.is_empty() && !hidden {
            lines.push(text.to_owned());
        }
    }
    lines.join("\n")
}

#[test]
fn a_page_says_the_verdict_and_the_sentence_that_matters_first() {
    insta::assert_snapshot!(words(&shown()));
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let report = fixture::report();
    assert_eq!(page(&report, Lang::En), page(&report, Lang::En));
    let again = crate::json::from_json(&crate::json::to_json(&report).unwrap()).unwrap();
    assert_eq!(page(&report, Lang::Zh), page(&again, Lang::Zh));
}

/// A page that is sent by mail is read where there is no network.
#[test]
fn nothing_is_loaded_from_anywhere() {
    let page = shown();
    for word in ["http://", "https://", "src=", "@import", "url(", "<link", "<iframe"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn every_picture_has_words_in_both_languages() {
    let page = shown();
    let pictures: Vec<&str> =
        tags(&page).into_iter().filter(|tag| tag.starts_with("svg") || tag.starts_with("img")).collect();
    assert!(pictures.len() > 3, "{pictures:?}");
    for picture in pictures {
        let labelled =
            picture.contains("role=\"img\"") && picture.contains("aria-label=\"") && picture.contains("data-zh=\"");
        assert!(labelled || picture.contains("aria-hidden=\"true\""), "{picture}");
    }
    // What scrolls can be reached by the keyboard, and has a name.
    for tag in tags(&page).into_iter().filter(|tag| tag.starts_with("div class=\"scroll\"")) {
        assert!(tag.contains("tabindex=\"0\"") && tag.contains("aria-label=\""), "{tag}");
    }
}

#[test]
fn what_is_said_in_one_language_is_said_in_the_other() {
    let page = shown();
    assert_eq!(
        page.matches("lang=\"en\">").count(),
        page.matches("lang=\"zh\">").count() + 1,
        "the page itself has one"
    );
    assert!(super::page(&fixture::report(), Lang::Zh).contains("<html lang=\"zh\">"));
}

#[test]
fn elements_are_closed_and_ids_are_unique() {
    let page = shown();
    const VOID: [&str; 4] = ["meta", "br", "input", "!DOCTYPE"];
    let body = page.split("<script>").next().unwrap();
    let (mut open, mut ids) = (Vec::new(), HashSet::new());
    for part in body.split('<').skip(1) {
        let tag = part.split('>').next().unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_owned()));
            continue;
        }
        let name = tag.split_whitespace().next().unwrap().to_owned();
        if let Some(id) = tag.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next()) {
            assert!(ids.insert(id.to_owned()), "{id} twice");
        }
        if !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert_eq!(open, ["html", "body"]);
}

/// The words of others, a processor's model for one, are never markup.
#[test]
fn words_of_others_are_text() {
    let mut report = fixture::report();
    report.suites[0].checks[0].id = "a<script>\"&".to_owned();
    let page = page(&report, Lang::En);
    assert!(page.contains("a&lt;script&gt;") && page.contains("2.0 GHz &lt;b&gt;"));
    assert_eq!(page.matches("<script>").count(), 1);
}

/// Twenty thousand tensors, all with other bits, in sixty checks of which half fail.
#[test]
fn the_page_of_a_full_run_is_below_a_megabyte() {
    let mut report = fixture::report();
    let wrong = report.suites[0].checks[1].clone();
    let checks = (0..60).map(|number| {
        let mut check = wrong.clone();
        check.id = format!("training/train_vit_large_{number}/bf16");
        let tensors = wrong.tensors.iter().cycle().take(340).cloned().enumerate();
        check.tensors = tensors
            .map(|(at, mut tensor)| {
                tensor.name = format!("grad:student.backbone.blocks.{at}.attn.qkv.weight");
                tensor.outcome = if number % 2 == 0 { tensor.outcome } else { Outcome::WithinTheLimit };
                tensor
            })
            .collect();
        check.findings = wrong.findings.iter().cycle().take(40).cloned().collect();
        check.verdict = if number % 2 == 0 { check.verdict } else { crate::Verdict::Pass };
        check
    });
    report.suites[0].checks = checks.collect();
    let section = report.suites[0].sections[0].clone();
    report.suites[0].sections = (0..400).map(|_| section.clone()).collect();
    let page = page(&report, Lang::En);
    assert!(page.len() < 1_000_000, "{}", page.len());
    assert!(page.len() > 400_000, "the case is too small to show anything: {}", page.len());
    assert!(page.contains("the JSON report has it"));
}
