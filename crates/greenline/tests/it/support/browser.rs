//! Pages looked at in a real Chromium, by the programs in `tests/clients`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::clients::installed;

/// A browser starts slowly on a busy machine; each of its waits has an end of its own.
const WITHIN: Duration = Duration::from_secs(480);

/// Runs a program on pages; what it saw.
pub(crate) async fn browse(program: &str, pages: &Value) -> Value {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients");
    let packages: PathBuf = installed(
        "GREENLINE_CLIENTS_NODE_MODULES",
        "clients/node/node_modules",
    );
    let running = Command::new("node")
        .arg(programs.join(program))
        .env("GREENLINE_CLIENTS_NODE_MODULES", packages)
        .env("PAGES", pages.to_string())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(WITHIN, running)
        .await
        .expect("the browser ends")
        .expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(said.trim())
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}
