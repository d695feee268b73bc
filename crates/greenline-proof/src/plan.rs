//! A plan: what was decided about each row of a list before anything was sent, signed, so that whoever sends by it
//! can tell that it is whole, and by which key it was made.
//!
//! It is two lines. The first says everything, with the hash of each file that belongs to it; the second signs the
//! first, byte for byte. Each line has one form only, so no byte of either can be changed without being found.

use serde::{Deserialize, Serialize};

use crate::hash::{hex, unhex};
use crate::head::{KeyId, PublicKey, SigningKey};

/// The format written and read.
pub const PLAN_FORMAT: &str = "greenline-plan/1";

const PLAN_TAG: &[u8] = b"greenline plan 1\n";

/// A file that a plan speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 over it, hexadecimal.
    pub sha256: String,
}

/// Where the rows of the list went. `rows` is the sum of all others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanCounts {
    /// Rows of the list.
    pub rows: u64,
    /// May be sent.
    pub allowed: u64,
    /// May be sent later.
    pub held: u64,
    /// May not be sent.
    pub refused: u64,
    /// Name somebody who was named before.
    pub duplicates: u64,
    /// Could not be read.
    pub unreadable: u64,
}

/// A rule that is in the way of rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanReason {
    /// Its name.
    pub rule: String,
    /// Rows that it is in the way of.
    pub rows: u64,
    /// Of those, rows that it answers first.
    pub first: u64,
    /// Of those, rows that only wait.
    pub held: u64,
}

/// What is not written down.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "what serde calls it with"
)]
fn is_none(erased: &u64) -> bool {
    *erased == 0
}

/// Everything that a plan says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub format: String,
    /// Names it.
    pub id: String,
    /// The business.
    pub business: String,
    /// The phone_number_id to send from.
    pub number: String,
    /// The template's name.
    pub template: String,
    /// Its language.
    pub language: String,
    /// The moment that was decided for, RFC 3339.
    pub at: String,
    /// When it was decided: what was known then.
    pub made: String,
    /// The moment from which sends are no longer those of this plan.
    pub until: String,
    /// The rule pack.
    pub pack: String,
    /// All of it rests on what was known at one moment.
    pub one_view: bool,
    /// The list as it was given.
    pub list: PlanFile,
    /// What came of it, beside the plan.
    pub files: Vec<PlanFile>,
    /// Where the rows went.
    pub counts: PlanCounts,
    /// Rows of the files whose person was erased since: they name nobody any more, and the plan was signed anew.
    #[serde(default, skip_serializing_if = "is_none")]
    pub erased: u64,
    /// What is in the way, most rows first.
    pub reasons: Vec<PlanReason>,
}

/// The second line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    key_id: String,
    public_key: String,
    signature: String,
}

/// A document that is no plan at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPlan {
    /// It does not read.
    #[error("this is not a plan: {0}")]
    Unreadable(String),
    /// It is of another format.
    #[error("the format `{0}` is not known here; this release reads `{PLAN_FORMAT}`")]
    Format(String),
}

impl From<serde_json::Error> for BadPlan {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

fn signed_bytes(line: &[u8]) -> Vec<u8> {
    [PLAN_TAG, line].concat()
}

fn written(line: &str, seal: &Seal) -> Result<String, BadPlan> {
    Ok(format!("{line}\n{}\n", serde_json::to_string(seal)?))
}

impl Plan {
    /// As it is written down, signed.
    ///
    /// # Errors
    /// When a value has no form in JSON, which no plan has.
    pub fn signed(&self, key: &SigningKey) -> Result<String, BadPlan> {
        let line = serde_json::to_string(self)?;
        let public = key.public();
        let seal = Seal {
            key_id: public.id().to_string(),
            public_key: public.to_string(),
            signature: hex(&key.sign_bytes(&signed_bytes(line.as_bytes()))),
        };
        written(&line, &seal)
    }
}

/// A plan that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedPlan {
    /// What it says.
    pub plan: Plan,
    /// The key that it names.
    pub key: PublicKey,
    is_signed: bool,
}

impl SignedPlan {
    /// Reads [`Plan::signed`]. Says nothing of whether it holds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, BadPlan> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| BadPlan::Unreadable(error.to_string()))?;
        let (line, rest) = text
            .split_once('\n')
            .ok_or_else(|| BadPlan::Unreadable("its signature is missing".to_owned()))?;
        let plan: Plan = serde_json::from_str(line)?;
        if plan.format != PLAN_FORMAT {
            return Err(BadPlan::Format(plan.format));
        }
        let seal: Seal = serde_json::from_str(rest)?;
        let not_in_form = || BadPlan::Unreadable("its signature is not in its form".to_owned());
        let key = PublicKey::parse(&seal.public_key).ok_or_else(not_in_form)?;
        let signature: [u8; 64] = unhex(&seal.signature).ok_or_else(not_in_form)?;
        // What would read the same and is written otherwise is not what was signed.
        let is_exact = serde_json::to_string(&plan)? == line && written(line, &seal)? == text;
        let is_named = KeyId::parse(&seal.key_id) == Some(key.id());
        let is_signed =
            is_exact && is_named && key.signed(&signed_bytes(line.as_bytes()), &signature);
        Ok(Self {
            plan,
            key,
            is_signed,
        })
    }

    /// Whether the key that it names signed just these bytes.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.is_signed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let file = |name: &str| PlanFile {
            name: name.to_owned(),
            bytes: 3,
            sha256: "00".repeat(32),
        };
        Plan {
            format: PLAN_FORMAT.to_owned(),
            id: "scr_000000000000000000000001".to_owned(),
            business: "acme".to_owned(),
            number: "106540352242922".to_owned(),
            template: "spring".to_owned(),
            language: "en".to_owned(),
            at: "2026-11-30T09:00:00Z".to_owned(),
            made: "2026-11-29T09:00:00Z".to_owned(),
            until: "2026-12-07T09:00:00Z".to_owned(),
            pack: "2026-11".to_owned(),
            one_view: true,
            list: file("list.csv"),
            files: vec![file("allowed.csv"), file("held.csv")],
            counts: PlanCounts {
                rows: 1,
                allowed: 1,
                ..PlanCounts::default()
            },
            erased: 0,
            reasons: Vec::new(),
        }
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32]).unwrap()
    }

    #[test]
    fn a_plan_comes_back_and_no_byte_of_it_can_be_changed() {
        let text = plan().signed(&key(1)).unwrap();
        let read = SignedPlan::read(text.as_bytes()).unwrap();
        assert_eq!((read.plan.clone(), read.key), (plan(), key(1).public()));
        assert!(read.is_signed());
        let holds = |bytes: &[u8]| SignedPlan::read(bytes).is_ok_and(|read| read.is_signed());
        for at in 0..text.len() {
            for mask in [1, 0x20, 0x80] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= mask;
                assert!(!holds(&bytes), "byte {at} ^ {mask:#x}");
            }
            let mut longer = text.clone();
            longer.insert(at, ' ');
            assert!(!holds(longer.as_bytes()), "a space at {at}");
            assert!(!holds(&text.as_bytes()[..at]), "cut at {at}");
        }
        assert!(!holds(format!("{text}\n").as_bytes()));
    }

    #[test]
    fn the_seal_of_another_plan_or_key_does_not_do() {
        let text = plan().signed(&key(1)).unwrap();
        let other = Plan {
            counts: PlanCounts::default(),
            ..plan()
        };
        let other = other.signed(&key(2)).unwrap();
        let lines = |text: &str| {
            let (first, second) = text.split_once('\n').unwrap();
            (first.to_owned(), second.to_owned())
        };
        let mixed = format!("{}\n{}", lines(&text).0, lines(&other).1);
        assert!(!SignedPlan::read(mixed.as_bytes()).unwrap().is_signed());
        let newer = text.replace(PLAN_FORMAT, "greenline-plan/2");
        assert!(matches!(
            SignedPlan::read(newer.as_bytes()),
            Err(BadPlan::Format(_))
        ));
    }
}
