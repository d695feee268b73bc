//! Moving a large installation from SQLite to Postgres: how long it takes, what memory it needs, and that it comes
//! out the same though it is killed on the way.
//!
//! The installation is made through the ledger's verbs. The move is killed with -9 a few times and begun again; the
//! last run checks everything, as every move does. Peak memory is the kernel's own count of each process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use greenline_testdb::Server;

use crate::options::Options;
use crate::places::Places;

/// What the database may use over what it comes with: memory and log as on a small server of its own.
const DATABASE_SETTINGS: [&str; 2] = ["shared_buffers=512MB", "max_wal_size=1GB"];
/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A run is killed after this, and each one after a little more, so that each gets further.
const FIRST_KILL: Duration = Duration::from_secs(5);

struct Settings {
    people: u64,
    kills: u32,
    /// An installation that is there already; else one is made.
    store: Option<PathBuf>,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let settings = settings(args)?;
    let program = super::built_example(&Places::find()?, "move_installation")?;
    let folder = std::env::temp_dir().join(format!("greenline-bench-move-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = measure(&program, &folder, &settings);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn settings(args: &[String]) -> Result<Settings> {
    let options = Options::read(args, &["--people", "--kills", "--store"], &[])?;
    Ok(Settings {
        people: options.value("--people", 1_000_000)?,
        kills: options.value("--kills", 5)?,
        store: options.path("--store"),
    })
}

fn made(program: &Path, folder: &Path, people: u64) -> Result<PathBuf> {
    let store = folder.join("old.db");
    let start = Instant::now();
    let filled = Command::new(program)
        .arg("fill")
        .arg(&store)
        .arg(people.to_string())
        .status()?;
    if !filled.success() {
        bail!("the installation could not be made");
    }
    println!(
        "made {people} people in {:.0} s, {} MB",
        start.elapsed().as_secs_f64(),
        fs::metadata(&store)?.len() >> 20
    );
    Ok(store)
}

fn measure(program: &Path, folder: &Path, settings: &Settings) -> Result<()> {
    let store = match &settings.store {
        Some(store) => store.clone(),
        None => made(program, folder, settings.people)?,
    };
    let server = Server::private_with(&DATABASE_SETTINGS);
    let database = server.database();
    let (mut seconds, mut peak_kb) = (0.0, 0);
    for kill in 0..settings.kills {
        let after = FIRST_KILL + Duration::from_millis(u64::from(kill) * 777);
        let ran = run_once(program, &store, &database.url(), Some(after))?;
        seconds += ran.seconds;
        peak_kb = peak_kb.max(ran.peak_kb);
        println!(
            "run {}: killed after {:.1} s, peak {} MB",
            kill + 1,
            ran.seconds,
            ran.peak_kb >> 10
        );
    }
    let ran = run_once(program, &store, &database.url(), None)?;
    seconds += ran.seconds;
    peak_kb = peak_kb.max(ran.peak_kb);
    for line in &ran.said {
        println!("{line}");
    }
    println!(
        "all runs: {seconds:.1} s, {} kills, peak memory {} MB",
        settings.kills,
        peak_kb >> 10
    );
    if !ran.is_good {
        bail!("the two stores differ");
    }
    let rows = ran.said.iter().find_map(|line| rows_of(line));
    if let Some(rows) = rows {
        println!(
            "{rows} rows, {:.0} a second with all checks",
            rows as f64 / seconds
        );
    }
    Ok(())
}

/// All rows, from the last line of a move.
fn rows_of(line: &str) -> Option<u64> {
    let mut words = line.strip_prefix("done ")?.split(' ').skip(1);
    let mut number = |name: &str| {
        words.find(|word| *word == name)?;
        words.next()?.parse::<u64>().ok()
    };
    Some(number("rows")? + number("before")?)
}

struct Ran {
    said: Vec<String>,
    seconds: f64,
    peak_kb: u64,
    is_good: bool,
}

fn run_once(program: &Path, store: &Path, url: &str, kill: Option<Duration>) -> Result<Ran> {
    let start = Instant::now();
    let mut child = Command::new(program)
        .arg("move")
        .arg(store)
        .arg(url)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().context("its output")?;
    let said =
        std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).collect());
    let mut peak_kb = 0;
    let status = loop {
        peak_kb = peak_kb.max(peak(&child));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if kill.is_some_and(|after| start.elapsed() >= after) {
            child.kill()?;
        }
        std::thread::sleep(LOOK_EVERY);
    };
    Ok(Ran {
        seconds: start.elapsed().as_secs_f64(),
        said: said.join().unwrap_or_default(),
        peak_kb,
        is_good: status.success(),
    })
}

/// The most memory that a process has had, in kilobytes; none once it is gone.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
