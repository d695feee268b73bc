//! How numbers and ids are read, joined and shown.

use greenline_policy::identity::{Identifier, Phone, Spelling, UserId};

fn phone(text: &str) -> Phone {
    Phone::parse(text).unwrap_or_else(|| panic!("`{text}` should be a phone number"))
}

#[test]
fn decoration_is_read_and_typos_are_not() {
    for text in [
        "+1 555 010-0123",
        "15550100123",
        "001 (555) 010.0123",
        "1/555/0100123",
        "\u{ff0b}15550100123",
    ] {
        assert_eq!(phone(text), phone("15550100123"), "{text}");
    }
    for text in [
        "",
        "+",
        "12345",
        "1234567890123456",
        "1555O100123",
        "015550100123",
        "+0015550100123",
        "call me",
    ] {
        assert_eq!(Phone::parse(text), None, "{text}");
    }
}

#[test]
fn spellings_of_one_subscriber_meet() {
    let rows = [
        ("52 1 55 1234 5678", "52 55 1234 5678", Spelling::Mobile),
        ("55 11 8765 4321", "55 11 98765 4321", Spelling::Mobile),
        (
            "55 11 3765 4321",
            "55 11 93765 4321",
            Spelling::MaybeLandline,
        ),
        (
            "54 11 1234 5678",
            "54 9 11 1234 5678",
            Spelling::MaybeLandline,
        ),
    ];
    for (sent, other, spelling) in rows {
        let (canonical, found) = phone(sent).canonical();
        assert_eq!(canonical, phone(other).canonical().0, "{sent}");
        assert_eq!(found, spelling, "{sent}");
        assert_eq!(phone(other).canonical().1, Spelling::Mobile, "{other}");
    }
}

#[test]
fn canonical_forms_stay_as_they_are() {
    for text in [
        "15550100123",
        "4915112345678",
        "525512345678",
        "5511987654321",
        "5491112345678",
        "5493511234567",
    ] {
        let (canonical, spelling) = phone(text).canonical();
        assert_eq!(
            (canonical, spelling),
            (phone(text), Spelling::Mobile),
            "{text}"
        );
        assert_eq!(canonical.canonical().0, canonical, "{text}");
    }
}

#[test]
fn nothing_prints_in_full() {
    let number = phone("+4915112345678");
    for shown in [
        format!("{number}"),
        format!("{number:?}"),
        format!("{:?}", Identifier::Phone(number)),
    ] {
        assert!(!shown.contains("15112345"), "{shown}");
        assert!(shown.contains("491"), "{shown}");
    }
    let id = UserId::parse("US.80012345678901234567").unwrap();
    assert!(!format!("{id} {id:?}").contains("8001234"), "{id}");
    assert_eq!(number.reveal(), "4915112345678");
    assert_eq!(id.reveal(), "US.80012345678901234567");
}

#[test]
fn user_ids_have_one_form() {
    for text in ["US.80012345678901234567", "DE.ENT.7a", "MX.A1"] {
        assert!(UserId::parse(text).is_some(), "{text}");
        assert!(
            matches!(Identifier::parse(text), Some(Identifier::User(_))),
            "{text}"
        );
    }
    for text in [
        "US.",
        "us.8",
        "USA.8",
        "US.8-1",
        "US.ENT.",
        "8001",
        &format!("US.{}", "8".repeat(129)),
    ] {
        assert_eq!(UserId::parse(text), None, "{text}");
    }
}
