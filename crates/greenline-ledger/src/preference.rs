//! Preference links: whom one is made out to, and which generation of links still counts.
//!
//! A link names a person by the ledger's own number, never by a number of theirs, and a generation. Raising
//! the person's generation revokes every link made before; that is all a store keeps of links, however many
//! are made.

use greenline_policy::identity::Identifier;

use crate::types::PersonId;

/// Whom a link is made out to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkHolder {
    /// The person.
    pub person: PersonId,
    /// The identifier under which what they do through a link is recorded: the number they were first known
    /// by, unless they left it; canonical.
    pub identifier: Identifier,
    /// The generation of links that counts now. A link of another one is revoked.
    pub generation: u32,
}

/// One of a person's identifiers, as stores keep them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub(crate) canonical: Identifier,
    pub(crate) linked_ms: Option<i64>,
    pub(crate) gone_ms: Option<i64>,
}

/// The identifier to record under.
pub(crate) fn best(known: impl IntoIterator<Item = Known>) -> Option<Identifier> {
    known
        .into_iter()
        .min_by_key(|known| {
            (
                known.gone_ms.is_some(),
                matches!(known.canonical, Identifier::User(_)),
                known.linked_ms.unwrap_or(i64::MIN),
                known.canonical.clone(),
            )
        })
        .map(|known| known.canonical)
}
