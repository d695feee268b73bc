//! `greenline avenues`: which ways out are open, how each was proved, and what is missing.

use clap::Args;
use greenline_gateway::config::Config;
use serde_json::{Value, json};

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};
use crate::settings::Settings;

/// Audits the ways out.
#[derive(Args)]
pub(crate) struct Avenues {
    /// The business [default: all].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Walks every avenue to its end first, with a canary; nobody is written to.
    #[arg(long)]
    probe: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Avenues {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let config = settings.load_checked()?;
        let access = Access::open(settings, "avenues").await?;
        let audits = self.audits(&access, &config).await;
        access.close().await;
        let audits = audits?;
        if self.json.json {
            output::print_json(&json!({ "audits": audits }))?;
        } else {
            let texts: Vec<String> = audits.iter().map(rendered).collect();
            output::print(&texts.join("\n"))?;
        }
        Ok(if audits.iter().all(is_in_order) {
            Exit::Yes
        } else {
            Exit::No
        })
    }

    async fn audits(&self, access: &Access, config: &Config) -> Result<Vec<Value>, Failure> {
        let businesses: Vec<&str> = match &self.business {
            Some(business) => vec![business],
            None => config.business.iter().map(|b| b.id.as_str()).collect(),
        };
        let mut audits = Vec::with_capacity(businesses.len());
        for business in businesses {
            let of = [("business", Some(business))];
            let reply = if self.probe {
                let path = path_of(&["v1", "avenues", "probe"], &of);
                access.post(&path, &json!({})).await
            } else {
                access.get(&path_of(&["v1", "avenues"], &of)).await
            };
            audits.push(reply?.done()?);
        }
        Ok(audits)
    }
}

/// There is a way out that needs no notification, and no probe of one failed.
fn is_in_order(audit: &Value) -> bool {
    let broken = list(audit, "/scopes")
        .iter()
        .flat_map(|scope| list(scope, "/avenues"))
        .any(|avenue| text(avenue, "/missing") == "probe_failed");
    audit["notifications_only"] == false && !broken
}

fn rendered(audit: &Value) -> String {
    let mut shown = format!("{}: ", text(audit, "/business"));
    shown.push_str(if audit["notifications_only"] == false {
        "people can stop without a notification; asks may go.\n"
    } else if audit["not_proved_yet"] == true {
        "not proved yet: nobody has written and nothing was to be sent, as before the first day; until then every ask is refused.\n"
    } else {
        "notifications would be the only way out; every ask is refused.\n"
    });
    let mut rows: Vec<Vec<String>> = vec![
        [
            "scope",
            "way out",
            "state",
            "counts",
            "last proved",
            "missing",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for scope in list(audit, "/scopes") {
        for avenue in list(scope, "/avenues") {
            let proved = match text(avenue, "/proved_at") {
                "" => "never".to_owned(),
                at => format!("{at} by {}", text(avenue, "/proved_by")),
            };
            let is = |member: &str, yes: &str, no: &str| {
                if avenue[member] == true { yes } else { no }.to_owned()
            };
            rows.push(vec![
                text(scope, "/scope").to_owned(),
                text(avenue, "/avenue").to_owned(),
                is("open", "open", "closed"),
                is("counts", "yes", "no"),
                proved,
                text(avenue, "/missing").to_owned(),
            ]);
        }
    }
    shown.push_str(&table(&rows));
    let mut remedies: Vec<&str> = list(audit, "/scopes")
        .iter()
        .flat_map(|scope| list(scope, "/avenues"))
        .map(|avenue| text(avenue, "/remedy"))
        .filter(|remedy| !remedy.is_empty())
        .collect();
    remedies.sort_unstable();
    remedies.dedup();
    for remedy in remedies {
        shown.push_str(&format!("- {remedy}\n"));
    }
    shown
}
