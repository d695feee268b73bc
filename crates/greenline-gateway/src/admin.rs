//! The admin API and the pages of the private listener.
//!
//! Everything here reads, records what people said, or asks what would be decided. It never speaks to the
//! platform and never sends: a message goes through the gateway or not at all.

mod access;
mod alarms;
pub(crate) mod alerts;
mod auth;
mod avenues;
mod capabilities;
pub mod consents;
pub mod decisions;
pub(crate) mod erase;
mod extract;
mod forecast;
pub mod guide;
pub(crate) mod imports;
mod keys;
mod later;
pub mod links;
mod numbers;
pub mod openapi;
mod operate;
mod opt_in;
mod pages;
mod people;
mod portfolio;
pub mod problem;
mod proof;
mod records;
mod screenings;
pub(crate) mod shape;
pub mod subscriptions;
pub(crate) mod timeline;
mod transfer;

use axum::Router;
use axum::routing::{get, post};

use crate::app::Shared;

pub(crate) use avenues::word as avenue_word;
use problem::{Kind, Problem};

/// Every endpoint of the admin API and every page.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/consents", post(consents::record))
        .route("/v1/imports", get(imports::list).post(imports::begin))
        .route("/v1/imports/{id}", get(imports::show))
        .route("/v1/imports/{id}/results", get(imports::results))
        .route("/v1/imports/{id}/undo", post(imports::undo))
        .route("/v1/export/consents", get(records::export))
        .route("/v1/people/{id}", get(people::show))
        .route(
            "/v1/people/{id}/links",
            post(links::make).delete(links::revoke),
        )
        .route("/v1/links", post(links::make_many))
        .route("/v1/people/{id}/erase", post(erase::erase))
        .route("/v1/people/{id}/export", get(access::export))
        .route("/v1/people/{id}/vouch", post(consents::vouch))
        .route("/v1/people/{id}/opt-in-question", post(opt_in::ask))
        .route(
            "/v1/businesses/{id}/opt-in-links",
            get(opt_in::list).post(opt_in::make),
        )
        .route(
            "/v1/businesses/{id}/opt-in-links/{code}/{picture}",
            get(opt_in::picture),
        )
        .route("/v1/people/{id}/proof", get(proof::show))
        .route("/v1/people/{id}/receipts", get(proof::receipts::show))
        .route("/v1/log/{business}/head", get(proof::head))
        .route("/v1/keys/{id}", get(keys::show))
        .route("/v1/stops", get(records::stops))
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/alerts/test", post(alerts::test))
        .route("/v1/avenues", get(avenues::show))
        .route("/v1/avenues/probe", post(avenues::walk))
        .route(
            "/v1/decisions",
            get(decisions::list).post(decisions::preview),
        )
        .route("/v1/decisions/{id}", get(decisions::show))
        .route(
            "/v1/screenings",
            get(screenings::list).post(screenings::begin),
        )
        .route(
            "/v1/screenings/{id}",
            get(screenings::show).delete(screenings::delete),
        )
        .route("/v1/screenings/{id}/report", get(screenings::report))
        .route("/v1/screenings/{id}/agreement", get(screenings::agreed))
        .route("/v1/screenings/{id}/{part}", get(screenings::download))
        .route("/v1/held", get(later::list))
        .route("/v1/held/{id}", get(later::show).delete(later::cancel))
        .route("/v1/numbers", get(records::numbers))
        .route("/v1/numbers/{id}", get(numbers::show))
        .route("/v1/numbers/{id}/probe", post(numbers::probe::ask))
        .route("/v1/numbers/{id}/capabilities", get(capabilities::show))
        .route("/v1/numbers/{id}/forecast", get(forecast::show))
        .route("/v1/portfolio", get(portfolio::show))
        .route("/v1/templates", get(records::templates))
        .route("/v1/timeline", get(records::timeline))
        .route("/v1/timeline/{seq}/proof", get(proof::of_an_entry))
        .route("/v1/numbers/{id}/timeline", get(timeline::of_a_number))
        .route("/v1/accounts/{id}/timeline", get(timeline::of_an_account))
        .route("/v1/portfolio/timeline", get(timeline::of_the_portfolio))
        .route(
            "/v1/subscriptions",
            get(subscriptions::list).post(subscriptions::make),
        )
        .route(
            "/v1/subscriptions/{id}",
            get(subscriptions::show_one)
                .post(subscriptions::change)
                .delete(subscriptions::remove),
        )
        .route("/v1/subscriptions/{id}/secret", post(subscriptions::rotate))
        .route("/v1/subscriptions/{id}/ping", post(subscriptions::ping))
        .route("/v1/subscriptions/{id}/replay", post(subscriptions::replay))
        .route("/v1/relay", get(operate::relay))
        .route("/v1/relay/replay", post(operate::replay))
        .route(
            "/v1/verify",
            get(operate::verify).post(operate::verify_against),
        )
        .route("/v1/openapi.json", get(openapi::serve))
        .route("/docs", get(openapi::docs))
        .route("/v1/guide", get(guide::ask))
        .route("/guide", get(guide::list))
        .route("/guide/{id}", get(guide::article))
        .route("/guide/rules/{id}", get(guide::rule))
        .route("/", get(pages::status))
        .route("/decisions/{id}", get(pages::decision))
        .route(
            "/decisions/{id}/people/{place}",
            get(pages::addressee).post(pages::addressee_in_full),
        )
        .route("/people", get(pages::people).post(pages::search))
        .route("/people/export", post(access::download))
        .route("/numbers", get(numbers::page::list))
        .route("/numbers/{id}", get(numbers::page::show))
        .route("/numbers/{id}/probe", post(numbers::probe::from_page))
        .route("/alerts", get(alerts::page))
        .route("/avenues", get(avenues::page))
        .route("/screenings", get(screenings::pages::list))
        .route("/screenings/{id}/report", get(screenings::pages::report))
        .route(
            "/screenings/{id}/delete",
            get(screenings::pages::ask).post(screenings::pages::delete),
        )
        .route("/screenings/{id}/{part}", get(screenings::pages::download))
        .route("/held", get(later::pages::list))
        .route(
            "/held/{id}/cancel",
            get(later::pages::ask).post(later::pages::cancel),
        )
        .route("/subscriptions", get(subscriptions::pages::list))
        .route("/subscriptions/{id}", get(subscriptions::pages::show))
        .route("/subscriptions/{id}/ping", post(subscriptions::pages::ping))
        .route(
            "/subscriptions/{id}/state",
            post(subscriptions::pages::change),
        )
        .route(
            "/subscriptions/{id}/replay",
            post(subscriptions::pages::replay),
        )
        .route(
            "/subscriptions/{id}/secret",
            post(subscriptions::pages::rotate),
        )
        .route(
            "/subscriptions/{id}/end",
            get(subscriptions::pages::ask).post(subscriptions::pages::end),
        )
        .route("/relay/replay", post(pages::replay))
        .route("/favicon.ico", get(pages::no_icon))
        .route("/healthz", get(operate::healthz))
        .route("/readyz", get(operate::readyz))
        .route("/metrics", get(operate::metrics))
        .fallback(async || {
            Problem::not_found("there is nothing at this path; /docs lists what there is")
        })
        .method_not_allowed_fallback(async || {
            Problem::new(Kind::Method, "the path exists, the method does not")
        })
}
