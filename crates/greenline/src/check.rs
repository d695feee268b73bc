//! `greenline check`: may this be sent? A dry run of the live path; nothing is sent or recorded.

mod assume;
mod batch;

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use greenline_gateway::config::Config;
use serde_json::{Value, json};

use crate::access::Access;
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, text};
use crate::settings::Settings;
use crate::telling;
use batch::Lines;

/// Longest message body that is read.
const MESSAGE_BYTES_MAX: u64 = 1024 * 1024;

/// The language of a template when none is named.
const LANGUAGE: &str = "en_US";

/// Decides without sending.
#[derive(Args)]
pub(crate) struct Check {
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// The sending number's phone_number_id [default: the business's only one].
    #[arg(long, value_name = "ID")]
    number: Option<String>,
    /// The app that would send it, which says what is held instead of refused [default: what every app of the business
    /// holds].
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Phone number with country code, or business-scoped user id.
    #[arg(long, value_name = "WHO", required_unless_present_any = ["message", "batch"])]
    to: Option<String>,
    #[command(flatten)]
    what: What,
    /// Language of the template.
    #[arg(long, value_name = "CODE", default_value = LANGUAGE)]
    language: String,
    /// Decides as of this moment, RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What counts as known: everything known now, or only what had arrived by `--at` [default: now].
    #[arg(long, value_enum, requires = "at")]
    known: Option<Known>,
    /// What if: a fact in the place of what is known, such as `consent.marketing=covered`, `window_open_until=closed`,
    /// `template.status=PAUSED` or `number.status=BANNED`. May be repeated. A name that there is none of is answered with
    /// those that there are.
    #[arg(long, value_name = "FACT=VALUE")]
    assume: Vec<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Known {
    /// Everything known now.
    Now,
    /// What had arrived by then.
    Then,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A free-form message with this text.
    #[arg(long)]
    text: Option<String>,
    /// The template of this name.
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// The body as an app would send it to `/messages`, from this file; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    message: Option<PathBuf>,
    /// Many questions, a JSON object a line, from this file; `-` reads standard input. Each has `message`, or `to` with
    /// `text` or with `template` and `language`, and may have `number`, `at`, `known` and `assume` of its own. A line of
    /// JSON comes out for each. Exit code: 0 all may go, 1 some may not, 2 some lines cannot be used, 3 some could not be
    /// decided.
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    batch: Option<PathBuf>,
}

impl Check {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let config = settings.load_checked()?;
        let lines = self.what.batch.as_deref().map(Lines::open).transpose()?;
        let mut body = self.usual(&config, lines.is_some())?;
        if let Some(lines) = lines {
            let access = Access::open(settings, "check").await?;
            let done = batch::run(&access, lines, &body).await;
            access.close().await;
            return done;
        }
        body["message"] = self.message()?;
        let access = Access::open(settings, "check").await?;
        let reply = access.post("/v1/decisions", &body).await;
        access.close().await;
        let decision = reply?.done()?;
        if self.json.json {
            output::print_json(&decision)?;
        } else {
            output::print(&telling::decision(&decision))?;
        }
        Ok(if text(&decision, "/decision") == "allow" {
            Exit::Yes
        } else {
            Exit::No
        })
    }

    /// Everything but the message.
    fn usual(&self, config: &Config, many: bool) -> Result<Value, Failure> {
        let mut body = json!({});
        match (&self.number, only_number(config, self.business.as_deref())) {
            (Some(number), _) => body["number"] = json!(number),
            (None, Ok(number)) => body["number"] = json!(number),
            // Each line may name its own.
            (None, Err(_)) if many => {}
            (None, Err(failure)) => return Err(failure),
        }
        for (name, value) in [
            ("business", &self.business),
            ("app", &self.app),
            ("at", &self.at),
        ] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        if let Some(known) = self.known {
            body["known"] = json!(match known {
                Known::Now => "now",
                Known::Then => "then",
            });
        }
        if let Some(assume) = assume::object(&self.assume)? {
            body["assume"] = assume;
        }
        Ok(body)
    }

    fn message(&self) -> Result<Value, Failure> {
        if let Some(path) = &self.what.message {
            return read(path);
        }
        let to = self.to.as_deref().unwrap_or_default();
        let template = self.what.template.as_deref();
        let template = template.map(|name| (name, self.language.as_str()));
        Ok(message(to, self.what.text.as_deref(), template))
    }
}

/// A message as an app would send it: a template, or free-form with a text.
fn message(to: &str, text: Option<&str>, template: Option<(&str, &str)>) -> Value {
    // A user id goes into `recipient`, a phone number into `to`.
    let is_user = to
        .trim_start()
        .starts_with(|first: char| first.is_ascii_alphabetic());
    let mut message =
        json!({ "messaging_product": "whatsapp", if is_user { "recipient" } else { "to" }: to });
    if let Some((name, language)) = template {
        message["type"] = json!("template");
        message["template"] = json!({ "name": name, "language": { "code": language } });
    } else {
        message["type"] = json!("text");
        message["text"] = json!({ "body": text });
    }
    message
}

fn read(path: &PathBuf) -> Result<Value, Failure> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(MESSAGE_BYTES_MAX)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(MESSAGE_BYTES_MAX).read_to_end(&mut bytes))
    }
    .map_err(|error| {
        Failure::input(format!("`{}` cannot be read", path.display())).because(error)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::input("the message is not JSON")
            .because(error)
            .help("Give the body as it would be sent to `/messages`.")
    })
}

/// The number to send from, when there is no choice.
fn only_number(config: &Config, business: Option<&str>) -> Result<String, Failure> {
    let numbers: Vec<&str> = config
        .business
        .iter()
        .filter(|known| business.is_none_or(|wanted| known.id == wanted))
        .flat_map(|known| &known.number)
        .map(|number| number.phone_number_id.as_str())
        .collect();
    match numbers.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(
            Failure::input("the configuration has no number to send from").help(
                "Name an existing business with `--business`, or add a `[[business.number]]`.",
            ),
        ),
        several => Err(Failure::input("there are several numbers to send from")
            .help(format!("Name one with `--number`: {}.", several.join(", ")))),
    }
}
