//! Where Postgres' programs are, and as whom they run: `initdb` and `postgres` refuse to run as root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Names a folder of Postgres' programs, for one that is not where Debian puts it.
const PROGRAMS_VAR: &str = "GREENLINE_POSTGRES_BIN";
/// Debian's place: one folder per major version.
const DEBIAN: &str = "/usr/lib/postgresql";

const MISSING: &str = "Postgres is not installed: no folder with `initdb` and `postgres` below /usr/lib/postgresql or on PATH. \
     Run `cargo xtask setup` as root (or `apt-get install --no-install-recommends postgresql`), \
     or name the folder in GREENLINE_POSTGRES_BIN";

/// An installed Postgres.
#[derive(Debug)]
pub(crate) struct Install {
    programs: PathBuf,
    /// User and group to run as; `None` is whoever we are.
    runs_as: Option<(u32, u32)>,
}

impl Install {
    pub(crate) fn find() -> Result<Install> {
        let programs = find_programs().context(MISSING)?;
        Ok(Install {
            programs,
            runs_as: runs_as(own_uid()?)?,
        })
    }

    /// As `postgres --version` says it.
    pub(crate) fn version(&self) -> Result<String> {
        let said = Command::new(self.program("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .with_context(|| {
                let folder = self.programs.display();
                format!("cannot start `postgres` in `{folder}`")
            })?;
        let said = String::from_utf8_lossy(&said.stdout);
        // postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
        let version = said.split_whitespace().nth(2).unwrap_or("unknown");
        Ok(version.to_owned())
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A command that runs as Postgres' user in `folder`, with nothing of our environment that would change its mind.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        if let Some((user, group)) = self.runs_as {
            // Other groups go too: that is what a change of user does when root asks for it.
            command.uid(user).gid(group);
        }
        command
    }

    /// Gives a file or folder to Postgres' user.
    pub(crate) fn hand_over(&self, path: &Path) -> Result<()> {
        if let Some((user, group)) = self.runs_as {
            std::os::unix::fs::chown(path, Some(user), Some(group))
                .with_context(|| format!("cannot give `{}` to uid {user}", path.display()))?;
        }
        Ok(())
    }
}

/// The folder named by the environment, else the newest of Debian's, else what `PATH` has.
fn find_programs() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(PROGRAMS_VAR) {
        return Some(PathBuf::from(named)).filter(|folder| is_complete(folder));
    }
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .chain(std::env::split_paths(&path))
        .find(|folder| is_complete(folder))
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres", "psql", "pg_isready"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

/// Who runs this process.
pub(crate) fn own_uid() -> Result<u32> {
    let own = fs::metadata("/proc/self").context("cannot read `/proc/self`")?;
    Ok(own.uid())
}

/// Root steps down to the user Debian's package makes, or to nobody.
fn runs_as(own_uid: u32) -> Result<Option<(u32, u32)>> {
    if own_uid != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context("cannot read `/etc/passwd`")?;
    let found = ["postgres", "nobody"]
        .iter()
        .find_map(|name| user_and_group(&users, name));
    if found.is_none() {
        bail!("root has no user `postgres` or `nobody` to run Postgres as");
    }
    Ok(found)
}

fn user_and_group(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        (user != 0).then_some((user, group))
    })
}

#[cfg(test)]
mod tests {
    use super::user_and_group;

    #[test]
    fn a_user_is_found_by_the_whole_name_and_is_never_root() {
        let users =
            "root:x:0:0::/:\npostgresql:x:7:7::/:\npostgres:x:101:104:Admin,,,:/var:/bin/sh\n";
        assert_eq!(user_and_group(users, "postgres"), Some((101, 104)));
        assert_eq!(user_and_group(users, "root"), None);
        assert_eq!(user_and_group(users, "nobody"), None);
    }
}
