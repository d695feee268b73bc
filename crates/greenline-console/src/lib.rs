//! The pages: what a person in a browser sees of a gateway.
//!
//! Views go in, HTML comes out. Every page works without script, with a keyboard, on a phone and with a
//! screen reader; colour never says anything that a word does not say too. The words for standings,
//! verdicts and events live here, so that every page uses the same ones.
//!
//! This crate never touches SQL or upstream, and never decides: it shows what it is given. It masks
//! nothing by itself either; whoever fills a view chooses what may be seen.

mod agreement;
mod alerts;
mod avenues;
mod capabilities;
mod chart;
pub mod docs;
mod forecast;
pub mod guide;
pub mod held;
mod lists;
mod number;
pub mod opt_in;
mod page;
pub mod preference;
mod screening;
mod subscriptions;
pub mod timeline;
pub mod words;

pub use agreement::{AgreementDifference, AgreementSection};
pub use alerts::{AlertRow, AlertTold, AlertsPage};
pub use avenues::{AvenueRow, AvenueScope, AvenuesPage};
pub use capabilities::{CapabilityRow, CauseView};
pub use chart::grouped;
pub use forecast::{ForecastDay, ForecastPoint, ForecastRisk, ForecastSection};
pub use lists::{
    HeldCancelPage, HeldPage, HeldRow, ScreeningDeletePage, ScreeningRow, ScreeningState,
    ScreeningsPage,
};
pub use number::{
    CountView, DayView, FactView, LikelyView, MeasuredView, MessagesView, NumberListRow,
    NumberPage, NumbersPage, ProbeView, ReceptionView,
};
pub use page::{
    Addressee, Alarm, Business, Counts, DecisionPage, DecisionRow, Evidence, Frame, HistoryRow,
    Marker, MessagePage, NextStepView, NumberRow, PeoplePage, PersonPage, ReasonView, Replay,
    StandingRow, StatusPage, StopRow, WindowRow,
};
pub use screening::{
    ScreeningCountry, ScreeningCounts, ScreeningPage, ScreeningReason, ScreeningStep,
};
pub use subscriptions::{
    AttemptRow, SubscriptionEndPage, SubscriptionPage, SubscriptionSecretPage, SubscriptionState,
    SubscriptionView, SubscriptionsPage,
};
pub use words::When;

/// The policy under which pages are served: no script, nothing from elsewhere, no framing.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What can be drawn.
pub use askama::Template as Page;

/// Draws a page.
///
/// # Errors
/// The template engine's, when a value refuses to be written.
pub fn render(page: &impl Page) -> Result<String, askama::Error> {
    page.render()
}
