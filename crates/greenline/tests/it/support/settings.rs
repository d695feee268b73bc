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

/// Longer than any test.
const CLIENT_TIMEOUT_MS: u64 = 3_600_000;

/// The same keys for every node.
const KEYS: &str = r#"
[[key]]
id = "link-00000001"
use = "link"
made = "2026-11-25T00:00:00Z"
secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
[[key]]
id = "log-00000001"
use = "log"
made = "2026-11-25T00:00:00Z"
secret = "QUJDREVGR0hJSktMTU5PUEFCQ0RFRkdISUpLTE1OT1A="
[[key]]
id = "erasure-00000001"
use = "erasure"
made = "2026-11-25T00:00:00Z"
secret = "YWJjZGVmZ2hpamtsbW5vcGFiY2RlZmdoaWprbG1ub3A="
"#;

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
            [imports]
            folder = "{imports}"
            [screenings]
            folder = "{screenings}"
            [upstream]
            url = "{upstream}"
            [limits]
            # A line that a test keeps is not closed, however long the test takes to use it.
            client_timeout_ms = {CLIENT_TIMEOUT_MS}
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
            # A slow machine would make of messages that a test sends at once a burst that is to be waited for.
            pair_limit = false
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
            imports = folder.join("imports").display(),
            screenings = folder.join("screenings").display(),
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

    /// Leaves one value of a section out.
    #[must_use]
    pub(crate) fn without(mut self, path: &[&str; 2]) -> Self {
        let section = self.table.get_mut(path[0]).and_then(Value::as_table_mut);
        section.expect("a section").remove(path[1]);
        self
    }

    /// Lets an app's webhooks go to an address.
    #[must_use]
    pub(crate) fn relaying(self, app: usize, url: &str, secret: &str) -> Self {
        let place = app.to_string();
        self.with(&["business", "0", "app", &place, "relay_url"], url)
            .with(&["business", "0", "app", &place, "relay_secret"], secret)
    }

    fn is_on_postgres(&self) -> bool {
        let store = self.table.get("store");
        let url = store.and_then(|store| store.get("url")?.as_str());
        // Only addresses with a password are put into a file.
        let in_file = store.is_some_and(|store| store.get("url_file").is_some());
        in_file || url.is_some_and(|url| url.starts_with("postgres"))
    }

    /// Writes it into a folder.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("greenline.toml");
        let mut settings = self.clone();
        // Beside a SQLite store the program makes its keys itself; nodes of one database must share them.
        if settings.is_on_postgres() {
            let keys = folder.join("shared.keys");
            std::fs::write(&keys, KEYS).expect("a folder that can be written");
            settings = settings.with(&["keys", "file"], keys.display().to_string());
        }
        let text = toml::to_string(&settings.table).expect("a configuration that can be written");
        std::fs::write(&path, text).expect("a folder that can be written");
        path
    }
}
