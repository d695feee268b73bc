//! The guide's pages: the list with its search, an article, a rule.

use askama::Template;
use greenline_guide::{Article, Confidence, Entry, Fact, Group, Guide, QUESTION_CHARS_MAX, Table};
use greenline_policy::pack::Pack;
use greenline_policy::rule::{Rule, Severity};

use crate::page::Frame;

/// The list, and what a question found.
#[derive(Clone, Debug, Template)]
#[template(path = "guide.html")]
pub struct GuidePage {
    /// The surroundings.
    pub frame: Frame,
    /// Where everything is taken from.
    pub guide: &'static Guide,
    /// What was asked; empty when nothing was.
    pub question: String,
    /// What answers it, best first.
    pub found: Vec<Entry<'static>>,
}

impl GuidePage {
    const CHARS_MAX: usize = QUESTION_CHARS_MAX;
    const GROUPS: &[Group] = Group::ALL;
    const RULES: &[Rule] = Rule::ALL;
    const PACKS: &[Pack] = Pack::ALL;

    fn in_group(&self, group: &Group) -> impl Iterator<Item = &'static Article> {
        self.guide.in_group(*group)
    }
}

/// An article.
#[derive(Clone, Debug, Template)]
#[template(path = "guide-article.html")]
pub struct ArticlePage {
    /// The surroundings.
    pub frame: Frame,
    /// Where everything is taken from.
    pub guide: &'static Guide,
    /// The article.
    pub article: &'static Article,
}

impl ArticlePage {
    fn confidence(&self) -> String {
        self.guide.confidence(Entry::Article(self.article))
    }

    fn facts(&self) -> Vec<&'static Fact> {
        self.guide.facts_of(Entry::Article(self.article))
    }

    fn rules(&self) -> impl Iterator<Item = Rule> {
        self.article.rules.iter().filter_map(|id| Rule::parse(id))
    }
}

/// A rule.
#[derive(Clone, Debug, Template)]
#[template(path = "guide-rule.html")]
pub struct RulePage {
    /// The surroundings.
    pub frame: Frame,
    /// Where everything is taken from.
    pub guide: &'static Guide,
    /// The rule.
    pub rule: Rule,
    /// The error code by which it answers an app, where it refuses.
    pub code: Option<u32>,
}

impl RulePage {
    fn confidence(&self) -> String {
        self.guide.confidence(Entry::Rule(self.rule))
    }

    fn facts(&self) -> Vec<&'static Fact> {
        self.guide.facts_of(Entry::Rule(self.rule))
    }

    fn articles(&self) -> impl Iterator<Item = &'static Article> {
        self.guide.about(self.rule)
    }
}

/// Where a rule's page is.
fn path(rule: &Rule) -> String {
    greenline_guide::rule_path(*rule)
}

/// The cells of a row, each with the name of its column.
fn cells<'a>(table: &'a Table, row: &'a [String]) -> Vec<(&'a String, &'a String)> {
    table.head.iter().zip(row).collect()
}

/// How a rule behaves: the word, its tone, and what it means.
fn severity(rule: &Rule) -> (&'static str, &'static str, &'static str) {
    match rule.card().severity {
        Severity::Permanent => (
            "refuses",
            "bad",
            "does not pass with time: somebody has to act",
        ),
        Severity::Passing => ("refuses", "warn", "for now: it passes"),
        Severity::Note => ("note", "idle", "explains, and refuses nothing by itself"),
    }
}

fn tone(fact: &Fact) -> &'static str {
    match fact.confidence {
        Confidence::High => "good",
        Confidence::Medium => "warn",
        Confidence::Low => "bad",
    }
}

/// A stretch of prose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece<'a> {
    /// Words.
    Plain(&'a str),
    /// A name as it is typed, from between backticks.
    Code(&'a str),
    /// A word that the text explains, from between asterisks.
    Term(&'a str),
}

/// Takes prose apart at backticks and asterisks. A mark without its partner stays a mark.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['`', '*']) {
        let (before, marked) = rest.split_at(start);
        let mark = if marked.starts_with('`') { '`' } else { '*' };
        let Some((inner, after)) = marked[1..].split_once(mark) else {
            break;
        };
        if !before.is_empty() {
            pieces.push(Piece::Plain(before));
        }
        pieces.push(if mark == '`' {
            Piece::Code(inner)
        } else {
            Piece::Term(inner)
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_taken_apart_at_its_marks() {
        assert_eq!(
            pieces("An *ask* is `ask = true`."),
            [
                Piece::Plain("An "),
                Piece::Term("ask"),
                Piece::Plain(" is "),
                Piece::Code("ask = true"),
                Piece::Plain("."),
            ]
        );
        assert_eq!(pieces("a ` alone"), [Piece::Plain("a ` alone")]);
        assert!(pieces("").is_empty());
    }
}
