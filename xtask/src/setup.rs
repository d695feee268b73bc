//! Installs what the tests need beyond Rust. Runs again without harm and, when nothing is missing, without the network.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::places::{Places, find_program};
use crate::steps::{self, Steps};

/// A program the tests or benchmarks start, the Debian package that has it, and what it is for.
struct Needed {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

const NEEDED: [Needed; 8] = [
    Needed {
        program: "initdb",
        package: "postgresql",
        purpose: "the tests of the Postgres store, which start servers of their own",
    },
    Needed {
        program: "strace",
        package: "strace",
        purpose: "the tests that watch the order of disk and network writes",
    },
    Needed {
        program: "nginx",
        package: "nginx-light",
        purpose: "the yardstick of `cargo xtask bench send`",
    },
    Needed {
        program: "wrk",
        package: "wrk",
        purpose: "the load of `cargo xtask bench send`",
    },
    Needed {
        program: "chromium",
        package: "chromium",
        purpose: "the tests that drive the preference page, and looking at the others",
    },
    Needed {
        program: "python3",
        package: "python3",
        purpose: "the Python SDK client",
    },
    Needed {
        program: "node",
        package: "nodejs",
        purpose: "the Node SDK client, and driving the browser",
    },
    Needed {
        program: "npm",
        package: "npm",
        purpose: "the Node SDK client",
    },
];

/// Read by Debian's scripts that make Postgres clusters, beside the file that comes with them.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/greenline-setup.conf";

/// The oldest Node.js that the Node SDK accepts.
const NODE_AT_LEAST: (u32, u32) = (20, 19);

pub(crate) fn run() -> Result<()> {
    let places = Places::find()?;
    let mut steps = Steps::new("setup");
    steps.step("system packages", system_packages)?;
    steps.step("Python client packages", || {
        let requirements = places.root.join("tests/clients/requirements.txt");
        python_packages(&places.clients_venv(), &requirements)
    })?;
    steps.step("Node client packages", || node_packages(&places))?;
    steps.step("development tools", || {
        let requirements = places.root.join("xtask/tools/requirements.txt");
        python_packages(&places.tools_venv(), &requirements)
    })?;
    steps.finish();
    Ok(())
}

fn system_packages() -> Result<()> {
    let mut missing: Vec<&Needed> = NEEDED
        .iter()
        .filter(|needed| find_program(needed.program).is_none())
        .collect();
    let venv = Needed {
        program: "python3 -m venv",
        package: "python3-venv",
        purpose: "an environment of its own for the Python SDK client",
    };
    if !python_makes_venvs() {
        missing.push(&venv);
    }
    if missing.is_empty() {
        println!("nothing missing");
        return Ok(());
    }
    for needed in &missing {
        println!("missing: {} ({})", needed.program, needed.purpose);
    }
    let packages: Vec<&str> = missing.iter().map(|needed| needed.package).collect();
    if !may_install() {
        bail!(
            "install these first: {} (on Debian: apt-get install --no-install-recommends {})",
            missing
                .iter()
                .map(|needed| needed.program)
                .collect::<Vec<_>>()
                .join(", "),
            packages.join(" ")
        );
    }
    apt_get(&["update", "--quiet"])?;
    let mut install = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    install.extend(packages);
    without_a_cluster_of_its_own(|| apt_get(&install))
}

/// Debian's Postgres makes a cluster when it is installed, and starts it with the machine. We want the programs only.
fn without_a_cluster_of_its_own(install: impl FnOnce() -> Result<()>) -> Result<()> {
    let setting = Path::new(NO_CLUSTER);
    let folder = setting.parent().context("a file without a folder")?;
    if setting.exists() {
        return install();
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    write(setting, "create_main_cluster = false\n")?;
    let outcome = install();
    // What this machine does with packages later is not ours to decide.
    fs::remove_file(setting).with_context(|| format!("cannot remove `{NO_CLUSTER}`"))?;
    outcome
}

fn apt_get(args: &[&str]) -> Result<()> {
    // RUNLEVEL=1 keeps packages from starting services: we want nginx's program, not a web server.
    steps::run(
        Command::new("apt-get")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1"),
    )
}

/// System packages are installed only by root and only where `apt-get` is; anyone else is told what is missing.
fn may_install() -> bool {
    let root = steps::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    root && find_program("apt-get").is_some()
}

/// Debian's Python has `venv` but cannot fill an environment with pip until `python3-venv` is installed.
fn python_makes_venvs() -> bool {
    steps::output(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_ok()
}

/// A Python environment at `venv` that holds exactly the pinned packages of `requirements`.
fn python_packages(venv: &Path, requirements: &Path) -> Result<()> {
    let wanted = read(requirements)?;
    let stamp = venv.join("installed.txt");
    if is_current(&stamp, &wanted) && venv.join("bin/python").exists() {
        println!("up to date: {}", venv.display());
        return Ok(());
    }
    steps::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(venv),
    )?;
    steps::run(
        Command::new(venv.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["--no-input", "--only-binary", ":all:", "--requirement"])
            .arg(requirements),
    )?;
    write(&stamp, &wanted)
}

/// `npm ci` from the lockfile, in a copy outside the source tree.
fn node_packages(places: &Places) -> Result<()> {
    let source = places.root.join("tests/clients");
    let package = read(&source.join("package.json"))?;
    let lock = read(&source.join("package-lock.json"))?;
    let folder = places.clients_node();
    let stamp = folder.join("node_modules/.installed-from");
    let wanted = format!("{package}\n{lock}");
    check_node_version()?;
    if is_current(&stamp, &wanted) {
        println!("up to date: {}", folder.display());
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    write(&folder.join("package.json"), &package)?;
    write(&folder.join("package-lock.json"), &lock)?;
    steps::run(
        Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .current_dir(&folder),
    )?;
    write(&stamp, &wanted)
}

fn check_node_version() -> Result<()> {
    let said = steps::output(Command::new("node").arg("--version"))?;
    let mut parts = said.trim().trim_start_matches('v').split('.');
    let mut part = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    let (major, minor) = (part(), part());
    ensure!(
        (major, minor) >= NODE_AT_LEAST,
        "Node.js {} is too old for the Node SDK; it needs {}.{} or later",
        said.trim(),
        NODE_AT_LEAST.0,
        NODE_AT_LEAST.1
    );
    Ok(())
}

fn is_current(stamp: &Path, wanted: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == wanted)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
}
