//! The opt-in page as people meet it: in a browser, from the real program.

use serde_json::json;

use super::{standing, start};
use crate::support::browser::browse;
use crate::support::platform;
use crate::support::store::Store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_sign_up_in_a_browser() {
    let (home, sim) = (Store::Sqlite.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let page = format!("http://{}/o/acme", gateway.public);
    let said = browse("opt_in_page.mjs", &json!({ "page": page })).await;
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
    let embedded = &said["embedded"];
    assert!(
        embedded["link"]
            .as_str()
            .is_some_and(|link| link.starts_with("https://wa.me/15550100001?text=")),
        "{embedded}"
    );
    assert_eq!(embedded["shown_elsewhere"], 0, "only our own sites show it");
    assert_eq!(embedded["ticked"], 0, "{embedded}");
    assert_eq!(embedded["filled_in"], "+1 555 123 0003");
    assert_eq!(
        standing(&gateway, "15551230002", "marketing").await,
        "claimed"
    );
    let nobody = gateway.admin_get("/v1/people/15551230003?business=acme");
    assert_eq!(nobody.await.status, 404, "a form elsewhere records nothing");
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
