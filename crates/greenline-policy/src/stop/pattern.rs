//! The little language of the word files: one line is one pattern.
//!
//! `words {set} (one|the other thing)? end`: words stand for themselves, `{name}` for any line of a
//! `[set name]`, brackets for a choice, `?` for "or nothing", `*` (only in `[ask]`) for any one word.

/// A parsed line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Node {
    /// Text to be compared by its key.
    Word(&'static str),
    /// Any line of the named set.
    Set(&'static str),
    /// Any one word.
    Any,
    /// One after the other.
    Seq(Vec<Node>),
    /// One of these.
    Alt(Vec<Node>),
    /// This or nothing.
    Opt(Box<Node>),
}

/// Signs that end a word.
const SIGNS: &[char] = &['(', ')', '|', '?', '{', '}', '*'];

/// Reads one line; an error names what is wrong with it.
pub(super) fn parse(line: &'static str) -> Result<Node, &'static str> {
    let mut parser = Parser { rest: line };
    let node = parser.sequence()?;
    if parser.rest.is_empty() {
        Ok(node)
    } else {
        Err("a `)` or `|` without its `(`")
    }
}

struct Parser {
    rest: &'static str,
}

impl Parser {
    fn eat(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn sequence(&mut self) -> Result<Node, &'static str> {
        let mut items = Vec::new();
        while let Some(item) = self.item()? {
            items.push(if self.eat('?') {
                Node::Opt(Box::new(item))
            } else {
                item
            });
        }
        if items.is_empty() {
            Err("an empty choice or line")
        } else {
            Ok(Node::Seq(items))
        }
    }

    fn item(&mut self) -> Result<Option<Node>, &'static str> {
        if self.eat('(') {
            let mut choices = vec![self.sequence()?];
            while self.eat('|') {
                choices.push(self.sequence()?);
            }
            return if self.eat(')') {
                Ok(Some(Node::Alt(choices)))
            } else {
                Err("a `(` without its `)`")
            };
        }
        if self.eat('{') {
            let (name, rest) = self.rest.split_once('}').ok_or("a `{` without its `}`")?;
            self.rest = rest;
            return Ok(Some(Node::Set(name.trim())));
        }
        if self.eat('*') {
            return Ok(Some(Node::Any));
        }
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || SIGNS.contains(&c))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return if self.rest.starts_with(['?', '}']) {
                Err("a `?` or `}` without what it belongs to")
            } else {
                Ok(None)
            };
        }
        self.rest = rest;
        Ok(Some(Node::Word(word)))
    }
}
