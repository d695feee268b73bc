//! The sample brand: its configuration, and a few thousand people who said yes, no, or something unproved.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use jiff::Timestamp;

/// The key of the brand's app.
pub(super) const APP_KEY: &str = "demo-key";
/// The admin token.
pub(super) const ADMIN_KEY: &str = "demo-admin";
/// What the platform shows when it is given the address of webhooks.
pub(super) const VERIFY_TOKEN: &str = "sim-verify-token";
/// The brand's id.
pub(super) const BUSINESS: &str = "acme";

/// Opted in.
pub(super) const OPTED_IN: &str = "15551230001";
/// Opted in, then writes STOP.
pub(super) const STOPPED: &str = "15551230002";
/// Opted in, for whoever tries more.
pub(super) const NEXT: &str = "15551230003";
/// Not on record.
pub(super) const STRANGER: &str = "15557770001";

const FIRST: u64 = 15_551_230_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The configuration, as a file that further commands can use.
pub(super) fn configuration(
    public: SocketAddr,
    private: SocketAddr,
    platform: &str,
    store: &str,
    keys: &Path,
) -> String {
    let store = toml::Value::from(store);
    let keys = toml::Value::from(keys.display().to_string());
    format!(
        r#"# The demo's configuration. Its secrets are no secrets.
[listen]
public = "{public}"
private = "{private}"

[store]
url = {store}

[keys]
file = {keys}

[upstream]
url = "{platform}" # the simulated platform

[[admin.token]]
name = "demo"
key = "{ADMIN_KEY}"
may = "admin"

[[business]]
id = "{BUSINESS}"
name = "Acme"
portfolio_id = "{portfolio}"
app_secret = "sim-app-secret"
verify_token = "{VERIFY_TOKEN}"
access_token = "sim-access-token"

[[business.number]]
phone_number_id = "{number}"
waba_id = "{account}"
display_number = "+1 555 010 0001"

[[business.app]]
name = "shop"
key = "{APP_KEY}"
"#,
        portfolio = greenline_sim::SAMPLE_PORTFOLIO,
        number = greenline_sim::SAMPLE_NUMBER,
        account = greenline_sim::SAMPLE_ACCOUNT,
    )
}

/// The people, as a file for the import. Of ten, eight said yes with evidence, one of them also took it
/// back, one said no from the start, and one is only claimed.
pub(super) fn people(count: u32, now_ms: i64) -> String {
    let mut file = "wa_id,scope,event,occurred_at,method,wording,business_name,source\n".to_owned();
    for place in 1..=u64::from(count) {
        let person = FIRST + place;
        let said_ms = now_ms - DAY_MS * (1 + i64::try_from(place % 400).unwrap_or(0));
        let said = time(said_ms);
        let (method, source) = match place % 4 {
            0 => ("checkout", "https://acme.example/checkout"),
            1 => ("in_person", "Acme store in Springfield"),
            _ => ("website_form", "https://acme.example/offers"),
        };
        let wording = "Yes, send me offers and order updates from Acme on WhatsApp";
        let yes = format!("granted,{said},{method},\"{wording}\",Acme,{source}");
        // Writing to a text cannot fail.
        let _ = match place % 10 {
            7 => writeln!(file, "{person},marketing,{yes}").and_then(|()| {
                writeln!(
                    file,
                    "{person},marketing,withdrawn,{},staff,,,by phone",
                    time(said_ms + DAY_MS / 2)
                )
            }),
            8 => writeln!(
                file,
                "{person},marketing,refused,{said},checkout,,,https://acme.example/checkout"
            ),
            9 => writeln!(
                file,
                "{person},marketing,granted,{said},other,,,an old list"
            ),
            _ => writeln!(file, "{person},marketing,{yes}")
                .and_then(|()| writeln!(file, "{person},utility,{yes}")),
        };
    }
    file
}

fn time(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| at.to_string())
}
