//! A folder with a configuration and a store of its own, for commands that are run to their end.

use std::path::{Path, PathBuf};

use greenline_testdb::Database;

use super::command::{Ran, run_in, run_with};
use super::ports;
use super::settings::Settings;
use super::store::{Home, Site as _, Store};

/// An address where nothing listens: commands that need no platform must do without.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

/// A folder for one test.
pub(crate) struct Place {
    home: Home,
}

impl Place {
    /// With the sample business and no platform.
    pub(crate) fn new(store: Store) -> Self {
        Self::with(store, |settings| settings)
    }

    /// With settings as the test wants them.
    pub(crate) fn with(store: Store, adapt: impl FnOnce(Settings) -> Settings) -> Self {
        let home = store.home();
        let [public, private] = ports::free();
        let settings = Settings::new(home.path(), NOWHERE, public, private);
        adapt(home.settle(settings)).write(home.path());
        Self { home }
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    /// The database, for those who know that there is one.
    pub(crate) fn database(&self) -> &Database {
        self.home.database()
    }

    /// The configuration's file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder().join("greenline.toml")
    }

    /// A file in it.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder().join(name);
        std::fs::write(&path, text).expect("a folder that can be written");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// Runs a command on its configuration.
    pub(crate) async fn run(&self, args: &[&str]) -> Ran {
        run_with(&self.config(), args).await
    }

    /// Runs a command within the folder, where its configuration is found by itself.
    pub(crate) async fn run_inside(&self, args: &[&str], input: &str) -> Ran {
        run_in(self.folder(), args, input).await
    }
}
