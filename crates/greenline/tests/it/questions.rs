//! The questions of a support desk, one row each: may we send this, to whom, and why not?
//!
//! What stands behind them are Q1 to Q4 of the founding questions and the fine print A1 to A19. Each row tells what
//! happened and what is asked; each is asked three ways, of the admin API, of `greenline check` and by sending
//! it, and the three must agree word for word: the verdict, the rules in their order, and until when. What is allowed
//! must arrive at the simulated platform, what is refused must not.
//!
//! A new way to say yes or no gets its rows in [`opt_in`] or [`opt_out`]; what it needs to happen, an [`acts::Act`].

mod acts;
mod desk;
mod first_contact;
mod health;
mod opt_in;
mod opt_out;
mod own_rules;
mod places;
mod quality;
mod standing;
mod ways_out;

use serde_json::json;

use crate::support::settings::{ACCOUNT, Settings};
use crate::support::store::{Store, on_each_store};
use crate::support::webhook;

use acts::{DAY, Name};
use desk::{Answer, Desk, OFFER, Row, text};

on_each_store! {
    may_we_ask_as_a_first_contact,
    what_is_a_valid_opt_in,
    what_is_a_valid_opt_out_in_the_thread,
    what_is_a_valid_opt_out_elsewhere,
    may_we_write_to_somebody_who_has_not_opted_in,
    may_we_write_to_somebody_who_goes_by_another_name,
    does_a_template_in_an_open_window_count_as_a_reply,
    may_a_notification_be_the_only_way_out,
    a_refusal_that_passes_says_until_when_alike,
    may_we_write_to_that_country,
    may_we_write_at_this_hour,
    may_we_send_what_people_take_badly,
    may_we_send_what_a_rule_of_our_own_is_about,
    is_the_number_blocked,
    by_what_logic_is_a_number_downgraded,
}

/// Staff are named, so that asks are not refused for want of a way out.
fn usual(settings: Settings, desk: &desk::Place) -> Settings {
    let form: toml::Table = r#"
        id = "offers"
        scopes = ["marketing"]
        wording.en = "Yes, send me offers from {business} on WhatsApp"
    "#
    .parse()
    .expect("a form");
    let templates: toml::Table = r#"
        template = [
            { name = "hello_world", ask = true },
            { name = "winter_offer", topic = "marketing.offers" },
        ]
    "#
    .parse()
    .expect("templates");
    let lasts: toml::Table = "utility = 30".parse().expect("days");
    let business = |name: &'static str| ["business", "0", name];
    let topics = ["marketing.offers", "marketing.news"].map(toml::Value::from);
    let mut settings = settings
        .with(&["listen", "public_url"], format!("http://{}", desk.public))
        .with(&["business", "0", "avenues", "staff"], "+1 555 010 0002")
        .with(
            &["business", "0", "opt_in", "form"],
            vec![toml::Value::from(form)],
        )
        .with(&business("topics"), topics.to_vec())
        .with(
            &business("former_names"),
            vec![toml::Value::from("Acme Shoes")],
        )
        .with(&business("yes_lasts_days"), lasts);
    for (name, value) in templates {
        settings = settings.with(&business(Box::leak(name.into_boxed_str())), value);
    }
    settings
}

async fn ask_all(store: Store, rows: Vec<Row>) {
    let desk = Desk::open(store, usual).await;
    desk.ask_all(rows).await;
}

async fn may_we_ask_as_a_first_contact(store: Store) {
    ask_all(store, first_contact::rows()).await;
}

async fn what_is_a_valid_opt_in(store: Store) {
    ask_all(store, opt_in::rows()).await;
}

async fn what_is_a_valid_opt_out_in_the_thread(store: Store) {
    ask_all(store, opt_out::rows_in_the_thread()).await;
}

async fn what_is_a_valid_opt_out_elsewhere(store: Store) {
    ask_all(store, opt_out::rows_elsewhere()).await;
}

async fn may_we_write_to_somebody_who_has_not_opted_in(store: Store) {
    ask_all(store, standing::rows()).await;
}

async fn may_we_write_to_somebody_who_goes_by_another_name(store: Store) {
    ask_all(store, standing::rows_about_who_it_is()).await;
}

async fn does_a_template_in_an_open_window_count_as_a_reply(store: Store) {
    let replies = |settings: Settings, place: &desk::Place| {
        let name = ["business", "0", "window_templates_are_replies"];
        usual(settings, place).with(&name, true)
    };
    let desk = Desk::open(store, replies).await;
    desk.ask_all(standing::rows_where_templates_are_replies())
        .await;
}

async fn may_a_notification_be_the_only_way_out(store: Store) {
    ways_out::walk(store).await;
}

async fn may_we_write_to_that_country(store: Store) {
    let closed = |settings: Settings, place: &desk::Place| places::closed(usual(settings, place));
    let desk = Desk::open(store, closed).await;
    desk.ask_all(places::rows_about_countries()).await;
    // As of March 2023 the platform still delivered marketing to the United States.
    let then = Answer::yes(OFFER, ["consent.covered"]).of(places::US);
    let says = "May the offer go to the United States, as of March 2023?";
    desk.ask_dry(0, says, &then, "2023-03-01T12:00:00Z").await;
}

async fn may_we_write_at_this_hour(store: Store) {
    let started = places::now_minutes();
    let quiet =
        |settings: Settings, place: &desk::Place| places::quiet(usual(settings, place), started);
    let desk = Desk::open(store, quiet).await;
    desk.ask_all(places::rows_at_night(places::quiet_end(started)))
        .await;
}

async fn may_we_send_what_a_rule_of_our_own_is_about(store: Store) {
    let ruled = |settings: Settings, place: &desk::Place| own_rules::ruled(usual(settings, place));
    let desk = Desk::open(store, ruled).await;
    desk.ask_all(own_rules::rows()).await;
    desk.ask_dry(
        0,
        "After the rule has ended?",
        &own_rules::later(),
        "2100-01-01T00:00:00Z",
    )
    .await;
}

async fn is_the_number_blocked(store: Store) {
    health::is_the_number_blocked(store).await;
}

async fn by_what_logic_is_a_number_downgraded(store: Store) {
    health::by_what_logic_is_a_number_downgraded(store).await;
}

async fn may_we_send_what_people_take_badly(store: Store) {
    let guarded =
        |settings: Settings, place: &desk::Place| quality::guarded(usual(settings, place));
    let desk = Desk::open(store, guarded).await;
    quality::walk(&desk).await;
}

/// The platform has restricted the account until a day: every consent is in order, and yet nothing is started.
async fn a_refusal_that_passes_says_until_when_alike(store: Store) {
    let desk = Desk::open(store, usual).await;
    let until_s = webhook::now_s() + 3 * DAY;
    let restriction = json!({ "object": "whatsapp_business_account", "entry": [{
        "id": ACCOUNT, "time": webhook::now_s(), "changes": [{ "field": "account_update", "value": {
            "event": "ACCOUNT_RESTRICTION",
            "restriction_info": [{ "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": until_s }],
        }}],
    }]});
    let told = desk.gateway().webhook(&restriction).await;
    assert_eq!(told.status.as_u16(), 200, "{told:?}");
    let until: jiff::Timestamp =
        jiff::Timestamp::from_second(i64::try_from(until_s).expect("a time")).expect("a time");
    let row = Row::new(
        "The account is restricted for three days: may the offer go to somebody who has opted in, and when?",
        [acts::yes("marketing", DAY), acts::writes("Hello", 600)],
        [
            Answer::no(OFFER, ["number.restricted", "consent.covered"]).until(until),
            Answer::yes(text("We are back on Thursday."), ["window.open"]),
        ],
    );
    desk.ask(0, &row).await;
    let nobody = Row::new(
        "And to a stranger? What is permanent answers first, and no end is promised.",
        [],
        [Answer::no(OFFER, ["consent.missing", "number.restricted"]).of(Name::First)],
    );
    desk.ask(1, &nobody).await;
    desk.nothing_else_arrived();
}
