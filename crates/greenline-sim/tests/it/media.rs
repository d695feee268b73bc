//! Media: up, down and away.

use greenline_sim::{Inbound, SAMPLE_NUMBER};
use http::Method;
use serde_json::json;

use crate::support::{DANA, SOON, TOKEN, call, delete, get, quick, send, start, with_receiver};

const FILE: &[u8] = b"\x89PNG\r\n--not-the-boundary\r\n\x00\xff";

fn form(file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in [("messaging_product", "whatsapp"), ("type", "image/png")] {
        body.extend_from_slice(
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .as_bytes(),
        );
    }
    body.extend_from_slice(
        b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"dot.png\"\r\nContent-Type: image/png\r\n\r\n",
    );
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    body
}

async fn upload(sim: &greenline_sim::Sim, body: Vec<u8>) -> crate::support::Got {
    let path = format!("/v23.0/{SAMPLE_NUMBER}/media");
    let kind = "multipart/form-data; boundary=edge";
    call(sim, Method::POST, &path, kind, Some(TOKEN), body)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_goes_up_comes_down() {
    let sim = start(quick()).await;
    let id = upload(&sim, form(FILE)).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let media = get(&sim, &format!("/{id}")).await.json();
    assert_eq!(media["mime_type"], "image/png");
    assert_eq!(media["file_size"], FILE.len());
    assert_eq!(media["messaging_product"], "whatsapp");
    let url = media["url"].as_str().unwrap();
    let path = url.strip_prefix(&sim.url()).unwrap();
    let file = get(&sim, path).await;
    assert_eq!(file.body, FILE);
    assert_eq!(file.headers["content-type"], "image/png");
    let stranger = call(&sim, Method::GET, path, "", None, "").await.unwrap();
    assert_eq!(stranger.status, 401);
    assert_eq!(
        delete(&sim, &format!("/{id}")).await.json(),
        json!({"success": true})
    );
    assert_eq!(get(&sim, &format!("/{id}")).await.error_code(), 100);
}

#[tokio::test]
async fn uploads_without_a_file_are_refused() {
    let sim = start(quick()).await;
    assert_eq!(upload(&sim, b"nonsense".to_vec()).await.error_code(), 100);
    assert_eq!(upload(&sim, form(b"")).await.error_code(), 131_053);
}

#[tokio::test]
async fn a_message_with_media_that_is_not_there_fails_later() {
    let (sim, receiver) = with_receiver(quick()).await;
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    let id = upload(&sim, form(FILE)).await.json()["id"].clone();
    let image = |id| json!({"messaging_product": "whatsapp", "to": DANA, "type": "image", "image": {"id": id}});
    let good = send(&sim, &image(id)).await.wamid();
    let bad = send(&sim, &image(json!("12345"))).await.wamid();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&good), ["sent", "delivered"]);
    assert_eq!(receiver.statuses(&bad), ["failed"]);
}

#[tokio::test]
async fn the_oldest_media_make_room() {
    let mut config = quick();
    config.limits.media_bytes_max = FILE.len() * 2;
    let sim = start(config).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = upload(&sim, form(FILE)).await.json()["id"].clone();
        ids.push(id.as_str().unwrap().to_owned());
    }
    assert_eq!(get(&sim, &format!("/{}", ids[0])).await.error_code(), 100);
    assert_eq!(get(&sim, &format!("/{}", ids[2])).await.status, 200);
}
