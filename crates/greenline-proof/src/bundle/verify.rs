//! Checking a bundle: what it proves, what it does not, and what is wrong with it.
//!
//! A bundle is checked against nothing but itself and what the reader trusts. So a report says both:
//! without a key or a head from elsewhere it shows that the records stood in *a* log that somebody
//! signed, which is not yet proof against whoever holds the key.

use std::fmt;

use super::{BadBundle, Bundle, BundleEntry};
use crate::hash::Hash;
use crate::head::{Head, PublicKey};
use crate::leaf::{commit, leaf_hash};
use crate::tree::{is_consistent, is_included};

/// What the reader trusts: keys got another way, and heads kept from earlier.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Public keys.
    pub keys: Vec<PublicKey>,
    /// Heads. Those of other businesses are left aside.
    pub heads: Vec<Head>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Which record, counted from 0 in the bundle; none when it is about the whole.
    pub entry: Option<usize>,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A record that the bundle proves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proved {
    /// `event`, `decision` or `timeline`.
    pub kind: String,
    /// Its place in the log.
    pub index: u64,
    /// Its fields; no value where it was erased.
    pub fields: Vec<(String, Option<String>)>,
}

/// What a bundle proves.
#[derive(Clone, Debug)]
pub struct Report {
    /// The head it was checked against.
    pub head: Head,
    /// The key that signed the head.
    pub key: PublicKey,
    /// Records that stand in the log under the head.
    pub entries: Vec<Proved>,
    /// What is proved, in words.
    pub proved: Vec<String>,
    /// What is not, in words.
    pub not_proved: Vec<String>,
    /// What is wrong; empty when everything in the bundle holds.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether everything holds.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.problems.is_empty()
    }

    fn wrong(&mut self, entry: Option<usize>, what: impl Into<String>) {
        let what = what.into();
        self.problems.push(Problem { entry, what });
    }
}

/// Checks a bundle, offline, against what is trusted.
///
/// # Errors
/// When it is no bundle at all. Whatever is wrong with a bundle that reads is in the report.
pub fn verify_bundle(bytes: &[u8], trust: &Trust) -> Result<Report, BadBundle> {
    let bundle = Bundle::from_json(bytes)?;
    let Some((signed, key)) = bundle.head.parsed() else {
        let what = "a member of the head is not in its form";
        return Err(BadBundle::Unreadable(what.to_owned()));
    };
    let mut report = Report {
        head: signed.head.clone(),
        key,
        entries: Vec::new(),
        proved: Vec::new(),
        not_proved: Vec::new(),
        problems: Vec::new(),
    };
    if signed.is_signed_by(&key) {
        let (size, id) = (signed.head.size, signed.key);
        let what = format!("the key {id} signed a log of {size} records");
        report.proved.push(what);
    } else {
        report.wrong(None, "the head's signature does not hold");
    }
    check_key(&mut report, trust);
    check_entries(&mut report, &bundle.entries);
    check_earlier(&mut report, &bundle, trust);
    limits(&mut report);
    Ok(report)
}

fn check_key(report: &mut Report, trust: &Trust) {
    if trust.keys.contains(&report.key) {
        report
            .proved
            .push("the key is one that you trust".to_owned());
    } else if trust.keys.is_empty() {
        let what =
            "whose key it is: compare its id with one that the business published, or give `--key`";
        report.not_proved.push(what.to_owned());
    } else {
        report.wrong(None, "the head is signed by a key that you do not trust");
    }
}

fn check_entries(report: &mut Report, entries: &[BundleEntry]) {
    let mut last = None;
    for (at, entry) in entries.iter().enumerate() {
        if last.is_some_and(|last| last >= entry.index) {
            let what = format!("record {} is out of order, or twice", entry.index);
            report.wrong(Some(at), what);
        }
        last = Some(entry.index);
        match check_entry(entry, &report.head) {
            Ok(proved) => report.entries.push(proved),
            Err(what) => report.wrong(Some(at), what),
        }
    }
    if !report.entries.is_empty() {
        let count = report.entries.len();
        let what = format!("{count} records stand in that log, with the fields shown, unchanged");
        report.proved.push(what);
    }
    let is_erased = |entry: &Proved| entry.fields.iter().any(|(_, value)| value.is_none());
    if report.entries.iter().any(is_erased) {
        let what = "what the erased fields held: only that they held something, which nobody can bring back";
        report.not_proved.push(what.to_owned());
    }
}

fn check_entry(entry: &BundleEntry, head: &Head) -> Result<Proved, String> {
    let (mut commitments, mut fields) = (Vec::new(), Vec::new());
    for field in &entry.fields {
        let name = &field.name;
        let opening = field
            .opening()
            .ok_or_else(|| format!("the field `{name}` is neither open nor erased"))?;
        let (commitment, value) = match opening {
            Ok((salt, value)) => (commit(salt, name, value), Some(value.to_owned())),
            Err(commitment) => (commitment, None),
        };
        commitments.push((name.as_str().into(), commitment));
        fields.push((name.clone(), value));
    }
    let leaf = leaf_hash(&entry.kind, &commitments);
    let proof: Option<Vec<Hash>> = entry.proof.iter().map(|text| Hash::parse(text)).collect();
    let proof = proof.ok_or("a hash of the proof is not in its form")?;
    if entry.index >= head.size {
        return Err(format!("the log has no record {}", entry.index));
    }
    if !is_included(leaf, entry.index, head.size, &proof, head.root) {
        let index = entry.index;
        return Err(format!(
            "the fields and the proof do not lead to the head: something of record {index} was changed"
        ));
    }
    Ok(Proved {
        kind: entry.kind.clone(),
        index: entry.index,
        fields,
    })
}

/// Everything that is known of the log's past: from the bundle, and from heads kept outside.
fn check_earlier(report: &mut Report, bundle: &Bundle, trust: &Trust) {
    let now = (report.head.size, report.head.root);
    let mut past = vec![now];
    for earlier in &bundle.earlier {
        let proof: Option<Vec<Hash>> = earlier.proof.iter().map(|text| Hash::parse(text)).collect();
        let (Some(root), Some(proof)) = (Hash::parse(&earlier.root), proof) else {
            report.wrong(None, "a hash of a consistency proof is not in its form");
            continue;
        };
        let size = earlier.size;
        if is_consistent((size, root), now, &proof) {
            past.push((size, root));
        } else {
            let what = format!("the log does not continue its first {size} records as they were");
            report.wrong(None, what);
        }
    }
    let business = report.head.business.clone();
    let kept = trust.heads.iter().filter(|head| head.business == business);
    let mut checked = 0_usize;
    for head in kept {
        checked += 1;
        let size = head.size;
        match past.iter().find(|(known, _)| *known == size) {
            Some((_, root)) if *root == head.root => {
                let what =
                    format!("nothing up to record {size} was rewritten since that head was kept");
                report.proved.push(what);
            }
            Some(_) => {
                let what = format!(
                    "the first {size} records are not those of the head that was kept: the history was rewritten"
                );
                report.wrong(None, what);
            }
            None if size > now.0 => {
                let what = format!(
                    "the head that was kept has {size} records, more than the bundle's: ask for a newer bundle"
                );
                report.wrong(None, what);
            }
            None => {
                let what = format!(
                    "the bundle cannot be held against the head that was kept: ask for it with `from={size}`"
                );
                report.wrong(None, what);
            }
        }
    }
    if checked == 0 && !trust.heads.is_empty() {
        let what = format!("none of the heads given is of `{business}`");
        report.wrong(None, what);
    }
    if checked == 0 {
        let what = "that whoever holds the key did not rewrite the history before signing: only a head kept outside shows that";
        report.not_proved.push(what.to_owned());
    }
}

fn limits(report: &mut Report) {
    let what = "that the records are all there are of the person: a bundle shows what it holds, not what it leaves out";
    report.not_proved.push(what.to_owned());
    let what =
        "that what was recorded is true: the log shows that it was recorded so, and not changed";
    report.not_proved.push(what.to_owned());
}
