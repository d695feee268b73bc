//! Making and revoking links, and every way in which one is none.

use greenline_gateway::keyring::{Keys, Purpose};
use greenline_gateway::preferences::token;
use http::StatusCode;
use serde_json::{Value, json};

use super::{ANN, BOB, Door, MINUTE, NOW_MS};

#[tokio::test]
async fn a_link_is_short_opaque_and_the_same_each_time() {
    let door = Door::new();
    let path = format!("/v1/people/+{ANN}/links?business=acme");
    let answer = door.admin("POST", &path, Value::Null).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let link = answer.json();
    let suffix = link["suffix"].as_str().unwrap();
    assert_eq!(link["url"], format!("https://wa.acme.example/p/{suffix}"));
    assert!(suffix.len() < 60, "{suffix}");
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    assert!(suffix.bytes().all(plain), "{suffix}");
    assert!(
        suffix.ends_with(|c: char| c.is_ascii_alphanumeric()),
        "{suffix}"
    );
    assert!(link["token_id"].as_str().unwrap().starts_with("lnk_"));
    assert_eq!(link.get("expires_at"), None);
    assert_eq!(door.link(ANN).await, suffix);
    assert_ne!(door.link(BOB).await, suffix);
    // Everything the token could be read as, and neither the number nor its end is in it.
    let bytes = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        &suffix[..suffix.len() - 1],
    )
    .unwrap();
    let number: u64 = ANN.parse().unwrap();
    assert!(!suffix.contains("15551230001") && !suffix.contains("1230001"));
    for part in [&number.to_be_bytes()[3..], &number.to_le_bytes()[..5]] {
        assert!(!bytes.windows(part.len()).any(|window| window == part));
    }
}

#[tokio::test]
async fn each_changed_character_makes_it_none() {
    let door = Door::new();
    let token = door.link(ANN).await;
    assert_eq!(door.open(&token).await.status, StatusCode::OK);
    for at in 0..token.len() {
        let mut changed: Vec<u8> = token.bytes().collect();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let answer = door.open(&changed).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{at}");
        assert!(answer.text.contains("STOP") && !answer.text.contains("Acme"));
    }
    for other in [
        String::new(),
        token[1..].to_owned(),
        format!("{token}a"),
        token.to_uppercase(),
        "x".repeat(4000),
    ] {
        let status = door.open(&other).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{} characters", other.len());
    }
}

#[tokio::test]
async fn a_link_opens_its_own_business_only() {
    let door = Door::new();
    let (acme, globex) = (
        door.link_of("acme", ANN).await,
        door.link_of("globex", ANN).await,
    );
    assert_ne!(acme, globex);
    assert!(door.open(&acme).await.text.contains("Acme"));
    let page = door.open(&globex).await;
    assert!(page.text.contains("Globex") && !page.text.contains("Acme"));
    // What one business's page handed out is nothing to the other's.
    let form = door.open(&acme).await.form();
    let answer = door
        .press(&globex, &[("form", &form), ("off", "all")])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn revoked_links_are_dead_and_new_ones_live() {
    let door = Door::new();
    let (old, bobs) = (door.link(ANN).await, door.link(BOB).await);
    let form = door.open(&old).await.form();
    let path = format!("/v1/people/{ANN}/links?business=acme");
    let answer = door.admin("DELETE", &path, Value::Null).await;
    assert_eq!(answer.json(), json!({"revoked": true, "people": 1}));
    let page = door.open(&old).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(
        page.text.contains("+1\u{a0}555\u{a0}010\u{a0}0001"),
        "says where to write instead"
    );
    assert_eq!(page.field("form"), None);
    let answer = door.press(&old, &[("form", &form), ("off", "all")]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(door.events(ANN).await, Vec::<Value>::new());
    let new = door.link(ANN).await;
    assert_ne!(new, old);
    assert_eq!(door.open(&new).await.status, StatusCode::OK);
    assert_eq!(door.open(&bobs).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_rotated_key_keeps_old_links_and_a_retired_one_ends_them() {
    let door = Door::new();
    let old = door.link(ANN).await;
    let keys = Keys::new(&door.app.config);
    let first = keys.look().unwrap().unwrap();
    let first = first.newest(Purpose::Link).unwrap().id.clone();
    keys.rotate(Purpose::Link, NOW_MS).unwrap();
    let new = door.link(ANN).await;
    assert_ne!(old, new, "made with the new key, without a restart");
    assert_eq!(door.open(&old).await.status, StatusCode::OK);
    assert_eq!(door.open(&new).await.status, StatusCode::OK);
    keys.retire(&first).unwrap();
    assert_eq!(door.open(&old).await.status, StatusCode::NOT_FOUND);
    assert_eq!(door.open(&new).await.status, StatusCode::OK);
    let last = keys.look().unwrap().unwrap();
    let last = last.newest(Purpose::Link).unwrap().id.clone();
    assert!(keys.retire(&last).is_err(), "one key stays");
}

#[tokio::test]
async fn a_link_may_end() {
    let door = Door::new();
    let path = format!("/v1/people/{ANN}/links?business=acme");
    let wish = json!({"expires_at": "2026-11-25T14:10:10Z"});
    let link = door.admin("POST", &path, wish).await.json();
    assert_eq!(
        link["expires_at"], "2026-11-25T14:11:00.000Z",
        "the whole minute"
    );
    let token = link["suffix"].as_str().unwrap();
    assert_eq!(door.open(token).await.status, StatusCode::OK);
    door.later(7 * MINUTE);
    assert_eq!(door.open(token).await.status, StatusCode::OK);
    door.later(MINUTE);
    assert_eq!(door.open(token).await.status, StatusCode::NOT_FOUND);
    for end in ["2026-11-25T14:00:00Z", "soon", "9999-01-01T00:00:00Z"] {
        let answer = door.admin("POST", &path, json!({"expires_at": end})).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{end}");
        assert_eq!(answer.json()["field"], "expires_at");
    }
}

#[tokio::test]
async fn links_are_made_for_a_list() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let wish = json!({"business": "acme", "people": [ANN, "nobody", "US.1A2b3C", BOB, ANN]});
    let answer = door.admin("POST", "/v1/links", wish).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer = answer.json();
    assert_eq!((&answer["made"], &answer["failed"]), (&json!(4), &json!(1)));
    let rows = answer["results"].as_array().unwrap();
    assert_eq!(rows[1]["problem"]["status"], 422);
    let suffix = |at: usize| rows[at]["link"]["suffix"].as_str().unwrap().to_owned();
    assert_eq!(suffix(0), door.link(ANN).await);
    assert_eq!(suffix(0), suffix(4));
    for at in [0, 2, 3] {
        assert_eq!(door.open(&suffix(at)).await.status, StatusCode::OK, "{at}");
    }
    let many: Vec<String> = (0..10_001_u64)
        .map(|at| (15_550_000_000 + at).to_string())
        .collect();
    let answer = door
        .admin(
            "POST",
            "/v1/links",
            json!({"business": "acme", "people": many}),
        )
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn who_may_make_and_revoke() {
    let door = Door::new();
    let path = format!("/v1/people/{ANN}/links?business=acme");
    let many = json!({"business": "acme", "people": [ANN]});
    for (key, one, list) in [
        ("viewer-token", 403, 403),
        ("agent-token", 201, 403),
        ("nobody", 401, 401),
    ] {
        let answer = door.admin_as(key, "POST", &path, Value::Null).await;
        assert_eq!(answer.status.as_u16(), one, "{key}");
        let answer = door.admin_as(key, "POST", "/v1/links", many.clone()).await;
        assert_eq!(answer.status.as_u16(), list, "{key}");
    }
    let answer = door
        .admin_as("viewer-token", "DELETE", &path, Value::Null)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let other = format!("/v1/people/{ANN}/links?business=globex");
    let answer = door
        .admin_as("agent-token", "POST", &other, Value::Null)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let stranger = "/v1/people/15559999999/links?business=acme";
    let answer = door.admin("DELETE", stranger, Value::Null).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = door
        .admin("POST", "/v1/people/nobody/links?business=acme", Value::Null)
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn without_an_address_or_keys_no_link_is_made() {
    let path = format!("/v1/people/{ANN}/links?business=acme");
    let door = Door::configured(|config| config.listen.public_url.clear());
    let answer = door.admin("POST", &path, Value::Null).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    let door = Door::new();
    std::fs::write(door.folder.path().join("own.keys"), "secret = \"hunter2\"").unwrap();
    let answer = door.admin("POST", &path, Value::Null).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    assert!(!answer.text.contains("hunter2"));
    // The page cannot tell good links from bad ones, and says that nothing was changed.
    let page = door.open("anything").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("Nothing was changed"));
}

#[tokio::test]
async fn the_file_of_keys_is_its_owners_alone_and_made_once() {
    let door = Door::new();
    let ring = door.app.keys.open(NOW_MS).unwrap();
    let path = door.folder.path().join("own.keys");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    for purpose in Purpose::ALL {
        assert_eq!(ring.of(purpose).count(), 1);
    }
    let shown = format!("{ring:?}{:?}", door.app.keys);
    let text = std::fs::read_to_string(&path).unwrap();
    for secret in text
        .split("secret = \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
    {
        assert_eq!(secret.len(), 44);
        assert!(!shown.contains(secret));
    }
    assert_eq!(Keys::new(&door.app.config).open(NOW_MS + 1).unwrap(), ring);
    // Many at once make one file.
    std::fs::remove_file(&path).unwrap();
    let made: Vec<_> = std::thread::scope(|scope| {
        let config = &door.app.config;
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Keys::new(config).open(NOW_MS).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let now = Keys::new(&door.app.config).open(NOW_MS).unwrap();
    assert!(made.iter().all(|ring| *ring == now));
}

#[test]
fn ends_are_told_to_the_minute() {
    assert_eq!(token::expiry(NOW_MS), Some(1_795_615_440_000));
    assert_eq!(token::expiry(1_795_615_440_000), Some(1_795_615_440_000));
    assert_eq!(token::expiry(0), None);
    assert_eq!(token::expiry(i64::MAX), None);
}
