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
const TICKS_PER_SECOND: f64 = 100.0;

fn stat_ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("unreadable stat")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let field = |at: usize| -> Result<u64> { Ok(fields.get(at).context("short stat")?.parse()?) };
    Ok(field(11)? + field(12)?)
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
