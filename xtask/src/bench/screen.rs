//! Screening a list against everybody in the store, beside DuckDB doing the same join on the same files in the same run,
//! with the same number of threads and the same outputs.
//!
//! Clean lists hold nothing but plain rows; there DuckDB only joins and writes three files, while Greenline finds
//! duplicates, counts and draws its report as ever. Dirty lists have one row in twenty with quotes, line ends inside,
//! odd forms of numbers, or a duplicate; there DuckDB finds duplicates too. Of two plans of DuckDB's the faster counts,
//! and of its time only what it works, not what Python takes to start. DuckDB syncs nothing to
//! disk; Greenline syncs its outputs, and that time counts against it.
//!
//! `cold` is everything from the start of the program: it reads who is in the store from what was kept of the last
//! screening. `resident` is without that. The first screening reads the store itself; its time is said beside.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::import::{spread, write_list};
use crate::options::Options;
use crate::places::Places;

/// First of the numbers, as the imported people have them.
const FIRST_PERSON: u64 = super::import::FIRST_PERSON;
/// Takes row numbers to each other in another order than people were imported in.
const STRIDE: u64 = 6_700_417_123;
/// What the kernel counts a processor's work in, to a second.
const TICKS: f64 = 100.0;
/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// DuckDB's time to ours, at least; and our memory to DuckDB's, at most.
const RESIDENT: f64 = 4.0;
const COLD: f64 = 3.0;
const DIRTY: f64 = 2.0;
const MEMORY: f64 = 0.3;
/// Fewer rows say nothing of large lists: then nothing is held against a budget.
const ROWS_THAT_COUNT: u64 = 5_000_000;

struct Settings {
    rows: u64,
    rounds: usize,
    greenline: Option<PathBuf>,
    /// A folder with a store and people that an earlier run left, or that this one leaves.
    keep: Option<PathBuf>,
}

struct Ran {
    seconds: f64,
    /// Of all processors together, as far as the last look saw.
    cpu: f64,
    loading: f64,
    peak_kb: u64,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let settings = settings(args)?;
    let places = Places::find()?;
    let python = places.tools_venv().join("bin/python");
    if !python.exists() {
        bail!("DuckDB is not there; `cargo xtask setup` installs it");
    }
    let greenline = match &settings.greenline {
        Some(greenline) => greenline.clone(),
        None => super::built_program(&places)?,
    };
    let folder = match &settings.keep {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("greenline-bench-screen-{}", std::process::id())),
    };
    fs::create_dir_all(&folder)?;
    let bench = Bench {
        script: places.root.join("xtask/src/bench/screen.py"),
        python,
        greenline,
        folder,
        rows: settings.rows,
    };
    let outcome = bench.measure(settings.rounds);
    if settings.keep.is_none() {
        fs::remove_dir_all(&bench.folder)?;
    }
    outcome
}

fn settings(args: &[String]) -> Result<Settings> {
    let values = ["--rows", "--rounds", "--greenline", "--keep"];
    let options = Options::read(args, &values, &[])?;
    let settings = Settings {
        rows: options.value("--rows", 10_000_000)?,
        rounds: options.value("--rounds", 3)?,
        greenline: options.path("--greenline"),
        keep: options.path("--keep"),
    };
    if settings.rows < 1_000 || settings.rounds == 0 {
        bail!("at least 1000 rows and one round");
    }
    Ok(settings)
}

/// A list of everybody in another order; one row in twenty is dirty.
fn write_rows(path: &Path, rows: u64, dirty: bool) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(file, "name,phone")?;
    for row in 0..rows {
        let person = FIRST_PERSON + row * STRIDE % rows;
        if !dirty || row % 20 != 7 {
            writeln!(file, "Somebody {row},{person}")?;
            continue;
        }
        let digits = person.to_string();
        let (country, area, rest) = (&digits[..1], &digits[1..4], &digits[4..]);
        match row / 20 % 5 {
            0 => writeln!(file, "\"Body, Some {row}\",{person}")?,
            1 => write!(
                file,
                "\"Two\r\nlines {row}\",\"+{country} ({area}) {rest}\"\r\n"
            )?,
            2 => writeln!(file, "Somebody {row},+{country}-{area}-{rest}")?,
            3 => writeln!(
                file,
                "Somebody {row},{}",
                FIRST_PERSON + row.saturating_sub(7) * STRIDE % rows
            )?,
            _ => writeln!(file, "Somebody {row},nobody")?,
        }
    }
    file.flush()?;
    Ok(())
}

struct Bench {
    script: PathBuf,
    python: PathBuf,
    greenline: PathBuf,
    folder: PathBuf,
    rows: u64,
}

impl Bench {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Everybody, in our store and in DuckDB's.
    fn people(&self) -> Result<()> {
        let mark = self.at(&format!("people-{}", self.rows));
        if mark.exists() {
            return Ok(());
        }
        let people = self.at("people.csv");
        write_list(&people, self.rows)?;
        fs::write(self.at("greenline.toml"), config(&self.at("greenline.db")))?;
        let begun = Instant::now();
        let mut import = Command::new(&self.greenline);
        import
            .args(["consent", "import", "--json", "--config"])
            .arg(self.at("greenline.toml"))
            .arg(&people)
            .stdout(Stdio::null());
        done(&mut import)?;
        println!(
            "{} people imported in {:.0} s",
            self.rows,
            begun.elapsed().as_secs_f64()
        );
        done(
            Command::new(&self.python)
                .arg(&self.script)
                .arg("people")
                .arg(&people)
                .arg(self.at("people.duckdb")),
        )?;
        for (name, dirty) in [("clean.csv", false), ("dirty.csv", true)] {
            write_rows(&self.at(name), self.rows, dirty)?;
        }
        fs::write(mark, "")?;
        Ok(())
    }

    fn ours(&self, list: &str) -> Result<Ran> {
        let out = self.at("screened");
        let mut command = Command::new(&self.greenline);
        command
            .args([
                "screen",
                "--json",
                "--template",
                "offer",
                "--language",
                "en_US",
                "--config",
            ])
            .arg(self.at("greenline.toml"))
            .arg("--out")
            .arg(&out)
            .arg(self.at(list));
        let (mut ran, said) = timed(&mut command)?;
        let number = |name: &str| -> Option<f64> {
            let (_, rest) = said.split_once(&format!("\"{name}\": "))?;
            rest.split([',', '\n', '}']).next()?.trim().parse().ok()
        };
        ran.loading = number("loading_seconds").context("no time of loading")?;
        let rows = number("rows").context("no count of rows")?;
        if rows < self.rows as f64 {
            bail!("{rows} rows were screened");
        }
        fs::remove_dir_all(&out)?;
        Ok(ran)
    }

    /// DuckDB's faster plan.
    fn theirs(&self, list: &str, kind: &str) -> Result<Ran> {
        let mut best: Option<Ran> = None;
        for plan in ["one-pass", "several"] {
            let out = self.at("duckdb-out");
            let _ = fs::remove_dir_all(&out);
            fs::create_dir_all(&out)?;
            let mut command = Command::new(&self.python);
            command
                .arg(&self.script)
                .arg(format!("{kind}-{plan}"))
                .arg(self.at(list))
                .arg(self.at("people.duckdb"))
                .arg(&out);
            let (mut ran, said) = timed(&mut command)?;
            ran.seconds = said.trim().parse().context("no time of DuckDB's")?;
            fs::remove_dir_all(&out)?;
            if best.as_ref().is_none_or(|best| ran.seconds < best.seconds) {
                best = Some(ran);
            }
        }
        best.context("no plan")
    }

    fn measure(&self, rounds: usize) -> Result<()> {
        self.people()?;
        println!(
            "{} rows against {} people, {} MB, load {}",
            self.rows,
            self.rows,
            fs::metadata(self.at("clean.csv"))?.len() >> 20,
            fs::read_to_string("/proc/loadavg")?.trim()
        );
        let first = self.ours("clean.csv")?;
        println!(
            "the first screening, or the first since the store changed much: {:.2} s, of which {:.2} s loading, {} MB",
            first.seconds,
            first.loading,
            first.peak_kb >> 10
        );
        let mut missed = Vec::new();
        for (kind, list) in [("clean", "clean.csv"), ("dirty", "dirty.csv")] {
            let (mut cold, mut resident, mut memory) = (Vec::new(), Vec::new(), Vec::new());
            for round in 1..=rounds {
                let (ours, theirs) = (self.ours(list)?, self.theirs(list, kind)?);
                println!(
                    "{kind} {round}: greenline {:.2} s ({:.2} s loading, {:.2} s of CPU), {} MB; DuckDB {:.2} s ({:.2} s of CPU), {} MB",
                    ours.seconds,
                    ours.loading,
                    ours.cpu,
                    ours.peak_kb >> 10,
                    theirs.seconds,
                    theirs.cpu,
                    theirs.peak_kb >> 10
                );
                cold.push(theirs.seconds / ours.seconds);
                resident.push(theirs.seconds / (ours.seconds - ours.loading));
                memory.push(ours.peak_kb as f64 / theirs.peak_kb as f64);
            }
            println!(
                "{kind}: times as fast as DuckDB, cold {}, resident {}; of its memory {}",
                spread(&mut cold),
                spread(&mut resident),
                spread(&mut memory)
            );
            let middle = |values: &[f64]| values[values.len() / 2];
            let budgets = if kind == "clean" {
                vec![
                    ("cold", middle(&cold), COLD),
                    ("resident", middle(&resident), RESIDENT),
                ]
            } else {
                vec![("cold", middle(&cold), DIRTY)]
            };
            for (name, is, least) in budgets {
                if is < least {
                    missed.push(format!("{kind} {name}: {is:.2} times as fast, not {least}"));
                }
            }
            if middle(&memory) > MEMORY {
                missed.push(format!(
                    "{kind}: {:.2} of its memory, not {MEMORY}",
                    middle(&memory)
                ));
            }
        }
        if self.rows < ROWS_THAT_COUNT {
            println!(
                "too few rows to hold against the budgets: {}",
                missed.join("; ")
            );
            return Ok(());
        }
        if !missed.is_empty() {
            bail!("{}", missed.join("; "));
        }
        Ok(())
    }
}

fn config(store: &Path) -> String {
    format!(
        r#"[store]
url = "sqlite:{}"
[upstream]
url = "http://127.0.0.1:9"
[[business]]
id = "acme"
name = "Acme"
app_secret = "bench-secret"
verify_token = "bench-verify"
access_token = "bench-meta"
[[business.number]]
phone_number_id = "301500000000001"
waba_id = "201500000000001"
display_number = "+1 555 010 0001"
"#,
        store.display()
    )
}

fn done(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs to the end; how long, the most memory, and what it printed.
fn timed(command: &mut Command) -> Result<(Ran, String)> {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let (mut peak_kb, mut cpu) = (0, 0.0_f64);
    let status = loop {
        peak_kb = peak_kb.max(peak(&child));
        cpu = cpu.max(worked(&child));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        sleep(LOOK_EVERY);
    };
    let seconds = begun.elapsed().as_secs_f64();
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut said)?;
    }
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    let ran = Ran {
        seconds,
        cpu,
        loading: 0.0,
        peak_kb,
    };
    Ok((ran, said))
}

/// The most memory that a process has had, in kilobytes; none once it is gone.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The seconds that processors have worked for a process, for itself and in the kernel; none once it is gone.
fn worked(child: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    // Behind its name, which may hold anything.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}
