//! A node under load: a process that is told what to do on its input and answers line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

/// A node; killed when dropped.
pub(super) struct Node {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Node {
    /// Starts one over a store and waits until it is open.
    pub(super) fn start(program: &Path, store: &str, options: &[(&str, u64)]) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg(store);
        for (name, value) in options {
            command.arg(name).arg(value.to_string());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a node")?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("a node without output")?;
        let mut node = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        node.answer("ready")?;
        Ok(node)
    }

    /// Gives a command.
    pub(super) fn tell(&mut self, command: &str) -> Result<()> {
        let input = self.input.as_mut().context("a node that was ended")?;
        writeln!(input, "{command}").context("a node is gone")?;
        Ok(())
    }

    /// Waits for the answer, and returns what follows its first word.
    pub(super) fn answer(&mut self, expected: &str) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
            (word, rest) if word == expected => Ok(rest.to_owned()),
            _ => bail!("a node answered `{}` for `{expected}`", line.trim()),
        }
    }

    /// Lets it write what it has and end.
    pub(super) fn end(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        if !status.success() {
            bail!("a node ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
