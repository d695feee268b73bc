//! Prints how long the readers take on this machine: `cargo run --release --example parse_time`.

#![expect(
    clippy::disallowed_methods,
    reason = "a measurement needs the real clock"
)]

use std::hint::black_box;
use std::time::Instant;

use greenline_wire::{answer, path, send, signature, webhook};

const ROUNDS: u32 = 200_000;

fn measure(what: &str, bytes: usize, mut work: impl FnMut()) {
    for _ in 0..ROUNDS / 10 {
        work();
    }
    let start = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    let each = start.elapsed().as_nanos() / u128::from(ROUNDS);
    println!("{what:<40} {bytes:>6} bytes {each:>7} ns");
}

fn main() {
    let text = format!(
        r#"{{"messaging_product":"whatsapp","recipient_type":"individual","to":"15550100123","type":"text","text":{{"preview_url":false,"body":"{}"}}}}"#,
        "x".repeat(270)
    );
    measure("send, text", text.len(), || {
        black_box(send::parse_json(black_box(text.as_bytes())).is_ok());
    });
    let parameters = r#"{"type":"text","text":"a parameter"},"#.repeat(12);
    let template = format!(
        r#"{{"messaging_product":"whatsapp","to":"15550100123","type":"template","template":{{"name":"sample_offer","language":{{"code":"en_US"}},"components":[{{"type":"body","parameters":[{}]}}]}}}}"#,
        parameters.trim_end_matches(',')
    );
    measure("send, template", template.len(), || {
        black_box(send::parse_json(black_box(template.as_bytes())).is_ok());
    });
    let form =
        "messaging_product=whatsapp&to=15550100123&type=text&text=%7B%22body%22%3A%22hi%22%7D";
    measure("send, form", form.len(), || {
        black_box(send::parse_form(black_box(form.as_bytes())).is_ok());
    });
    measure("path", 33, || {
        black_box(path::classify(black_box("/v23.0/301500000000001/messages")).is_ok());
    });
    for (what, body) in [
        (
            "webhook, text",
            include_bytes!("../tests/samples/messages.text_stop.json").as_slice(),
        ),
        (
            "webhook, status",
            include_bytes!("../tests/samples/messages.status_sent.json"),
        ),
        (
            "webhook, reply to an ad",
            include_bytes!("../tests/samples/messages.referral_ad.json"),
        ),
    ] {
        measure(what, body.len(), || {
            black_box(webhook::parse(black_box(body)).is_ok());
        });
        let header = signature::sign(b"secret", body);
        measure("  its signature", body.len(), || {
            black_box(signature::verify(b"secret", &header, black_box(body)));
        });
    }
    let accepted = br#"{"messaging_product":"whatsapp","contacts":[{"input":"15550100123","wa_id":"15550100123"}],"messages":[{"id":"wamid.HBgLMTU1NTAxMDAxMjMVAgARGBI","message_status":"accepted"}]}"#;
    measure("answer to a send", accepted.len(), || {
        black_box(answer::read_send(black_box(accepted)).is_some());
    });
}
