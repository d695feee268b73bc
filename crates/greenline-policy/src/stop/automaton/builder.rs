//! Lays the patterns out as states and edges, then takes the shortcuts out.

use super::super::file::{Cut, File, Line, Section};
use super::super::normalise::{Accents, key};
use super::super::pattern::Node;
use super::{ANY, Automaton, Entry, POLITE_END, START, State, Table, Token, bit, parts};
use std::collections::HashMap;
use std::rc::Rc;

/// Sets may name sets, this deep.
const SET_DEPTH_MAX: usize = 8;

/// The machine being built.
pub(in super::super) struct Builder<'f> {
    accents: Accents,
    cut: Cut,
    vocabulary: HashMap<Box<str>, Token>,
    entries: Vec<Entry>,
    edges: Vec<Vec<(Token, State)>>,
    skips: Vec<Vec<State>>,
    accepts: Vec<Vec<u32>>,
    heads: Vec<[State; 2]>,
    speakers: Vec<u64>,
    pleas: Vec<Rc<[Token]>>,
    /// Where an item or word leads from a state, so that lines that begin alike share their beginning.
    items: HashMap<(State, &'f Node), State>,
    words: HashMap<(State, Token), State>,
    spelled: HashMap<&'static str, Rc<[Token]>>,
    pub(in super::super) problems: Vec<String>,
}

impl<'f> Builder<'f> {
    pub(in super::super) fn new(accents: Accents, cut: Cut) -> Self {
        let mut builder = Self {
            accents,
            cut,
            vocabulary: HashMap::new(),
            entries: Vec::new(),
            edges: Vec::new(),
            skips: Vec::new(),
            accepts: Vec::new(),
            heads: Vec::new(),
            speakers: vec![0],
            pleas: Vec::new(),
            items: HashMap::new(),
            words: HashMap::new(),
            spelled: HashMap::new(),
            problems: Vec::new(),
        };
        let _start = builder.state();
        builder
    }

    /// Adds the lines of a language and those that all languages share.
    pub(in super::super) fn whole_messages(
        &mut self,
        language: usize,
        file: &'f File,
        shared: &'f [Line],
    ) {
        self.forget();
        let (plain, head, tail) = (self.state(), self.state(), self.state());
        self.accept(tail, POLITE_END);
        for line in file
            .lines
            .iter()
            .filter(|line| matches!(line.section, Section::Polite | Section::Please))
        {
            self.compile(file, &line.node, head, head, 0);
            self.compile(file, &line.node, tail, tail, 0);
            if line.section == Section::Please {
                let plea = self.spell(line.text);
                self.pleas.push(plea);
            }
        }
        for line in shared.iter().chain(&file.lines) {
            let from = match line.section {
                Section::Polite | Section::Please | Section::Ask => continue,
                Section::Everyday => plain,
                _ => head,
            };
            self.entry(language, file, line, from, [head, tail]);
        }
        self.heads.push([plain, head]);
    }

    /// Adds the phrases by which a template asks.
    pub(in super::super) fn asks(&mut self, language: usize, file: &'f File) {
        self.forget();
        for line in file
            .lines
            .iter()
            .filter(|line| line.section == Section::Ask)
        {
            self.entry(language, file, line, START, [START, START]);
        }
    }

    fn entry(
        &mut self,
        language: usize,
        file: &'f File,
        line: &'f Line,
        from: State,
        [head, tail]: [State; 2],
    ) {
        let end = self.state();
        self.compile(file, &line.node, from, end, 0);
        if self.reached(from).contains(&end) {
            self.problems.push(format!(
                "{}: `{}`: fits an empty message",
                file.language, line.text
            ));
            return;
        }
        self.accept(end, u32::try_from(self.entries.len()).unwrap_or(POLITE_END));
        self.entries.push(Entry {
            language,
            section: line.section,
            text: line.text,
            tail,
            head,
        });
    }

    fn accept(&mut self, state: State, entry: u32) {
        if let Some(accepted) = self.accepts.get_mut(state as usize) {
            accepted.push(entry);
        }
    }

    fn compile(&mut self, file: &'f File, node: &'f Node, from: State, to: State, depth: usize) {
        match node {
            Node::Any => self.edge(from, ANY, to),
            Node::Word(word) => self.word(file, word, from, to),
            Node::Seq(items) => {
                let Some((last, before)) = items.split_last() else {
                    return;
                };
                let from = before
                    .iter()
                    .fold(from, |from, item| self.item(file, item, from, depth));
                self.compile(file, last, from, to, depth);
            }
            Node::Alt(choices) => choices
                .iter()
                .for_each(|choice| self.compile(file, choice, from, to, depth)),
            Node::Opt(inner) => {
                self.compile(file, inner, from, to, depth);
                self.skip(from, to);
            }
            Node::Set(name) => match file.sets.get(name) {
                Some(choices) if depth < SET_DEPTH_MAX => {
                    choices
                        .iter()
                        .for_each(|choice| self.compile(file, choice, from, to, depth + 1));
                }
                _ => self.problems.push(format!(
                    "{}: `{{{name}}}`: no such set, or it names itself",
                    file.language
                )),
            },
        }
    }

    fn word(&mut self, file: &'f File, word: &'static str, from: State, to: State) {
        let tokens = self.spell(word);
        let Some((&last, before)) = tokens.split_last() else {
            let problem = format!("{}: `{word}`: nothing is left of it", file.language);
            return self.problems.push(problem);
        };
        let mut at = from;
        for &token in before {
            at = match self.words.get(&(at, token)) {
                Some(&next) => next,
                None => {
                    let next = self.state();
                    self.edge(at, token, next);
                    self.words.insert((at, token), next);
                    next
                }
            };
        }
        self.edge(at, last, to);
    }

    /// The tokens of a word. Sets are laid out wherever they are named, so most words come again.
    fn spell(&mut self, word: &'static str) -> Rc<[Token]> {
        if let Some(tokens) = self.spelled.get(word) {
            return Rc::clone(tokens);
        }
        let key = key(word, self.accents);
        let tokens: Rc<[Token]> = parts(&key, self.cut).map(|part| self.token(part)).collect();
        self.spelled.insert(word, Rc::clone(&tokens));
        tokens
    }

    /// An item that others follow: the state after it, the same for all lines that begin so.
    fn item(&mut self, file: &'f File, item: &'f Node, from: State, depth: usize) -> State {
        if let Some(&next) = self.items.get(&(from, item)) {
            return next;
        }
        let next = self.state();
        self.compile(file, item, from, next, depth);
        self.items.insert((from, item), next);
        next
    }

    /// Sets of one name differ between languages: beginnings are shared within one only.
    fn forget(&mut self) {
        self.items.clear();
        self.words.clear();
        self.spelled.clear();
    }

    /// The number of a word, known from now on to the language being added.
    fn token(&mut self, part: &str) -> Token {
        let speaker = bit(self.heads.len());
        if let Some(&token) = self.vocabulary.get(part) {
            if let Some(speakers) = self.speakers.get_mut(token as usize) {
                *speakers |= speaker;
            }
            return token;
        }
        let token = u32::try_from(self.speakers.len()).unwrap_or(ANY);
        self.vocabulary.insert(part.into(), token);
        self.speakers.push(speaker);
        token
    }

    fn state(&mut self) -> State {
        self.edges.push(Vec::new());
        self.skips.push(Vec::new());
        self.accepts.push(Vec::new());
        u32::try_from(self.edges.len() - 1).unwrap_or(START)
    }

    fn edge(&mut self, from: State, token: Token, to: State) {
        if let Some(edges) = self.edges.get_mut(from as usize) {
            edges.push((token, to));
        }
    }

    fn skip(&mut self, from: State, to: State) {
        if let Some(skips) = self.skips.get_mut(from as usize) {
            skips.push(to);
        }
    }

    /// The states that are reached from one without reading anything, itself included.
    fn reached(&self, from: State) -> Vec<State> {
        let mut reached = vec![from];
        let mut at = 0;
        while let Some(&state) = reached.get(at) {
            for &to in self.skips.get(state as usize).into_iter().flatten() {
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
            at += 1;
        }
        reached
    }

    /// The finished machine: what can be skipped is gone, every state knows its edges at once.
    pub(in super::super) fn finish(mut self) -> Automaton {
        // First collected, then added: a state must not pass on what it has been lent.
        let skipping =
            (0..self.skips.len()).filter(|&at| self.skips.get(at).is_some_and(|to| !to.is_empty()));
        let lent: Vec<_> = skipping
            .map(|at| {
                let reached = self.reached(u32::try_from(at).unwrap_or(START));
                (
                    at,
                    pick(&self.edges, &reached),
                    pick(&self.accepts, &reached),
                )
            })
            .collect();
        for (at, edges, accepts) in lent {
            self.edges
                .get_mut(at)
                .into_iter()
                .for_each(|row| row.clone_from(&edges));
            self.accepts
                .get_mut(at)
                .into_iter()
                .for_each(|row| row.clone_from(&accepts));
        }
        let (edges, accepts) = (Table::new(self.edges), Table::new(self.accepts));
        self.pleas.sort_unstable();
        let singles = singles(&self.heads, self.speakers.len(), &edges, &accepts);
        Automaton {
            edges,
            accepts,
            singles,
            vocabulary: self.vocabulary,
            entries: self.entries,
            heads: self.heads,
            speakers: self.speakers,
            pleas: self.pleas.iter().map(|plea| (**plea).into()).collect(),
        }
    }
}

/// For each token the entries that it fits alone: messages of one word are the most common stop.
fn singles(
    heads: &[[State; 2]],
    tokens: usize,
    edges: &Table<(Token, State)>,
    accepts: &Table<u32>,
) -> Table<u32> {
    let mut rows = vec![Vec::new(); tokens];
    for &(token, to) in heads
        .as_flattened()
        .iter()
        .flat_map(|&head| edges.row(head))
    {
        if let Some(row) = rows.get_mut(token as usize) {
            row.extend_from_slice(accepts.row(to));
        }
    }
    Table::new(rows)
}

fn pick<T: Copy>(rows: &[Vec<T>], states: &[State]) -> Vec<T> {
    states
        .iter()
        .filter_map(|&state| rows.get(state as usize))
        .flatten()
        .copied()
        .collect()
}
