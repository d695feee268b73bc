//! One run of the program to its end.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::SOON;

/// Longest wait for work that grows with what a test was asked for.
const LONG: Duration = Duration::from_mins(15);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Checks the exit code, with all that was said if it is another.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// Runs the program without a configuration of its own.
pub(crate) async fn run(args: &[&str]) -> Ran {
    run_in(Path::new(env!("CARGO_TARGET_TMPDIR")), args, "").await
}

/// Runs the program with a configuration.
pub(crate) async fn run_with(config: &Path, args: &[&str]) -> Ran {
    let config = config.to_str().expect("a path in UTF-8");
    run(&[args, &["--config", config]].concat()).await
}

/// As [`run_with`], for work that grows with what the test was asked for.
pub(crate) async fn run_long(config: &Path, args: &[&str]) -> Ran {
    let config = config.to_str().expect("a path in UTF-8");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    run_within(LONG, folder, &[args, &["--config", config]].concat(), "").await
}

/// Runs the program in a folder, with something on standard input.
pub(crate) async fn run_in(folder: &Path, args: &[&str], input: &str) -> Ran {
    run_within(SOON, folder, args, input).await
}

async fn run_within(within: Duration, folder: &Path, args: &[&str], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_greenline"))
        .args(args)
        .current_dir(folder)
        .env_remove("GREENLINE_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("its input");
    let writing = async {
        // A program that does not read its input may be gone already.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    };
    let ended = tokio::time::timeout(within, async {
        tokio::join!(writing, child.wait_with_output())
    });
    let Ok((_, output)) = ended.await else {
        panic!("`greenline {}`: not within {within:?}", args.join(" "));
    };
    let output = output.expect("its end");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Runs the program and kills it after a while; whether it was still at it.
pub(crate) async fn killed(args: &[&str], after: Duration) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_greenline"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    match tokio::time::timeout(after, child.wait()).await {
        Ok(_) => false,
        Err(_) => {
            child.kill().await.expect("it dies");
            true
        }
    }
}
