//! Rules that a business sets for itself: what it will not send, whatever the platform and the law allow.
//!
//! They only ever refuse, and they concern templates: whoever writes is answered. Each has a name and says why, in the
//! business's own words. What a rule is about is told in two steps: what the message is called and who sends it is
//! known before anything is looked up ([`Sent`]); the rest is a fact of the decision ([`OwnRule`]), and is kept with
//! it, so that a past decision replays alike whatever the settings have become.

use crate::consent::{Standing, Strength};
use crate::country::Country;
use crate::scope::{Category, Scope};

/// From where what is sent: nothing named stands for everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Templates, by name.
    pub templates: Vec<Box<str>>,
    /// Numbers, by id.
    pub numbers: Vec<Box<str>>,
    /// Apps, by name.
    pub apps: Vec<Box<str>>,
}

impl Sent {
    /// Whether a send of that template from that number by that app is meant.
    #[must_use]
    pub fn is_meant(&self, template: &str, number: &str, app: &str) -> bool {
        let among = |named: &[Box<str>], one: &str| {
            named.is_empty() || named.iter().any(|name| &**name == one)
        };
        among(&self.templates, template) && among(&self.numbers, number) && among(&self.apps, app)
    }
}

/// A rule, as far as it looks at facts; all that is given must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnRule {
    /// Its name.
    pub name: Box<str>,
    /// Why, in the business's words.
    pub text: Box<str>,
    /// What the message is about, or something wider; empty: anything.
    pub scopes: Vec<Scope>,
    /// Where the person's number is of; empty: anywhere. Where it cannot be told, no country fits.
    pub countries: Vec<Country>,
    /// Only people whose yes was imported or vouched for.
    pub weak_consent: bool,
    /// From then on, Unix milliseconds.
    pub from_ms: Option<i64>,
    /// Until before then.
    pub until_ms: Option<i64>,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The scope that the message needs a yes for.
    pub scope: &'a Scope,
    /// The platform's category of it.
    pub category: Category,
    /// Where the person's number is of.
    pub country: Country,
    /// How that scope stands, as old as it is.
    pub standing: Standing,
}

impl OwnRule {
    /// Whether it refuses.
    #[must_use]
    pub fn refuses(&self, looked: &Looked<'_>, now_ms: i64) -> bool {
        let category = Scope::Category(looked.category);
        let is_about = |scope: &Scope| scope.covers(looked.scope) || scope.covers(&category);
        let is_weak = matches!(
            looked.standing,
            Standing::Covered {
                strength: Strength::Imported | Strength::Vouched,
                ..
            }
        );
        (self.scopes.is_empty() || self.scopes.iter().any(is_about))
            && (self.countries.is_empty() || self.countries.contains(&looked.country))
            && (!self.weak_consent || is_weak)
            && self.from_ms.is_none_or(|from_ms| from_ms <= now_ms)
            && self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

/// A rule that refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnReason {
    /// Its name.
    pub name: Box<str>,
    /// Why.
    pub text: Box<str>,
}
