//! The question in the thread: does this person want what they are said to have agreed to?
//!
//! It is a free-form message with two buttons, so it goes only inside a window that the person opened, through
//! the same decision as any message. What hangs on a button is signed and to the person, over the very text that
//! was shown, so that an app cannot put our buttons under a text of its own, and an answer proves what was asked.
//! A yes whose seal does not fit is an ordinary message. A no is the stricter reading and needs no seal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use greenline_console::opt_in::{OptInTexts, of_language, usual};
use greenline_ledger::types::{Actor, DueReply, Effect, Evidence, NewEvent, OwnReply};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::evidence::Method;
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::PAYLOAD;
use crate::app::App;
use crate::directory::Business;
use crate::keyring::{Keyring, Purpose};
use crate::preferences;
use crate::webhooks::effects::Answer;

/// The longest title of a button that the platform takes, in characters.
const TITLE_CHARS_MAX: usize = 20;
/// The longest payload of a button that the platform takes, in characters.
const PAYLOAD_CHARS_MAX: usize = 256;
/// Bytes of a seal.
const SEAL_BYTES: usize = 16;
/// Scopes of one question at most.
pub(crate) const SCOPES_MAX: usize = 4;
/// Characters of their names together at most: what a payload holds beside the language and the seal.
const NAMES_CHARS_MAX: usize = 200;
/// Before a message id that is none: what the question is about instead. Such a question quotes nothing.
pub(crate) const ABOUT: &str = "about:";

/// The names of as many scopes, from the first, as one question can ask about.
pub(crate) fn askable<'s>(scopes: impl Iterator<Item = &'s Scope>) -> String {
    let mut names = String::new();
    for scope in scopes.take(SCOPES_MAX) {
        let name = scope.to_string();
        if names.len() + 1 + name.len() > NAMES_CHARS_MAX {
            break;
        }
        if !names.is_empty() {
            names.push(' ');
        }
        names.push_str(&name);
    }
    names
}

/// What is asked, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    text: String,
    yes: String,
    no: String,
    language: &'static str,
    scopes: Vec<Scope>,
}

impl Question {
    /// `None` when there is nothing to ask about, or more than a button can carry.
    pub(crate) fn new(business: &Business, language: &str, scopes: &str) -> Option<Self> {
        let texts = of_language(language)
            .or_else(|| of_language(&business.config.language))
            .unwrap_or_else(usual);
        let scopes: Vec<Scope> = scopes.split(' ').filter_map(Scope::parse).collect();
        if scopes.is_empty() {
            return None;
        }
        let what: Vec<String> = scopes
            .iter()
            .map(|scope| preferences::title(texts.surroundings(), business, scope))
            .collect();
        let fill = |text: &str| {
            let text = text.replace("{business}", &business.config.name);
            text.replace("{what}", &what.join(", "))
        };
        let title = |kind, usual: &str| -> String {
            let text = fill(own(business, kind, texts).unwrap_or(usual));
            text.chars().take(TITLE_CHARS_MAX).collect()
        };
        Some(Self {
            text: fill(own(business, "opt_in_question", texts).unwrap_or(&texts.question)),
            yes: title("opt_in_question_yes", &texts.question_yes),
            no: title("opt_in_question_no", &texts.question_no),
            language: &texts.language,
            scopes,
        })
    }

    /// The language it is in, which may be another than was asked for.
    pub(crate) fn language(&self) -> &'static str {
        self.language
    }

    fn named(&self) -> String {
        let names: Vec<String> = self.scopes.iter().map(Scope::to_string).collect();
        names.join(" ")
    }

    fn seal(&self, key: &[u8; 32], business: &Business, to: &Identifier, yes: bool) -> String {
        let whole = preferences::mac(
            key,
            &[
                b"greenline opt-in question",
                business.config.id.as_bytes(),
                to.canonical().0.reveal().as_bytes(),
                self.language.as_bytes(),
                self.named().as_bytes(),
                self.text.as_bytes(),
                self.yes.as_bytes(),
                self.no.as_bytes(),
                &[u8::from(yes)],
            ],
        );
        URL_SAFE_NO_PAD.encode(whole.get(..SEAL_BYTES).unwrap_or_default())
    }

    fn payload(&self, key: &[u8; 32], business: &Business, to: &Identifier, yes: bool) -> String {
        let word = if yes { "yes" } else { "no" };
        format!(
            "{PAYLOAD}{word}:{}:{}:{}",
            self.language,
            self.named(),
            self.seal(key, business, to, yes)
        )
    }

    /// The message, for `/messages`.
    pub(crate) fn message(
        &self,
        ring: &Keyring,
        business: &Business,
        to: &Identifier,
        quotes: &str,
    ) -> Option<Bytes> {
        let key = ring.newest(Purpose::Link)?.reveal();
        let (yes, no) = (
            self.payload(key, business, to, true),
            self.payload(key, business, to, false),
        );
        if yes.chars().count() > PAYLOAD_CHARS_MAX {
            return None;
        }
        let button = |id: &str, title: &str| json!({ "type": "reply", "reply": { "id": id, "title": title } });
        let mut message = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "type": "interactive",
            "interactive": {
                "type": "button",
                "body": { "text": self.text },
                "action": { "buttons": [button(&yes, &self.yes), button(&no, &self.no)] },
            },
        });
        match to {
            Identifier::Phone(phone) => message["to"] = json!(&*phone.reveal()),
            Identifier::User(user) => message["recipient"] = json!(user.reveal()),
        }
        if !quotes.is_empty() && !quotes.starts_with(ABOUT) {
            message["context"] = json!({ "message_id": quotes });
        }
        Some(message.to_string().into())
    }
}

/// The business's own wording, in the language or the one it is a variant of.
fn own<'b>(business: &'b Business, kind: &str, texts: &OptInTexts) -> Option<&'b str> {
    let own = business.config.texts.get(kind)?;
    own.get(&texts.language).map(String::as_str)
}

/// The body of a question that is owed; `None` when it cannot be asked.
pub(crate) fn body(app: &App, business: &Business, reply: &DueReply) -> Option<Bytes> {
    let OwnReply::OptInQuestion { language, scopes } = &reply.reply else {
        return None;
    };
    let ring = app
        .keys
        .open(app.clock.now_ms())
        .inspect_err(|error| {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, "no keys to sign a question with; it is not asked");
        })
        .ok()?;
    Question::new(business, language, scopes)?.message(
        &ring,
        business,
        &reply.to,
        &reply.message_id,
    )
}

/// What the press of a button means.
pub(crate) fn answered(
    app: &App,
    business: &Business,
    answer: &Answer,
    received_ms: i64,
) -> Vec<Effect> {
    let Some((yes, question, seal)) = taken_apart(business, &answer.payload) else {
        return Vec::new();
    };
    // Without a time a yes may be older than a no (A19); a no counts as of its arrival.
    if yes && !answer.is_stated {
        return Vec::new();
    }
    if yes && !is_ours(app, business, answer, &question, seal) {
        tracing::warn!(business.id = %business.config.id, "the answer to a question of ours has no seal that fits; it was taken as an ordinary message");
        return Vec::new();
    }
    let asked = if yes { question.text.as_str() } else { "" };
    let event = |scope: &Scope| {
        NewEvent {
            business: business.ix,
            person: answer.person.clone(),
            kind: if yes { EventKind::Granted } else { EventKind::Refused },
            scope: scope.clone(),
            at_ms: if yes { answer.at_ms } else { answer.end_ms },
            stated_ms: answer.stated_ms,
            arrival_ms: received_ms,
            strength: Strength::Evidenced,
            // A no to this question closes what it asks about; it does not ask us to be silent.
            in_thread: yes,
            evidence: Evidence {
                method: Method::WhatsappThread.as_str().into(),
                wording: format!("{asked}\n{}", answer.title).trim().into(),
                business_name: business.config.name.as_str().into(),
                source: answer.number.clone(),
                message_id: answer.message_id.clone(),
                extra_json: json!({ "kind": "opt_in_question", "answers": &*answer.question_id, "language": question.language })
                    .to_string()
                    .into(),
                ..Evidence::default()
            },
            actor: Actor("person".into()),
            dedup: Some(format!("{}:{scope}", answer.message_id).into()),
        }
    };
    question
        .scopes
        .iter()
        .map(event)
        .map(Effect::Consent)
        .collect()
}

/// Whether it is a yes, the question as it would be asked today, and the seal.
fn taken_apart<'a>(business: &Business, payload: &'a str) -> Option<(bool, Question, &'a str)> {
    let mut parts = payload.strip_prefix(PAYLOAD)?.splitn(4, ':');
    let yes = match parts.next()? {
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    let (language, scopes, seal) = (parts.next()?, parts.next()?, parts.next()?);
    Some((yes, Question::new(business, language, scopes)?, seal))
}

/// Asked by us, this person, in these very words.
fn is_ours(
    app: &App,
    business: &Business,
    answer: &Answer,
    question: &Question,
    seal: &str,
) -> bool {
    let ring = match app.keys.open(app.clock.now_ms()) {
        Ok(ring) => ring,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "no keys to check the answer to a question with");
            return false;
        }
    };
    let fits = |key: &crate::keyring::Key| {
        answer.person.iter().any(|to| {
            let ours = question.seal(key.reveal(), business, to, true);
            bool::from(ours.as_bytes().ct_eq(seal.as_bytes()))
        })
    };
    ring.of(Purpose::Link).any(fits) && *question.yes == *answer.title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_asked_about_than_a_button_can_carry() {
        let named = |names: &[String]| -> String {
            let scopes: Vec<Scope> = names.iter().filter_map(|name| Scope::parse(name)).collect();
            assert_eq!(scopes.len(), names.len());
            askable(scopes.iter())
        };
        let short: Vec<String> = (0..6).map(|n| format!("marketing.t{n}")).collect();
        assert_eq!(named(&short), short[..SCOPES_MAX].join(" "));
        let long: Vec<String> = (0..4)
            .map(|n| format!("marketing.{}{n}", "t".repeat(50)))
            .collect();
        assert_eq!(named(&long), long[..3].join(" "));
    }
}
