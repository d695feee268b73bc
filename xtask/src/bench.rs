//! Measurements that print ratios: absolute numbers do not carry from one machine to another, ratios taken in one run do.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::places::Places;

mod forecast;
mod import;
mod moving;
mod screen;
mod send;
mod server;
mod store;

struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const BENCHES: [Bench; 6] = [
    Bench {
        name: "forecast",
        about: "forecasts of ratings, enforcement and limits against simulated numbers with hidden thresholds: lead time, false alarms, misses",
        run: forecast::run,
    },
    Bench {
        name: "import",
        about: "a large list imported into SQLite: rows a second, memory, waits of sends beside it, against a plain `sqlite3` import",
        run: import::run,
    },
    Bench {
        name: "move",
        about: "an installation moved from SQLite to Postgres and killed on the way: time, rows a second, memory",
        run: moving::run,
    },
    Bench {
        name: "screen",
        about: "a large list screened against everybody in the store, against DuckDB doing the same join: time and memory",
        run: screen::run,
    },
    Bench {
        name: "send",
        about: "CPU per gated, durably recorded send and sends per second, against nginx `proxy_pass`",
        run: send::run,
    },
    Bench {
        name: "store",
        about: "decisions a second and CPU per decision, in batches against one by one, on SQLite and Postgres",
        run: store::run,
    },
];

pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some((name, rest)) = args.split_first() else {
        println!("cargo xtask bench <name>:");
        for bench in &BENCHES {
            println!("  {:<8} {}", bench.name, bench.about);
        }
        return Ok(());
    };
    match BENCHES.iter().find(|bench| bench.name == name.as_str()) {
        Some(bench) => (bench.run)(rest),
        None => bail!("there is no benchmark `{name}`; `cargo xtask bench` lists them"),
    }
}

/// The program, built for release.
fn built_program(places: &Places) -> Result<PathBuf> {
    built(places, &["greenline"], "greenline")
}

/// An example of the ledger's, built for release.
fn built_example(places: &Places, name: &str) -> Result<PathBuf> {
    let path = format!("examples/{name}");
    built(places, &["greenline-ledger", "--example", name], &path)
}

fn built(places: &Places, package: &[&str], path: &str) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package"])
        .args(package)
        .current_dir(&places.root)
        .status()?;
    if !status.success() {
        bail!("the release build failed");
    }
    Ok(places.target.join("release").join(path))
}
