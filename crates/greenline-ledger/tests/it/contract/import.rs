//! Imports, piece by piece.

use greenline_ledger::Ledger;
use greenline_ledger::import::{ImportPiece, ImportRow, ROW_KEY, RowOutcome, undo_key};
use greenline_ledger::types::{Actor, NewEvent};
use greenline_policy::consent::{EventKind, Standing, Strength};
use greenline_policy::rule::Rule;

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const P3: &str = "15551230003";
const P4: &str = "15551230004";
const U1: &str = "US.aaa111";
/// When the first import begins.
const FIRST: i64 = NOON + 60 * SECOND;
/// When another one begins.
const SECOND_TIME: i64 = NOON + 120 * SECOND;

/// A row as a file has it; its key tells it apart from any other.
fn row(person: &[&str], kind: EventKind, what: &str, at_ms: i64) -> ImportRow {
    let key = format!(
        "{ROW_KEY}{}:{}:{what}:{at_ms}",
        person.join("+"),
        kind.as_str()
    );
    ImportRow {
        event: NewEvent {
            strength: if kind == EventKind::Granted {
                Strength::Imported
            } else {
                Strength::Evidenced
            },
            dedup: Some(key.into()),
            ..event(person, kind, what, at_ms)
        },
        dated: true,
    }
}

fn claimed(person: &[&str], what: &str, at_ms: i64) -> ImportRow {
    let mut row = row(person, EventKind::Granted, what, at_ms);
    row.event.strength = Strength::Claimed;
    row
}

fn undated(mut row: ImportRow) -> ImportRow {
    row.dated = false;
    row.event.dedup = row.event.dedup.map(|key| format!("{key}:undated").into());
    row
}

fn piece(since_ms: i64, mut rows: Vec<ImportRow>) -> ImportPiece {
    for row in &mut rows {
        row.event.arrival_ms = since_ms;
        if !row.dated {
            row.event.at_ms = since_ms;
            row.event.stated_ms = since_ms;
        }
    }
    ImportPiece {
        business: ACME,
        rows,
        since_ms,
        now_ms: since_ms,
        rehearsal: false,
        before: Vec::new(),
    }
}

async fn outcomes(ledger: &Ledger, piece: ImportPiece) -> Vec<RowOutcome> {
    let done = ledger.import(piece).await.unwrap();
    done.into_iter().map(|row| row.outcome).collect()
}

async fn standing(ledger: &Ledger, who: &str, what: &str) -> Standing {
    let view = ledger.person(ACME, &id(who)).await.unwrap();
    view.map_or(Standing::Unknown, |view| view.head.standing(&scope(what)))
}

/// One of everything, against a no and a yes on record.
fn file() -> Vec<ImportRow> {
    vec![
        row(&[P1], EventKind::Granted, "marketing", NOON),
        row(&[P2], EventKind::Granted, "marketing", NOON + 50 * SECOND),
        row(&[P3], EventKind::Withdrawn, "marketing", NOON),
        row(&[P3], EventKind::Granted, "marketing", NOON + SECOND),
        row(&[P3], EventKind::Granted, "utility", NOON + SECOND),
        claimed(&[P4], "all", NOON),
        row(&[P1], EventKind::Expired, "utility", NOON),
        row(&[P1, U1], EventKind::Granted, "utility", NOON + 2 * SECOND),
        row(&[U1], EventKind::Refused, "utility", NOON + 3 * SECOND),
    ]
}

const FILE: [RowOutcome; 9] = [
    RowOutcome::NewYes,
    RowOutcome::NoStays,
    RowOutcome::NewNo,
    RowOutcome::NoStays,
    RowOutcome::NewYes,
    RowOutcome::Claimed,
    RowOutcome::Other,
    RowOutcome::NewYes,
    RowOutcome::NewNo,
];

pub(crate) async fn a_row_says_what_became_of_it_and_the_same_again_changes_nothing(place: Place) {
    let ledger = place.open().await;
    ledger.append(no(&[P2], "marketing", NOON)).await.unwrap();
    assert_eq!(outcomes(&ledger, piece(FIRST, file())).await, FILE);
    assert!(matches!(
        standing(&ledger, P2, "marketing").await,
        Standing::Refused { .. }
    ));
    assert!(matches!(
        standing(&ledger, P1, "utility").await,
        Standing::Refused { .. }
    ));
    let Standing::Covered { strength, .. } = standing(&ledger, P1, "marketing").await else {
        panic!("a yes of a file covers");
    };
    assert_eq!(strength, Strength::Imported);
    let before = ledger.export(ACME, None, 100).await.unwrap();
    let again = outcomes(&ledger, piece(SECOND_TIME, file())).await;
    let unchanged = FILE.map(|outcome| match outcome {
        RowOutcome::NoStays => RowOutcome::NoStays,
        _ => RowOutcome::Unchanged,
    });
    assert_eq!(again, unchanged);
    let ledger = place.reopen(ledger).await;
    assert_eq!(ledger.export(ACME, None, 100).await.unwrap(), before);
    assert_eq!(
        outcomes(&ledger, piece(SECOND_TIME, file())).await,
        unchanged
    );
    assert_clean(&ledger).await;
}

pub(crate) async fn a_piece_done_twice_by_one_import_answers_the_same(place: Place) {
    let ledger = place.open().await;
    ledger.append(no(&[P2], "marketing", NOON)).await.unwrap();
    assert_eq!(outcomes(&ledger, piece(FIRST, file())).await, FILE);
    // As after a crash that came before anybody was told.
    assert_eq!(outcomes(&ledger, piece(FIRST, file())).await, FILE);
    assert_eq!(ledger.export(ACME, None, 100).await.unwrap().len(), 8);
}

pub(crate) async fn a_rehearsal_answers_as_the_import_does_and_leaves_nothing(place: Place) {
    let ledger = place.open().await;
    ledger.append(no(&[P2], "marketing", NOON)).await.unwrap();
    let rehearsal = ImportPiece {
        rehearsal: true,
        ..piece(FIRST, file())
    };
    for _ in 0..2 {
        assert_eq!(outcomes(&ledger, rehearsal.clone()).await, FILE);
    }
    assert!(ledger.person(ACME, &id(P1)).await.unwrap().is_none());
    assert_eq!(ledger.export(ACME, None, 100).await.unwrap().len(), 1);
    assert_eq!(
        first_rule(&offer(&ledger, P1, SECOND_TIME).await),
        Rule::ConsentMissing
    );
    // Writing goes on, in the same batch and afterwards.
    let (tried, written) = tokio::join!(
        ledger.import(rehearsal.clone()),
        ledger.append(yes(&[P4], "utility", NOON))
    );
    assert_eq!(tried.unwrap().len(), FILE.len());
    assert!(!written.unwrap().repeated);
    assert_eq!(outcomes(&ledger, piece(FIRST, file())).await, FILE);
    assert_clean(&ledger).await;
}

pub(crate) async fn a_rehearsal_knows_earlier_rows_that_bear_on_its_people(place: Place) {
    let ledger = place.open().await;
    ledger
        .learn(ACME, vec![known(&[P1, U1], NOON)])
        .await
        .unwrap();
    let try_out = |before: Vec<NewEvent>| ImportPiece {
        rehearsal: true,
        before,
        ..piece(
            FIRST,
            vec![row(&[U1], EventKind::Granted, "marketing", NOON)],
        )
    };
    let done = ledger.import(try_out(Vec::new())).await.unwrap();
    assert_eq!(done[0].outcome, RowOutcome::NewYes);
    assert_eq!(done[0].known_by, [id(P1), id(U1)]);
    let earlier = row(&[P1], EventKind::Withdrawn, "marketing", NOON).event;
    let done = ledger.import(try_out(vec![earlier])).await.unwrap();
    assert_eq!(done[0].outcome, RowOutcome::NoStays);
}

pub(crate) async fn an_undated_no_is_said_anew_once_it_was_lifted(place: Place) {
    let ledger = place.open().await;
    let rows = || vec![undated(row(&[P1], EventKind::Withdrawn, "marketing", 0))];
    assert_eq!(
        outcomes(&ledger, piece(FIRST, rows())).await,
        [RowOutcome::NewNo]
    );
    assert_eq!(
        outcomes(&ledger, piece(FIRST + 1, rows())).await,
        [RowOutcome::Unchanged]
    );
    ledger
        .append(yes(&[P1], "marketing", FIRST + 2))
        .await
        .unwrap();
    assert_eq!(
        outcomes(&ledger, piece(FIRST + 3, rows())).await,
        [RowOutcome::NewNo]
    );
    assert_eq!(
        outcomes(&ledger, piece(FIRST + 4, rows())).await,
        [RowOutcome::Unchanged]
    );
}

pub(crate) async fn what_is_undone_can_be_imported_again(place: Place) {
    let ledger = place.open().await;
    let rows = || {
        vec![
            row(&[P1], EventKind::Granted, "marketing", NOON + SECOND),
            row(&[P2], EventKind::Granted, "marketing", NOON + SECOND),
        ]
    };
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    let done = ledger.import(piece(FIRST, rows())).await.unwrap();
    let back = |at: usize| {
        let undone = &rows()[at].event;
        NewEvent {
            kind: EventKind::Expired,
            strength: Strength::Imported,
            arrival_ms: SECOND_TIME,
            actor: Actor("ada".into()),
            dedup: Some(undo_key(done[at].event.unwrap())),
            ..undone.clone()
        }
    };
    for _ in 0..2 {
        let undone = ledger.append_all(vec![back(0), back(1)]).await.unwrap();
        assert_eq!(undone.len(), 2);
    }
    // What stood before stands again.
    let Standing::Covered {
        strength, at_ms, ..
    } = standing(&ledger, P1, "marketing").await
    else {
        panic!("the person's own yes stays");
    };
    assert_eq!((strength, at_ms), (Strength::Evidenced, NOON));
    assert_eq!(standing(&ledger, P2, "marketing").await, Standing::Unknown);
    assert_eq!(ledger.export(ACME, None, 100).await.unwrap().len(), 5);
    let ledger = place.reopen(ledger).await;
    assert_eq!(
        outcomes(&ledger, piece(SECOND_TIME + SECOND, rows())).await,
        [RowOutcome::NewYes; 2]
    );
    assert!(matches!(
        standing(&ledger, P2, "marketing").await,
        Standing::Covered { .. }
    ));
    assert_eq!(
        outcomes(&ledger, piece(SECOND_TIME + 2 * SECOND, rows())).await,
        [RowOutcome::Unchanged; 2]
    );
    assert_clean(&ledger).await;
}

pub(crate) async fn an_imported_no_waits_for_sends_under_way(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    let sent = ledger
        .admit(template(P1, "offer", NOON + SECOND))
        .await
        .unwrap();
    let rows = || vec![row(&[P1], EventKind::Withdrawn, "marketing", NOON)];
    let done = ledger.import(piece(FIRST, rows())).await.unwrap();
    assert_eq!(done[0].flights.len(), 1);
    // Whoever says it again is told no sooner, and whoever says yes waits for nobody.
    let again = ledger.import(piece(SECOND_TIME, rows())).await.unwrap();
    assert_eq!(again[0].outcome, RowOutcome::Unchanged);
    assert_eq!(again[0].flights.len(), 1);
    let open = vec![row(&[P1], EventKind::Granted, "marketing", NOON - 1)];
    let late = ledger.import(piece(SECOND_TIME, open)).await.unwrap();
    assert!(late[0].flights.is_empty());
    drop(sent.flight);
    for flight in done.into_iter().chain(again).flat_map(|row| row.flights) {
        flight.settled().await;
    }
}

pub(crate) async fn many_rows_of_new_people_are_one_piece(place: Place) {
    let ledger = place.open().await;
    let numbers: Vec<String> = (0..1_500).map(|n| format!("1555200{n:04}")).collect();
    let rows = numbers
        .iter()
        .map(|who| row(&[who], EventKind::Granted, "marketing", NOON))
        .collect();
    let done = outcomes(&ledger, piece(FIRST, rows)).await;
    assert!(done.iter().all(|outcome| *outcome == RowOutcome::NewYes));
    let ledger = place.reopen(ledger).await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    for who in ["15552000000", "15552001023", "15552001024", "15552001499"] {
        assert!(allows(&offer(&ledger, who, SECOND_TIME).await), "{who}");
    }
    assert_clean(&ledger).await;
}
