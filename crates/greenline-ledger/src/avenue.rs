//! Proofs that ways out are open, kept on the business's timeline.
//!
//! A proof is an entry about an avenue: that a person took it, that a probe walked it to its end, or that a
//! probe did not. Only the newest of each is ever looked at, so that reading them costs the same however long
//! the timeline is. Every store has them with the timeline, and so has whatever moves or reads stores.

use greenline_policy::avenue::{Avenue, Known};

use crate::types::{BusinessIx, Effect};
use crate::{Ledger, Result};

/// What the timeline calls the subject.
const SUBJECT: &str = "avenue";
/// Where these entries come from.
const ORIGIN: &str = "greenline";

/// What became of an avenue that somebody took.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Walk {
    /// A person took it.
    Used,
    /// A probe walked it to its end.
    Probed,
    /// A probe did not get to its end.
    Failed,
}

impl Walk {
    const ALL: [Self; 3] = [Self::Used, Self::Probed, Self::Failed];

    fn event(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Probed => "probed",
            Self::Failed => "failed",
        }
    }
}

/// Avenues whose proofs are kept. Words written to a number prove themselves by the last inbound message; a
/// probe of them proves the path.
pub const PROVED: [Avenue; 8] = [
    Avenue::ReplyWord,
    Avenue::PreferencePage,
    Avenue::Api,
    Avenue::Staff,
    Avenue::Button,
    Avenue::OneClick,
    Avenue::NativeSwitch,
    Avenue::PlatformError,
];

fn subject(avenue: Avenue, walk: Walk) -> String {
    format!("{}.{}", avenue.as_str(), walk.event())
}

impl Ledger {
    /// Keeps what became of avenues that were taken.
    ///
    /// # Errors
    /// `Unavailable` when it is not on disk.
    pub async fn prove_avenues(
        &self,
        business: BusinessIx,
        walks: &[(Avenue, Walk)],
        at_ms: i64,
    ) -> Result<()> {
        let entry = |(avenue, walk): &(Avenue, Walk)| Effect::Timeline {
            subject: SUBJECT,
            subject_id: subject(*avenue, *walk).into(),
            origin: ORIGIN.into(),
            event: walk.event().into(),
            at_ms,
            body: format!(r#"{{"avenue":"{}"}}"#, avenue.as_str()).into(),
        };
        self.learn(business, walks.iter().map(entry).collect())
            .await
    }

    /// Fills in how each avenue was last walked, and when anybody last wrote to one of `numbers`.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn avenues(
        &self,
        business: BusinessIx,
        numbers: &[&str],
        known: &mut Known,
    ) -> Result<()> {
        let views = self.numbers(business).await?;
        known.inbound_ms = views
            .iter()
            .filter(|view| numbers.contains(&&*view.number))
            .filter_map(|view| view.last_inbound_ms)
            .max();
        for avenue in PROVED {
            for walk in Walk::ALL {
                let subject_id = subject(avenue, walk);
                let newest = self
                    .timeline(business, Some((SUBJECT, &subject_id)), None, 1)
                    .await?;
                let at_ms = newest.first().map(|entry| entry.at_ms);
                let Some(track) = known.track_mut(avenue) else {
                    continue;
                };
                match walk {
                    Walk::Used => track.used_ms = at_ms,
                    Walk::Probed => track.probed_ms = at_ms,
                    Walk::Failed => track.failed_ms = at_ms,
                }
            }
        }
        Ok(())
    }
}
