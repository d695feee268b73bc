//! Looking at processes and signalling them, by id and never without knowing which process it is.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a wait looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Whether `pid` runs and was started with `argument`: an id alone may be another process' by now.
pub(crate) fn is_running(pid: u32, argument: &Path) -> bool {
    // Empty for a process that has ended but was not waited for.
    fs::read(proc_file(pid, "cmdline")).is_ok_and(|line| {
        line.split(|byte| *byte == 0)
            .any(|word| word == argument.as_os_str().as_bytes())
    })
}

/// The running children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// `None` if the process has ended, waited for or not.
fn parent_of(pid: u32) -> Option<u32> {
    // 17 (postgres) S 1 …; the name may hold anything, so count from its end.
    let stat = fs::read_to_string(proc_file(pid, "stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(parent)
}

pub(crate) fn has_ended(pid: u32) -> bool {
    parent_of(pid).is_none()
}

/// Sends a signal, named without `SIG`. A process that has ended meanwhile is left out without a word.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    for pid in pids {
        // The shell's own `kill`: the program of that name is not in every container.
        let _ = Command::new("/bin/sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "kill", name])
            .arg(pid.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// Waits until `done`, or says that it took too long.
pub(crate) fn wait_until(longest: Duration, mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if done() {
            return true;
        }
        if started.elapsed() > longest {
            return false;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

fn proc_file(pid: u32, name: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join(name)
}
