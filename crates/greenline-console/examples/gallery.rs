//! Writes every page, filled with samples, into a folder: for looking at them in a browser.

#[path = "../tests/it/samples.rs"]
mod samples;

use std::error::Error;
use std::path::PathBuf;

use greenline_console::{SubscriptionState, render};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    std::fs::create_dir_all(&folder)?;
    for (name, html) in [
        ("status", render(&samples::status(false))?),
        ("observe", render(&samples::status(true))?),
        ("empty", render(&samples::empty_status())?),
        ("alerts", render(&samples::alerts::some())?),
        ("no_alerts", render(&samples::alerts::none())?),
        ("numbers", render(&samples::number::list())?),
        ("number", render(&samples::number::busy())?),
        ("number_new", render(&samples::number::new())?),
        ("number_banned", render(&samples::number::banned())?),
        ("decision", render(&samples::decision_page())?),
        ("people", render(&samples::people())?),
        ("person", render(&samples::person())?),
        ("message", render(&samples::message())?),
        ("subscriptions", render(&samples::subscriptions())?),
        ("no_subscriptions", render(&samples::no_subscriptions())?),
        (
            "subscription",
            render(&samples::subscription_page(SubscriptionState::Failing))?,
        ),
        (
            "subscription_paused",
            render(&samples::subscription_page(SubscriptionState::Paused))?,
        ),
        ("subscription_end", render(&samples::subscription_end())?),
        (
            "subscription_secret",
            render(&samples::subscription_secret())?,
        ),
        ("docs", render(&samples::docs())?),
        ("guide", render(&samples::guide("number banned"))?),
        ("guide_nothing", render(&samples::guide("zzqq <b>"))?),
        ("article", render(&samples::article())?),
        ("rule", render(&samples::rule())?),
    ] {
        std::fs::write(folder.join(name).with_extension("html"), html)?;
    }
    Ok(())
}
