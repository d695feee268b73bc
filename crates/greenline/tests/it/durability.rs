//! On disk first (laws 3 and 4): the sync of a decision's commit returns before the first byte of its send
//! goes upstream, and the sync of a webhook's, or of a recorded consent's, before its answer.
//!
//! The real program runs under a tracer; what it did is judged afterwards by the order of its system calls.
//! The same judge is shown a program that does not sync its commits, and must find it out.
//!
//! Only with SQLite, whose files the program writes itself. On Postgres the database syncs, and what is tried
//! is that what it acknowledged outlives it: `fault::database` kills it, and fails over to its standby.

mod judge;
mod samples;

use serde_json::json;

use self::judge::{Early, Mark, Sent, judge, mark};
use crate::support::gateway::{Gateway, yes};
use crate::support::platform;
use crate::support::trace::Trace;

/// How many go through their rounds at the same time.
const SIDE_BY_SIDE: usize = 4;
/// Rounds of each.
const ROUNDS: usize = 12;
/// Rounds with nobody else about, so that commits are not shared.
const ROUNDS_ALONE: usize = 6;

/// What was done, as the judge wants to know it.
#[derive(Debug, Default)]
struct Done {
    sends: Vec<(Mark, String)>,
    answered: Vec<Mark>,
}

#[tokio::test]
async fn what_is_acted_upon_is_on_disk() {
    let early = traced(&[]).await;
    assert!(early.sends.is_empty(), "{:#?}", early.sends);
    assert!(early.answers.is_empty(), "{:#?}", early.answers);
}

// Only builds with debug assertions can be made to do so.
#[cfg(debug_assertions)]
#[tokio::test]
async fn a_store_that_does_not_sync_its_commits_is_found_out() {
    let early = traced(&[("GREENLINE_PLANT_UNSYNCED_COMMITS", "1")]).await;
    let count = SIDE_BY_SIDE * ROUNDS + ROUNDS_ALONE;
    assert_eq!(early.sends.len(), count, "{early:#?}");
    assert_eq!(early.answers.len(), count * 2, "{early:#?}");
    let unseen = |what: &&String| what.contains("does not show");
    assert_eq!(early.sends.iter().chain(&early.answers).find(unseen), None);
}

/// Runs the program under the tracer, lets people and apps write, and judges what it did.
async fn traced(environment: &[(&str, &str)]) -> Early {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = Trace::new(folder.path()).await;
    let sim = platform::sample().await;
    // Started once without the tracer, for its configuration and an empty store.
    let mut gateway = Gateway::start(folder.path(), &sim.url(), |settings| settings).await;
    assert!(gateway.stop().await.success());
    let mut command = trace.everything();
    command.envs(environment.iter().copied());
    gateway.run_under(command).await;
    let process = gateway.process();

    let mut done = Done::default();
    for round in 0..ROUNDS_ALONE {
        written_and_answered(&gateway, SIDE_BY_SIDE, round, &mut done).await;
    }
    let rounds = async |person| {
        let mut done = Done::default();
        for round in 0..ROUNDS {
            written_and_answered(&gateway, person, round, &mut done).await;
        }
        done
    };
    let (a, b, c, d) = tokio::join!(rounds(0), rounds(1), rounds(2), rounds(3));
    for theirs in [a, b, c, d] {
        done.sends.extend(theirs.sends);
        done.answered.extend(theirs.answered);
    }
    assert!(gateway.stop().await.success(), "{}", gateway.log_text());

    let received = sim.requests(0);
    let sent_of = |(body, wamid): &(Mark, String)| {
        let request = received
            .iter()
            .find(|request| request.wamid.as_ref() == Some(wamid))
            .expect("what the platform answered it has received");
        Sent {
            record: mark(&request.body_sha256),
            body: *body,
        }
    };
    let sends: Vec<Sent> = done.sends.iter().map(sent_of).collect();
    sim.stop().await;
    let log = format!("{}-wal", gateway.store().display());
    judge(&trace.calls(process).await, &log, &sends, &done.answered)
}

/// One round: a yes is recorded, the person writes, and is answered.
async fn written_and_answered(gateway: &Gateway, person: usize, round: usize, done: &mut Done) {
    let wa_id = format!("1555123{person:02}{round:02}");
    let text = |kind: &str| format!("{kind}-{person:04}-{round:04}-");

    let mut consent = yes(&wa_id, "marketing");
    let told = text("yes--");
    consent["evidence"]["source"] = json!(format!("https://acme.example/{told}"));
    let answer = gateway.admin("/v1/consents", &consent).await;
    assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    done.answered.push(mark(&told));

    let wrote = text("wrote");
    let answer = gateway.person_writes(&wa_id, &wrote).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    done.answered.push(mark(&wrote));

    let sent = text("sent-");
    let answer = gateway.send_text(&wa_id, &sent).await;
    let wamid = answer.message_id().unwrap_or_else(|| panic!("{answer:?}"));
    done.sends.push((mark(&sent), wamid));
}
