//! The migrations of the database at an address, without opening the store.

use tokio::runtime::Handle;

use super::connect::Pool;
use super::migrate;
use crate::error::LedgerError;
use crate::migrations::Migrations;

/// Which it has had; changes nothing.
pub(crate) async fn migrations(url: &str) -> Result<Migrations, LedgerError> {
    let pool = Pool::new(url, Handle::current())?;
    Ok(parted(&migrate::pending(&pool).await?))
}

/// Makes those that are missing, and says which these were.
pub(crate) async fn migrate(url: &str) -> Result<Migrations, LedgerError> {
    let pool = Pool::new(url, Handle::current())?;
    Ok(parted(&migrate::migrate(&pool).await?))
}

fn parted(missing: &[&'static str]) -> Migrations {
    let names = migrate::MIGRATIONS.iter().map(|(name, _)| *name);
    let (missing, done): (Vec<&str>, Vec<&str>) = names.partition(|name| missing.contains(name));
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Migrations {
        done: owned(done),
        missing: owned(missing),
    }
}
