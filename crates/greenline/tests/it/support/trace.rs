//! The gateway under `strace`: which system calls it made, and in which order.
//!
//! Order is all that is asked of a trace, not time. The tracer stops a thread where it enters a call and
//! where it returns from it, and writes what it sees one after another. So if one thing was done because
//! another had returned, it stands after it in the file, however busy the machine.
//!
//! The tracer runs beside the gateway, not above it, so that the test's child is the gateway itself.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{SOON, soon};

/// Longest text of one call that is kept: a page of the store, or a small request.
const TEXT_BYTES_MAX: &str = "4608";
/// Between looks at a trace that is not complete yet.
const PAUSE: Duration = Duration::from_millis(20);

/// One system call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// What its descriptor is: a path, or a socket by its number.
    pub(crate) on: String,
    /// What was written or read, as far as it was kept.
    pub(crate) bytes: Vec<u8>,
    /// Its place in the order of things: where it was entered …
    pub(crate) entered: usize,
    /// … and where it returned.
    pub(crate) returned: usize,
    /// What it returned; nothing when it failed or never did.
    pub(crate) result: Option<i64>,
}

/// A trace that is being written.
#[derive(Debug)]
pub(crate) struct Trace {
    file: PathBuf,
}

impl Trace {
    /// A trace in a folder. Says so at once when this machine does not let a process be traced.
    pub(crate) async fn new(folder: &Path) -> Self {
        let trial = folder.join("trial.trace");
        let mut command = tracer(&trial);
        command.args(["-e", "trace=write", "--", "true"]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let said = match tokio::time::timeout(SOON, command.output()).await {
            Err(_) => "it does not come to an end".to_owned(),
            Ok(Err(error)) => format!("it does not start: {error}"),
            Ok(Ok(output)) => String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        let ended = tokio::time::timeout(SOON, until_ended(&trial, None)).await;
        assert!(
            ended.is_ok(),
            "this test watches system calls with `strace`, which does not work here: {said}\n`cargo xtask setup` \
             installs it; within a container it needs the right to trace (`--cap-add=SYS_PTRACE`)"
        );
        Self {
            file: folder.join("gateway.trace"),
        }
    }

    /// Runs a program with every write, read of a socket, and sync on record.
    pub(crate) fn everything(&self) -> Command {
        let mut command = tracer(&self.file);
        command.args(["-y", "-xx", "-s", TEXT_BYTES_MAX]);
        command.args([
            "-e",
            "trace=write,writev,pwrite64,pwritev,sendto,sendmsg,read,readv,recvfrom,recvmsg,fsync,fdatasync",
        ]);
        command.args(["--", env!("CARGO_BIN_EXE_greenline")]);
        command
    }

    /// Runs a program in which calls on some files fail: `what` as `strace --inject` takes it.
    pub(crate) fn failing(&self, files: &[&Path], calls: &str, what: &str) -> Command {
        let mut command = tracer(&self.file);
        for file in files {
            command.arg("-P").arg(file);
        }
        command.args(["-e", &format!("trace={calls}")]);
        command.args(["-e", &format!("inject={calls}:{what}")]);
        command.args(["--", env!("CARGO_BIN_EXE_greenline")]);
        command
    }

    /// How many calls were made to fail so far.
    pub(crate) fn failed(&self) -> usize {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.matches("(INJECTED)").count()
    }

    /// The calls, once the process has ended.
    pub(crate) async fn calls(&self, process: u32) -> Vec<Call> {
        let ended = until_ended(&self.file, Some(process));
        soon("the trace is complete", ended).await;
        parse(&std::fs::read_to_string(&self.file).expect("a trace"))
    }
}

fn tracer(file: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-q", "--seccomp-bpf", "-o"]);
    command.arg(file);
    command
}

/// Waits until a trace's last line says that a process has ended; any, if none is named.
async fn until_ended(file: &Path, process: Option<u32>) {
    let is_end = |line: &str| {
        let mut words = line.split_whitespace();
        let of = words.next().and_then(|word| word.parse().ok());
        words.next() == Some("+++") && (process.is_none() || of == process)
    };
    while !last_line(file).is_some_and(|line| is_end(&line)) {
        tokio::time::sleep(PAUSE).await;
    }
}

fn last_line(file: &Path) -> Option<String> {
    const LINE_BYTES_MAX: u64 = 256;
    let mut file = File::open(file).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_BYTES_MAX)))
        .ok()?;
    let mut end = String::new();
    file.read_to_string(&mut end).ok()?;
    end.lines().next_back().map(str::to_owned)
}

/// Reads a trace. A call that another thread's came between stands on two lines, which are put together.
pub(crate) fn parse(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut begun: HashMap<&str, (String, usize)> = HashMap::new();
    for (place, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(first) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(thread, (first.to_owned(), place));
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let (first, entered) = begun.remove(thread).expect("a call that began");
            let (_, last) = resumed.split_once("resumed>").expect("the call's rest");
            calls.push(call(&format!("{first}{last}"), entered, place));
        } else {
            calls.push(call(rest, place, place));
        }
    }
    for (first, entered) in begun.into_values() {
        calls.push(call(&first, entered, usize::MAX));
    }
    calls.sort_by_key(|call| call.entered);
    calls
}

fn call(text: &str, entered: usize, returned: usize) -> Call {
    let (name, arguments) = text.split_once('(').expect("a call");
    let (arguments, result) = arguments
        .rsplit_once(" = ")
        .unwrap_or((arguments, "? unfinished"));
    let mut quoted = arguments.split('"');
    let on = quoted
        .next()
        .and_then(|descriptor| descriptor.split_once('<'))
        .and_then(|(_, named)| named.split_once('>'))
        .map_or_else(String::new, |(named, _)| named_by(named));
    let bytes = quoted.step_by(2).flat_map(unescaped).collect();
    let result = result
        .split(' ')
        .next()
        .and_then(|number| number.parse::<i64>().ok());
    Call {
        name: name.to_owned(),
        on,
        bytes,
        entered,
        returned,
        result: result.filter(|result| *result >= 0),
    }
}

/// The name of a descriptor: a path's bytes are escaped, a socket's number is not.
fn named_by(named: &str) -> String {
    if named.starts_with("\\x") {
        String::from_utf8_lossy(&unescaped(named)).into_owned()
    } else {
        named.to_owned()
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x")
        .filter_map(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok())
        .collect()
}
