//! From what the ledger holds of a person to what their page shows.

use greenline_console::preference::{Notice, PreferencePage, Row, Setting, State, Texts};
use greenline_ledger::types::StoredEvent;
use greenline_policy::consent::Standing;
use greenline_policy::scope::{Category, Scope};
use jiff::Timestamp;

use super::record::Held;
use super::sealed::{Note, NoteKind};
use super::{Asked, Opened, UNDO_MS};
use crate::app::App;
use crate::directory::Business;
use crate::ids;

/// In which direction a language is written.
pub(crate) fn direction(language: &str) -> &'static str {
    let texts = greenline_console::preference::of_language(language);
    match texts.map(|texts| texts.direction.as_str()) {
        Some("rtl") => "rtl",
        _ => "ltr",
    }
}

/// What a scope is called on the page.
pub(crate) fn title(texts: &Texts, business: &Business, scope: &Scope) -> String {
    match scope {
        Scope::All => texts.everything.clone(),
        Scope::Category(category) => words(texts, *category).0.to_owned(),
        Scope::Topic(_, topic) => {
            own_title(texts, business, scope).unwrap_or_else(|| spoken(topic))
        }
    }
}

/// The business's own name of a topic: in the page's language, else in its own, else in any.
fn own_title(texts: &Texts, business: &Business, scope: &Scope) -> Option<String> {
    let names = business.config.page.topics.get(&scope.to_string())?;
    let base = texts.language.split('-').next().unwrap_or_default();
    [&*texts.language, base, &business.config.language, "en"]
        .into_iter()
        .find_map(|language| names.get(language))
        .or_else(|| names.values().next())
        .cloned()
}

/// A topic's name as a word: `back_in_stock` is "Back in stock".
fn spoken(topic: &str) -> String {
    let words = topic.replace(['_', '-'], " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn words(texts: &Texts, category: Category) -> (&str, &str) {
    match category {
        Category::Marketing => (&texts.marketing, &texts.marketing_means),
        Category::Utility => (&texts.utility, &texts.utility_means),
        Category::Authentication => (&texts.authentication, &texts.authentication_means),
        Category::Calls => (&texts.calls, &texts.calls_means),
    }
}

/// A day, written so that it is read the same way everywhere.
fn day(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%d").to_string())
}

fn clock(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| String::new(), |at| at.strftime("%H:%M UTC").to_string())
}

fn state(standing: Standing) -> State {
    match standing {
        Standing::Covered { at_ms, .. } => State::On(day(at_ms)),
        Standing::Refused { at_ms, .. } => State::Off(day(at_ms)),
        _ => State::Never,
    }
}

/// A row for each category, followed by its topics: those declared and those the person named.
fn rows(texts: &Texts, business: &Business, held: &Held) -> Vec<Row> {
    let head = &held.person.head;
    let declared = business
        .config
        .topics
        .iter()
        .filter_map(|topic| Scope::parse(topic));
    let mut topics: Vec<Scope> = declared.collect();
    for (topic, _) in &head.topics {
        if !topics.contains(topic) {
            topics.push(topic.clone());
        }
    }
    let row = |scope: &Scope, means: &str| Row {
        scope: scope.to_string(),
        title: title(texts, business, scope),
        means: means.to_owned(),
        is_topic: matches!(scope, Scope::Topic(..)),
        state: state(head.standing(scope)),
        is_switched_off: head.native_stop.is_some()
            && scope.category() == Some(Category::Marketing)
            && matches!(head.standing(scope), Standing::Covered { .. }),
    };
    let mut rows = Vec::new();
    for category in Category::ALL {
        rows.push(row(&category.into(), words(texts, category).1));
        let own = topics
            .iter()
            .filter(|topic| topic.category() == Some(category));
        rows.extend(own.map(|topic| row(topic, "")));
    }
    rows
}

/// The page.
pub(super) fn page<'p>(
    opened: &Opened,
    setting: Setting<'p>,
    form: String,
    notice: Option<Notice>,
    done: Option<String>,
) -> PreferencePage<'p> {
    let held = &opened.held;
    let all = held.no_in_force(&Scope::All, &opened.business);
    let all_off = all.and_then(|_| match held.person.head.standing(&Scope::All) {
        Standing::Refused { at_ms, .. } => Some(day(at_ms)),
        _ => None,
    });
    PreferencePage {
        who: held.identifier.to_string(),
        rows: rows(setting.texts, &opened.business, held),
        may_stop_all: all.is_none(),
        all_off,
        form,
        done: done.filter(|_| notice.is_some()),
        notice,
        setting,
    }
}

/// What a note says; nothing when the event it names is not this person's, or when that is over.
pub(super) fn notice(app: &App, asked: &Asked, opened: &Opened, note: &Note) -> Option<Notice> {
    let texts = asked.texts(Some(&opened.business));
    let held = &opened.held;
    let no = held.event(note.event)?;
    let what = title(texts, &opened.business, &no.event.scope);
    let receipt = ids::event(no.id);
    match note.kind {
        NoteKind::Off if held.is_in_force(no) => {
            let may_undo = !held.restorable(no.id, app.clock.now_ms()).is_empty();
            let until = clock(no.event.arrival_ms.saturating_add(UNDO_MS));
            let token = opened.sealer().seal_note(note).filter(|_| may_undo);
            Some(Notice::Off {
                what,
                receipt,
                everything: no.event.scope == Scope::All,
                undo: token.map(|token| (token, until)),
            })
        }
        NoteKind::AlreadyOff if held.is_in_force(no) => Some(Notice::AlreadyOff { what, receipt }),
        NoteKind::On if held.is_undone(no.id) => {
            let of = |yes: &StoredEvent| title(texts, &opened.business, &yes.event.scope);
            Some(Notice::On {
                what: held.undone(no.id).map(of).collect(),
                receipts: held.undone(no.id).map(|yes| ids::event(yes.id)).collect(),
            })
        }
        _ => None,
    }
}
