//! Runs commands as named steps: prints each with its time, stops at the first that fails.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// A run of steps with a number, a name and a time each.
pub(crate) struct Steps {
    what: &'static str,
    started: Instant,
    done: Vec<String>,
}

impl Steps {
    pub(crate) fn new(what: &'static str) -> Steps {
        Steps {
            what,
            started: Instant::now(),
            done: Vec::new(),
        }
    }

    /// Runs `work` as the next step; its error names the step.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let number = self.done.len() + 1;
        println!("== {} {number}: {name}", self.what);
        let started = Instant::now();
        let outcome = work();
        let seconds = started.elapsed().as_secs_f64();
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!(
            "== {} {number}: {name}: {verdict} ({seconds:.1} s)",
            self.what
        );
        self.done.push(format!("{name} {seconds:.0} s"));
        outcome.with_context(|| format!("step {number}, {name}"))
    }

    /// Says loudly that a step did not run, and why.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        let number = self.done.len() + 1;
        println!("== {} {number}: {name}: skipped: {why}", self.what);
        self.done.push(format!("{name} skipped"));
    }

    /// The closing line.
    pub(crate) fn finish(self) {
        let seconds = self.started.elapsed().as_secs_f64();
        println!(
            "== {}: ok in {seconds:.0} s: {}",
            self.what,
            self.done.join(", ")
        );
    }
}

/// Runs a command with its output shown and without standard input; anything but success is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// The output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}: {}", output.status, said.trim());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{shown}` printed something that is not UTF-8"))
}

fn show(command: &Command) -> String {
    let mut shown = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}
