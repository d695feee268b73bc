//! The opt-in page as people meet it: in a browser, from the real program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use super::{standing, start};
use crate::clients::installed;
use crate::support::platform;
use crate::support::store::Store;

/// A browser starts slowly on a busy machine; each of its waits has an end of its own.
const BROWSER_WITHIN: Duration = Duration::from_secs(480);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_sign_up_in_a_browser() {
    let (home, sim) = (Store::Sqlite.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let said = browse(&format!("http://{}/o/acme", gateway.public)).await;
    assert_eq!(
        said["trouble"],
        json!([]),
        "nothing from elsewhere, nothing blocked"
    );
    let keyboard = &said["keyboard"];
    assert_eq!(keyboard["ticked_before"], 0);
    assert_eq!(keyboard["unseen"], json!([]), "each stop can be seen");
    assert!(
        keyboard["link"]
            .as_str()
            .is_some_and(|link| link.starts_with("https://wa.me/15550100001?text=")),
        "{keyboard}"
    );
    assert_eq!(
        standing(&gateway, "15551230001", "marketing").await,
        "claimed"
    );
    assert_eq!(
        standing(&gateway, "15551230001", "utility").await,
        "unknown"
    );
    for (name, direction) in [
        ("en", "ltr"),
        ("ar", "rtl"),
        ("dark", "ltr"),
        ("hi", "ltr"),
        ("pl", "ltr"),
    ] {
        for page in ["page", "next"] {
            let phone = &said["phone"][name][page];
            assert_eq!(phone["direction"], direction, "{name} {page}");
            assert_eq!(
                phone["sideways"], 0,
                "{name} {page}: it fits a width of 320"
            );
            assert_eq!(
                phone["small"],
                json!([]),
                "{name} {page}: everything can be hit"
            );
        }
    }
    assert_eq!(
        said["phone"]["pl"]["page"]["language"], "en",
        "what there is no text in falls back"
    );
    let axe = said["axe"].as_object().expect("what axe found");
    assert_eq!(axe.len(), 8);
    for (page, found) in axe {
        assert_eq!(found, &json!([]), "{page}");
    }
    gateway.stop().await;
}

async fn browse(page: &str) -> Value {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients");
    let packages: PathBuf = installed(
        "GREENLINE_CLIENTS_NODE_MODULES",
        "clients/node/node_modules",
    );
    let running = Command::new("node")
        .arg(programs.join("opt_in_page.mjs"))
        .env("GREENLINE_CLIENTS_NODE_MODULES", packages)
        .env("PAGE", page)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(BROWSER_WITHIN, running)
        .await
        .expect("the browser ends")
        .expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(said.trim())
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}
