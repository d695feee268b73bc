//! `greenline verify`: every event folded again and compared with what decisions rest on, every record held
//! against its leaf in the log; or, with `--bundle` a proof and with `--plan` a plan checked offline, without store or
//! server.

use std::path::{Path, PathBuf};

use clap::Args;
use greenline_gateway::screen::Unscreened;
use greenline_gateway::screen::plan::check as check_plan;
use greenline_proof::{PublicKey, PublishedHead, Report, Trust, read_heads, verify_bundle};
use serde_json::{Value, json};

use crate::access::Access;
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, text};
use crate::settings::Settings;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads the whole store again, or checks one proof or plan.
#[derive(Args)]
pub(crate) struct Verify {
    /// Checks this proof bundle, offline, instead of the store.
    #[arg(long, value_name = "FILE", group = "offline")]
    bundle: Option<PathBuf>,
    /// Checks this signed plan of a screening and the files beside it, offline.
    #[arg(long, value_name = "FILE", group = "offline")]
    plan: Option<PathBuf>,
    /// The list that a plan was made of, to be checked too.
    #[arg(long, value_name = "FILE", requires = "plan")]
    list: Option<PathBuf>,
    /// A public key that you trust, in hexadecimal, or a head whose key you trust; may be given again.
    #[arg(long, value_name = "FILE", requires = "offline")]
    key: Vec<PathBuf>,
    /// A head that was kept outside, or a file of published ones; may be given again.
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    head: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Verify {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        match (&self.bundle, &self.plan) {
            (Some(bundle), _) => self.offline(bundle),
            (None, Some(plan)) => self.plan(plan),
            (None, None) => self.store(settings).await,
        }
    }

    fn plan(&self, plan: &Path) -> Result<Exit, Failure> {
        let checked = check_plan(plan, self.list.as_deref()).map_err(|unscreened| {
            let why = match unscreened {
                Unscreened::Input(why) | Unscreened::Unavailable(why) => why,
                Unscreened::Stopped => "it was not checked".to_owned(),
            };
            Failure::input(why)
        })?;
        let mut trusted = Vec::new();
        for path in &self.key {
            trusted.extend(keys(path)?);
        }
        let key = checked.signed.key;
        let mut problems = checked.problems;
        if !trusted.is_empty() && !trusted.contains(&key) {
            problems
                .push("the key that signed the plan is none of those that you trust".to_owned());
        }
        let mut not_shown = Vec::new();
        if trusted.is_empty() {
            not_shown.push("whose key it is: name one that you trust with --key");
        }
        if self.list.is_none() {
            not_shown.push("that it is about your list: name it with --list");
        }
        let (plan, holds) = (checked.signed.plan, problems.is_empty());
        if self.json.json {
            output::print_json(&json!({
                "holds": holds, "plan": plan, "key_id": key.id().to_string(),
                "problems": problems, "not_shown": not_shown,
            }))?;
        } else {
            let counts = plan.counts;
            let mut page = one_line(&format!(
                "The plan {} of `{}`: {} ({}) from {}, as of {}, made {} by the rules {}, signed by the key {}.",
                plan.id,
                plan.business,
                plan.template,
                plan.language,
                plan.number,
                plan.at,
                plan.made,
                plan.pack,
                key.id()
            ));
            page.push_str(&format!(
                "\n{} rows: {} may be sent, {} later, {} not; {} name somebody twice, {} cannot be read.\n",
                counts.rows,
                counts.allowed,
                counts.held,
                counts.refused,
                counts.duplicates,
                counts.unreadable
            ));
            for line in not_shown {
                page.push_str(&format!("It does not show {line}.\n"));
            }
            for problem in &problems {
                page.push_str(&format!("  {}\n", one_line(problem)));
            }
            page.push_str(if holds {
                "The plan and every file beside it hold.\n"
            } else {
                "The plan does not hold.\n"
            });
            output::print(&page)?;
        }
        Ok(if holds { Exit::Yes } else { Exit::No })
    }

    async fn store(&self, settings: &Settings) -> Result<Exit, Failure> {
        let heads = heads(&self.head)?;
        let access = Access::open(settings, "verify").await?;
        let reply = if self.head.is_empty() {
            access.get("/v1/verify").await
        } else {
            let body = json!({ "heads": heads });
            access.post("/v1/verify", &body).await
        };
        access.close().await;
        let found = reply?.done()?;
        if self.json.json {
            output::print_json(&found)?;
        } else {
            output::print(&rendered(&found))?;
        }
        let clean = found.get("clean").and_then(Value::as_bool).unwrap_or(false);
        Ok(if clean { Exit::Yes } else { Exit::No })
    }

    fn offline(&self, bundle: &Path) -> Result<Exit, Failure> {
        let mut trust = Trust::default();
        for path in &self.key {
            trust.keys.extend(keys(path)?);
        }
        for head in heads(&self.head)? {
            trust.heads.push(signed(&head)?);
        }
        let bytes = read(bundle)?;
        let report = verify_bundle(&bytes, &trust).map_err(|error| {
            Failure::input(format!("`{}` cannot be checked", bundle.display())).because(error)
        })?;
        if self.json.json {
            output::print_json(&shape(&report))?;
        } else {
            output::print(&told(&report))?;
        }
        Ok(if report.is_proved() {
            Exit::Yes
        } else {
            Exit::No
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let unread = |error| {
        Failure::input(format!("`{}` cannot be read", path.display()))
            .because::<std::io::Error>(error)
    };
    let file = std::fs::File::open(path).map_err(unread)?;
    let mut bytes = Vec::new();
    let mut file = file.take(FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let what = format!("`{}` is larger than {FILE_BYTES_MAX} bytes", path.display());
        return Err(Failure::input(what));
    }
    Ok(bytes)
}

fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?)
        .map_err(|error| Failure::input(format!("`{}` is not text", path.display())).because(error))
}

/// Heads as they are published, or as the API answers with one.
fn heads(paths: &[PathBuf]) -> Result<Vec<PublishedHead>, Failure> {
    let mut heads = Vec::new();
    for path in paths {
        let text = read_text(path)?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        let text = match answer.as_ref().and_then(|answer| answer.get("head")) {
            Some(head) => head.to_string(),
            None => text,
        };
        let read = read_heads(&text).map_err(|error| {
            Failure::input(format!("`{}` holds no published heads", path.display())).because(error)
        })?;
        if read.is_empty() {
            let what = format!("`{}` holds no published heads", path.display());
            return Err(Failure::input(what));
        }
        heads.extend(read);
    }
    Ok(heads)
}

fn signed(head: &PublishedHead) -> Result<greenline_proof::Head, Failure> {
    let wrong = |what| {
        Failure::input(format!(
            "the head of `{}` at {} {what}",
            head.business, head.size
        ))
    };
    let (signed, key) = head
        .parsed()
        .ok_or_else(|| wrong("has a member that is not in its form"))?;
    if signed.is_signed_by(&key) {
        Ok(signed.head)
    } else {
        Err(wrong("is not signed by the key that it names"))
    }
}

/// Keys, one a line; or those of published heads.
fn keys(path: &Path) -> Result<Vec<PublicKey>, Failure> {
    let text = read_text(path)?;
    let plain: Option<Vec<PublicKey>> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(PublicKey::parse)
        .collect();
    match plain {
        Some(keys) if !keys.is_empty() => Ok(keys),
        _ => {
            let path = path.to_owned();
            let heads = heads(std::slice::from_ref(&path)).map_err(|_| {
                let what = format!("`{}` holds no public key", path.display());
                Failure::input(what)
                    .help("A key is 64 hexadecimal digits: `public_key` of any head of the log.")
            })?;
            heads
                .iter()
                .map(|head| {
                    signed(head).and_then(|_| {
                        let key = PublicKey::parse(&head.public_key);
                        key.ok_or_else(|| Failure::input("a head without its key"))
                    })
                })
                .collect()
        }
    }
}

fn shape(report: &Report) -> Value {
    let entries: Vec<Value> = report
        .entries
        .iter()
        .map(|entry| {
            let fields = entry.fields.iter();
            let fields = fields.map(|(name, value)| (name.clone(), json!(value)));
            json!({
                "kind": entry.kind,
                "index": entry.index,
                "fields": Value::Object(fields.collect()),
            })
        })
        .collect();
    let problems: Vec<Value> = report
        .problems
        .iter()
        .map(|problem| json!({ "entry": problem.entry, "what": problem.what }))
        .collect();
    json!({
        "proved": report.is_proved(),
        "business": report.head.business,
        "size": report.head.size,
        "root": report.head.root.to_string(),
        "at_ms": report.head.at_ms,
        "key_id": report.key.id().to_string(),
        "entries": entries,
        "shown": report.proved,
        "not_shown": report.not_proved,
        "problems": problems,
    })
}

fn told(report: &Report) -> String {
    let mut page = format!(
        "The log of `{}` with {} records, signed by the key {}.\n",
        report.head.business,
        report.head.size,
        report.key.id()
    );
    for entry in &report.entries {
        page.push_str(&format!("\n{} at {}\n", entry.kind, entry.index));
        for (name, value) in &entry.fields {
            let value = value.as_deref().map_or("(erased)".to_owned(), one_line);
            page.push_str(&format!("  {name}: {value}\n"));
        }
    }
    let mut part = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            page.push_str(&format!("\n{title}\n"));
            for line in lines {
                page.push_str(&format!("  {line}\n"));
            }
        }
    };
    part("This shows:", &report.proved);
    part("It does not show:", &report.not_proved);
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    part("What is wrong:", &problems);
    page.push_str(if report.is_proved() {
        "\nEverything in the bundle holds.\n"
    } else {
        "\nThe bundle does not hold.\n"
    });
    page
}

/// A value without what could draw on a terminal.
fn one_line(value: &str) -> String {
    value
        .chars()
        .flat_map(|c| {
            let escaped = c.is_control();
            escaped
                .then(|| c.escape_default())
                .into_iter()
                .flatten()
                .chain((!escaped).then_some(c))
        })
        .collect()
}

fn rendered(found: &Value) -> String {
    let count = |name: &str| found.get(name).and_then(Value::as_u64).unwrap_or(0);
    let differences = list(found, "/differences");
    let mut page = format!(
        "Read again: {} people, {} consent events, {} decisions; {} records of the log under {} signed heads.\n",
        count("people"),
        count("events"),
        count("decisions"),
        count("leaves"),
        count("heads")
    );
    if count("pruned") > 0 {
        page.push_str(&format!(
            "Of those records, {} decisions were pruned by retention; the log keeps their hashes.\n",
            count("pruned")
        ));
    }
    for difference in differences {
        page.push_str(&format!(
            "  {}: {}\n",
            text(difference, "/kind"),
            text(difference, "/what")
        ));
    }
    page.push_str(&match differences.len() {
        0 => "Everything is as it should be.\n".to_owned(),
        count => format!("{count} things are not as they should be.\n"),
    });
    page
}
