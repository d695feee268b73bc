//! The whole of CI, cheapest first, the tests last so that their closing lines end the output.
//!
//! Compile time is the budget here: Clippy and rustdoc share one set of checked dependencies, and all tests, the doctests and the
//! binary they start share one dev build. Nothing is built in release mode.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::places::{self, Places, find_program};
use crate::steps::{self, Steps};
use crate::{setup, tidy};

pub(crate) fn run() -> Result<()> {
    let places = Places::find()?;
    let mut steps = Steps::new("ci");
    steps.step("setup", setup::run)?;
    steps.step("fmt", || cargo(&places, &["fmt", "--all", "--check"]))?;
    steps.step("tidy", tidy::run)?;
    external_checks(&mut steps, &places)?;
    lints(&mut steps, &places)?;
    tests(&mut steps, &places)?;
    steps.finish();
    Ok(())
}

/// Checks by tools that not everyone has; where one is missing, that is said.
fn external_checks(steps: &mut Steps, places: &Places) -> Result<()> {
    let installed = |name: &str| -> Option<PathBuf> {
        let ours = places.tools_venv().join("bin").join(name);
        if ours.is_file() {
            Some(ours)
        } else {
            find_program(name)
        }
    };
    let checks: [(&str, &str, &[&str]); 3] = [
        ("typos", "typos", &["--config", "typos.toml"]),
        (
            "deny",
            "cargo-deny",
            &["--workspace", "check", "bans", "licenses", "sources"],
        ),
        ("machete", "cargo-machete", &["."]),
    ];
    for (name, program, args) in checks {
        match installed(program) {
            Some(program) => steps.step(name, || {
                steps::run(Command::new(program).args(args).current_dir(&places.root))
            })?,
            None => steps.skip(name, &format!("{program} is not installed")),
        }
    }
    Ok(())
}

fn lints(steps: &mut Steps, places: &Places) -> Result<()> {
    steps.step("clippy", || {
        cargo(
            places,
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-Dwarnings",
            ],
        )
    })?;
    steps.step("rustdoc", || {
        steps::run(
            cargo_command(places)
                .args(["doc", "--workspace", "--no-deps", "--locked"])
                .env("RUSTDOCFLAGS", "-Dwarnings"),
        )
    })
}

fn tests(steps: &mut Steps, places: &Places) -> Result<()> {
    if find_program("cargo-nextest").is_none() {
        steps.skip(
            "nextest",
            "cargo-nextest is not installed; `cargo test` runs the same tests",
        );
        return steps.step("tests", || {
            test_run(places, &["test", "--workspace", "--locked"])
        });
    }
    steps.step("build tests and binary", || {
        cargo(
            places,
            &["nextest", "run", "--workspace", "--locked", "--no-run"],
        )
    })?;
    steps.step("doctests", || {
        test_run(
            places,
            &["test", "--workspace", "--doc", "--locked", "--quiet"],
        )
    })?;
    // Most tests wait for a while, for a program to start or for a database: three times as many find work for all cores.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let at_once = (3 * cores).to_string();
    steps.step("tests", || {
        test_run(
            places,
            &[
                "nextest",
                "run",
                "--workspace",
                "--locked",
                "--profile",
                "ci",
                "--test-threads",
                &at_once,
            ],
        )
    })
}

fn test_run(places: &Places, args: &[&str]) -> Result<()> {
    steps::run(
        cargo_command(places)
            .args(args)
            .env(places::CLIENTS_PYTHON_VAR, places.clients_python())
            .env(
                places::CLIENTS_NODE_MODULES_VAR,
                places.clients_node_modules(),
            ),
    )
}

fn cargo(places: &Places, args: &[&str]) -> Result<()> {
    steps::run(cargo_command(places).args(args))
}

/// Cargo, at the root, as if nobody had started it yet.
pub(crate) fn cargo_command(places: &Places) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&places.root);
    // Cargo sets these for xtask itself; passed on, they would look like changes to build scripts that watch them.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}
