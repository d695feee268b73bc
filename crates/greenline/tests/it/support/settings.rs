//! A configuration for one test: ids and secrets of the simulator's sample world, all else as the test wants it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The sample world's ids and secrets, as the simulator has them.
pub(crate) const BUSINESS: &str = "acme";
pub(crate) const PORTFOLIO: &str = "401500000000001";
pub(crate) const ACCOUNT: &str = "201500000000001";
pub(crate) const NUMBER: &str = "301500000000001";
pub(crate) const ACCESS_TOKEN: &str = "sim-access-token";
pub(crate) const APP_SECRET: &str = "sim-app-secret";
pub(crate) const VERIFY_TOKEN: &str = "sim-verify-token";

/// The keys of the two apps and of the admin.
pub(crate) const BOT_KEY: &str = "bot-key";
pub(crate) const CAMPAIGN_KEY: &str = "campaign-key";
pub(crate) const ADMIN_KEY: &str = "admin-key";

/// Secrets that must never be printed.
pub(crate) const SECRETS: [&str; 6] = [
    ACCESS_TOKEN,
    APP_SECRET,
    VERIFY_TOKEN,
    BOT_KEY,
    CAMPAIGN_KEY,
    ADMIN_KEY,
];

/// A configuration that is being put together.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    table: Table,
}

impl Settings {
    /// The sample business with two apps, in front of `upstream`, with its store in `folder`.
    pub(crate) fn new(
        folder: &Path,
        upstream: &str,
        public: SocketAddr,
        private: SocketAddr,
    ) -> Self {
        let store = folder.join("greenline.db");
        let text = format!(
            r#"
            [listen]
            public = "{public}"
            private = "{private}"
            [store]
            url = "sqlite:{store}"
            [upstream]
            url = "{upstream}"
            [[admin.token]]
            name = "ada"
            key = "{ADMIN_KEY}"
            may = "admin"
            [[business]]
            id = "{BUSINESS}"
            name = "Acme"
            portfolio_id = "{PORTFOLIO}"
            app_secret = "{APP_SECRET}"
            verify_token = "{VERIFY_TOKEN}"
            access_token = "{ACCESS_TOKEN}"
            [[business.number]]
            phone_number_id = "{NUMBER}"
            waba_id = "{ACCOUNT}"
            display_number = "+1 555 010 0001"
            [[business.app]]
            name = "bot"
            key = "{BOT_KEY}"
            [[business.app]]
            name = "campaign"
            key = "{CAMPAIGN_KEY}"
            "#,
            store = store.display(),
        );
        Self {
            table: text.parse().expect("the sample configuration"),
        }
    }

    /// Sets one value; places in lists are numbers: `["business", "0", "mode"]`.
    #[must_use]
    pub(crate) fn with(mut self, path: &[&str], value: impl Into<Value>) -> Self {
        let (last, parents) = path.split_last().expect("a path");
        let mut here = &mut self.table;
        let mut parents = parents.iter().peekable();
        while let Some(name) = parents.next() {
            let next = here
                .entry(*name)
                .or_insert_with(|| Value::Table(Table::new()));
            here = match next {
                Value::Table(table) => table,
                Value::Array(list) => {
                    let place: usize = parents
                        .next()
                        .expect("a place in the list")
                        .parse()
                        .expect("a number");
                    list[place].as_table_mut().expect("a section")
                }
                other => panic!("`{name}` is not a section but {other:?}"),
            };
        }
        here.insert((*last).to_owned(), value.into());
        self
    }

    /// Lets an app's webhooks go to an address.
    #[must_use]
    pub(crate) fn relaying(self, app: usize, url: &str, secret: &str) -> Self {
        let place = app.to_string();
        self.with(&["business", "0", "app", &place, "relay_url"], url)
            .with(&["business", "0", "app", &place, "relay_secret"], secret)
    }

    /// Writes it into a folder.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("greenline.toml");
        let text = toml::to_string(&self.table).expect("a configuration that can be written");
        std::fs::write(&path, text).expect("a folder that can be written");
        path
    }
}
