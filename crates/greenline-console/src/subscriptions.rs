//! The pages of those who are told of events.

use askama::Template;

use crate::chart::grouped;
use crate::page::Frame;
use crate::words::When;

/// How a subscription stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscriptionState {
    /// Events go.
    Active,
    /// Events would go, and none is taken.
    Failing,
    /// Someone paused it, or too much failed.
    Paused,
    /// The receiver said that it is gone.
    Disabled,
}

/// What is shown of a subscription everywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubscriptionView {
    /// Its id.
    pub id: String,
    /// What people call it; empty where nobody does.
    pub name: String,
    /// Where events go.
    pub url: String,
    /// What it is told of.
    pub types: Vec<String>,
    /// Consents that came by import too.
    pub imports: bool,
    /// How it stands.
    pub state: SubscriptionState,
    /// Since when it gets or takes nothing.
    pub since: Option<When>,
    /// Why it gets nothing.
    pub why: Option<String>,
    /// When an event was last taken.
    pub taken: Option<When>,
    /// When one was last not taken, and what was wrong.
    pub failed: Option<(When, String)>,
    /// Events that wait.
    pub waiting: u64,
    /// `waiting` stands for that many or more.
    pub is_more: bool,
}

impl SubscriptionView {
    fn word(&self) -> &'static str {
        match self.state {
            SubscriptionState::Active => "active",
            SubscriptionState::Failing => "failing",
            SubscriptionState::Paused => "paused",
            SubscriptionState::Disabled => "disabled",
        }
    }

    fn tone(&self) -> &'static str {
        match self.state {
            SubscriptionState::Active => "good",
            SubscriptionState::Failing | SubscriptionState::Paused => "warn",
            SubscriptionState::Disabled => "bad",
        }
    }

    fn gets_events(&self) -> bool {
        matches!(
            self.state,
            SubscriptionState::Active | SubscriptionState::Failing
        )
    }

    /// What people call it, or else its id.
    fn called(&self) -> &str {
        if self.name.is_empty() {
            &self.id
        } else {
            &self.name
        }
    }

    fn waiting(&self) -> String {
        let count = grouped(self.waiting);
        if self.is_more {
            format!("{count} or more")
        } else {
            count
        }
    }
}

/// Everyone who is told of events.
#[derive(Clone, Debug, Template)]
#[template(path = "subscriptions.html")]
pub struct SubscriptionsPage {
    /// The surroundings.
    pub frame: Frame,
    /// What was just done.
    pub done: Option<String>,
    /// Each, by id.
    pub rows: Vec<SubscriptionView>,
}

/// An attempt to hand an event over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttemptRow {
    /// When.
    pub at: When,
    /// The type of the event.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Which attempt it was.
    pub attempt: u32,
    /// What the receiver answered, or what went wrong.
    pub said: String,
    /// It was taken.
    pub taken: bool,
    /// Milliseconds until that was known.
    pub took_ms: u64,
}

/// One of those who are told of events, and what may be done with it.
#[derive(Clone, Debug, Template)]
#[template(path = "subscription.html")]
pub struct SubscriptionPage {
    /// The surroundings.
    pub frame: Frame,
    /// How it stands.
    pub view: SubscriptionView,
    /// What was just done.
    pub done: Option<String>,
    /// It stands in the operator's file.
    pub is_configured: bool,
    /// When it was made.
    pub made: When,
    /// By whom.
    pub made_by: String,
    /// Until when the secret before the newest one signs too.
    pub previous_secret: Option<When>,
    /// Tells the newest secret from others.
    pub mark: String,
    /// The viewer may change its secret and end it.
    pub may_own: bool,
    /// From when on events are offered to be sent again, as a field takes it.
    pub replay_from: String,
    /// Where a replay goes on that was cut short.
    pub replay_next: Option<String>,
    /// Days for which events can be sent again.
    pub kept_days: u32,
    /// The newest attempts, newest first.
    pub attempts: Vec<AttemptRow>,
}

/// The question before a subscription is ended.
#[derive(Clone, Debug, Template)]
#[template(path = "subscription-end.html")]
pub struct SubscriptionEndPage {
    /// The surroundings.
    pub frame: Frame,
    /// Which.
    pub view: SubscriptionView,
}

/// A new secret, shown once.
#[derive(Clone, Template)]
#[template(path = "subscription-secret.html")]
pub struct SubscriptionSecretPage {
    /// The surroundings.
    pub frame: Frame,
    /// Which.
    pub view: SubscriptionView,
    /// The secret.
    pub secret: String,
    /// Until when the one before signs too.
    pub previous: Option<When>,
}
