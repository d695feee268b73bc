//! Writes every page, filled with samples, into a folder: for looking at them in a browser.

#[path = "../tests/it/samples.rs"]
mod samples;

use std::error::Error;
use std::path::PathBuf;

use greenline_console::render;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    std::fs::create_dir_all(&folder)?;
    for (name, html) in [
        ("status", render(&samples::status(false))?),
        ("observe", render(&samples::status(true))?),
        ("empty", render(&samples::empty_status())?),
        ("decision", render(&samples::decision_page())?),
        ("people", render(&samples::people())?),
        ("person", render(&samples::person())?),
        ("message", render(&samples::message())?),
        ("docs", render(&samples::docs())?),
    ] {
        std::fs::write(folder.join(name).with_extension("html"), html)?;
    }
    Ok(())
}
