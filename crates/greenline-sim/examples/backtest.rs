//! How good forecasts are, on simulated numbers whose hidden thresholds differ for each seed: `cargo xtask bench forecast`.
//!
//! Each number lives in a world of its own. Every evening the forecast is made from what a business can see (its sends,
//! their statuses, webhooks, reads of the number) and kept; at the end it is held against what the platform truly did.

use std::process::ExitCode;

#[path = "backtest/run.rs"]
mod run;

use run::Settings;

const USAGE: &str = "usage: backtest [--numbers N] [--days N] [--seed N] [--json]";

fn settings() -> Option<(Settings, bool)> {
    let (mut settings, mut json) = (Settings::default(), false);
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let mut value = || args.next()?.parse::<u64>().ok();
        match name.as_str() {
            "--json" => json = true,
            "--numbers" => settings.numbers = usize::try_from(value()?).ok()?,
            "--days" => settings.days = usize::try_from(value()?).ok()?,
            "--seed" => settings.seed = value()?,
            _ => return None,
        }
    }
    let any = settings.numbers > 0 && settings.days > 0;
    any.then_some((settings, json))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some((settings, json)) = settings() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let report = run::backtest(settings).await;
    if json {
        println!("{:#}", report.json());
    } else {
        print!("{}", report.text());
    }
    ExitCode::SUCCESS
}
