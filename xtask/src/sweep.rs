//! What takes too long for every change: the decisions and folds against their slow twins over millions of generated
//! cases, a screening of a great many people against the sends that follow it, and stops that race sends and kills so many times
//! as often as in CI. To be run at night, or before a release.
//!
//! `--cases 0` leaves out the twins, `--times 0` the races; `--store sqlite` or `--store postgres` screens and sends on one store
//! alone.
//!
//! Every round draws its own seeds. A case that fails is printed with its seed, and belongs into the tests afterwards.

use std::process::{Child, Command, Stdio};
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::ci::cargo_command;
use crate::options::Options;
use crate::places::Places;
use crate::steps::{Steps, run};

/// Compared with a slow twin, each over all the cases.
const TWINS: [&str; 3] = [
    "twin::decide_agrees_with_the_twin",
    "twin::fold_agrees_with_the_story",
    "pace::caps_agree_with_the_twin",
];
/// What is screened and then sent, on each store.
const PARITY: &str = "sends_are_answered_as_the_screening_said";
/// What is left to chance, and tried more often here than in CI.
const RACES: &str =
    "package(greenline) & test(/^(race::|nodes::nothing_arrives_after|kill::[a-z]+::the_laws)/)";
/// The stores.
const STORES: [&str; 2] = ["sqlite", "postgres"];
/// Cases of one process, after which one hears that it is still well.
const CASES_AT_ONCE: u32 = 250_000;

pub(crate) fn sweep(args: &[String]) -> Result<()> {
    let options = Options::read(args, &["--cases", "--people", "--store", "--times"], &[])?;
    let count = options.value("--cases", 10_000_000)?;
    let people: u32 = options.value("--people", 100_000)?;
    let times: u32 = options.value("--times", 5)?;
    let store = options.value("--store", String::new())?;
    if !store.is_empty() && !STORES.contains(&store.as_str()) {
        bail!("`--store {store}`: there are {}", STORES.join(" and "));
    }
    let of_store = if store.is_empty() {
        String::new()
    } else {
        format!("::{store}::")
    };
    let parity = format!("test({of_store}{PARITY})");
    let places = Places::find()?;
    let mut steps = Steps::new("sweep");
    let policy = [
        "-p",
        "greenline-policy",
        "--release",
        "--locked",
        "--test",
        "it",
    ];
    let twins = if count == 0 { &[][..] } else { &TWINS };
    if !twins.is_empty() {
        steps.step("build", || {
            run(cargo_command(&places)
                .arg("test")
                .args(policy)
                .arg("--no-run"))
        })?;
    }
    for twin in twins {
        steps.step(twin, || {
            cases(count, || {
                let mut command = cargo_command(&places);
                command
                    .arg("test")
                    .args(policy)
                    .args(["--", "--exact", *twin]);
                command
            })
        })?;
    }
    let tests = |filter: &str| {
        let mut command = cargo_command(&places);
        command
            .args([
                "nextest",
                "run",
                "-p",
                "greenline",
                "--locked",
                "-E",
                filter,
            ])
            .args(["--profile", "sweep", "--test-threads", "1"]);
        command
    };
    steps.step("screening and sends", || {
        run(tests(&parity).env("GREENLINE_TEST_PEOPLE", people.to_string()))
    })?;
    if times > 0 {
        steps.step("races and kills", || {
            run(tests(RACES).env("GREENLINE_TEST_TIMES", times.to_string()))
        })?;
    }
    steps.finish();
    Ok(())
}

/// Runs so many cases, a process for each core at a time.
fn cases(count: u32, command: impl Fn() -> Command) -> Result<()> {
    let cores = available_parallelism().map_or(1, usize::from);
    let started = Instant::now();
    let mut left = count;
    while left > 0 {
        let mut running = Vec::new();
        while left > 0 && running.len() < cores {
            let now = left.min(CASES_AT_ONCE);
            let child = command()
                .env("PROPTEST_CASES", now.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .context("cannot start the test")?;
            running.push(child);
            left -= now;
        }
        for child in running {
            ended(child)?;
        }
        println!(
            "{} of {count} cases, {:.0} s",
            count - left,
            started.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// A test that was not there has not passed.
fn ended(child: Child) -> Result<()> {
    let output = child
        .wait_with_output()
        .context("cannot wait for the test")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.contains("1 passed") {
        return Ok(());
    }
    bail!("{said}{}", String::from_utf8_lossy(&output.stderr))
}
