//! The one folder everything is kept in, who may use it at a time, and what earlier runs left in it.
//!
//! ```text
//! greenline-testdb-<uid>/
//!     start.lock          held by whoever starts, ends or clears away a server
//!     shared              the name of the shared server's folder
//!     pristine-<version>/ a cluster as `initdb` makes it, copied for every server
//!     run-<n>/            one server
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::install::{Install, own_uid};
use crate::run::Run;

/// Names a folder to use instead, on a disk of one's choice. Postgres' user must be able to reach it.
const HOME_VAR: &str = "GREENLINE_TESTDB_FOLDER";
/// On disk where the temporary folder may be in memory.
const ON_DISK: &str = "/var/tmp";
/// Part of the names of what is kept between runs: a change of format starts afresh.
const FORMAT: u32 = 1;

/// The user that owns what tests see: an ordinary one, as a careful administrator would give to Greenline.
pub(crate) const USER: &str = "greenline";
/// The user that makes and drops databases; a database of that name comes with every server.
pub(crate) const ADMIN: &str = "postgres";

/// What every server is set to; the rest is as Postgres comes.
const SETTINGS: &str = "
# For tests: reachable from this machine only, and as durable as in production; the shared server is not.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
superuser_reserved_connections = 10
fsync = on
synchronous_commit = on
max_wal_size = 512MB
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %d '
log_min_messages = warning
";

/// The folder, the password of this machine's servers, and the installation they run.
pub(crate) struct Home {
    pub(crate) folder: PathBuf,
    pub(crate) install: Install,
    pub(crate) password: String,
}

/// Held while servers are started, ended or cleared away. Released by the kernel with the process.
pub(crate) struct StartLock {
    _file: File,
}

impl Home {
    pub(crate) fn open() -> Result<(Home, StartLock)> {
        let install = Install::find()?;
        let folder = make_folder()?;
        let file = lock_file(&folder.join("start.lock"))?;
        file.lock().context("cannot lock `start.lock`")?;
        let password = password(&folder)?;
        let home = Home {
            folder,
            install,
            password,
        };
        Ok((home, StartLock { _file: file }))
    }

    /// The shared server's folder, if one was started and its server may still run.
    pub(crate) fn shared(&self, _lock: &StartLock) -> Option<PathBuf> {
        let name = fs::read_to_string(self.folder.join("shared")).ok()?;
        let folder = self.folder.join(name.trim());
        folder.is_dir().then_some(folder)
    }

    pub(crate) fn set_shared(&self, run: &Run, _lock: &StartLock) -> Result<()> {
        let name = run.folder.file_name().unwrap_or_default();
        fs::write(self.folder.join("shared"), name.as_encoded_bytes())
            .context("cannot write `shared`")
    }

    pub(crate) fn forget_shared(&self, _lock: &StartLock) {
        let _ = fs::remove_file(self.folder.join("shared"));
    }

    /// A folder for one more server, already in use by us, with a fresh cluster in it.
    pub(crate) fn new_run(&self, lock: &StartLock) -> Result<Run> {
        let pristine = self.pristine(lock)?;
        let run = self.new_folder(lock)?;
        let mut copy = self.install.command("cp", &run.folder);
        copy.arg("-a").args([&pristine, &run.data()]);
        succeed(&mut copy)?;
        Ok(run)
    }

    /// A folder for one more server, already in use by us, with a copy of the cluster that runs on `primary`, set to follow it.
    pub(crate) fn new_follower(&self, primary: u16, lock: &StartLock) -> Result<Run> {
        let run = self.new_folder(lock)?;
        let mut copy = self
            .install
            .command(self.install.program("pg_basebackup"), &run.folder);
        copy.env("PGPASSWORD", &self.password)
            .args(["--host", "127.0.0.1", "--username", ADMIN, "--no-password"])
            .args(["--port", &primary.to_string()])
            .args(["--checkpoint", "fast", "--write-recovery-conf", "--pgdata"])
            .arg(run.data());
        succeed(&mut copy)?;
        Ok(run)
    }

    fn new_folder(&self, _lock: &StartLock) -> Result<Run> {
        let folder = (0..u32::MAX)
            .map(|number| self.folder.join(format!("run-{number}")))
            .find(|folder| !folder.exists())
            .context("no free name for a server's folder")?;
        make_for_postgres(&self.install, &folder)?;
        Run::claim(folder)
    }

    /// Clears away servers that nobody uses and their keeper has not: it was killed, or the machine was switched off.
    pub(crate) fn sweep(&self, lock: &StartLock) {
        let shared = self.shared(lock);
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let folder = entry.path();
            let is_run = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with("run-"));
            if is_run && shared.as_ref() != Some(&folder) {
                Run::clear_away_unless_used(folder);
            }
        }
    }

    fn pristine(&self, _lock: &StartLock) -> Result<PathBuf> {
        let version = self.install.version()?;
        let pristine = self.folder.join(format!("pristine-{FORMAT}-{version}"));
        let cluster = pristine.join("data");
        if pristine.join("ready").exists() {
            return Ok(cluster);
        }
        if pristine.exists() {
            fs::remove_dir_all(&pristine)
                .with_context(|| format!("cannot remove `{}`", pristine.display()))?;
        }
        make_for_postgres(&self.install, &pristine)?;
        self.init(&pristine, &cluster)?;
        self.add_user(&pristine, &cluster)?;
        append(&cluster.join("postgresql.conf"), SETTINGS)?;
        fs::write(pristine.join("ready"), "").context("cannot write `ready`")?;
        Ok(cluster)
    }

    fn init(&self, pristine: &Path, cluster: &Path) -> Result<()> {
        let password_file = pristine.join("password");
        write_secret(&password_file, &self.password)?;
        self.install.hand_over(&password_file)?;
        let mut init = self
            .install
            .command(self.install.program("initdb"), pristine);
        init.arg("--pgdata")
            .arg(cluster)
            .args(["--username", ADMIN, "--auth", "password", "--pwfile"])
            .arg(&password_file)
            .args(["--encoding", "UTF8", "--locale", "C.UTF-8"]);
        succeed(&mut init)?;
        fs::remove_file(&password_file).context("cannot remove the password file")
    }

    /// In single-user mode: nothing listens yet.
    fn add_user(&self, pristine: &Path, cluster: &Path) -> Result<()> {
        let mut single = self
            .install
            .command(self.install.program("postgres"), pristine)
            .args(["--single", "-D"])
            .arg(cluster)
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start `postgres --single`")?;
        let sql = format!("CREATE ROLE {USER} LOGIN PASSWORD '{}'\n", self.password);
        if let Some(mut input) = single.stdin.take() {
            input
                .write_all(sql.as_bytes())
                .context("`postgres --single` does not read")?;
        }
        let ended = single
            .wait_with_output()
            .context("cannot wait for `postgres --single`")?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(
            ended.status.success() && !said.contains("ERROR"),
            "`postgres --single` failed: {}",
            said.trim()
        );
        Ok(())
    }
}

/// Runs a command that must succeed; what it says is kept for when it does not.
fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start `{program}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`{program}` failed: {}",
        said.trim()
    );
    Ok(())
}

fn make_folder() -> Result<PathBuf> {
    let uid = own_uid()?;
    let folder = match std::env::var_os(HOME_VAR) {
        Some(named) => PathBuf::from(named),
        None => {
            let parent = Some(PathBuf::from(ON_DISK))
                .filter(|folder| folder.is_dir())
                .unwrap_or_else(std::env::temp_dir);
            parent.join(format!("greenline-testdb-{uid}"))
        }
    };
    match fs::create_dir(&folder) {
        Ok(()) => allow(&folder, 0o755)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(error).with_context(|| {
                let folder = folder.display();
                format!("cannot make `{folder}`; name another folder in {HOME_VAR}")
            });
        }
    }
    let found = fs::symlink_metadata(&folder)
        .with_context(|| format!("cannot look at `{}`", folder.display()))?;
    ensure!(
        found.is_dir() && found.uid() == uid,
        "`{}` is not a folder of ours; remove it or name another in {HOME_VAR}",
        folder.display()
    );
    Ok(folder)
}

fn make_for_postgres(install: &Install, folder: &Path) -> Result<()> {
    fs::create_dir(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    allow(folder, 0o755)?;
    install.hand_over(folder)
}

/// A file to lock. The keeper, who may be another user, only opens it for reading.
pub(crate) fn lock_file(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open `{}`", path.display()))?;
    allow(path, 0o644)?;
    Ok(file)
}

/// One password for all servers of this machine: others on it must not become our database's administrator.
fn password(folder: &Path) -> Result<String> {
    let file = folder.join("password");
    match fs::read_to_string(&file) {
        Ok(found) if !found.is_empty() => return Ok(found),
        _ => {}
    }
    let chance =
        fs::read_to_string("/proc/sys/kernel/random/uuid").context("cannot draw a password")?;
    let password: String = chance.chars().filter(char::is_ascii_alphanumeric).collect();
    write_secret(&file, &password)?;
    Ok(password)
}

fn write_secret(file: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write `{}`", file.display()))
}

fn append(file: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write `{}`", file.display()))
}

fn allow(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set who may use `{}`", path.display()))
}

/// A killed server leaves a few bytes of shared memory, which the next start in its folder would clear away. Without a next
/// start it is up to us. Key and id must both match what the folder says, and nobody may be using it.
pub(crate) fn remove_shared_memory(data: &Path) {
    let Ok(pid_file) = fs::read_to_string(data.join("postmaster.pid")) else {
        return;
    };
    let Some((key, id)) = pid_file.lines().nth(6).and_then(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    }) else {
        return;
    };
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let unused = segments.lines().any(|line| {
        // key shmid perms size cpid lpid nattch …
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words.as_slice(), [k, i, _, _, _, _, users, ..] if (*k, *i, *users) == (key, id, "0"))
    });
    if unused {
        let _ = Command::new("ipcrm")
            .args(["-m", id])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
