//! The stores that the program is tested on: each end-to-end test is one function, run on each.
//!
//! A test takes a [`Store`] and knows of it only that it gives a home; [`on_each_store`] lists the tests of
//! a file. One that is not listed is dead code, and the compiler says so. What is about one store's
//! own files or about the database itself is listed for that one alone, and says why.

use std::path::Path;
use std::process::Command;

use greenline_testdb::Database;
use tempfile::TempDir;

use super::ports;
use super::settings::Settings;

/// Runs each test on each store, as `sqlite::…` and `postgres::…`.
macro_rules! on_each_store {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::support::store::Store::Sqlite).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::support::store::Store::Postgres).await;
                }
            )*
        }
    };
}
pub(crate) use on_each_store;

/// Where the program keeps what it remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Store {
    /// A file in the test's folder.
    Sqlite,
    /// A database of the test's own on a real server.
    Postgres,
}

impl Store {
    /// A folder and a store of the test's own, gone with what is returned.
    pub(crate) fn home(self) -> Home {
        Home {
            folder: tempfile::tempdir().expect("a folder"),
            database: (self == Self::Postgres).then(ready_database),
        }
    }
}

/// A folder for one test, with a database where the store is one.
pub(crate) struct Home {
    folder: TempDir,
    database: Option<Database>,
}

impl Home {
    /// With a database that the test has chosen.
    pub(crate) fn on(database: Database) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            database: Some(database),
        }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The database, for those who know that there is one.
    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().expect("a store on Postgres")
    }
}

/// Where a gateway is started: a folder alone stands for one with SQLite.
pub(crate) trait Site {
    /// Where its configuration and log are.
    fn folder(&self) -> &Path;

    /// Names the store.
    fn settle(&self, settings: Settings) -> Settings;
}

impl Site for Path {
    fn folder(&self) -> &Path {
        self
    }

    fn settle(&self, settings: Settings) -> Settings {
        settings
    }
}

impl Site for Home {
    fn folder(&self) -> &Path {
        self.path()
    }

    fn settle(&self, settings: Settings) -> Settings {
        match &self.database {
            None => settings,
            Some(database) => settings.with(&["store", "url"], database.url()),
        }
    }
}

/// A database that has its tables already, since making them takes longer than most tests.
pub(crate) fn ready_database() -> Database {
    Database::prepared(&release(), |url| {
        let folder = tempfile::tempdir().expect("a folder");
        let [public, private] = ports::free();
        let config = Settings::new(folder.path(), super::place::NOWHERE, public, private)
            .with(&["store", "url"], url)
            .write(folder.path());
        let made = Command::new(env!("CARGO_BIN_EXE_greenline"))
            .args(["verify", "--config"])
            .arg(config)
            .output()
            .expect("the program starts");
        assert!(made.status.success(), "{made:?}");
    })
}

/// Names the program under test: another build may make other tables.
fn release() -> String {
    let program = std::fs::metadata(env!("CARGO_BIN_EXE_greenline")).expect("the program");
    format!("{:?}", program.modified().expect("its time"))
}
