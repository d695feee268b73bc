//! One server's folder: its data, its log, and the lock of those who use it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::home::{ADMIN, Home, lock_file, remove_shared_memory};
use crate::ports;
use crate::process::{children, has_ended, is_running, signal, wait_until};

const KEEPER: &str = include_str!("keeper.sh");
/// The keeper looks twice a second.
const POLLS_PER_SECOND: u32 = 2;
/// Longest wait for a server to begin or end, on a machine that is busy.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// Ports tried for a new server before giving up.
const PORTS_MAX: u32 = 10;

/// The folder of one server that this process uses.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) folder: PathBuf,
    /// Held, shared, for as long as we use the server.
    _in_use: File,
}

impl Run {
    /// Says that we use the server in `folder`.
    pub(crate) fn claim(folder: PathBuf) -> Result<Run> {
        let in_use = lock_file(&folder.join("use.lock"))?;
        in_use.lock_shared().context("cannot lock `use.lock`")?;
        Ok(Run {
            folder,
            _in_use: in_use,
        })
    }

    pub(crate) fn data(&self) -> PathBuf {
        data(&self.folder)
    }

    /// The port of the server, if it runs and has its keeper.
    pub(crate) fn port_if_alive(&self) -> Option<u16> {
        let keeper = read_number(&self.folder.join("keeper.pid"))?;
        let kept = is_running(keeper, &self.folder);
        let alive = kept && server_pid(&self.folder).is_some();
        let port = read_number(&self.folder.join("port"))?;
        u16::try_from(port).ok().filter(|_| alive)
    }

    /// Starts the server on a free port and waits until it answers.
    pub(crate) fn start_anywhere(
        &self,
        home: &Home,
        idle: Duration,
        settings: &[String],
    ) -> Result<(u16, Child)> {
        let mut last = None;
        for _ in 0..PORTS_MAX {
            let port = ports::free()?;
            match self.start(home, port, idle, settings) {
                Ok(keeper) => return Ok((port, keeper)),
                Err(error) => last = Some(error),
            }
            // Only a port that someone else took meanwhile is worth another try.
            if !self.log_end().contains("could not bind") {
                break;
            }
        }
        Err(last.context("no port was tried")?)
    }

    /// Starts the server and waits until it answers. Stopped when unused for `idle`.
    pub(crate) fn start(
        &self,
        home: &Home,
        port: u16,
        idle: Duration,
        settings: &[String],
    ) -> Result<Child> {
        for stale in ["server.pid", "ending"] {
            let _ = fs::remove_file(self.folder.join(stale));
        }
        let script = self.folder.join("keeper.sh");
        fs::write(&script, KEEPER).context("cannot write `keeper.sh`")?;
        let polls = idle.as_secs().saturating_mul(u64::from(POLLS_PER_SECOND));
        let mut keeper = home
            .install
            .command("/bin/sh", &self.folder)
            .arg(&script)
            .arg(&self.folder)
            .arg(&home.folder)
            .arg(polls.to_string())
            .arg(home.install.program("postgres"))
            .arg("-D")
            .arg(self.data())
            .args(["-p", &port.to_string()])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Whoever ends the test by its process group does not end the server others use.
            .process_group(0)
            .spawn()
            .context("cannot start the server's keeper")?;
        self.write("keeper.pid", keeper.id())?;
        self.write("port", u32::from(port))?;
        let mut ended = false;
        let answers = wait_until(STARTS_WITHIN, || {
            ended = matches!(keeper.try_wait(), Ok(Some(_)));
            ended || is_ready(home, &self.folder, port)
        });
        if answers && !ended {
            return Ok(keeper);
        }
        if let Some(server) = server_pid(&self.folder) {
            signal("QUIT", &[server]);
        }
        let what = if ended { "ended" } else { "does not answer" };
        bail!(
            "the Postgres server {what} at its start; its log ends:\n{}",
            self.log_end()
        );
    }

    /// Sends the server a signal that ends it and waits until it has gone.
    pub(crate) fn end(&self, signal_name: &str) -> Result<()> {
        let Some(server) = server_pid(&self.folder) else {
            return Ok(());
        };
        let mut all = children(server);
        if signal_name == "KILL" {
            signal("KILL", &[server]);
            signal("KILL", &all);
        } else {
            signal(signal_name, &[server]);
        }
        all.push(server);
        if !wait_until(ENDS_WITHIN, || all.iter().all(|pid| has_ended(*pid))) {
            bail!("the Postgres server does not end");
        }
        Ok(())
    }

    /// Stops the server and everything it has started in the middle of whatever they do, or lets them go on.
    pub(crate) fn signal_all(&self, signal_name: &str) -> Result<()> {
        let server = server_pid(&self.folder).context("the server does not run")?;
        let mut all = vec![server];
        all.extend(children(server));
        signal(signal_name, &all);
        Ok(())
    }

    /// The last lines the server wrote.
    pub(crate) fn log_end(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(20);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    /// Ends what still runs in `folder` and deletes it, unless a process uses it.
    pub(crate) fn clear_away_unless_used(folder: PathBuf) {
        let lock = match lock_file(&folder.join("use.lock")) {
            Ok(lock) if lock.try_lock().is_ok() => lock,
            _ => return,
        };
        let run = Run {
            folder,
            _in_use: lock,
        };
        run.clear_away();
    }

    /// Ends what still runs and deletes the folder.
    pub(crate) fn clear_away(&self) {
        let _ = self.signal_all("CONT");
        if self.end("QUIT").is_err() && self.end("KILL").is_err() {
            return;
        }
        remove_shared_memory(&self.data());
        // Its keeper may be deleting the same; the next sweep finds what is left.
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn write(&self, name: &str, number: u32) -> Result<()> {
        fs::write(self.folder.join(name), number.to_string())
            .with_context(|| format!("cannot write `{name}`"))
    }
}

/// Runs SQL as the administrator; returns the rows, columns parted by `|`.
pub(crate) fn sql(home: &Home, port: u16, database: &str, sql: &str) -> Result<String> {
    let output = Command::new(home.install.program("psql"))
        .env_clear()
        .env("PGPASSWORD", &home.password)
        .env("PGCONNECT_TIMEOUT", "60")
        .env("LC_ALL", "C.UTF-8")
        .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
        .args(["--set", "ON_ERROR_STOP=1"])
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--username", ADMIN, "--dbname", database, "--command", sql])
        .stdin(Stdio::null())
        .output()
        .context("cannot start `psql`")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("Postgres refused `{sql}`: {}", said.trim());
    }
    let rows =
        String::from_utf8(output.stdout).context("Postgres answered with other than UTF-8")?;
    Ok(rows.trim_end().to_owned())
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn is_ready(home: &Home, folder: &Path, port: u16) -> bool {
    // The port alone could be answered by somebody else's server.
    server_pid(folder).is_some()
        && Command::new(home.install.program("pg_isready"))
            .env_clear()
            .args(["--quiet", "--host", "127.0.0.1", "--timeout", "10"])
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

/// The running server of `folder`.
fn server_pid(folder: &Path) -> Option<u32> {
    let pid = read_number(&folder.join("server.pid"))?;
    is_running(pid, &data(folder)).then_some(pid)
}

fn read_number(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
