//! What makes a grant proved, claimed or imported.
//!
//! Looks only at what the evidence says, never at who sent it; times and scopes are read elsewhere.

use crate::consent::Strength;

/// How a consent was given. Names suggested by the platform notes on accepted methods (OPT-08).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "the names say it; `as_str` is the reference")]
pub enum Method {
    WebsiteForm,
    Checkout,
    App,
    SmsKeyword,
    PhoneIvr,
    Paper,
    InPerson,
    WhatsappThread,
    WhatsappFlow,
    WhatsappSignupLink,
    ImportAttested,
    PreferencePage,
    Staff,
    Platform,
    Other,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 15] = [
        Self::WebsiteForm,
        Self::Checkout,
        Self::App,
        Self::SmsKeyword,
        Self::PhoneIvr,
        Self::Paper,
        Self::InPerson,
        Self::WhatsappThread,
        Self::WhatsappFlow,
        Self::WhatsappSignupLink,
        Self::ImportAttested,
        Self::PreferencePage,
        Self::Staff,
        Self::Platform,
        Self::Other,
    ];

    /// The name used in APIs and exports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebsiteForm => "website_form",
            Self::Checkout => "checkout",
            Self::App => "app",
            Self::SmsKeyword => "sms_keyword",
            Self::PhoneIvr => "phone_ivr",
            Self::Paper => "paper",
            Self::InPerson => "in_person",
            Self::WhatsappThread => "whatsapp_thread",
            Self::WhatsappFlow => "whatsapp_flow",
            Self::WhatsappSignupLink => "whatsapp_signup_link",
            Self::ImportAttested => "import_attested",
            Self::PreferencePage => "preference_page",
            Self::Staff => "staff",
            Self::Platform => "platform",
            Self::Other => "other",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// The parts of evidence that decide its strength; empty text counts as missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// How it was given.
    pub method: Option<Method>,
    /// The exact wording shown.
    pub wording: &'a str,
    /// The version of the wording, when the text itself is kept elsewhere.
    pub wording_version: &'a str,
    /// The business name shown (OPT-05).
    pub business_name: &'a str,
}

/// How strong a grant is, given the names the business goes or went by (OPT-02 to OPT-05).
///
/// `by_file` is true when it came by an import route.
#[must_use]
pub fn strength(evidence: &Evidence<'_>, business_names: &[&str], by_file: bool) -> Strength {
    let Some(method) = evidence.method else {
        return Strength::Claimed;
    };
    let shown = folded(evidence.business_name);
    let named = !shown.is_empty() && business_names.iter().any(|name| folded(name) == shown);
    let worded = !evidence.wording.trim().is_empty() || !evidence.wording_version.trim().is_empty();
    match (named && worded, by_file || method == Method::ImportAttested) {
        (false, _) => Strength::Claimed,
        (true, true) => Strength::Imported,
        (true, false) => Strength::Evidenced,
    }
}

/// Case and spaces aside.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}
