//! Q2: may a notification be the only way out? Asked while each way out is the only one, and while they close one by one.
//!
//! An ask to somebody who has opted in goes while one way out is open that needs no notification, and not otherwise;
//! an offer that asks nothing goes all the while.

use crate::support::gateway::Gateway;
use crate::support::settings::Settings;
use crate::support::store::{Site as _, Store};
use crate::support::webhook;

use super::acts::{DAY, HOUR, fails, no, one_click, presses, switch, writes, yes};
use super::desk::{ASK, Answer, Desk, OFFER, Place};

/// Whom the questions are about.
const ASKED: usize = 0;
/// Others, who use the ways out.
const OTHERS: usize = 1;

/// What the business says of its ways out.
#[derive(Clone, Copy, Default)]
struct Named {
    page: bool,
    api: bool,
    staff: bool,
}

impl Named {
    const ALL: Self = Self {
        page: true,
        api: true,
        staff: true,
    };

    fn settings(self, settings: Settings, place: &Place) -> Settings {
        let avenue = |name| ["business", "0", "avenues", name];
        let mut settings = settings
            .with(
                &["listen", "public_url"],
                format!("http://{}", place.public),
            )
            .with(&avenue("api"), self.api);
        if self.page {
            let published = avenue("preference_page_published_at");
            settings = settings.with(&published, "https://acme.example/messages");
        }
        if self.staff {
            settings = settings.with(&avenue("staff"), "+1 555 010 0002");
        }
        settings
    }
}

pub(super) async fn walk(store: Store) {
    let mut desk = Desk::open(store, |settings, place| {
        Named::default().settings(settings, place)
    })
    .await;
    desk.prepare(ASKED, &[yes("all", DAY)]).await;
    goes(
        &desk,
        false,
        "Nothing is named, and nobody has ever written to us.",
    )
    .await;
    desk.prepare(OTHERS, &[writes("Hello", 8 * DAY)]).await;
    goes(
        &desk,
        false,
        "The last who wrote to us did so eight days ago.",
    )
    .await;
    let by_others = [
        yes("all", DAY),
        switch("stop", 2 * HOUR),
        fails(131_050, HOUR),
        one_click(),
    ];
    desk.prepare(OTHERS + 1, &by_others).await;
    let says =
        "People have used WhatsApp's own switch, and one click in a notification: neither counts.";
    goes(&desk, false, says).await;
    desk.prepare(
        OTHERS + 2,
        &[yes("all", DAY), presses("marketing"), no("utility", 0)],
    )
    .await;
    let says =
        "The page and the API work, but the page is published nowhere and no system uses the API.";
    goes(&desk, false, says).await;

    let one = |page, api, staff| Named { page, api, staff };
    for (named, is_open, says) in [
        (
            one(true, false, false),
            true,
            "Only the preference page is open.",
        ),
        (one(false, true, false), true, "Only the API is open."),
        (one(false, false, true), true, "Only staff are named."),
        (Named::default(), false, "All three are closed again."),
    ] {
        restart(&mut desk, named).await;
        goes(&desk, is_open, says).await;
    }
    desk.prepare(OTHERS + 3, &[writes("Hello", 6 * DAY)]).await;
    goes(
        &desk,
        true,
        "Only writing to the number is open: somebody did six days ago.",
    )
    .await;

    for (named, says) in [
        (Named::ALL, "All four are open."),
        (one(false, true, true), "The page closed."),
        (one(false, false, true), "The API closed."),
        (
            Named::default(),
            "Staff closed: what is left is writing to the number.",
        ),
    ] {
        restart(&mut desk, named).await;
        goes(&desk, true, says).await;
    }
    let in_two_days = i64::try_from(webhook::now_s() + 2 * DAY).expect("a time");
    let at = jiff::Timestamp::from_second(in_two_days)
        .expect("a time")
        .to_string();
    let says =
        "In two days nobody will have written for a week: the last way out closes by itself.";
    let ask = Answer::no(ASK, ["ask.only_way_out", "consent.covered"]);
    desk.ask_dry(ASKED, says, &ask, &at).await;
    desk.ask_dry(ASKED, says, &Answer::yes(OFFER, ["consent.covered"]), &at)
        .await;
    desk.nothing_else_arrived();
}

async fn goes(desk: &Desk, is_open: bool, says: &str) {
    let ask = if is_open {
        Answer::yes(ASK, ["consent.covered"])
    } else {
        Answer::no(ASK, ["ask.only_way_out", "consent.covered"])
    };
    desk.ask_thrice(ASKED, says, &ask).await;
    desk.ask_thrice(ASKED, says, &Answer::yes(OFFER, ["consent.covered"]))
        .await;
}

/// The same installation with other settings.
async fn restart(desk: &mut Desk, named: Named) {
    assert!(desk.gateway_mut().stop().await.success());
    let Place { public, private } = desk.place;
    let folder = desk.home.folder().to_owned();
    let settings = desk
        .home
        .settle(Settings::new(&folder, &desk.upstream(), public, private));
    named.settings(settings, &desk.place).write(&folder);
    Gateway::run_again(desk.gateway_mut()).await;
}
