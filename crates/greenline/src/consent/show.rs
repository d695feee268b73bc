//! `greenline consent show`: one person.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::access::{Access, Reply, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};
use crate::settings::Settings;

/// The form of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Form {
    /// For systems.
    Json,
    /// A page to read, print and hand over.
    Html,
}

impl Form {
    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
        }
    }
}

/// Writes a file that only its owner reads: there is a person in it.
fn write_for_owner(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(bytes)
}

/// Shows a person.
#[derive(Args)]
pub(crate) struct Show {
    /// Phone number with country code, or business-scoped user id.
    #[arg(value_name = "WHO")]
    person: String,
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Gives a bundle that proves, offline, that the history was recorded so and not changed; see `verify --bundle`.
    #[arg(long, conflicts_with = "receipts")]
    proof: bool,
    /// Gives everything held about the person, to be handed to them; that it was given, and by whom, is recorded.
    #[arg(long, conflicts_with_all = ["proof", "receipts"])]
    export: bool,
    /// The form of the export [default: html for a file that ends so, else json].
    #[arg(long, value_name = "FORM", requires = "export")]
    format: Option<Form>,
    /// Where the bundle or the export goes [default: standard output].
    #[arg(long, value_name = "FILE", conflicts_with = "receipts")]
    output: Option<PathBuf>,
    /// Size of a head kept earlier: the bundle then shows that the log continues it; may be given again.
    #[arg(long, value_name = "SIZE", requires = "proof")]
    from: Vec<u64>,
    /// A decision to be proved too; may be given again.
    #[arg(long, value_name = "ID", requires = "proof")]
    decision: Vec<String>,
    /// Gives a receipt for each grant, after ISO/IEC TS 27560 and Kantara 1.1.
    #[arg(long)]
    receipts: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Show {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        if self.proof {
            return self.prove(settings).await;
        }
        if self.export {
            return self.export(settings).await;
        }
        if self.output.is_some() {
            return Err(Failure::input(
                "`--output` is for `--export` and `--proof`; it says where their file goes",
            ));
        }
        if self.receipts {
            return self.receipts(settings).await;
        }
        let access = Access::open(settings, "consent show").await?;
        let target = path_of(
            &["v1", "people", &self.person],
            &[("business", self.business.as_deref())],
        );
        let reply = access.get(&target).await;
        access.close().await;
        let person = reply?.done()?;
        if self.json.json {
            output::print_json(&person)?;
        } else {
            output::print(&rendered(&person))?;
        }
        Ok(Exit::Yes)
    }

    async fn prove(&self, settings: &Settings) -> Result<Exit, Failure> {
        let from: Vec<String> = self.from.iter().map(u64::to_string).collect();
        let (from, decisions) = (from.join(","), self.decision.join(","));
        let given = |list: &str| (!list.is_empty()).then(|| list.to_owned());
        let target = path_of(
            &["v1", "people", &self.person, "proof"],
            &[
                ("business", self.business.as_deref()),
                ("from", given(&from).as_deref()),
                ("decisions", given(&decisions).as_deref()),
            ],
        );
        let access = Access::open(settings, "consent show").await?;
        let reply = access.get(&target).await;
        access.close().await;
        self.put(&reply?)
    }

    async fn export(&self, settings: &Settings) -> Result<Exit, Failure> {
        let by_name = self.output.as_deref().and_then(std::path::Path::extension);
        let form = self.format.unwrap_or(match by_name {
            Some(end) if end.eq_ignore_ascii_case("html") => Form::Html,
            _ => Form::Json,
        });
        let target = path_of(
            &["v1", "people", &self.person, "export"],
            &[
                ("business", self.business.as_deref()),
                ("format", Some(form.as_str())),
            ],
        );
        let access = Access::open(settings, "consent show").await?;
        let reply = access.get(&target).await;
        access.close().await;
        self.put(&reply?)
    }

    /// Byte for byte as it was made: what a bundle proves, it proves of these bytes.
    fn put(&self, reply: &Reply) -> Result<Exit, Failure> {
        reply.check()?;
        match &self.output {
            None => {
                let text = String::from_utf8_lossy(&reply.body);
                output::print(&format!("{text}\n"))?;
            }
            Some(path) => write_for_owner(path, &reply.body).map_err(|error| {
                let what = format!("`{}` cannot be written", path.display());
                Failure::unavailable(what).because(error)
            })?,
        }
        Ok(Exit::Yes)
    }

    async fn receipts(&self, settings: &Settings) -> Result<Exit, Failure> {
        let target = path_of(
            &["v1", "people", &self.person, "receipts"],
            &[("business", self.business.as_deref())],
        );
        let access = Access::open(settings, "consent show").await?;
        let reply = access.get(&target).await;
        access.close().await;
        output::print_json(&reply?.done()?)?;
        Ok(Exit::Yes)
    }
}

fn rendered(person: &Value) -> String {
    let mut page = String::new();
    for identifier in list(person, "/identifiers") {
        let since = text(identifier, "/linked_at");
        let since = if since.is_empty() {
            String::new()
        } else {
            format!(" (linked {since})")
        };
        page.push_str(&format!("{}{since}\n", who(identifier)));
    }
    page.push_str("\nHow each scope stands\n");
    page.push_str(&table(&standings(person)));
    let since = [
        (
            "/head/native_stop/at",
            "Marketing is turned off in WhatsApp itself since",
        ),
        (
            "/head/freeform_closed/at",
            "Free-form messages are closed until they write, since",
        ),
    ];
    for (at, what) in since {
        let at = text(person, at);
        if !at.is_empty() {
            page.push_str(&format!("{what} {at}\n"));
        }
    }
    let windows: Vec<Vec<String>> = list(person, "/windows").iter().map(window).collect();
    if !windows.is_empty() {
        page.push_str("\nWindows\n");
        page.push_str(&table(&windows));
    }
    page.push_str("\nHistory\n");
    page.push_str(&table(
        &list(person, "/history")
            .iter()
            .map(event)
            .collect::<Vec<_>>(),
    ));
    page
}

fn who(identifier: &Value) -> &str {
    let phone = text(identifier, "/wa_id");
    if phone.is_empty() {
        text(identifier, "/user_id")
    } else {
        phone
    }
}

fn standings(person: &Value) -> Vec<Vec<String>> {
    let Some(head) = person.get("head").and_then(Value::as_object) else {
        return Vec::new();
    };
    // The categories in their usual order, then topics.
    let usual = ["all", "marketing", "utility", "authentication", "calls"];
    let topics = head
        .keys()
        .map(String::as_str)
        .filter(|name| name.contains('.'));
    usual
        .into_iter()
        .chain(topics)
        .filter_map(|scope| Some((scope, head.get(scope)?)))
        .map(|(scope, standing)| {
            ["/standing", "/strength", "/at", "/event"].iter().fold(
                vec![format!("  {scope}")],
                |mut row, member| {
                    row.push(text(standing, member).to_owned());
                    row
                },
            )
        })
        .collect()
}

fn window(window: &Value) -> Vec<String> {
    let open = window.get("open").and_then(Value::as_bool).unwrap_or(false);
    vec![
        format!("  {}", text(window, "/number")),
        if open { "open until" } else { "closed since" }.to_owned(),
        text(window, "/open_until").to_owned(),
    ]
}

fn event(event: &Value) -> Vec<String> {
    vec![
        format!("  {}", text(event, "/folded_at")),
        text(event, "/event").to_owned(),
        text(event, "/scope").to_owned(),
        text(event, "/strength").to_owned(),
        text(event, "/evidence/method").to_owned(),
        format!("by {}", text(event, "/actor")),
        text(event, "/id").to_owned(),
    ]
}
