//! `greenline number list`: the business's numbers.

use clap::Args;
use serde_json::Value;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};
use crate::settings::Settings;

/// Lists numbers.
#[derive(Args)]
pub(crate) struct List {
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    #[command(flatten)]
    pub(super) json: Json,
}

impl List {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let path = path_of(
            &["v1", "numbers"],
            &[("business", self.business.as_deref())],
        );
        let numbers = Access::read(settings, "number list", &path).await?;
        output::print_answer(&numbers, &self.json, rendered)?;
        Ok(Exit::Yes)
    }
}

fn rendered(numbers: &Value) -> String {
    let known = |number: &Value, place: &str| match text(number, place) {
        "" => "not known".to_owned(),
        value => value.to_owned(),
    };
    let names = [
        "number",
        "id",
        "account",
        "status",
        "rating",
        "read",
        "last inbound",
    ]
    .map(str::to_owned)
    .to_vec();
    let rows = list(numbers, "/numbers").iter().map(|number| {
        [
            "/display_number",
            "/phone_number_id",
            "/waba_id",
            "/status",
            "/rating",
            "/read_at",
            "/last_inbound_at",
        ]
        .iter()
        .map(|place| known(number, place))
        .collect()
    });
    table(
        &std::iter::once(names)
            .chain(rows)
            .collect::<Vec<Vec<String>>>(),
    )
}
