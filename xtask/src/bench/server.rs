//! Servers under measurement: started in a folder of their own, stopped by their id, their CPU read from `/proc`.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Tries until a server answers, 50 ms apart.
const READY_TRIES: u32 = 200;

/// A process and its workers; killed when dropped.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
}

impl Server {
    /// Starts a command and waits until `port` on loopback takes connections.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        port: u16,
        log: &Path,
    ) -> Result<Self> {
        let log = fs::File::create(log).context("cannot write a log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut server = Self { name, child };
        for _ in 0..READY_TRIES {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended with {status} before it listened");
            }
            sleep(Duration::from_millis(50));
        }
        bail!("{name} does not listen on port {port}")
    }

    /// CPU used so far by the process and its children, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let own = self.child.id();
        let mut ticks = stat_ticks(own).with_context(|| format!("{} is gone", self.name))?;
        for child in
            fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?.split_whitespace()
        {
            ticks += stat_ticks(child.parse()?)?;
        }
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx's master ends its workers on SIGTERM; a plain kill would leave them behind.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `sysconf(_SC_CLK_TCK)` on every Linux that Rust runs on.
pub(crate) const TICKS_PER_SECOND: f64 = 100.0;

fn stat_ticks(pid: u32) -> Result<u64> {
    let stat = Stat::of(pid)?;
    Ok(stat.field(UTIME)? + stat.field(STIME)?)
}

/// Places in [`Stat`].
const PARENT: usize = 1;
const UTIME: usize = 11;
const STIME: usize = 12;
const CHILDREN_UTIME: usize = 13;
const CHILDREN_STIME: usize = 14;

/// What `/proc/PID/stat` says after the name, which may hold anything.
struct Stat(String);

impl Stat {
    fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let after_name = stat.rsplit_once(')').context("unreadable stat")?.1;
        Ok(Self(after_name.to_owned()))
    }

    fn field(&self, at: usize) -> Result<u64> {
        let field = self.0.split_whitespace().nth(at).context("short stat")?;
        Ok(field.parse()?)
    }
}

/// CPU used so far by a process and its children, in ticks: by those that run, and by those it has waited for.
pub(crate) fn family_ticks(parent: u32) -> Result<u64> {
    let own = Stat::of(parent)?;
    let mut ticks = 0;
    for at in [UTIME, STIME, CHILDREN_UTIME, CHILDREN_STIME] {
        ticks += own.field(at)?;
    }
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // One that ended meanwhile is counted with its parent, next time.
        let Ok(stat) = Stat::of(pid) else { continue };
        if stat.field(PARENT)? == u64::from(parent) {
            ticks += stat.field(UTIME)? + stat.field(STIME)?;
        }
    }
    Ok(ticks)
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
