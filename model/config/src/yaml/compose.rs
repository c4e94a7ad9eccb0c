//! Builds a tree of nodes with their places from the parser's events.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::error::{Mark, YamlProblem};

pub(super) type Problem = (Mark, YamlProblem);

/// The largest depth of nesting. A config's depth is 3; a stack overflows only far beyond this limit.
const MAX_DEPTH: usize = 100;
/// OmegaConf 2.4's limit on the number of nodes after the expansion of all aliases.
const MAX_NODES: usize = 10_000;

/// A node of YAML before its type is known.
#[derive(Debug)]
pub(super) struct Node {
    pub mark: Mark,
    /// The tag, such as `!!int` or `!name`.
    pub tag: Option<String>,
    pub kind: Kind,
    /// The number of nodes, including all nodes below this one.
    size: usize,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar { text: String, plain: bool },
    List(Vec<Rc<Node>>),
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

/// The only document of a text; `None` if the text has no document.
pub(super) fn compose(text: &str) -> Result<Option<Rc<Node>>, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    line_ends(text)?;
    let mut composer = Composer {
        parser: Parser::new_from_str(text),
        chars: text.chars().collect(),
        anchors: HashMap::new(),
        depth: 0,
        flow: 0,
    };
    let mut document = None;
    loop {
        match composer.next()? {
            (Event::StreamEnd, _) => return Ok(document),
            (Event::DocumentStart(_), span) if document.is_some() => {
                return Err((mark(span), YamlProblem::ManyDocuments));
            }
            (Event::DocumentStart(_), _) => {
                let first = composer.next()?;
                document = Some(composer.node(first)?);
            }
            _ => {}
        }
    }
}

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    chars: Vec<char>,
    anchors: HashMap<usize, Rc<Node>>,
    depth: usize,
    /// The number of brackets and braces around this node.
    flow: usize,
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(event) => event.map_err(|error| syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, (event, span): (Event<'a>, Span)) -> Result<Rc<Node>, Problem> {
        let (anchor, tag, kind) = match event {
            Event::Alias(anchor) => {
                self.name(span)?;
                return self.anchors.get(&anchor).cloned().ok_or((mark(span), YamlProblem::Recursive));
            }
            Event::Scalar(text, style, anchor, tag) => (anchor, tag, self.scalar(text.into_owned(), style, span)?),
            Event::SequenceStart(anchor, tag) => (anchor, tag, self.deeper(span, Self::list)?),
            Event::MappingStart(anchor, tag) => (anchor, tag, self.deeper(span, Self::mapping)?),
            other => return Err((mark(span), YamlProblem::Syntax(format!("a value was expected, not {other:?}")))),
        };
        // The parser counts anchors from 1.
        if anchor > 0 {
            self.name(span)?;
        }
        let below: usize = match &kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(|item| item.size).sum(),
            Kind::Mapping(pairs) => pairs.iter().map(|(key, value)| key.size + value.size).sum(),
        };
        if below >= MAX_NODES {
            return Err((mark(span), YamlProblem::TooMuch("10000 values")));
        }
        let node = Rc::new(Node { mark: mark(span), tag: tag.map(|tag| tag_text(&tag)), kind, size: below + 1 });
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn deeper(&mut self, span: Span, read: fn(&mut Self) -> Result<Kind, Problem>) -> Result<Kind, Problem> {
        if self.depth == MAX_DEPTH {
            return Err((mark(span), YamlProblem::TooMuch("100 levels")));
        }
        // The event of brackets ends behind the opening one; that of a list of dashes ends behind no bracket.
        let behind = span.end.index().checked_sub(1).and_then(|at| self.chars.get(at));
        let opens = matches!(behind, Some('[' | '{'));
        self.flow += usize::from(opens);
        self.depth += 1;
        let kind = read(self);
        self.depth -= 1;
        self.flow -= usize::from(opens);
        kind
    }

    /// Refuses a name of an anchor or alias that YAML 1.1 would end earlier: `&x?y` is the anchor `x` before `?y` there.
    /// The span of a node begins at its anchor, or at its tag.
    fn name(&self, span: Span) -> Result<(), Problem> {
        let mut chars = self.chars.iter().copied().skip(span.start.index()).peekable();
        if chars.peek() == Some(&'!') {
            while chars.next_if(|char| !char.is_whitespace()).is_some() {}
            while chars.next_if(|char| char.is_whitespace()).is_some() {}
        }
        let sign = chars.next();
        let mut name = String::new();
        while let Some(char) = chars.next_if(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_')) {
            name.push(char);
        }
        let ends = chars.peek().is_none_or(|char| char.is_whitespace() || matches!(char, ',' | ']' | '}'));
        if matches!(sign, Some('&' | '*')) && !name.is_empty() && ends {
            return Ok(());
        }
        name.extend(chars.take_while(|char| !char.is_whitespace()));
        Err((mark(span), YamlProblem::AnchorName(name)))
    }

    /// Handles the differences between YAML 1.2, which the parser implements, and 1.1.
    fn scalar(&self, mut text: String, style: ScalarStyle, span: Span) -> Result<Kind, Problem> {
        let plain = style == ScalarStyle::Plain;
        if plain && self.flow > 0 && text.starts_with(['?', ':']) {
            let what = "within brackets a text that begins with `?` or `:` must be quoted";
            return Err((mark(span), YamlProblem::Syntax(what.to_owned())));
        }
        // The last line of a block keeps the line break of the file, and the parser always adds one.
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if block && text.ends_with('\n') && span.end.index() >= self.chars.len() && self.ends_within(span) {
            text.pop();
        }
        Ok(Kind::Scalar { text, plain })
    }

    /// Whether a block that reaches the end of the text ends within a line of its own: the last line holds at least the
    /// block's indentation, and no line break.
    fn ends_within(&self, span: Span) -> bool {
        let last = self.chars.iter().rev().take_while(|char| !matches!(char, '\n' | '\r'));
        let (mut length, mut blank) = (0, true);
        for char in last {
            length += 1;
            blank &= *char == ' ';
        }
        // The span begins at the first character behind the indentation.
        length > 0 && (!blank || length >= span.start.col())
    }

    fn list(&mut self) -> Result<Kind, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                event => items.push(self.node(event)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Kind, Problem> {
        let mut pairs = Vec::new();
        loop {
            match self.next()? {
                (Event::MappingEnd, _) => return Ok(Kind::Mapping(pairs)),
                event => {
                    let key = self.node(event)?;
                    let value = self.next()?;
                    pairs.push((key, self.node(value)?));
                }
            }
        }
    }
}

fn mark(span: Span) -> Mark {
    (span.start.line().max(1), span.start.col() + 1)
}

fn syntax(error: &ScanError) -> Problem {
    let at = error.marker();
    ((at.line().max(1), at.col() + 1), YamlProblem::Syntax(error.info().to_owned()))
}

/// A tag in its short notation.
fn tag_text(tag: &Tag) -> String {
    match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("" | "!", "" | "!") => "!".to_owned(),
        ("tag:yaml.org,2002:", suffix) => format!("!!{suffix}"),
        (handle, suffix) => {
            let whole = format!("{handle}{suffix}");
            whole.strip_prefix("tag:yaml.org,2002:").map(|suffix| format!("!!{suffix}")).unwrap_or(whole)
        }
    }
}

/// Refuses the three characters that end a line in YAML 1.1 and are characters like others in YAML 1.2: what stands
/// behind one in a comment would be a key there and nothing here.
fn line_ends(text: &str) -> Result<(), Problem> {
    let mut mark = (1, 1);
    for char in text.chars() {
        match char {
            '\u{85}' | '\u{2028}' | '\u{2029}' => return Err((mark, YamlProblem::LineEnd(char as u32))),
            '\n' => mark = (mark.0 + 1, 1),
            _ => mark.1 += 1,
        }
    }
    Ok(())
}
