//! How good forecasts are, on simulated numbers whose hidden thresholds differ for each seed: `cargo xtask bench forecast`.
//!
//! Each number lives in a world of its own. Every evening the forecast is made from what a business can see (its sends,
//! their statuses, webhooks, reads of the number) and kept; at the end it is held against what the platform truly did.

use std::process::ExitCode;

#[path = "backtest/run.rs"]
mod run;

use run::Settings;

const USAGE: &str = "usage: backtest [--numbers N] [--days N] [--seed N] [--json | --evenings]";

/// How it is told.
enum Told {
    Text,
    Json,
    /// Each evening by itself: what was seen and said, and how long it took until something happened.
    Evenings,
}

fn settings() -> Option<(Settings, Told)> {
    let (mut settings, mut told) = (Settings::default(), Told::Text);
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let mut value = || args.next()?.parse::<u64>().ok();
        match name.as_str() {
            "--json" => told = Told::Json,
            "--evenings" => told = Told::Evenings,
            "--numbers" => settings.numbers = usize::try_from(value()?).ok()?,
            "--days" => settings.days = usize::try_from(value()?).ok()?,
            "--seed" => settings.seed = value()?,
            _ => return None,
        }
    }
    let any = settings.numbers > 0 && settings.days > 0;
    any.then_some((settings, told))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some((settings, told)) = settings() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let (report, all) = run::backtest(settings).await;
    match told {
        Told::Text => print!("{}", report.text()),
        Told::Json => println!("{:#}", report.json()),
        Told::Evenings => {
            for evening in all.iter().flat_map(run::evenings) {
                println!("{evening}");
            }
        }
    }
    ExitCode::SUCCESS
}
