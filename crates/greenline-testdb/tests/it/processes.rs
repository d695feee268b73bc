//! Test processes that come at once, end badly, or find what others left behind.
//!
//! Each test has a folder of its own in place of the machine's, and starts this very program again as its processes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use greenline_testdb::{Database, Server};
use tempfile::TempDir;

use crate::client::Client;

const ROLE_VAR: &str = "GREENLINE_TESTDB_TEST_ROLE";
const SAYS: &str = "database: ";
/// Longest wait for something that should happen soon.
const SOON: Duration = Duration::from_secs(100);

/// What the processes run: holds a database until its standard input ends.
#[test]
fn as_a_process_of_another_test() {
    let hold = |database: &Database| {
        println!("\n{SAYS}{}", database.url());
        let _ = std::io::stdin().read_line(&mut String::new());
    };
    match std::env::var(ROLE_VAR).as_deref() {
        Ok("shared") => hold(&Database::fresh()),
        Ok("private") => {
            let server = Server::private();
            hold(&server.database());
        }
        Ok("frozen") => {
            let server = Server::private();
            let database = server.database();
            server.freeze();
            hold(&database);
        }
        _ => {}
    }
}

/// A process that holds a database.
struct Holder {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Holder {
    fn start(home: &Home, role: &str) -> Holder {
        let mut process = home
            .command(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("its output"));
        Holder {
            process,
            input,
            output,
        }
    }

    /// Waits for its database.
    fn url(&mut self) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).expect("its output") > 0 {
            if let Some(url) = line.trim().strip_prefix(SAYS) {
                return url.to_owned();
            }
            line.clear();
        }
        panic!("the process ended without a database");
    }

    fn kill(mut self) {
        self.process.kill().expect("our process");
        self.process.wait().expect("our process");
    }

    fn finish(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().expect("our process").success());
    }
}

/// A folder in place of the machine's.
struct Home {
    _around: TempDir,
    folder: PathBuf,
}

impl Home {
    fn new() -> Home {
        let around = tempfile::tempdir().expect("a folder");
        // Postgres may run as another user and has to reach it.
        fs::set_permissions(around.path(), fs::Permissions::from_mode(0o755)).expect("our folder");
        let folder = around.path().join("home");
        Home {
            _around: around,
            folder,
        }
    }

    fn command(&self, role: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args([
                "--exact",
                "processes::as_a_process_of_another_test",
                "--nocapture",
            ])
            .env(ROLE_VAR, role)
            .env("GREENLINE_TESTDB_FOLDER", &self.folder)
            .env("GREENLINE_TESTDB_IDLE_S", "1");
        command
    }

    /// The folders of servers that hold data.
    fn servers(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|folder| is_run(folder) && folder.join("data").exists())
            .collect()
    }

    /// Ends with nothing running that could still write here.
    fn wait_until_idle(&self) {
        wait_until("the last server ends", || self.servers().is_empty());
    }
}

fn is_run(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("run-"))
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < SOON, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The part of a URL that says which server.
fn server_of(url: &str) -> &str {
    let (_, place) = url.split_once('@').expect("a login");
    place.split_once('/').expect("a database").0
}

#[test]
fn processes_that_come_at_once_share_one_server() {
    let home = Home::new();
    let mut holders: Vec<Holder> = (0..4).map(|_| Holder::start(&home, "shared")).collect();
    let urls: Vec<String> = holders.iter_mut().map(Holder::url).collect();
    for url in &urls {
        assert_eq!(server_of(url), server_of(&urls[0]));
    }
    assert_eq!(home.servers().len(), 1);
    holders.into_iter().for_each(Holder::finish);
    home.wait_until_idle();
}

#[test]
fn a_shared_server_outlives_a_killed_process_but_not_the_last() {
    let home = Home::new();
    let mut killed = Holder::start(&home, "shared");
    let mut last = Holder::start(&home, "shared");
    killed.url();
    let url = last.url();
    killed.kill();
    // Held by the other, however long that takes.
    let held = Instant::now();
    while held.elapsed() < Duration::from_secs(3) {
        Client::connect(&url).expect("the server is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
    last.kill();
    home.wait_until_idle();
    assert!(Client::connect(&url).is_err());
    // The next one finds what is left of it and starts anew.
    let mut next = Holder::start(&home, "shared");
    Client::connect(&next.url()).expect("a new server");
    next.finish();
    home.wait_until_idle();
}

#[test]
fn a_private_server_goes_with_its_killed_process() {
    let home = Home::new();
    for role in ["private", "frozen"] {
        let mut holder = Holder::start(&home, role);
        holder.url();
        holder.kill();
        home.wait_until_idle();
    }
}

#[test]
fn a_server_whose_keeper_was_killed_is_replaced_and_cleared_away() {
    let home = Home::new();
    let mut first = Holder::start(&home, "shared");
    let url = first.url();
    let run = home.servers().remove(0);
    // Keeper and watcher are one process group, led by the keeper; the server is in it too.
    let keeper = fs::read_to_string(run.join("keeper.pid")).expect("its id");
    let group = format!("-{keeper}");
    let killed = Command::new("/bin/sh")
        .args(["-c", "kill -s KILL -- \"$1\"", "kill", &group])
        .status();
    assert!(killed.expect("a shell").success());
    wait_until("the server is gone", || Client::connect(&url).is_err());
    let mut next = Holder::start(&home, "shared");
    Client::connect(&next.url()).expect("a new server");
    first.finish();
    next.finish();
    // What the killed one had is deleted by the next start that finds nobody using it.
    let mut last = Holder::start(&home, "private");
    last.url();
    last.finish();
    home.wait_until_idle();
}

#[test]
fn ids_left_by_an_earlier_run_lead_to_no_process_of_others() {
    let home = Home::new();
    let stale = home.folder.join("run-0");
    fs::create_dir_all(stale.join("data")).expect("a folder");
    fs::set_permissions(&home.folder, fs::Permissions::from_mode(0o755)).expect("our folder");
    // By now the ids are those of this test's own process, which must live.
    for file in ["keeper.pid", "server.pid"] {
        fs::write(stale.join(file), std::process::id().to_string()).expect("a file");
    }
    fs::write(stale.join("port"), "1").expect("a file");
    fs::write(home.folder.join("shared"), "run-0").expect("a file");
    let mut holder = Holder::start(&home, "shared");
    Client::connect(&holder.url()).expect("a new server");
    holder.finish();
    home.wait_until_idle();
}

#[test]
fn without_postgres_it_says_what_to_run() {
    let home = Home::new();
    let output = home
        .command("shared")
        .env("GREENLINE_POSTGRES_BIN", "/nowhere")
        .output()
        .expect("a process");
    assert!(!output.status.success());
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("cargo xtask setup"), "{said}");
    assert!(said.contains("apt-get install"), "{said}");
}
