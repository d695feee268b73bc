//! The labelled test sets: how much is recognised, and what is wrongly taken for a stop.
//!
//! `cargo test -p greenline-policy --test stop labelled_report -- --nocapture` prints the table.

use greenline_policy::stop::{Meaning, Settings, StopReach, languages, normalise, recognise};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MIN: usize = 60;
const RECALL_MIN: f64 = 0.9;
const LITERAL_SHARE_MAX: f64 = 0.3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    Stop(StopReach),
    Start,
    Ask,
    None,
}

struct Set {
    language: String,
    lines: Vec<(Label, String)>,
}

#[derive(Default)]
struct Report {
    positives: usize,
    recognised: usize,
    negatives: usize,
    literal: usize,
    false_stops: Vec<String>,
    missed: Vec<String>,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/stop")
}

fn read(path: &Path) -> Set {
    let text = fs::read_to_string(path).expect("a readable file");
    let label = |name: &str| match name {
        "stop" => Label::Stop(StopReach::Bare),
        "stop_all" => Label::Stop(StopReach::All),
        "stop_marketing" => Label::Stop(StopReach::Marketing),
        "start" => Label::Start,
        "ask" => Label::Ask,
        "none" => Label::None,
        other => panic!("{}: no such label `{other}`", path.display()),
    };
    let lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, text) = line
                .split_once('\t')
                .unwrap_or_else(|| panic!("{}: no tab in `{line}`", path.display()));
            (label(name), text.to_owned())
        });
    Set {
        language: path.file_stem().unwrap().to_string_lossy().into_owned(),
        lines: lines.collect(),
    }
}

fn sets() -> Vec<Set> {
    let mut paths: Vec<PathBuf> = fs::read_dir(data().join("labelled"))
        .expect("the labelled sets")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "tsv"))
        .collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

/// Keys of the lines of the language's word file, patterns as they are written.
fn literal_lines(language: &str) -> HashSet<String> {
    [language, "und"]
        .iter()
        .flat_map(|name| {
            let text = fs::read_to_string(data().join(format!("{name}.txt"))).unwrap_or_default();
            text.lines().map(normalise).collect::<Vec<_>>()
        })
        .collect()
}

fn judge(set: &Set) -> Report {
    let literal = literal_lines(&set.language);
    let mut report = Report::default();
    for (label, text) in &set.lines {
        let found = recognise(text, &Settings::default());
        let got = match found.map(|found| found.meaning) {
            Some(Meaning::Stop(reach)) => Label::Stop(reach),
            Some(Meaning::Start) => Label::Start,
            Some(Meaning::Ask) => Label::Ask,
            Some(Meaning::Keep) | None => Label::None,
        };
        let line = || {
            format!(
                "{}: `{text}` is {label:?}, read as {got:?} by {:?}",
                set.language,
                found.map(|f| (f.language, f.matched))
            )
        };
        if *label == Label::None {
            report.negatives += 1;
        } else {
            report.positives += 1;
            report.recognised += usize::from(got == *label);
            report.literal += usize::from(literal.contains(&normalise(text)));
        }
        if matches!(got, Label::Stop(_)) && !matches!(label, Label::Stop(_))
            || (*label == Label::None && got != Label::None)
        {
            report.false_stops.push(line());
        } else if got != *label {
            report.missed.push(line());
        }
    }
    report
}

#[test]
fn labelled_report() {
    let mut failures = Vec::new();
    println!("language  lines  negatives  recall  false  literal");
    for set in sets() {
        let report = judge(&set);
        let recall = report.recognised as f64 / report.positives.max(1) as f64;
        let literal = report.literal as f64 / report.positives.max(1) as f64;
        println!(
            "{:8} {:6} {:10} {:6.1}% {:6} {:7.1}%",
            set.language,
            set.lines.len(),
            report.negatives,
            recall * 100.0,
            report.false_stops.len(),
            literal * 100.0
        );
        for line in report.false_stops.iter().chain(&report.missed) {
            println!("    {line}");
        }
        let mut demand = |ok: bool, what: &str| {
            if !ok {
                failures.push(format!("{}: {what}", set.language));
            }
        };
        demand(set.lines.len() >= LINES_MIN, "too few lines");
        demand(report.negatives * 3 >= set.lines.len(), "too few negatives");
        demand(report.false_stops.is_empty(), "false stops");
        demand(recall >= RECALL_MIN, "recall too low");
        demand(
            literal <= LITERAL_SHARE_MAX,
            "too many positives stand in the word file",
        );
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn every_language_has_a_labelled_set() {
    let have: HashSet<String> = sets().into_iter().map(|set| set.language).collect();
    let missing: Vec<&str> = languages()
        .filter(|language| !have.contains(*language))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let unlisted: Vec<&String> = have
        .iter()
        .filter(|have| !languages().any(|listed| listed == **have))
        .collect();
    assert!(unlisted.is_empty(), "{unlisted:?} are not in languages.rs");
}

#[test]
fn every_word_file_names_its_source() {
    for language in languages().chain(["und"]) {
        let text = fs::read_to_string(data().join(format!("{language}.txt"))).expect("a word file");
        assert!(text.starts_with("# source: "), "{language}");
    }
}
