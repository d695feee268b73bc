//! Forecasts against simulated numbers with hidden thresholds: how early a worse rating and enforcement were warned of,
//! how often in vain, and how well raises were foretold. The work is an example of the simulator's; see there.

use std::process::Command;

use anyhow::{Result, bail};

use crate::options::Options;
use crate::places::Places;

pub(crate) fn run(args: &[String]) -> Result<()> {
    let flags = ["--json", "--evenings"];
    let options = Options::read(args, &["--numbers", "--days", "--seed"], &flags)?;
    let values = [("--numbers", 200_u64), ("--days", 35), ("--seed", 1_000)];
    let program = super::built(
        &Places::find()?,
        &["greenline-sim", "--example", "backtest"],
        "examples/backtest",
    )?;
    let mut command = Command::new(program);
    for (name, otherwise) in values {
        let value = options.value(name, otherwise)?;
        command.arg(name).arg(value.to_string());
    }
    command.args(flags.iter().filter(|flag| options.flag(flag)));
    if !command.status()?.success() {
        bail!("the run failed");
    }
    Ok(())
}
