//! Ratings and what follows from them: colours, flags, pauses, the spam limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenline_wire::build::webhook::Change;
use serde_json::json;

use super::agenda::Deed;
use super::book::{NumberBook, Transition};
use super::hidden::Colour;
use super::reached::PORTFOLIO_ERA_MS;
use super::tally::{Cause, HOUR_MS, WEEK_MS};
use crate::changes::TemplateChange;
use crate::log::EventKind;
use crate::platform::Platform;
use crate::unclear::QuietNumber;

/// A change of state, to be written down.
pub(super) struct News<'a> {
    pub(super) object: &'static str,
    pub(super) id: &'a str,
    pub(super) what: &'static str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) causes: BTreeMap<Cause, u32>,
}

impl Platform {
    /// Writes a change of state down.
    pub(super) fn note(&self, news: News<'_>) {
        let at_ms = self.clock.now_ms();
        self.health.book().note(Transition {
            seq: 0,
            at_ms,
            object: news.object,
            id: news.id.to_owned(),
            what: news.what,
            from: news.from.to_owned(),
            to: news.to.to_owned(),
            causes: news.causes,
        });
    }

    pub(super) fn note_plain(
        &self,
        object: &'static str,
        id: &str,
        what: &'static str,
        from: &str,
        to: &str,
    ) {
        self.note(News {
            object,
            id,
            what,
            from,
            to,
            causes: BTreeMap::new(),
        });
    }

    /// Whether limits are still the numbers' own.
    pub(super) fn is_old_era(&self) -> bool {
        self.clock.now_ms() < PORTFOLIO_ERA_MS
    }

    /// Rates a number by the last seven days. Nobody is told (QL-07).
    pub(super) fn weigh_number(self: &Arc<Self>, id: &str) {
        let now_ms = self.clock.now_ms();
        let shown = {
            let state = self.world.read();
            match state.numbers.get(id) {
                Some(number) => number.quality_rating.clone(),
                None => return,
            }
        };
        let (rating, causes) = {
            let mut book = self.health.book();
            if !book.config.ratings {
                return;
            }
            let hidden = book.hidden.clone();
            let number = book.number(id);
            if number.pinned_until_ms.is_some_and(|until| now_ms < until) {
                return;
            }
            let weight = number.tally.weigh(now_ms, now_ms - WEEK_MS, &hidden);
            if weight.delivered_weighed >= hidden.rated_from {
                number.rated = true;
                let colour = hidden.number(weight.bad_share(), Colour::of(&shown));
                (colour.name(), weight.causes)
            } else {
                let quiet = match self.world.unclear.quiet_number {
                    _ if !number.rated => return,
                    QuietNumber::Keeps => return,
                    QuietNumber::Green => "GREEN",
                    QuietNumber::Unrated => "NA",
                };
                (quiet, BTreeMap::new())
            }
        };
        if rating != shown {
            self.rate_number(id, rating, causes);
        }
    }

    /// Gives a number a rating, with what follows from it.
    pub(super) fn rate_number(
        self: &Arc<Self>,
        id: &str,
        rating: &str,
        causes: BTreeMap<Cause, u32>,
    ) {
        let now_ms = self.clock.now_ms();
        let (before, status) = {
            let mut state = self.world.write();
            let Some(number) = state.numbers.get_mut(id) else {
                return;
            };
            let before = std::mem::replace(&mut number.quality_rating, rating.to_owned());
            (before, number.status.clone())
        };
        {
            let mut book = self.health.book();
            let number = book.number(id);
            number.red_since_ms = match rating {
                "RED" => number.red_since_ms.or(Some(now_ms)),
                _ => None,
            };
        }
        self.note(News {
            object: "number",
            id,
            what: "rating",
            from: &before,
            to: rating,
            causes,
        });
        if !self.is_old_era() {
            return;
        }
        if rating == "RED" && status == "CONNECTED" {
            self.flag(id, now_ms + WEEK_MS);
        } else if rating != "RED" && status == "FLAGGED" {
            self.unflag(id);
        }
    }

    /// Low quality: watched for seven days (QL-16).
    pub(super) fn flag(self: &Arc<Self>, id: &str, until_ms: i64) {
        let limit = {
            let mut book = self.health.book();
            let number = book.number(id);
            number.watch_until_ms = Some(until_ms);
            number.raise_at_ms = None;
            number.limit.clone()
        };
        self.set_status(id, "FLAGGED");
        let deed = Deed::WatchEnds(id.to_owned(), until_ms);
        self.health.agenda.put(until_ms, deed);
        self.tell_of_number(id, "FLAGGED", None, &limit);
    }

    pub(super) fn unflag(self: &Arc<Self>, id: &str) {
        let limit = {
            let mut book = self.health.book();
            let number = book.number(id);
            number.watch_until_ms = None;
            number.limit.clone()
        };
        self.set_status(id, "CONNECTED");
        // Since October 2025 nobody is told of a flag: there is none any more (QL-17).
        if self.is_old_era() {
            self.tell_of_number(id, "UNFLAGGED", None, &limit);
        }
    }

    /// Seven days of being watched are over.
    pub(super) fn watch_ends(self: &Arc<Self>, id: &str, until_ms: i64) {
        let (still, rating) = {
            let state = self.world.read();
            let Some(number) = state.numbers.get(id) else {
                return;
            };
            (number.status == "FLAGGED", number.quality_rating.clone())
        };
        let watched = self.health.book().number(id).watch_until_ms == Some(until_ms);
        if !still || !watched {
            return;
        }
        if rating != "RED" || !self.is_old_era() {
            self.unflag(id);
            return;
        }
        let (before, after) = {
            let mut book = self.health.book();
            let number = book.number(id);
            number.watch_until_ms = None;
            let before = number.limit.clone();
            if let Some(lower) = super::reached::below(&before) {
                number.limit = lower.to_owned();
            }
            (before, number.limit.clone())
        };
        self.show_own_limit(id, &after);
        self.set_status(id, "CONNECTED");
        self.note_plain("number", id, "limit", &before, &after);
        self.tell_of_number(id, "DOWNGRADE", Some(&before), &after);
        if self.world.unclear.flagged_again {
            self.flag(id, self.clock.now_ms() + WEEK_MS);
        }
    }

    /// `phone_number_quality_update` as it was until October 2025.
    pub(super) fn tell_of_number(
        self: &Arc<Self>,
        id: &str,
        event: &str,
        old_limit: Option<&str>,
        limit: &str,
    ) {
        let (account, digits) = {
            let state = self.world.read();
            let Some(number) = state.numbers.get(id) else {
                return;
            };
            (number.account.clone(), number.digits.clone())
        };
        let mut value = json!({"display_phone_number": digits, "event": event});
        if let Some(old_limit) = old_limit {
            value["old_limit"] = json!(old_limit);
        }
        value["current_limit"] = json!(limit);
        let change = Change::new("phone_number_quality_update", &value);
        self.tell(&account, None, change, EventKind::Account, Vec::new());
    }

    /// Gives a number a status. Nobody is told (QL-07).
    pub(super) fn set_status(&self, id: &str, status: &str) {
        let before = {
            let mut state = self.world.write();
            let Some(number) = state.numbers.get_mut(id) else {
                return;
            };
            std::mem::replace(&mut number.status, status.to_owned())
        };
        if before != status {
            self.note_plain("number", id, "status", &before, status);
        }
    }

    /// Scores a template by what people did since it was last paused; that is announced (QL-08).
    pub(super) fn weigh_template(self: &Arc<Self>, id: u64) {
        let now_ms = self.clock.now_ms();
        let (shown, sends) = {
            let state = self.world.read();
            let Some((_, template)) = state.template(id) else {
                return;
            };
            let sends =
                !["PAUSED", "DISABLED", "REJECTED", "PENDING"].contains(&template.status.as_str());
            (template.quality.clone(), sends)
        };
        let score = {
            let mut book = self.health.book();
            if !book.config.ratings || !sends {
                return;
            }
            let hidden = book.hidden.clone();
            let template = book.template(id);
            let weight = template.tally.weigh(now_ms, template.since_ms, &hidden);
            if weight.delivered_weighed < hidden.template_rated_from {
                return;
            }
            let before = Colour::of(&shown);
            let score = hidden.template(weight.bad_share(), weight.read_share, before);
            if score != Colour::Green && score.name() != shown {
                template.paces_again();
            }
            score
        };
        if score.name() != shown {
            self.score_template(id, score.name());
        }
        if score == Colour::Red {
            self.pause_template(id);
        }
    }

    pub(super) fn score_template(self: &Arc<Self>, id: u64, score: &str) {
        let before = {
            let state = self.world.read();
            state
                .template(id)
                .map(|(_, template)| template.quality.clone())
                .unwrap_or_default()
        };
        let change = TemplateChange {
            quality: Some(score.to_owned()),
            ..TemplateChange::default()
        };
        let _ = self.change_template(id, &change);
        self.note_plain("template", &id.to_string(), "score", &before, score);
    }

    /// Pauses a template for low quality: 3 hours, 6 hours, then for good (SND-21).
    pub(super) fn pause_template(self: &Arc<Self>, id: u64) {
        let now_ms = self.clock.now_ms();
        let (pauses, utility, account) = {
            let state = self.world.read();
            let Some((account, template)) = state.template(id) else {
                return;
            };
            if ["PAUSED", "DISABLED"].contains(&template.status.as_str()) {
                return;
            }
            let utility = template.category == "UTILITY";
            (template.pauses, utility, account.id.clone())
        };
        if utility {
            self.health.book().account(&account).utility_paused_ms = Some(now_ms);
        }
        let pause_ms = match pauses {
            0 => 3 * HOUR_MS,
            1 => 6 * HOUR_MS,
            _ => {
                self.template_status(id, "DISABLED");
                return;
            }
        };
        self.template_status(id, "PAUSED");
        let deed = Deed::Unpause(id, pauses + 1);
        self.health.agenda.put(now_ms + pause_ms, deed);
    }

    /// What was held back is dropped, and the template waits for the business (SND-23).
    pub(super) fn pause_by_pacing(self: &Arc<Self>, id: u64) {
        let sends = {
            let state = self.world.read();
            state.template(id).is_some_and(|(_, template)| {
                !["PAUSED", "DISABLED"].contains(&template.status.as_str())
            })
        };
        if sends {
            self.template_status(id, "PAUSED");
        }
    }

    pub(super) fn unpause_template(self: &Arc<Self>, id: u64, pauses: u32) {
        let over = {
            let state = self.world.read();
            state.template(id).is_some_and(|(_, template)| {
                template.status == "PAUSED" && template.pauses == pauses
            })
        };
        if !over || self.health.book().template(id).paused_by_pacing {
            return;
        }
        self.template_begins_anew(id);
        self.template_status(id, "APPROVED");
    }

    /// A template is looked at anew after a pause.
    pub(crate) fn template_begins_anew(&self, id: u64) {
        if self.health.is_on() {
            let now_ms = self.clock.now_ms();
            self.health.book().template(id).restart(now_ms);
        }
    }

    pub(super) fn template_status(self: &Arc<Self>, id: u64, status: &str) {
        let before = {
            let state = self.world.read();
            state
                .template(id)
                .map(|(_, template)| template.status.clone())
                .unwrap_or_default()
        };
        let change = TemplateChange {
            status: Some(status.to_owned()),
            ..TemplateChange::default()
        };
        let _ = self.change_template(id, &change);
        if before != status {
            self.note_plain("template", &id.to_string(), "status", &before, status);
        }
    }

    /// Long low quality leads to the spam limit, and better quality out of it (QL-09).
    pub(super) fn weigh_spam(&self, id: &str) {
        let now_ms = self.clock.now_ms();
        self.change_spam_limit(id, |number, after_ms| {
            let low = number
                .red_since_ms
                .is_some_and(|since_ms| now_ms >= since_ms + after_ms);
            // It does not end at the first better hour.
            let limited = low || (number.spam_limited && number.red_since_ms.is_some());
            number.spam_limited = limited;
        });
    }

    /// The spam limit that a script set ends.
    pub(super) fn spam_ends(&self, id: &str, until_ms: i64) {
        let ends = self.health.book().number(id).spam_until_ms == Some(until_ms);
        if ends {
            self.note_spam_limit(id, true, |number| number.spam_until_ms = None);
        }
    }

    /// Nothing of a spam limit is left.
    pub(super) fn lift_spam_limit(&self, id: &str) {
        self.change_spam_limit(id, |number, _| {
            number.spam_until_ms = None;
            number.spam_limited = false;
        });
    }

    fn change_spam_limit(&self, id: &str, change: impl FnOnce(&mut NumberBook, i64)) {
        let now_ms = self.clock.now_ms();
        let (before, after_ms) = {
            let mut book = self.health.book();
            let after_ms = book.hidden.spam_after_h * HOUR_MS;
            (book.number(id).is_spam_limited(now_ms), after_ms)
        };
        self.note_spam_limit(id, before, |number| change(number, after_ms));
    }

    fn note_spam_limit(&self, id: &str, before: bool, change: impl FnOnce(&mut NumberBook)) {
        let now_ms = self.clock.now_ms();
        let after = {
            let mut book = self.health.book();
            let number = book.number(id);
            change(number);
            number.is_spam_limited(now_ms)
        };
        if before != after {
            let word = |limited| if limited { "yes" } else { "no" };
            self.note_plain("number", id, "spam_limit", word(before), word(after));
        }
    }

    /// A script's hold on a rating ends.
    pub(super) fn unpin(self: &Arc<Self>, id: &str, until_ms: i64) {
        let freed = {
            let mut book = self.health.book();
            let number = book.number(id);
            let freed = number.pinned_until_ms == Some(until_ms);
            if freed {
                number.pinned_until_ms = None;
            }
            freed
        };
        if freed {
            self.weigh_number(id);
        }
    }
}
