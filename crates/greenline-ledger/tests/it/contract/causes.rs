//! Everything that the matrix knows to stand in a number's way, as sends meet it: what the matrix says `no` to is refused
//! before the platform sees it, and what it says `unknown` to starts nothing and lets answers try (N3).

use greenline_ledger::Ledger;
use greenline_ledger::types::{Ask, Effect, HealthNews};
use greenline_policy::health::state::{
    AccountStatus, BanTold, Entity, EntityKind, Health, Origin, Review, Sending, Told,
};
use greenline_policy::health::{Can, Cause, Matrix, State, What, capabilities};
use greenline_policy::number::{Ban, NumberStatus, RestrictionKind};
use greenline_policy::reach::MessagingLimit;
use greenline_policy::rule::Severity;
use greenline_policy::scope::Category;

use crate::support::*;

const PERSON: &str = "15551230009";
const HOUR: i64 = 60 * 60 * 1_000;
const DAY: i64 = 24 * HOUR;
const STARTS: &str = "RESTRICTED_BIZ_INITIATED_MESSAGING";
const REPLIES: &str = "RESTRICTED_CUSTOMER_INITIATED_MESSAGING";

/// Where the matrix says `unknown` and sends start all the same: how many utility templates may go nobody could ever tell
/// (N9); that a spam limit is over is told by a message that goes (N7); and nothing was read that could close anything.
const LEFT: [Cause; 3] = [
    Cause::UtilityRate,
    Cause::SpamLimitOver,
    Cause::NothingKnown,
];

/// A number of its own, in an account of its own.
struct Scene {
    number: String,
    account: String,
    effects: Vec<Effect>,
    state: State,
    /// When sends are asked about.
    at_ms: i64,
    /// When things are told.
    told_ms: i64,
}

impl Scene {
    fn new(place: usize, told_ms: i64) -> Self {
        let at_ms = told_ms + HOUR;
        Self {
            number: format!("number-{place}"),
            account: format!("account-{place}"),
            effects: Vec::new(),
            state: State::at(at_ms),
            at_ms,
            told_ms,
        }
    }

    fn asked_at(mut self, at_ms: i64) -> Self {
        (self.at_ms, self.state.as_of_ms) = (at_ms, at_ms);
        self
    }

    fn told(mut self, effect: Effect, told: Told) -> Self {
        self.effects.push(effect);
        self.state.tell(told, Origin::Webhook, self.told_ms);
        self
    }

    fn status(self, word: &str) -> Self {
        let effect = Effect::Number {
            number: self.number.as_str().into(),
            status: Some(word.into()),
            rating: None,
            at_ms: self.told_ms,
        };
        self.told(effect, Told::Status(NumberStatus::parse(word)))
    }

    /// It was connected long ago.
    fn connected(mut self) -> Self {
        let now_ms = self.told_ms;
        self.told_ms -= 10 * DAY;
        self = self.status("CONNECTED");
        self.told_ms = now_ms;
        self
    }

    fn health(self, news: HealthNews, told: Told) -> Self {
        let effect = Effect::Health {
            number: self.number.as_str().into(),
            news,
            at_ms: self.told_ms,
        };
        self.told(effect, told)
    }

    fn read(self, sending: Sending, codes: &[u32]) -> Self {
        let health = Health {
            overall: sending,
            entities: vec![Entity {
                kind: EntityKind::Account,
                sending,
                codes: codes.to_vec(),
            }],
        };
        self.health(HealthNews::Read(health.clone()), Told::Health(health))
    }

    fn restricted(self, word: &str, until_ms: Option<i64>) -> Self {
        let kind = RestrictionKind::parse(word);
        let told = Told::Restricted {
            kind,
            named: word.into(),
            until_ms,
        };
        self.kept(kind, word, until_ms, told)
    }

    /// What holds an account and is no restriction by the platform's naming.
    fn held(self, kind: RestrictionKind, until_ms: Option<i64>, told: Told) -> Self {
        self.kept(kind, kind.own_word().unwrap(), until_ms, told)
    }

    fn kept(self, kind: RestrictionKind, word: &str, until_ms: Option<i64>, told: Told) -> Self {
        let effect = Effect::Restricted {
            waba_id: self.account.as_str().into(),
            restrictions: vec![(kind, word.into(), until_ms)],
            at_ms: self.told_ms,
        };
        self.told(effect, told)
    }

    fn templates(&self) -> Vec<Effect> {
        let templates = [
            ("offer", Category::Marketing),
            ("receipt", Category::Utility),
            ("code", Category::Authentication),
        ];
        let at_ms = self.told_ms - 20 * DAY;
        let listed =
            templates.map(|(name, category)| approved(&self.account, name, category, at_ms));
        listed.to_vec()
    }

    fn ask(&self, what: What) -> Ask {
        let name = match what {
            What::StartMarketing => Some("offer"),
            What::StartUtility => Some("receipt"),
            What::StartAuthentication => Some("code"),
            _ => None,
        };
        let mut ask = match name {
            Some(name) => template(PERSON, name, self.at_ms),
            None => text(PERSON, self.at_ms),
        };
        ask.number = self.number.as_str().into();
        ask.waba_id = self.account.as_str().into();
        if let Some(template) = &mut ask.template {
            template.waba_id = self.account.as_str().into();
        }
        ask
    }
}

/// What brings a cause about; nothing for one that says `no` or `unknown` to no start and no answer.
fn scene(cause: Cause, place: usize) -> Option<Scene> {
    let told_ms = NOON;
    let later = Some(NOON + 3 * DAY);
    let new = || Scene::new(place, told_ms);
    let known = || new().connected();
    Some(match cause {
        Cause::BanDisabled => {
            let it = known();
            let effect = Effect::Banned {
                waba_id: it.account.as_str().into(),
                ban: Ban::Disabled,
                at_ms: told_ms,
            };
            it.told(effect, Told::Ban(BanTold::Disabled))
        }
        Cause::AccountDisabled => known().held(
            RestrictionKind::AccountDisabled,
            None,
            Told::Account(AccountStatus::Disabled),
        ),
        Cause::AccountDeleted => {
            known().held(RestrictionKind::AccountDeleted, None, Told::AccountDeleted)
        }
        Cause::NumberBanned => new().status("BANNED"),
        Cause::NumberDeleted => new().status("DELETED"),
        Cause::Migrated => new().status("MIGRATED"),
        Cause::Disconnected => new().status("DISCONNECTED"),
        Cause::Pending => new().status("PENDING"),
        Cause::Unverified => new().status("UNVERIFIED"),
        Cause::Offboarded => {
            let it = known();
            let word = RestrictionKind::Offboarded.own_word_of(&it.number).unwrap();
            it.kept(RestrictionKind::Offboarded, &word, None, Told::Offboarded)
        }
        Cause::Locked => known().read(Sending::Blocked, &[141_008]),
        Cause::LockSuspected => known().health(HealthNews::Locked, Told::Failed(131_031)),
        Cause::HealthBlocked => known().read(Sending::Blocked, &[199_999]),
        Cause::HealthUnclear => known().read(Sending::Other, &[]),
        Cause::BanUnclear => known().held(
            RestrictionKind::BanUnclear,
            None,
            Told::Ban(BanTold::Unclear),
        ),
        Cause::BanDue => {
            let day = Some(NOON - HOUR);
            let told = Told::Ban(BanTold::Scheduled(day));
            known().held(RestrictionKind::BanScheduled, day, told)
        }
        Cause::RepliesRestricted => known().restricted(STARTS, later).restricted(REPLIES, later),
        Cause::StartsRestricted => known().restricted(STARTS, later),
        Cause::RestrictionUnknown => known().restricted("RESTRICTED_IN_A_NEW_WAY", later),
        Cause::RepliesAlone => known().restricted(REPLIES, later),
        Cause::PolicyRefused => known().health(HealthNews::Policy, Told::Failed(368)),
        Cause::AccountRestricted => known().held(
            RestrictionKind::AccountRestricted,
            None,
            Told::Account(AccountStatus::Restricted),
        ),
        Cause::ReviewRejected => known().held(
            RestrictionKind::ReviewRejected,
            None,
            Told::Review(Review::Rejected),
        ),
        Cause::AccountPending => known().held(
            RestrictionKind::AccountPending,
            None,
            Told::Account(AccountStatus::Pending),
        ),
        Cause::PaymentReplies => known().read(Sending::Blocked, &[141_006]),
        // Before answers cost something.
        Cause::Payment => Scene::new(place, NOON - 80 * DAY)
            .connected()
            .read(Sending::Blocked, &[141_006]),
        Cause::SpamLimit | Cause::SpamLimitOver => {
            let it = known();
            let effect = Effect::Spam {
                number: it.number.as_str().into(),
                limits: true,
                at_ms: told_ms,
            };
            let it = it.told(effect, Told::Failed(131_048));
            if cause == Cause::SpamLimit {
                it
            } else {
                it.asked_at(told_ms + DAY + HOUR)
            }
        }
        Cause::LimitReached => new().status("RESTRICTED"),
        Cause::LimitUsedUp => {
            let (limit, it) = (MessagingLimit::People(0), known());
            let effect = Effect::Limit {
                limit,
                origin: "graph".into(),
                at_ms: told_ms,
            };
            let mut it = it.told(effect, Told::Limit(limit));
            let reached = Told::Reached {
                people: 0,
                frees_at_ms: None,
            };
            it.state.tell(reached, Origin::Count, told_ms);
            it
        }
        Cause::UtilityTemplates => known().restricted("RESTRICTED_UTILITY_TEMPLATES", later),
        Cause::UtilityLimit => known().held(
            RestrictionKind::UtilityLimit,
            Some(told_ms + DAY),
            Told::Failed(131_064),
        ),
        Cause::UtilityRate => known().restricted("RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING", later),
        Cause::RateLimited => new().status("RATE_LIMITED"),
        Cause::StatusUnclear => new().status("SOMETHING_NEW"),
        Cause::RestrictionEnded => known().restricted(STARTS, Some(NOON + 1)),
        Cause::NothingKnown => new(),
        Cause::NotSubscribed
        | Cause::StoodBy
        | Cause::AllCallsRestricted
        | Cause::CallsRestricted
        | Cause::ReceivingCallsRestricted
        | Cause::CallButtonHidden
        | Cause::AddingRestricted
        | Cause::NumbersFull
        | Cause::DirectUtility
        | Cause::BanScheduled
        | Cause::RestrictionEnds
        | Cause::Flagged
        | Cause::FlaggedGone
        | Cause::RatingPoor
        | Cause::RatingPoorNumber
        | Cause::Warned
        | Cause::HealthLimited
        | Cause::NameUnapproved
        | Cause::Connected
        | Cause::HealthAvailable
        | Cause::NumbersFree
        | Cause::CallsUntold
        | Cause::NumbersUntold => return None,
    })
}

/// What a send can be.
const ASKED: [What; 4] = [
    What::StartMarketing,
    What::StartUtility,
    What::StartAuthentication,
    What::Reply,
];

/// Whether the number or its account refuses a send, and the ends that are named for it.
async fn refused(ledger: &Ledger, ask: Ask) -> (bool, Vec<Option<i64>>) {
    let decision = ledger.preview(ask).await.unwrap().decision;
    let reasons = decision.reasons.iter().filter(|reason| {
        let area = reason.rule.id().split('.').next();
        matches!(area, Some("number" | "account" | "limit"))
            && reason.rule.card().severity != Severity::Note
    });
    let ends: Vec<Option<i64>> = reasons.map(|reason| reason.until_ms).collect();
    (!ends.is_empty(), ends)
}

async fn agrees(ledger: &Ledger, cause: Cause, scene: &Scene) {
    let matrix: Matrix = capabilities(&scene.state, scene.at_ms);
    let holds = matrix.holds.iter().any(|holds| holds.cause == cause);
    assert!(holds, "{cause:?} does not hold: {matrix:?}");
    for what in ASKED {
        let cell = matrix.cell(what).unwrap();
        let closed = match cell.can {
            Can::No => true,
            Can::Unknown => what.starts() && !LEFT.contains(&cell.cause),
            Can::Yes => false,
        };
        let (is_refused, ends) = refused(ledger, scene.ask(what)).await;
        let about = format!("{cause:?}, {what:?}: {cell:?}, ends {ends:?}");
        assert_eq!(is_refused, closed, "{about}");
        // With the end that the matrix names.
        let is_dated = cell.can == Can::No && cell.until_ms.is_some();
        assert!(!is_dated || ends.contains(&cell.until_ms), "{about}");
    }
}

pub(crate) async fn what_the_matrix_says_no_to_no_send_gets_past(place: Place) {
    let mut ledger = place.open().await;
    let mut scenes = Vec::new();
    for (place, cause) in Cause::ALL.iter().copied().enumerate() {
        let Some(scene) = scene(cause, place) else {
            for what in ASKED {
                let said = cause.says(what);
                assert!(
                    matches!(said, None | Some(Can::Yes)),
                    "{cause:?} closes {what:?}, and no send is told of it"
                );
            }
            continue;
        };
        ledger.learn(ACME, scene.templates()).await.unwrap();
        scenes.push((cause, scene));
    }
    // A portfolio's limit is that of every number.
    let is_of_all = |(cause, _): &(Cause, Scene)| *cause == Cause::LimitUsedUp;
    let (limit, scenes): (Vec<_>, Vec<_>) = scenes.into_iter().partition(is_of_all);
    for (_, scene) in &scenes {
        ledger.learn(ACME, scene.effects.clone()).await.unwrap();
    }
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        for (cause, scene) in &scenes {
            agrees(&ledger, *cause, scene).await;
        }
    }
    for (cause, scene) in &limit {
        ledger.learn(ACME, scene.effects.clone()).await.unwrap();
        agrees(&ledger, *cause, scene).await;
    }
    assert_clean(&ledger).await;
}

/// Where the news names one number it says nothing of the account's others; where it names none it is about all of them;
/// and of the two the newest counts.
pub(crate) async fn what_names_one_number_closes_that_number_alone(place: Place) {
    let mut ledger = place.open().await;
    let number = |name: &str| {
        let mut it = Scene::new(0, NOON).connected();
        it.number = name.to_owned();
        it
    };
    let (ours, other) = (number("ours"), number("other"));
    let kind = RestrictionKind::Offboarded;
    let said = |word: &str, until_ms: Option<i64>, at_ms: i64| Effect::Restricted {
        waba_id: ours.account.as_str().into(),
        restrictions: vec![(kind, word.into(), until_ms)],
        at_ms,
    };
    let (one, all) = (kind.own_word_of("ours").unwrap(), kind.own_word().unwrap());
    let steps = [
        (said(&one, None, NOON), [true, false]),
        // That all came back brings this one back.
        (said(all, Some(NOON + 1), NOON + 1), [false, false]),
        (said(all, None, NOON + 2), [true, true]),
        (said(&one, Some(NOON + 3), NOON + 3), [false, true]),
        // Older news changes nothing.
        (said(&one, None, NOON + 1), [false, true]),
        (said(all, Some(NOON + 4), NOON + 4), [false, false]),
    ];
    for (effect, expected) in steps {
        ledger.learn(ACME, vec![effect.clone()]).await.unwrap();
        for reopened in [false, true] {
            if reopened {
                ledger = place.reopen(ledger).await;
            }
            for (scene, expected) in [&ours, &other].into_iter().zip(expected) {
                let (is_refused, _) = refused(&ledger, scene.ask(What::Reply)).await;
                assert_eq!(is_refused, expected, "{} after {effect:?}", scene.number);
            }
        }
        let known = ledger
            .number_known(ACME, &other.number, &other.account)
            .await
            .unwrap();
        let words = known.restrictions.iter().map(|(word, ..)| &**word);
        assert!(words.into_iter().all(|word| word == all), "{known:?}");
    }
    assert_clean(&ledger).await;
}
