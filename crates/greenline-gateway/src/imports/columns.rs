//! What columns are called, and what each fills: the names that common exports use, and what `map` says.

use super::options::Options;

/// What a column fills.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names say it; the guide has the table")]
pub enum Member {
    Phone,
    WaId,
    UserId,
    Scope,
    Event,
    Status,
    OptOut,
    OccurredAt,
    OptedInAt,
    OptedOutAt,
    Method,
    Wording,
    WordingVersion,
    BusinessName,
    Source,
    Ip,
    MessageId,
    File,
    Nothing,
}

macro_rules! members {
    ($($member:ident $name:literal),* $(,)?) => {
        impl Member {
            /// Every name, for messages.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// Reads a name.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($name => Some(Self::$member),)*
                    _ => None,
                }
            }

            /// Its name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $name,)*
                }
            }
        }
    };
}

members!(
    Phone "phone", WaId "wa_id", UserId "user_id", Scope "scope", Event "event", Status "status",
    OptOut "opt_out", OccurredAt "occurred_at", OptedInAt "opted_in_at", OptedOutAt "opted_out_at",
    Method "method", Wording "wording", WordingVersion "wording_version",
    BusinessName "business_name", Source "source", Ip "ip", MessageId "message_id", File "file",
    Nothing "-",
);

impl Member {
    /// Whether it says who.
    #[must_use]
    pub fn is_person(self) -> bool {
        matches!(self, Self::Phone | Self::WaId | Self::UserId)
    }
}

/// What common exports call their columns, folded.
pub const NAMES: &[(Member, &[&str])] = &[
    (
        Member::WaId,
        &[
            "wa_id",
            "waid",
            "whatsapp_id",
            "whatsapp_number",
            "whatsapp_phone",
            "whatsapp",
        ],
    ),
    (
        Member::Phone,
        &[
            "phone",
            "phone_number",
            "phonenumber",
            "phone_no",
            "mobile",
            "mobile_number",
            "mobile_phone",
            "mobile_phone_number",
            "mobile_no",
            "cell",
            "cell_phone",
            "cellphone",
            "telephone",
            "tel",
            "msisdn",
            "contact_number",
            "phone_1_value",
            "celular",
            "telefono",
            "telefone",
            "handy",
            "handynummer",
            "mobilnummer",
            "telefonnummer",
            "recipient",
            "sms_number",
        ],
    ),
    (
        Member::UserId,
        &["user_id", "bsuid", "business_scoped_user_id", "wa_user_id"],
    ),
    (Member::Scope, &["scope", "consent_scope", "topic"]),
    (Member::Event, &["event", "consent_event"]),
    (
        Member::Status,
        &[
            "status",
            "opt_in",
            "optin",
            "opted_in",
            "opt_in_status",
            "optin_status",
            "whatsapp_opt_in",
            "whatsapp_optin",
            "whatsapp_opted_in",
            "whatsapp_opt_in_status",
            "subscribed",
            "is_subscribed",
            "subscription_status",
            "consent",
            "consent_status",
            "consented",
            "allow_broadcast",
            "broadcast_opt_in",
            "accepts_marketing",
            "accepts_whatsapp_marketing",
            "marketing_opt_in",
            "whatsapp_consent",
        ],
    ),
    (
        Member::OptOut,
        &[
            "opt_out",
            "optout",
            "opted_out",
            "unsubscribed",
            "is_unsubscribed",
            "do_not_contact",
        ],
    ),
    (
        Member::OccurredAt,
        &[
            "occurred_at",
            "date",
            "time",
            "timestamp",
            "consent_date",
            "consent_time",
            "consent_timestamp",
            "consent_at",
            "status_changed_at",
        ],
    ),
    (
        Member::OptedInAt,
        &[
            "opted_in_at",
            "opt_in_date",
            "optin_date",
            "opt_in_time",
            "optin_time",
            "opt_in_at",
            "optin_at",
            "opt_in_timestamp",
            "optin_timestamp",
            "subscribed_at",
            "subscribed_on",
            "subscription_date",
            "date_subscribed",
            "signup_date",
            "sign_up_date",
            "whatsapp_opt_in_date",
            "joined_at",
        ],
    ),
    (
        Member::OptedOutAt,
        &[
            "opted_out_at",
            "opt_out_date",
            "optout_date",
            "opt_out_time",
            "opt_out_at",
            "optout_at",
            "opt_out_timestamp",
            "unsubscribed_at",
            "unsubscribed_on",
            "unsubscribe_date",
            "date_unsubscribed",
        ],
    ),
    (
        Member::Method,
        &["method", "opt_in_method", "optin_method", "consent_method"],
    ),
    (
        Member::Wording,
        &[
            "wording",
            "consent_text",
            "opt_in_text",
            "optin_text",
            "consent_wording",
            "disclosure",
        ],
    ),
    (
        Member::WordingVersion,
        &[
            "wording_version",
            "consent_version",
            "terms_version",
            "policy_version",
        ],
    ),
    (
        Member::BusinessName,
        &["business_name", "brand", "brand_name", "company_name"],
    ),
    (
        Member::Source,
        &[
            "source",
            "opt_in_source",
            "optin_source",
            "consent_source",
            "signup_source",
            "source_url",
            "opt_in_url",
            "page_url",
            "form_url",
        ],
    ),
    (
        Member::Ip,
        &[
            "ip",
            "ip_address",
            "opt_in_ip",
            "optin_ip",
            "consent_ip",
            "signup_ip",
        ],
    ),
    (Member::MessageId, &["message_id", "wamid", "wa_message_id"]),
    (
        Member::File,
        &["file", "proof", "evidence_file", "attachment"],
    ),
];

/// Small letters and digits, everything else one `_`.
#[must_use]
pub fn folded(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for character in name.trim().chars() {
        if character.is_alphanumeric() {
            folded.extend(character.to_lowercase());
        } else if !folded.ends_with('_') && !folded.is_empty() {
            folded.push('_');
        }
    }
    folded.truncate(folded.trim_end_matches('_').len());
    folded
}

/// What a column of this name fills, as `options` have it.
#[must_use]
pub fn filled_by(name: &str, options: &Options) -> Member {
    let name = name.trim();
    let said = options
        .map
        .get(name)
        .or_else(|| {
            let folded_name = folded(name);
            let entry = options
                .map
                .iter()
                .find(|(column, _)| folded(column) == folded_name);
            entry.map(|(_, member)| member)
        })
        .and_then(|member| Member::parse(member));
    if let Some(member) = said {
        return member;
    }
    let folded = folded(name);
    NAMES
        .iter()
        .find(|(_, names)| names.contains(&folded.as_str()))
        .map_or(Member::Nothing, |(member, _)| *member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_map_wins() {
        assert_eq!(folded(" Opt-In  Date (UTC) "), "opt_in_date_utc");
        let mut options = Options::default();
        assert_eq!(filled_by("Phone Number", &options), Member::Phone);
        assert_eq!(filled_by("WhatsApp Opt-In", &options), Member::Status);
        assert_eq!(filled_by("Shoe size", &options), Member::Nothing);
        options.map.insert("Shoe size".into(), "phone".into());
        options.map.insert("phone number".into(), "-".into());
        assert_eq!(filled_by("Shoe size", &options), Member::Phone);
        assert_eq!(filled_by("Phone Number", &options), Member::Nothing);
    }

    #[test]
    fn every_name_stands_once() {
        let mut all: Vec<&str> = NAMES
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let count = all.len();
        assert!(all.iter().all(|name| folded(name) == *name));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        for name in Member::NAMES {
            assert_eq!(Member::parse(name).map(Member::as_str), Some(*name));
        }
    }
}
