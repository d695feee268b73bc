//! What a batch costs, counted on the wire; and that it is judged as if it had been loaded whole.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use greenline_ledger::types::{Effect, Mode, Outcome};
use greenline_ledger::{Ledger, LedgerError};
use greenline_policy::rule::Rule;
use greenline_testdb::Database;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::node;
use crate::support::*;

/// A count may be too high when something else happens at the same time or a round trip goes out in two pieces, and
/// never too low: the lowest of several is what counts.
const TRIES: usize = 40;

/// What went over the wire.
#[derive(Default)]
struct Counts {
    /// How often a node had to wait for an answer before it went on.
    turns: AtomicU64,
    /// Bytes from the database.
    answered: AtomicU64,
}

/// A database behind a wire that counts.
async fn counted(database: &Database) -> (String, Arc<Counts>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let here = listener.local_addr().unwrap();
    let there = database.server_address();
    let counts = Arc::<Counts>::default();
    let counting = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, there, Arc::clone(&counting)));
        }
    });
    let url = database
        .url()
        .replace(&there.to_string(), &here.to_string());
    (url, counts)
}

async fn pass(client: TcpStream, there: SocketAddr, counts: Arc<Counts>) {
    let Ok(server) = TcpStream::connect(there).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_answered = AtomicBool::new(true);
    tokio::join!(
        copy(from_client, to_server, |_| {
            if is_answered.swap(false, Ordering::SeqCst) {
                counts.turns.fetch_add(1, Ordering::SeqCst);
            }
        }),
        copy(from_server, to_client, |bytes| {
            is_answered.store(true, Ordering::SeqCst);
            counts.answered.fetch_add(bytes, Ordering::SeqCst);
        })
    );
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    note: impl Fn(u64),
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        note(read as u64);
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    // The other direction may still be busy; its end comes by itself.
    let _ = to.shutdown().await;
}

/// Runs something until it costs no more than `enough`, and says what it cost at least.
async fn least(counter: &AtomicU64, enough: u64, mut work: impl AsyncFnMut()) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..TRIES {
        let before = counter.load(Ordering::SeqCst);
        work().await;
        least = least.min(counter.load(Ordering::SeqCst) - before);
        if least <= enough {
            break;
        }
    }
    least
}

fn people_from(first: usize) -> impl Iterator<Item = String> {
    (first..).map(|n| format!("1555123{n:04}"))
}

async fn sends(ledger: &Ledger, people: &[String]) {
    let asks = people
        .iter()
        .map(|to| ledger.admit(template(to, "offer", NOON + 1)));
    for admitted in join_all(asks).await {
        let admitted = admitted.unwrap();
        assert!(allows(&admitted.decision));
        let message_ids = std::iter::once(format!("wamid.{}", admitted.id.seq).into()).collect();
        ledger.settle(admitted.id, Outcome::Accepted { message_ids });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_takes_two_round_trips_whatever_its_size() {
    let database = ready_database();
    let (url, counts) = counted(&database).await;
    let ledger = node(&url).await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let people: Vec<String> = people_from(0).take(65).collect();
    for to in &people {
        ledger.append(yes(&[to], "marketing", NOON)).await.unwrap();
    }
    // Outcomes go along with the next batch.
    let one = least(&counts.turns, 2, async || {
        sends(&ledger, &people[..1]).await;
    });
    assert_eq!(one.await, 2);
    // The first one is a batch, what arrives meanwhile is the second.
    let many = least(&counts.turns, 4, async || sends(&ledger, &people).await);
    assert!(many.await <= 4);
    // Names that a node has not met yet take one more; being its first batch, this one is not counted.
    let other = node(&database.url()).await;
    let mut strangers = people_from(200);
    let fresh = least(&counts.turns, 3, async || {
        let to = [strangers.next().unwrap()];
        other
            .append(yes(&[&to[0]], "marketing", NOON))
            .await
            .unwrap();
        sends(&ledger, &to).await;
    });
    assert_eq!(fresh.await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_costs_the_same_however_long_a_history_is() {
    let database = ready_database();
    let (url, counts) = counted(&database).await;
    let ledger = node(&url).await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let (short, long) = ("15551230001".to_owned(), "15551230002".to_owned());
    ledger
        .append(yes(&[&short], "marketing", NOON))
        .await
        .unwrap();
    let events = (0..300).map(|n| yes(&[&long], "marketing", NOON - n));
    ledger.append_all(events.collect()).await.unwrap();
    let mut bytes = Vec::new();
    for to in [short, long] {
        let to = [to];
        let least = least(&counts.answered, 0, async || sends(&ledger, &to).await);
        bytes.push(least.await);
    }
    assert!(bytes[1] < bytes[0] + 1_000, "{bytes:?}");
    assert_clean(&ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_and_stops_of_linked_people_meet_in_one_batch() {
    let database = ready_database();
    let ledger = node(&database.url()).await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    for n in 0..20 {
        let phone = format!("1555123{n:04}");
        let other = format!("1555124{n:04}");
        let user = format!("US.{n:04}");
        // Both were people of their own before they were found to be one; someone moved to the second from a third.
        ledger
            .append(yes(&[&phone], "marketing", NOON))
            .await
            .unwrap();
        ledger
            .append(yes(&[&user], "marketing", NOON))
            .await
            .unwrap();
        ledger
            .learn(ACME, vec![known(&[&phone, &user], NOON + 1)])
            .await
            .unwrap();
        ledger
            .append(yes(&[&other], "marketing", NOON))
            .await
            .unwrap();
        let moved: Effect = moved(&phone, &other, NOON + 2);
        ledger.learn(ACME, vec![moved]).await.unwrap();
        // A node that knows nobody yet, and one that does.
        let fresh = node(&database.url()).await;
        for ledger in [&fresh, &ledger] {
            let (first, stopped, after) = tokio::join!(
                ledger.preview(template(&user, "offer", NOON + 3)),
                ledger.append(no(&[&user], "marketing", NOON + 4)),
                ledger.admit(template(&other, "offer", NOON + 5))
            );
            first.unwrap();
            stopped.unwrap();
            assert_eq!(first_rule(&after.unwrap().decision), Rule::OptedOut);
        }
        let of_phone = ledger.admit(template(&phone, "offer", NOON + 6)).await;
        assert!(!allows(&of_phone.unwrap().decision));
    }
    assert_clean(&ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_people_are_made_known_beside_others() {
    let database = ready_database();
    let url = database.url();
    let (one, other) = tokio::join!(node(&url), node(&url));
    cover(&one).await;
    for n in 0..20 {
        let new = format!("1555125{n:04}");
        let mut ask = template(&new, "offer", NOON + 1);
        ask.mode = Mode::Observe;
        let (known, here, there) = tokio::join!(
            one.admit(template("15551230001", "offer", NOON + 1)),
            one.admit(ask.clone()),
            other.admit(ask)
        );
        assert!(allows(&known.unwrap().decision));
        assert!(here.unwrap().flight.is_some() && there.unwrap().flight.is_some());
    }
    assert_clean(&one).await;
}

/// Sends of each node to one person, all at once.
const AT_ONE_PERSON: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_that_send_to_one_person_all_get_on() {
    let database = ready_database();
    let url = database.url();
    let (one, two, three) = tokio::join!(node(&url), node(&url), node(&url));
    cover(&one).await;
    let sender = |ledger: Ledger| async move {
        let mut admitted = Vec::new();
        for n in 0..AT_ONE_PERSON {
            let mut ask = template("15551230001", "offer", NOON + 1);
            ask.body_hash = (n as u128).to_be_bytes();
            match ledger.admit(ask).await {
                Ok(done) => {
                    assert!(allows(&done.decision));
                    ledger.settle(done.id, Outcome::NotSent);
                    admitted.push(done.id.seq);
                }
                // Given up after so many tries; the app is told to come again.
                Err(LedgerError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        admitted
    };
    let all = join_all([&one, &two, &three].map(|ledger| tokio::spawn(sender(ledger.clone()))));
    let all = tokio::time::timeout(Duration::from_secs(120), all)
        .await
        .unwrap();
    let mut seqs = Vec::new();
    for admitted in all {
        let admitted = admitted.unwrap();
        assert!(admitted.len() > AT_ONE_PERSON / 2, "{}", admitted.len());
        assert!(admitted.is_sorted());
        seqs.extend(admitted);
    }
    let count = seqs.len();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), count);
    let recorded = one.decisions(None, None, 1_000).await.unwrap();
    assert_eq!(recorded.len(), count);
    assert_clean(&one).await;
}
