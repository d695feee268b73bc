//! `greenline check`: may this be sent? A dry run of the live path; nothing is sent or recorded.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use greenline_gateway::config::Config;
use serde_json::{Value, json};

use crate::access::Access;
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, text};
use crate::settings::Settings;
use crate::telling;

/// Longest message body that is read.
const MESSAGE_BYTES_MAX: u64 = 1024 * 1024;

/// Decides without sending.
#[derive(Args)]
pub(crate) struct Check {
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// The sending number's phone_number_id [default: the business's only one].
    #[arg(long, value_name = "ID")]
    number: Option<String>,
    /// Phone number with country code, or business-scoped user id.
    #[arg(long, value_name = "WHO", required_unless_present = "message")]
    to: Option<String>,
    #[command(flatten)]
    what: What,
    /// Language of the template.
    #[arg(long, value_name = "CODE", default_value = "en_US")]
    language: String,
    /// Decides as of this moment, RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
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
}

impl Check {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let config = settings.load_checked()?;
        let message = self.message()?;
        let number = match &self.number {
            Some(number) => number.clone(),
            None => only_number(&config, self.business.as_deref())?,
        };
        let mut body = json!({ "number": number, "message": message });
        for (name, value) in [("business", &self.business), ("at", &self.at)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
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

    fn message(&self) -> Result<Value, Failure> {
        if let Some(path) = &self.what.message {
            return read(path);
        }
        let to = self.to.as_deref().unwrap_or_default();
        // A user id goes into `recipient`, a phone number into `to`.
        let is_user = to
            .trim_start()
            .starts_with(|first: char| first.is_ascii_alphabetic());
        let mut message = json!({ "messaging_product": "whatsapp", if is_user { "recipient" } else { "to" }: to });
        if let Some(name) = &self.what.template {
            message["type"] = json!("template");
            message["template"] = json!({ "name": name, "language": { "code": self.language } });
        } else {
            message["type"] = json!("text");
            message["text"] = json!({ "body": self.what.text });
        }
        Ok(message)
    }
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
