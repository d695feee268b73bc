//! How evidence, own replies and headers are written down.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::{Evidence, LedgerError, OwnReply};

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct EvidenceCode<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    method: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    wording: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    wording_version: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    business_name: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    source: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    ip: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    message_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    file: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    extra: Cow<'a, str>,
}

/// Evidence as it is stored.
pub(crate) fn encode_evidence(evidence: &Evidence) -> Result<String, LedgerError> {
    let code = EvidenceCode {
        method: Cow::Borrowed(&evidence.method),
        wording: Cow::Borrowed(&evidence.wording),
        wording_version: Cow::Borrowed(&evidence.wording_version),
        business_name: Cow::Borrowed(&evidence.business_name),
        source: Cow::Borrowed(&evidence.source),
        ip: Cow::Borrowed(&evidence.ip),
        message_id: Cow::Borrowed(&evidence.message_id),
        file: Cow::Borrowed(&evidence.file),
        extra: Cow::Borrowed(&evidence.extra_json),
    };
    serde_json::to_string(&code).map_err(|_| LedgerError::Bug("evidence that does not serialise"))
}

/// Reads stored evidence.
pub(crate) fn decode_evidence(text: &str) -> Result<Evidence, LedgerError> {
    let code: EvidenceCode<'_> =
        serde_json::from_str(text).map_err(|_| LedgerError::unreadable("evidence"))?;
    Ok(Evidence {
        method: code.method.into(),
        wording: code.wording.into(),
        wording_version: code.wording_version.into(),
        business_name: code.business_name.into(),
        source: code.source.into(),
        ip: code.ip.into(),
        message_id: code.message_id.into(),
        file: code.file.into(),
        extra_json: code.extra.into(),
    })
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum ReplyCode<'a> {
    StopConfirmed {
        language: Cow<'a, str>,
        reach: Cow<'a, str>,
    },
    StopQuestion {
        language: Cow<'a, str>,
    },
    OptInQuestion {
        language: Cow<'a, str>,
        scopes: Cow<'a, str>,
    },
    StartConfirmed {
        language: Cow<'a, str>,
    },
}

/// The name under which a message gets at most one reply of a kind.
pub(crate) fn reply_kind(reply: &OwnReply) -> &'static str {
    match reply {
        OwnReply::StopConfirmed { .. } => "stop_confirmed",
        OwnReply::StopQuestion { .. } => "stop_question",
        OwnReply::OptInQuestion { .. } => "opt_in_question",
        OwnReply::StartConfirmed { .. } => "start_confirmed",
    }
}

/// An own reply as it is stored.
pub(crate) fn encode_reply(reply: &OwnReply) -> Result<String, LedgerError> {
    let code = match reply {
        OwnReply::StopConfirmed { language, reach } => ReplyCode::StopConfirmed {
            language: Cow::Borrowed(language),
            reach: Cow::Borrowed(reach),
        },
        OwnReply::StopQuestion { language } => ReplyCode::StopQuestion {
            language: Cow::Borrowed(language),
        },
        OwnReply::OptInQuestion { language, scopes } => ReplyCode::OptInQuestion {
            language: Cow::Borrowed(language),
            scopes: Cow::Borrowed(scopes),
        },
        OwnReply::StartConfirmed { language } => ReplyCode::StartConfirmed {
            language: Cow::Borrowed(language),
        },
    };
    serde_json::to_string(&code).map_err(|_| LedgerError::Bug("a reply that does not serialise"))
}

/// Reads a stored own reply.
pub(crate) fn decode_reply(text: &str) -> Result<OwnReply, LedgerError> {
    let code: ReplyCode<'_> =
        serde_json::from_str(text).map_err(|_| LedgerError::unreadable("an own reply"))?;
    Ok(match code {
        ReplyCode::StopConfirmed { language, reach } => OwnReply::StopConfirmed {
            language: language.into(),
            reach: reach.into(),
        },
        ReplyCode::StopQuestion { language } => OwnReply::StopQuestion {
            language: language.into(),
        },
        ReplyCode::OptInQuestion { language, scopes } => OwnReply::OptInQuestion {
            language: language.into(),
            scopes: scopes.into(),
        },
        ReplyCode::StartConfirmed { language } => OwnReply::StartConfirmed {
            language: language.into(),
        },
    })
}

/// Headers as they are stored.
pub(crate) fn encode_headers(headers: &[(Box<str>, Box<str>)]) -> Result<String, LedgerError> {
    serde_json::to_string(headers).map_err(|_| LedgerError::Bug("headers that do not serialise"))
}

/// Headers in order, name and value.
type Headers = Vec<(Box<str>, Box<str>)>;

/// Reads stored headers.
pub(crate) fn decode_headers(text: &str) -> Result<Headers, LedgerError> {
    serde_json::from_str(text).map_err(|_| LedgerError::unreadable("headers of a delivery"))
}

/// Texts joined into one column.
pub(crate) fn encode_list<'a>(texts: impl Iterator<Item = &'a str>) -> Result<String, LedgerError> {
    let texts: Vec<&str> = texts.collect();
    serde_json::to_string(&texts).map_err(|_| LedgerError::Bug("a list that does not serialise"))
}

/// Reads [`encode_list`].
pub(crate) fn decode_list(text: &str) -> Result<Vec<Box<str>>, LedgerError> {
    serde_json::from_str(text).map_err(|_| LedgerError::unreadable("a list of texts"))
}
