//! The project's own commands: `cargo xtask setup | ci | tidy | sweep | bench`.
//!
//! Everything that CI does is here, so that it runs the same on a laptop. It depends on `anyhow` and the standard library
//! alone: whoever wants to run the tests should not first wait for a task runner to compile. It refuses to hold any
//! product code, and nothing in the product may depend on it.

#![expect(
    clippy::disallowed_methods,
    reason = "a task runner reads the real environment and times real steps; there is no Config or Clock to be given"
)]

use std::process::ExitCode;

mod bench;
mod ci;
mod options;
mod places;
mod setup;
mod steps;
mod sweep;
mod tidy;

const USAGE: &str = "\
usage: cargo xtask <command>

  setup          install what the tests need (system packages, Python and Node clients); safe to run again
  ci             everything CI checks, setup included: format, lints, docs, all tests
  tidy           the project's own checks on its files: sizes, arrows between crates, unused dependencies, links
  sweep          what takes hours: ten million cases against the slow twins, 100,000 people screened and then written to,
                 more races and kills (--cases N, --people N, --times N)
  bench [name]   measurements, printed as ratios; without a name, lists them
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[] as &[String]),
    };
    let outcome = match (command, rest) {
        ("setup", []) => setup::run(),
        ("ci", []) => ci::run(),
        ("tidy", []) => tidy::run(),
        ("sweep", rest) => sweep::sweep(rest),
        ("bench", rest) => bench::run(rest),
        ("help" | "--help" | "-h", _) => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("unknown command `{}`\n\n{USAGE}", args.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}
