//! Counters, each named once; labels are closed sets.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use greenline_policy::decide::{Decision, Verdict};
use greenline_policy::pack::Pack;
use greenline_policy::rule::Rule;

macro_rules! counters {
    ($($name:ident: $metric:literal, $help:literal;)*) => {
        /// Every counter of the gateway.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $help] pub $name: Counter,)*
            /// Sends by decision and rule.
            pub decided: Decided,
            /// When a webhook last came in.
            pub webhook: Moment,
        }

        impl Metrics {
            /// The text format that Prometheus reads.
            #[must_use]
            pub fn render(&self) -> String {
                let mut text = String::new();
                $(let _ = write!(text, "# HELP {0} {1}\n# TYPE {0} counter\n{0} {2}\n", $metric, $help, self.$name.get());)*
                self.decided.render(&mut text);
                self.webhook.render(&mut text);
                text
            }
        }
    };
}

/// How fresh what is known of the rules in force is.
pub(crate) fn pack(now_ms: i64) -> String {
    let pack = Pack::at(now_ms);
    let checked_s = pack.checked.start_ms() / 1_000;
    let stale = u8::from(pack.is_stale(now_ms));
    let mut text = String::new();
    for (name, help, value) in [
        (
            "greenline_rule_pack_checked_timestamp_seconds",
            "When the sources of the rule pack in force were last checked.",
            checked_s,
        ),
        (
            "greenline_rule_pack_stale",
            "1 when that is too long ago to be relied on.",
            i64::from(stale),
        ),
    ] {
        let _ = write!(
            text,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"
        );
    }
    text
}

/// Sends that were decided, by verdict and by the rule that answered first. One relaxed addition for each.
#[derive(Debug)]
pub struct Decided([[AtomicU64; Rule::ALL.len()]; Verdict::ALL.len()]);

impl Default for Decided {
    fn default() -> Self {
        let row = |_| std::array::from_fn(|_| AtomicU64::new(0));
        Self(std::array::from_fn(row))
    }
}

impl Decided {
    /// Counts one.
    pub fn add(&self, decision: &Decision) {
        let rule = decision.first().map(|reason| reason.rule as usize);
        let row = self.0.get(decision.verdict as usize);
        if let Some(count) = rule.and_then(|rule| row?.get(rule)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn render(&self, text: &mut String) {
        let name = "greenline_decisions_total";
        let help = "Sends that were decided, by decision and the rule that answered first.";
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n");
        for (verdict, row) in Verdict::ALL.iter().zip(&self.0) {
            for (rule, count) in Rule::ALL.iter().zip(row) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let (decision, rule) = (verdict.as_str(), rule.id());
                    let labels = format!("decision=\"{decision}\",rule=\"{rule}\"");
                    let _ = writeln!(text, "{name}{{{labels}}} {count}");
                }
            }
        }
    }
}

/// A moment that is set again and again; absent before the first time.
#[derive(Debug, Default)]
pub struct Moment(AtomicI64);

impl Moment {
    /// It is now.
    pub fn set(&self, now_ms: i64) {
        self.0.fetch_max(now_ms, Ordering::Relaxed);
    }

    fn render(&self, text: &mut String) {
        let name = "greenline_webhook_timestamp_seconds";
        let help = "When this node last took a webhook of the platform; absent before the first.";
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        let at_ms = self.0.load(Ordering::Relaxed);
        if at_ms > 0 {
            let _ = writeln!(text, "{name} {}", at_ms.div_euclid(1_000));
        }
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

counters! {
    sends_allowed: "greenline_sends_allowed_total", "Sends that were allowed.";
    sends_refused: "greenline_sends_refused_total", "Sends that were refused.";
    sends_observed: "greenline_sends_observed_total", "Sends that went on in observe mode though they would have been refused.";
    sends_unreadable: "greenline_sends_unreadable_total", "Sends that could not be read.";
    sends_throttled: "greenline_sends_throttled_total", "Sends answered 429 by the bound per number.";
    sends_unknown: "greenline_sends_unknown_total", "Sends whose outcome is unknown.";
    upstream_failures: "greenline_upstream_failures_total", "Requests to the platform that failed before an answer.";
    store_failures: "greenline_store_failures_total", "Requests that the store could not serve.";
    held: "greenline_held_total", "Messages that were held until they may go.";
    held_no_room: "greenline_held_no_room_total", "Templates that could not have been held, since too many messages are.";
    held_released: "greenline_held_released_total", "Held messages that were sent.";
    held_dropped: "greenline_held_dropped_total", "Held messages that do not go: refused, too old or cancelled.";
    passed: "greenline_passed_total", "Other Graph calls passed through.";
    webhooks: "greenline_webhooks_total", "Webhook deliveries taken.";
    webhooks_repeated: "greenline_webhooks_repeated_total", "Webhook deliveries that had been taken before.";
    webhooks_rejected: "greenline_webhooks_rejected_total", "Webhook deliveries with a wrong signature or form.";
    webhooks_quarantined: "greenline_webhooks_quarantined_total", "Webhook entries of accounts that do not belong there.";
    webhooks_not_recorded: "greenline_webhooks_not_recorded_total", "Parts of webhooks that contradict the ledger; the inbox keeps them.";
    stops: "greenline_stops_total", "Stops recorded from webhooks.";
    preference_stops: "greenline_preference_stops_total", "Noes recorded from preference pages.";
    preference_undos: "greenline_preference_undos_total", "Noes from preference pages that were undone there.";
    relayed: "greenline_relayed_total", "Deliveries taken by apps.";
    relay_failures: "greenline_relay_failures_total", "Attempts that an app did not take.";
    events_taken: "greenline_events_taken_total", "Events taken by subscribers.";
    event_failures: "greenline_event_failures_total", "Attempts that a subscriber did not take.";
    replies_spilled: "greenline_replies_spilled_total", "Replies let go while the store was down.";
    replies_sent: "greenline_replies_sent_total", "Own confirmations and questions sent.";
    screenings_done: "greenline_screenings_done_total", "Lists that were screened.";
    screenings_failed: "greenline_screenings_failed_total", "Lists that could not be screened.";
}
