//! What a configuration of forms can get wrong, and that it is said.

use std::path::Path;

use greenline_gateway::config::{check, parse};

const GOOD: &str = r#"
[[business]]
id = "acme"
name = "Acme"
topics = ["marketing.offers"]
ambiguous_stop_words = ["cancel"]
yes_lasts_days = { marketing = 365, "marketing.offers" = 30 }
[business.opt_in]
embed = ["https://shop.example:8443"]
[[business.opt_in.form]]
id = "offers"
scopes = ["marketing.offers"]
wording.en = "Yes, send me offers from {business}"
[[business.number]]
phone_number_id = "1"
waba_id = "2"
display_number = "+1 555 010 0001"
"#;

/// Everything found, fatal or not, that is about forms or lengths.
fn found(text: &str) -> Vec<String> {
    let config = parse(text, "test", Path::new("."), std::iter::empty()).unwrap();
    let about = |text: &String| text.contains("opt_in") || text.contains("yes_lasts_days");
    let findings = check(&config).into_iter().map(|finding| finding.text);
    findings.filter(about).collect()
}

#[test]
fn a_form_that_works_is_not_complained_of() {
    assert_eq!(found(GOOD), Vec::<String>::new());
}

#[test]
fn each_mistake_is_named() {
    for (right, wrong, says) in [
        (
            "scopes = [\"marketing.offers\"]",
            "scopes = []",
            "names no scopes",
        ),
        (
            "scopes = [\"marketing.offers\"]",
            "scopes = [\"marketing.none\"]",
            "neither a scope nor",
        ),
        (
            "wording.en = \"Yes, send me offers from {business}\"",
            "wording = {}",
            "has no wording",
        ),
        (
            "from {business}\"",
            "from us\"",
            "does not name the business",
        ),
        (
            "\"Yes, send me offers from {business}\"",
            "\"Acme\"\ntext.en = \"STOP\"",
            "stop word",
        ),
        (
            "\"Yes, send me offers from {business}\"",
            "\"Acme\"\ntext.en = \"cancel\"",
            "stop word",
        ),
        (
            "\"Yes, send me offers from {business}\"",
            "\"Acme\"\ntext.es = \"Sí\"",
            "has no wording.es",
        ),
        ("wording.en", "wording.tlh", "has no texts in `tlh`"),
        ("id = \"offers\"", "id = \"of fers\"", "an id is letters"),
        (
            "id = \"offers\"",
            "id = \"offers\"\nnumber = \"9\"",
            "is not one of the business's",
        ),
        (
            "display_number = \"+1 555 010 0001\"",
            "",
            "has a display_number",
        ),
        (
            "https://shop.example:8443",
            "https://shop.example/path",
            "is not an origin",
        ),
        (
            "https://shop.example:8443",
            "https://a; script-src *",
            "is not an origin",
        ),
        ("marketing = 365", "marketing = 0", "must be from 1"),
        (
            "\"marketing.offers\" = 30",
            "\"marketing.none\" = 30",
            "neither a scope nor",
        ),
    ] {
        let text = GOOD.replacen(right, wrong, 1);
        assert_ne!(text, GOOD, "{right}");
        let found = found(&text);
        assert!(
            found.iter().any(|text| text.contains(says)),
            "{wrong}: {found:?}"
        );
    }
    let long = GOOD.replace("Yes, send", &"x".repeat(400));
    assert!(
        found(&long)
            .iter()
            .any(|text| text.contains("shorter text"))
    );
}
