//! Signatures over raw bytes.

use greenline_wire::signature::{sign, verify};

/// Cases of RFC 4231 for HMAC-SHA-256: key, data, MAC in hex.
fn vectors() -> Vec<(Vec<u8>, Vec<u8>, &'static str)> {
    vec![
        (
            vec![0x0b; 20],
            b"Hi There".to_vec(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            vec![0xaa; 20],
            vec![0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        // A key longer than a block.
        (
            vec![0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ]
}

#[test]
fn known_signatures() {
    for (secret, body, hex) in vectors() {
        let header = format!("sha256={hex}");
        assert_eq!(sign(&secret, &body), header);
        assert!(verify(&secret, &header, &body));
        assert!(verify(
            &secret,
            &format!(" sha256={} ", hex.to_uppercase()),
            &body
        ));
    }
}

#[test]
fn every_other_signature_is_refused() {
    let (secret, body) = (b"secret", b"{\"object\":\"whatsapp_business_account\"}");
    let header = sign(secret, body);
    assert!(verify(secret, &header, body));
    assert!(!verify(b"secreT", &header, body));
    assert!(!verify(
        secret,
        &header,
        b"{\"object\":\"whatsapp_business_account\"} "
    ));
    for at in 7..header.len() {
        let mut changed = header.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(!verify(secret, &changed, body), "{at}");
    }
    for wrong in [
        "",
        "sha256=",
        "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709",
        &header[7..],
        &header[..header.len() - 1],
        &format!("{header}0"),
        &header.replace("sha256", "SHA256"),
        &format!("sha256={}", "é".repeat(32)),
    ] {
        assert!(!verify(secret, wrong, body), "{wrong}");
    }
}
