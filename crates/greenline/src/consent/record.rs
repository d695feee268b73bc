//! `greenline consent record`: one consent event.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::access::{Access, Content};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, text};
use crate::settings::Settings;

/// Records one thing that a person said.
#[derive(Args)]
pub(crate) struct Record {
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Phone number with country code, or business-scoped user id.
    #[arg(long, value_name = "WHO")]
    person: String,
    /// What it is about: all, marketing, utility, authentication, calls, or a topic such as marketing.offers.
    #[arg(long)]
    scope: String,
    /// What was said: granted, refused, withdrawn, reconfirmed, expired or native_stopped.
    #[arg(long)]
    event: String,
    /// When the person said it, RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How it was given, such as website_form. A yes without method, wording and business name is only claimed.
    #[arg(long, help_heading = "Evidence")]
    method: Option<String>,
    /// The exact wording shown.
    #[arg(long, help_heading = "Evidence")]
    wording: Option<String>,
    /// The version of the wording, when the text is kept elsewhere.
    #[arg(long, help_heading = "Evidence")]
    wording_version: Option<String>,
    /// The business name shown.
    #[arg(long, value_name = "NAME", help_heading = "Evidence")]
    business_name: Option<String>,
    /// Where it was given, such as the page's address.
    #[arg(long, help_heading = "Evidence")]
    source: Option<String>,
    /// The network address it came from.
    #[arg(long, help_heading = "Evidence")]
    ip: Option<String>,
    /// The message that carried it.
    #[arg(long, value_name = "ID", help_heading = "Evidence")]
    message_id: Option<String>,
    /// A file that proves it.
    #[arg(long, value_name = "NAME", help_heading = "Evidence")]
    file: Option<String>,
    /// The same event with the same key is recorded once.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Record {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let content = Content {
            idempotency_key: self.idempotency_key.clone(),
            ..Content::json(&self.body())
        };
        let access = Access::open(settings, "consent record").await?;
        let reply = access
            .call(http::Method::POST, "/v1/consents", content)
            .await;
        access.close().await;
        let recorded = reply?.done()?;
        if self.json.json {
            output::print_json(&recorded)?;
        } else {
            output::print(&rendered(&recorded))?;
        }
        Ok(Exit::Yes)
    }

    fn body(&self) -> Value {
        let evidence: Map<String, Value> = [
            ("method", &self.method),
            ("wording", &self.wording),
            ("wording_version", &self.wording_version),
            ("business_name", &self.business_name),
            ("source", &self.source),
            ("ip", &self.ip),
            ("message_id", &self.message_id),
            ("file", &self.file),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value.clone()?))))
        .collect();
        // A user id begins with letters, a phone number never does.
        let is_user = self
            .person
            .trim_start()
            .starts_with(|first: char| first.is_ascii_alphabetic());
        let kind = if is_user { "user_id" } else { "wa_id" };
        let mut body =
            json!({ "person": { kind: self.person }, "scope": self.scope, "event": self.event });
        let optional = [("business", &self.business), ("occurred_at", &self.at)];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        if !evidence.is_empty() {
            body["evidence"] = Value::Object(evidence);
        }
        body
    }
}

fn rendered(recorded: &Value) -> String {
    let flag = |name: &str| recorded.get(name).and_then(Value::as_bool).unwrap_or(false);
    let done = if flag("repeated") {
        "Recorded before"
    } else {
        "Recorded"
    };
    let mut lines = vec![format!(
        "{done}: {} {} of {}",
        text(recorded, "/id"),
        text(recorded, "/event"),
        text(recorded, "/scope")
    )];
    if flag("claimed") {
        lines.push(
            "It is only claimed and covers nothing: method, wording and the business's own name are needed.".to_owned(),
        );
    }
    for child in list(recorded, "/children_shut") {
        lines.push(format!(
            "Still shut: {}; to open it, {}.",
            text(child, "/scope"),
            text(child, "/how")
        ));
    }
    for note in list(recorded, "/notes").iter().filter_map(Value::as_str) {
        lines.push(format!("Note: {note}"));
    }
    lines.join("\n") + "\n"
}
