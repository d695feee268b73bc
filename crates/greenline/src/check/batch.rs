//! Many questions from a file: a JSON object a line in, a JSON object a line out.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::access::Access;
use crate::failure::{Exit, Failure};
use crate::output::{self, Bar, list, text};

/// Lines asked about at once.
const LINES_AT_ONCE: usize = 500;
/// Bytes of lines asked about at once; a single line may be longer.
const BYTES_AT_ONCE: usize = 2 * 1024 * 1024;
/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Where questions come from.
pub(super) struct Lines {
    from: Box<dyn BufRead + Send>,
    bar: Option<Bar>,
    read_bytes: u64,
}

/// A line, read.
enum Line {
    Asks(Value),
    Not(String),
}

impl Lines {
    /// Of a file; `-` is standard input.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self {
                from: Box::new(BufReader::new(std::io::stdin())),
                bar: None,
                read_bytes: 0,
            });
        }
        let failed =
            |error| Failure::input(format!("`{}` cannot be read", path.display())).because(error);
        let file = File::open(path).map_err(failed)?;
        let whole = file.metadata().map_err(failed)?.len();
        Ok(Self {
            from: Box::new(BufReader::new(file)),
            bar: Some(Bar::new("checked", whole)),
            read_bytes: 0,
        })
    }

    /// The next line, and how long it is; `None` at the end.
    fn next(&mut self) -> Result<Option<(Line, usize)>, Failure> {
        let mut line = Vec::new();
        let failed =
            |error| Failure::input("the questions cannot be read to their end").because(error);
        let read = (&mut self.from)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        if read == 0 {
            return Ok(None);
        }
        self.read_bytes += read as u64;
        if read as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            self.read_bytes += skip_line(&mut self.from).map_err(failed)?;
            let why = format!("a line may be {LINE_BYTES_MAX} bytes long");
            return Ok(Some((Line::Not(why), 0)));
        }
        let line = match serde_json::from_slice::<Value>(line.trim_ascii()) {
            Ok(Value::Object(asks)) => whole(asks),
            Ok(_) => Line::Not("the line is not a JSON object".to_owned()),
            Err(error) => Line::Not(format!("the line is not JSON: {error}")),
        };
        Ok(Some((line, read)))
    }
}

/// Passes over the rest of a line without holding it.
fn skip_line(from: &mut (dyn BufRead + Send)) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let held = from.fill_buf()?;
        if held.is_empty() {
            return Ok(skipped);
        }
        let (used, ended) = match held.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (held.len(), false),
        };
        from.consume(used);
        skipped += used as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

/// A line may say `to` with `text` or `template` in the place of a whole message.
fn whole(mut asks: Map<String, Value>) -> Line {
    if asks.contains_key("message") || !asks.contains_key("to") {
        return Line::Asks(Value::Object(asks));
    }
    match message(&mut asks) {
        Ok(message) => {
            asks.insert("message".to_owned(), message);
            Line::Asks(Value::Object(asks))
        }
        Err(why) => Line::Not(why),
    }
}

/// The message that a line says in short; its parts are taken out.
fn message(asks: &mut Map<String, Value>) -> Result<Value, String> {
    let mut taken = |name: &str| match asks.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is not a text")),
    };
    let to = taken("to")?.unwrap_or_default();
    match (taken("text")?, taken("template")?, taken("language")?) {
        (Some(text), None, None) => Ok(super::message(&to, Some(&text), None)),
        (None, Some(template), language) => {
            let language = language.as_deref().unwrap_or(super::LANGUAGE);
            Ok(super::message(&to, None, Some((&template, language))))
        }
        _ => {
            Err("beside `to` there is either `text`, or `template` with its `language`".to_owned())
        }
    }
}

/// How many of each.
#[derive(Default)]
struct Counts {
    lines: u64,
    refused: u64,
    unread: u64,
    unavailable: u64,
}

/// Answers every line. `usual` is what counts for lines that say nothing themselves.
pub(super) async fn run(access: &Access, mut lines: Lines, usual: &Value) -> Result<Exit, Failure> {
    let mut counts = Counts::default();
    let mut held = Vec::new();
    let mut bytes = 0;
    loop {
        let next = lines.next()?;
        let ended = next.is_none();
        if let Some((line, length)) = next {
            held.push(line);
            bytes += length;
        }
        if ended || held.len() == LINES_AT_ONCE || bytes >= BYTES_AT_ONCE {
            answer(access, std::mem::take(&mut held), usual, &mut counts).await?;
            bytes = 0;
            if let Some(bar) = &mut lines.bar {
                bar.show(lines.read_bytes);
            }
        }
        if ended {
            break;
        }
    }
    drop(lines);
    let Counts {
        lines,
        refused,
        unread,
        unavailable,
    } = counts;
    match (unavailable, unread, refused) {
        (0, 0, 0) => Ok(Exit::Yes),
        (0, 0, _) => Ok(Exit::No),
        (0, unread, _) => Err(Failure::input(format!(
            "{unread} of {lines} lines could not be answered as they are"
        ))
        .help("Each has a `problem` in its place that says what to change.")),
        (unavailable, ..) => Err(Failure::unavailable(format!(
            "{unavailable} of {lines} lines were not decided"
        ))
        .help("Ask again for those with a `problem` of status 503.")),
    }
}

async fn answer(
    access: &Access,
    held: Vec<Line>,
    usual: &Value,
    counts: &mut Counts,
) -> Result<(), Failure> {
    if held.is_empty() {
        return Ok(());
    }
    let asks = held.iter().filter_map(|line| match line {
        Line::Asks(asks) => Some(asks),
        Line::Not(_) => None,
    });
    let questions: Vec<&Value> = asks.collect();
    let mut said = Value::Null;
    if !questions.is_empty() {
        let mut body = usual.clone();
        body["questions"] = json!(questions);
        said = access.post("/v1/decisions", &body).await?.done()?;
    }
    let mut answers = list(&said, "/answers").iter();
    let mut out = String::new();
    for line in held {
        counts.lines += 1;
        let mut one = match line {
            Line::Asks(_) => answers.next().cloned().ok_or_else(|| {
                Failure::unavailable("the admin API answered fewer questions than it was asked")
            })?,
            Line::Not(why) => {
                json!({ "problem": { "status": 400, "title": "The line cannot be read", "detail": why } })
            }
        };
        match one.get("problem") {
            None if text(&one, "/decision") == "allow" => {}
            None => counts.refused += 1,
            Some(problem) if problem["status"].as_u64() >= Some(500) => counts.unavailable += 1,
            Some(_) => counts.unread += 1,
        }
        one["line"] = json!(counts.lines);
        out.push_str(&one.to_string());
        out.push('\n');
    }
    output::print(&out)
}
