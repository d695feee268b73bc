//! What moves, free of any store's columns: one kind of rows for each kind of thing a ledger holds.
//!
//! Rows are kept column by column, because that is how a database takes many of them in one statement.

/// Declares a kind of rows: each field one column.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($column:ident: $kind:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default)]
            pub(crate) struct $name { $(pub(crate) $column: Vec<$kind>),* }

            impl $name {
                /// Adds a row.
                pub(crate) fn push(&mut self, ($($column),*): ($($kind),*)) { $(self.$column.push($column);)* }
            }
        )*

        /// Rows of one kind.
        #[derive(Debug)]
        pub(crate) enum Rows { $($(#[$doc])* $name($name)),* }

        $(impl From<$name> for Rows {
            fn from(rows: $name) -> Self { Self::$name(rows) }
        })*
    };
}

rows! {
    /// People.
    People {
        id: i64, business: Box<str>, limited_ms: Option<i64>, limited_times: Option<i64>, limited_by: Option<i64>,
    }
    /// Their identifiers, which also lead to them.
    Identifiers {
        id: i64, business: Box<str>, kind: i64, value: String, known_ms: i64, linked_at_ms: Option<i64>,
        left_at_ms: Option<i64>, gone_at_ms: Option<i64>,
    }
    /// Who is one with whom (kind 1), and who moved on to whom (kind 2).
    Links { id: i64, kind: i64, other: i64, at_ms: i64, left_kind: i64, left_value: String }
    /// Consent events.
    Events {
        id: i64, version: i64, seq: i64, business: Box<str>, kind: String, scope: String, at_ms: i64, stated_ms: i64,
        arrival_ms: i64, strength: String, in_thread: bool, identifiers: String, evidence: String, actor: String,
        dedup: Option<String>,
    }
    /// What has happened once and may not happen again: 1 event, 2 delivery, 3 reply.
    Keys { business: Box<str>, kind: i64, key: String, taken_by: i64 }
    /// Folded heads.
    Heads { id: i64, spelling: i64, body: String }
    /// Windows that people opened.
    Windows {
        id: i64, number: String, wrote_at_ms: Option<i64>, free_until_ms: Option<i64>, call_at_ms: Option<i64>,
        call_until_ms: Option<i64>,
    }
    /// Generations of preference links.
    PersonLinks { id: i64, generation: i64, revoked_ms: i64 }
    /// Decisions.
    Decisions { shard: i64, seq: i64, business: Box<str>, person: Option<i64>, at_ms: i64, verdict: i64, record: String }
    /// Decisions that went on, a row for each addressee.
    Sends {
        seq: i64, person: i64, others: Option<String>, at_ms: i64, body_hash: Vec<u8>, outcome: Option<String>,
        code: Option<i64>, message_id: Option<String>, more_ids: Option<String>, mark: Option<String>,
    }
    /// Messages with their decision and, as far as it is known, their latest status.
    Messages {
        message_id: String, shard: i64, seq: i64, status: Option<String>, at_ms: Option<i64>, code: Option<i64>,
    }
    /// Statuses of messages whose decision is not known.
    Strays { message_id: String, status: String, at_ms: i64, code: Option<i64> }
    /// Numbers.
    Numbers { business: Box<str>, number: String, status: Option<String>, rating: Option<String>, at_ms: i64,
        rating_at_ms: Option<i64>, spam_ms: Option<i64>, health: Option<String>, health_ms: Option<i64>,
        available_ms: Option<i64>, locked_ms: Option<i64>, policy_ms: Option<i64> }
    /// When somebody last wrote to a number.
    Inbound { business: Box<str>, number: String, last_ms: i64 }
    /// What the platform said of portfolios' limits; below zero: none.
    Portfolios { portfolio: String, people: i64, origin: String, at_ms: i64 }
    /// Rows of the logs of whom portfolios reached.
    Reach { portfolio: String, version: i64, until_ms: i64, entries: Vec<u8> }
    /// Accounts.
    Accounts { business: Box<str>, waba_id: String, ban: String, ban_at_ms: i64 }
    /// Their restrictions.
    Restrictions { business: Box<str>, waba_id: String, named: String, kind: String, until_ms: Option<i64>, at_ms: i64 }
    /// Templates.
    Templates {
        business: Box<str>, waba_id: String, name: String, language: String, template_id: Option<String>,
        category: Option<String>, status: Option<String>, is_ask: Option<bool>, at_ms: i64, quality: Option<String>,
    }
    /// The timeline, and whether the log holds an entry.
    Timeline {
        seq: i64, business: Box<str>, sealed: i64, subject: String, subject_id: String, origin: String, event: String,
        at_ms: i64, body: String,
    }
    /// Deliveries.
    Inbox {
        seq: i64, business: Box<str>, sha256: String, received_ms: i64, lane: i64, headers: String, body: Option<Vec<u8>>,
    }
    /// Who they are still to be handed to.
    Relays { seq: i64, app: String, business: Box<str>, lane: i64, due_ms: i64, attempts: i64, parked: i64 }
    /// Subscriptions.
    Subscriptions { business: Box<str>, id: String, version: i64, active: i64, consents: i64, imports: i64, body: String }
    /// Records that the log does not hold yet: 1 event, 2 decision.
    Unsealed { shard: i64, kind: i64, seq: i64, business: Box<str> }
    /// Leaves of the log.
    Leaves { shard: i64, kind: i64, seq: i64, business: Box<str>, index: i64, hash: Vec<u8>, salts: Vec<u8> }
    /// Logs and their sizes.
    Logs { business: Box<str>, size: i64 }
    /// Nodes above the leaves.
    LogNodes { business: Box<str>, level: i64, place: i64, hash: Vec<u8> }
    /// Signed heads.
    LogHeads {
        business: Box<str>, size: i64, root: Vec<u8>, at_ms: i64, public_key: Vec<u8>, key_id: Vec<u8>, signature: Vec<u8>,
    }
    /// Own replies.
    Replies {
        id: i64, business: Box<str>, recipient: String, number: String, reply: String, confirms: Option<i64>,
        message_id: String, at_ms: i64, state: i64, decision: Option<i64>,
    }
    /// Held messages.
    Later {
        shard: i64, seq: i64, business: Box<str>, person: i64, recipient: String, app: String, number: String,
        template: String, language: String, given_id: String, held_ms: i64, last_ms: i64, due_ms: Option<i64>,
        stage: i64, decision_shard: i64, decision_seq: i64, message_id: Option<String>, code: Option<i64>,
        ending: Option<String>, over_ms: Option<i64>, target: String, content_type: String, body: Option<Vec<u8>>,
    }
}

/// A page of one table of the source, with what it becomes.
#[derive(Debug)]
pub(crate) struct Page {
    /// What it becomes.
    pub(crate) rows: Vec<Rows>,
    /// How many rows were read.
    pub(crate) read: u64,
    /// Where the next page begins; `None` after the last.
    pub(crate) next: Option<Cursor>,
}

/// The key of the last row that was read: numbers and texts. Empty at the beginning.
pub(crate) type Cursor = Vec<serde_json::Value>;
