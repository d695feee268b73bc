//! `greenline alerts`: what somebody should look at, who was told, and trial messages.

use clap::{Args, Subcommand};
use greenline_gateway::config::Config;
use serde_json::{Value, json};

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, text};
use crate::settings::Settings;

/// Shows what stands.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    show: Show,
}

#[derive(Subcommand)]
enum Act {
    /// Sends a trial message to everybody who is told of alerts, and says what became of each.
    Test(Test),
}

#[derive(Args)]
struct Show {
    /// The business [default: all].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Shows the last ones that are over, too.
    #[arg(long)]
    past: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Args)]
struct Test {
    /// The business [default: all].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    #[command(flatten)]
    json: Json,
}

fn businesses(named: Option<&str>, config: &Config) -> Vec<String> {
    match named {
        Some(business) => vec![business.to_owned()],
        None => config.business.iter().map(|one| one.id.clone()).collect(),
    }
}

impl Alerts {
    pub(crate) fn json(&self) -> bool {
        match &self.act {
            Some(Act::Test(test)) => test.json.json,
            None => self.show.json.json,
        }
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let config = settings.load_checked()?;
        let access = Access::open(settings, "alerts").await?;
        let done = match &self.act {
            Some(Act::Test(test)) => test.run(&access, &config).await,
            None => self.show.run(&access, &config).await,
        };
        access.close().await;
        done
    }
}

impl Show {
    async fn run(&self, access: &Access, config: &Config) -> Result<Exit, Failure> {
        let mut all = Vec::new();
        for business in businesses(self.business.as_deref(), config) {
            let path = path_of(&["v1", "alerts"], &[("business", Some(&business))]);
            all.push(access.get(&path).await?.done()?);
        }
        if self.json.json {
            output::print_json(&json!({ "businesses": all }))?;
        } else {
            let texts: Vec<String> = all.iter().map(|one| rendered(one, self.past)).collect();
            output::print(&texts.join("\n"))?;
        }
        let is_quiet = all.iter().all(|one| list(one, "/open").is_empty());
        Ok(if is_quiet { Exit::Yes } else { Exit::No })
    }
}

impl Test {
    async fn run(&self, access: &Access, config: &Config) -> Result<Exit, Failure> {
        let mut all = Vec::new();
        for business in businesses(self.business.as_deref(), config) {
            let path = path_of(&["v1", "alerts", "test"], &[("business", Some(&business))]);
            all.push(access.post(&path, &json!({})).await?.done()?);
        }
        if self.json.json {
            output::print_json(&json!({ "businesses": all }))?;
        } else {
            let texts: Vec<String> = all.iter().map(tried).collect();
            output::print(&texts.join("\n"))?;
        }
        let trials = all.iter().flat_map(|one| list(one, "/trials"));
        let results: Vec<&str> = trials.map(|trial| text(trial, "/result")).collect();
        let is_well = !results.is_empty() && !results.contains(&"failed");
        Ok(if is_well { Exit::Yes } else { Exit::No })
    }
}

fn rendered(one: &Value, past: bool) -> String {
    let open = list(one, "/open");
    let business = text(one, "/business");
    let mut shown = match open.len() {
        0 => format!("{business}: nothing has to be looked at.\n"),
        1 => format!("{business}: 1 condition stands.\n"),
        many => format!("{business}: {many} conditions stand.\n"),
    };
    for alert in open {
        shown.push_str(&format!(
            "\n{}: {}\n  {}\n  What to do: {}\n  Since {}; guide: {}\n",
            text(alert, "/severity"),
            text(alert, "/title"),
            text(alert, "/text"),
            text(alert, "/todo"),
            text(alert, "/since"),
            text(alert, "/guide"),
        ));
        let told = list(alert, "/told").iter();
        let told: Vec<String> = told
            .map(|told| format!("{} at {}", text(told, "/to"), text(told, "/at")))
            .collect();
        shown.push_str(&match told.as_slice() {
            [] => "  Nobody was told.\n".to_owned(),
            told => format!("  Told: {}\n", told.join(", ")),
        });
    }
    if past {
        shown.push_str("\nOver:\n");
        for alert in list(one, "/past") {
            shown.push_str(&format!(
                "  {} to {}  {}\n",
                text(alert, "/since"),
                text(alert, "/closed_at"),
                text(alert, "/title"),
            ));
        }
    }
    shown
}

fn tried(one: &Value) -> String {
    let business = text(one, "/business");
    let trials = list(one, "/trials");
    if trials.is_empty() {
        return format!(
            "{business}: nobody is told of alerts. Add [[alerts.slack]], [[alerts.email]] or [[business.subscription]].\n"
        );
    }
    let mut shown = String::new();
    for trial in trials {
        let why = match text(trial, "/error") {
            "" => String::new(),
            why => format!(": {why}"),
        };
        shown.push_str(&format!(
            "{business}: {} {}{why}\n",
            text(trial, "/to"),
            text(trial, "/result")
        ));
    }
    shown
}
