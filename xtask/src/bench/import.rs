//! Importing a large list into SQLite: rows a second and peak memory, against `sqlite3` taking the same file into one
//! plain table, in the same run. With `--beside` a server does it while its store is asked about sends, and the waits
//! of those are reported.
//!
//! Rows are in no order, as lists are. Everything is durable. Peak memory is the kernel's own count; it holds what
//! decisions need of every person, which is the store's own and stays after the import.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::server::{Server, free_port};
use crate::options::Options;
use crate::places::{Places, find_program};

/// First of the numbers.
pub(super) const FIRST_PERSON: u64 = 15_550_000_000;
/// Takes row numbers to each other in no order; a prime larger than any number of rows.
const STRIDE: u64 = 7_368_787_301;
/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Between two questions about sends.
const ASK_EVERY: Duration = Duration::from_millis(5);

struct Settings {
    rows: u64,
    rounds: usize,
    beside: bool,
    verify: bool,
    /// An executable that is there already; else one is built.
    greenline: Option<PathBuf>,
}

struct Ran {
    seconds: f64,
    peak_kb: u64,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let settings = settings(args)?;
    let sqlite3 = find_program("sqlite3").context("sqlite3 is not installed")?;
    let greenline = match &settings.greenline {
        Some(greenline) => greenline.clone(),
        None => super::built_program(&Places::find()?)?,
    };
    let folder =
        std::env::temp_dir().join(format!("greenline-bench-import-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = measure(&folder, &sqlite3, &greenline, &settings);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn settings(args: &[String]) -> Result<Settings> {
    let options = Options::read(
        args,
        &["--rows", "--rounds", "--greenline"],
        &["--beside", "--verify"],
    )?;
    let settings = Settings {
        rows: options.value("--rows", 1_000_000)?,
        rounds: options.value("--rounds", 3)?,
        beside: options.flag("--beside"),
        verify: options.flag("--verify"),
        greenline: options.path("--greenline"),
    };
    if settings.rows == 0 || settings.rounds == 0 {
        bail!("at least one row and one round");
    }
    Ok(settings)
}

/// A list in no order; every hundredth says no.
pub(super) fn write_list(path: &Path, rows: u64) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(
        file,
        "wa_id,scope,event,occurred_at,method,wording,business_name,source"
    )?;
    for row in 0..rows {
        let person = FIRST_PERSON + row * STRIDE % rows;
        let event = if row % 100 == 0 {
            "withdrawn"
        } else {
            "granted"
        };
        let (day, hour, minute) = (row % 28 + 1, row % 24, row % 60);
        writeln!(
            file,
            "{person},marketing,{event},2026-01-{day:02}T{hour:02}:{minute:02}:00Z,website_form,\"Yes, send me offers on WhatsApp\",Acme,https://acme.example/offers"
        )?;
    }
    file.flush()?;
    Ok(())
}

fn configured(folder: &Path, round: usize) -> Result<(PathBuf, u16)> {
    let (public, private) = (free_port()?, free_port()?);
    let store = folder.join(format!("round-{round}.db"));
    let config = format!(
        r#"[listen]
public = "127.0.0.1:{public}"
private = "127.0.0.1:{private}"
[store]
url = "sqlite:{}"
[upstream]
url = "http://127.0.0.1:9"
[[admin.token]]
name = "bench"
key = "bench-token"
may = "admin"
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
    );
    let path = folder.join(format!("round-{round}.toml"));
    fs::write(&path, config)?;
    Ok((path, private))
}

fn measure(folder: &Path, sqlite3: &Path, greenline: &Path, settings: &Settings) -> Result<()> {
    let list = folder.join("list.csv");
    write_list(&list, settings.rows)?;
    println!(
        "{} rows, {} MB, load {}",
        settings.rows,
        fs::metadata(&list)?.len() >> 20,
        fs::read_to_string("/proc/loadavg")?.trim()
    );
    let rows = settings.rows as f64;
    let (mut ours, mut plain, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak_kb = 0;
    for round in 0..settings.rounds {
        let (config, _) = configured(folder, round)?;
        let mut command = Command::new(greenline);
        command
            .args(["consent", "import", "--json", "--config"])
            .arg(&config)
            .arg(&list);
        let imported = timed(&mut command)?;
        let bulk = timed(&mut bulk(sqlite3, folder, &list, round)?)?;
        println!(
            "round {}: import {:.0} rows/s ({:.1} s), peak {} MB, store {} MB; sqlite3 {:.0} rows/s ({:.1} s)",
            round + 1,
            rows / imported.seconds,
            imported.seconds,
            imported.peak_kb >> 10,
            fs::metadata(folder.join(format!("round-{round}.db")))?.len() >> 20,
            rows / bulk.seconds,
            bulk.seconds
        );
        if settings.verify {
            verify(greenline, &config)?;
        }
        ours.push(rows / imported.seconds);
        plain.push(rows / bulk.seconds);
        ratios.push(imported.seconds / bulk.seconds);
        peak_kb = peak_kb.max(imported.peak_kb);
        remove_store(folder, round)?;
    }
    println!("import   {} rows/s", spread(&mut ours));
    println!("sqlite3  {} rows/s", spread(&mut plain));
    println!("time, import against sqlite3: {}", spread(&mut ratios));
    println!("peak memory {} MB", peak_kb >> 10);
    if settings.beside {
        beside(folder, greenline, &list, settings.rows)?;
    }
    Ok(())
}

/// `sqlite3` takes the file into one table without an index, durably.
fn bulk(sqlite3: &Path, folder: &Path, list: &Path, round: usize) -> Result<Command> {
    let script = folder.join("bulk.sql");
    fs::write(
        &script,
        format!(
            "PRAGMA journal_mode = WAL;\nPRAGMA synchronous = FULL;\nCREATE TABLE list (wa_id TEXT, scope TEXT, event TEXT, occurred_at TEXT, method TEXT, wording TEXT, business_name TEXT, source TEXT);\n.mode csv\n.import --skip 1 {} list\n",
            list.display()
        ),
    )?;
    let mut command = Command::new(sqlite3);
    command
        .arg(folder.join(format!("plain-{round}.db")))
        .stdin(File::open(script)?);
    Ok(command)
}

fn verify(greenline: &Path, config: &Path) -> Result<()> {
    let begun = Instant::now();
    let status = Command::new(greenline)
        .args(["verify", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("the store does not verify");
    }
    println!("verified in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn remove_store(folder: &Path, round: usize) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let of_round = [format!("round-{round}.db"), format!("plain-{round}.db")];
        if of_round.iter().any(|start| name.starts_with(start)) {
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Middle value, and the smallest and the largest.
pub(super) fn spread(values: &mut [f64]) -> String {
    values.sort_unstable_by(f64::total_cmp);
    let at = |at: usize| values.get(at).copied().unwrap_or(0.0);
    let middle = at(values.len() / 2);
    let digits = usize::from(middle < 100.0) * 2;
    format!(
        "{middle:.digits$} ({:.digits$}–{:.digits$})",
        at(0),
        at(values.len() - 1)
    )
}

fn timed(command: &mut Command) -> Result<Ran> {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let mut peak_kb = 0;
    let status = loop {
        peak_kb = peak_kb.max(peak(&child));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        sleep(LOOK_EVERY);
    };
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(Ran {
        seconds: begun.elapsed().as_secs_f64(),
        peak_kb,
    })
}

/// The most memory that a process has had, in kilobytes; none once it is gone.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// A server that imports while its writer is asked about sends.
fn beside(folder: &Path, greenline: &Path, list: &Path, rows: u64) -> Result<()> {
    let (config, port) = configured(folder, 99)?;
    let mut command = Command::new(greenline);
    command.args(["serve", "--config"]).arg(&config);
    let _server = Server::start("greenline", &mut command, port, &folder.join("serve.log"))?;
    let mut asking = Asking::new(port)?;
    let mut alone: Vec<f64> = (0..400).map(|_| asking.wait()).collect::<Result<_>>()?;
    let mut child = Command::new(greenline)
        .args(["consent", "import", "--json", "--config"])
        .arg(&config)
        .arg(list)
        .stdout(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    let mut during = Vec::new();
    let status = loop {
        during.push(asking.wait()?);
        sleep(ASK_EVERY);
        if let Some(status) = child.try_wait()? {
            break status;
        }
    };
    if !status.success() {
        bail!("the import beside sends ended with {status}");
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "beside sends: {:.0} rows/s; a decision waits, in ms: alone {}, during the import {}",
        rows as f64 / seconds,
        quantiles(&mut alone),
        quantiles(&mut during)
    );
    let begun = Instant::now();
    let behind = loop {
        let sealed = asking.sealed()?;
        if sealed >= rows || begun.elapsed() > Duration::from_secs(600) {
            break (begun.elapsed().as_secs_f64(), sealed);
        }
        sleep(Duration::from_millis(250));
    };
    println!(
        "the log holds {} records {:.1} s after the import ended",
        behind.1, behind.0
    );
    Ok(())
}

fn quantiles(waits: &mut [f64]) -> String {
    waits.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| {
        let at = (waits.len() as f64 * part) as usize;
        waits.get(at.min(waits.len().saturating_sub(1))).copied()
    };
    let [half, most, last, worst] = [0.5, 0.9, 0.99, 1.0].map(|part| at(part).unwrap_or(0.0));
    format!("p50 {half:.1}, p90 {most:.1}, p99 {last:.1}, max {worst:.1}")
}

/// A connection over which the writer is asked.
struct Asking {
    stream: BufReader<TcpStream>,
}

impl Asking {
    fn new(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Milliseconds until a decision is there. It waits for the writer as a send's does.
    fn wait(&mut self) -> Result<f64> {
        let body = r#"{"business":"acme","number":"301500000000001","message":{"messaging_product":"whatsapp","to":"15550000001","type":"text","text":{"body":"Hi"}}}"#;
        let begun = Instant::now();
        self.call("POST", "/v1/decisions", body)?;
        Ok(begun.elapsed().as_secs_f64() * 1_000.0)
    }

    /// Records in the log.
    fn sealed(&mut self) -> Result<u64> {
        let metrics = self.call("GET", "/v1/log/acme/head", "")?;
        let at = metrics.find("\"size\":").map(|at| at + 7);
        let digits = at.and_then(|at| metrics.get(at..));
        let digits: String = digits
            .unwrap_or_default()
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        Ok(digits.parse().unwrap_or(0))
    }

    fn call(&mut self, method: &str, path: &str, body: &str) -> Result<String> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bench-token\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut length, mut line) = (0_usize, String::new());
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the server hung up");
            }
            let folded = line.to_ascii_lowercase();
            if let Some(value) = folded.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
