//! A line between a node and its database that a test can cut, stall and slow.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::or_panic;

/// Passes bytes on in both directions until told otherwise. Gone, with its connections, with this value.
///
/// # Panics
///
/// [`Proxy::to`] panics when no port is free.
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
}

/// What the threads of a proxy share.
struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    target: SocketAddr,
    closed: bool,
    refuses: bool,
    stalled: bool,
    answers_after: Duration,
    /// The next answer that holds this text is lost, with its connection.
    loses: Option<Vec<u8>>,
    lost: usize,
    answered: usize,
    next_id: u64,
    open: HashMap<u64, [TcpStream; 2]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Question,
    Answer,
}

impl Proxy {
    /// Listens on a port of its own and passes everything on to `target`.
    #[must_use]
    pub fn to(target: SocketAddr) -> Proxy {
        or_panic(Proxy::begin(target), format_args!("no proxy"))
    }

    fn begin(target: SocketAddr) -> Result<Proxy> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
        let address = listener.local_addr().context("a listener has no address")?;
        let line = Arc::new(Line {
            state: Mutex::new(State {
                target,
                closed: false,
                refuses: false,
                stalled: false,
                answers_after: Duration::ZERO,
                loses: None,
                lost: 0,
                answered: 0,
                next_id: 0,
                open: HashMap::new(),
            }),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&line);
        thread::spawn(move || accepting.accept(&listener));
        Ok(Proxy { address, line })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every open connection, both ends. New ones are accepted. Returns how many there were.
    pub fn cut(&self) -> usize {
        self.line.change(State::cut)
    }

    /// Closes every connection and each new one at once: the database is away.
    pub fn refuse(&self) {
        self.line.change(|state| {
            state.refuses = true;
            state.cut();
        });
    }

    /// Accepts connections again.
    pub fn accept(&self) {
        self.line.change(|state| state.refuses = false);
    }

    /// Moves no byte in either direction, connections open: the network swallows everything.
    pub fn stall(&self) {
        self.line.change(|state| state.stalled = true);
    }

    /// Moves bytes again, those kept back first.
    pub fn resume(&self) {
        self.line.change(|state| state.stalled = false);
    }

    /// Keeps every answer back for so long: the database is slow.
    pub fn slow(&self, answers_after: Duration) {
        self.line
            .change(|state| state.answers_after = answers_after);
    }

    /// Loses the next answer that holds `text`, and cuts its connection: what was asked is done, and nobody is told.
    /// The answer to a commit holds `COMMIT`, to other statements `INSERT 0 1`, `UPDATE 3`, `SELECT 2` and so on;
    /// an empty text is any answer.
    pub fn lose_answer(&self, text: &str) {
        let text = text.as_bytes().to_vec();
        self.line.change(|state| state.loses = Some(text));
    }

    /// How many answers were lost since the beginning.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.line.state().lost
    }

    /// Waits until so many answers were lost since the beginning; `false` if that takes longer than `longest`.
    #[must_use]
    pub fn wait_until_lost(&self, count: usize, longest: Duration) -> bool {
        let state = self.line.state();
        let (_state, waited) = self
            .line
            .changed
            .wait_timeout_while(state, longest, |state| state.lost < count)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// How many statements the database has answered since the beginning: it says after each that it is ready for the next.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.line.state().answered
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.line.state().open.len()
    }

    /// Leads new connections elsewhere, as a failover does, and cuts those that are open.
    pub fn lead_to(&self, target: SocketAddr) {
        self.line.change(|state| {
            state.target = target;
            state.cut();
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.change(|state| {
            state.closed = true;
            state.cut();
        });
        // Wakes the accepting thread, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn cut(&mut self) -> usize {
        let count = self.open.len();
        for (_, ends) in self.open.drain() {
            shut(&ends);
        }
        count
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state());
        self.changed.notify_all();
        done
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for near in listener.incoming() {
            let (target, refuses) = {
                let state = self.state();
                if state.closed {
                    return;
                }
                (state.target, state.refuses)
            };
            let Ok(near) = near else { continue };
            if refuses {
                continue;
            }
            let line = Arc::clone(self);
            thread::spawn(move || line.connect(near, target));
        }
    }

    fn connect(self: Arc<Self>, near: TcpStream, target: SocketAddr) {
        let Ok(far) = TcpStream::connect(target) else {
            return;
        };
        let _ = near.set_nodelay(true);
        let _ = far.set_nodelay(true);
        let Some((id, other_near, other_far)) = self.register(&near, &far, target) else {
            return;
        };
        let line = Arc::clone(&self);
        thread::spawn(move || line.pass_on(id, near, far, Direction::Question));
        self.pass_on(id, other_far, other_near, Direction::Answer);
    }

    /// `None` if the line changed its mind while the connection was made.
    fn register(
        &self,
        near: &TcpStream,
        far: &TcpStream,
        target: SocketAddr,
    ) -> Option<(u64, TcpStream, TcpStream)> {
        let pair = [near.try_clone().ok()?, far.try_clone().ok()?];
        let other_near = near.try_clone().ok()?;
        let other_far = far.try_clone().ok()?;
        let mut state = self.state();
        if state.closed || state.refuses || state.target != target {
            shut(&pair);
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.open.insert(id, pair);
        Some((id, other_near, other_far))
    }

    fn pass_on(&self, id: u64, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let mut buffer = vec![0; 64 * 1024];
        let mut ready = 0;
        loop {
            let read = match from.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            if direction == Direction::Answer {
                self.state().answered += readies(bytes, &mut ready);
            }
            if bytes.is_empty()
                || !self.may_pass(id, bytes, direction)
                || to.write_all(bytes).is_err()
            {
                break;
            }
        }
        // One end gone is a connection gone: Postgres knows no half-open ones.
        if let Some(ends) = self.change(|state| state.open.remove(&id)) {
            shut(&ends);
        }
    }

    /// Waits while the line is stalled or slow. `false` if the connection is over.
    fn may_pass(&self, id: u64, bytes: &[u8], direction: Direction) -> bool {
        let mut state = self.wait_while_stalled(self.state(), id);
        if direction == Direction::Question {
            return state.open.contains_key(&id);
        }
        let slow = state.answers_after;
        if !slow.is_zero() {
            drop(state);
            thread::sleep(slow);
            state = self.wait_while_stalled(self.state(), id);
        }
        let loses = state.loses.as_ref().is_some_and(|text| holds(bytes, text));
        if loses && state.open.contains_key(&id) {
            state.loses = None;
            state.lost += 1;
            self.changed.notify_all();
            return false;
        }
        state.open.contains_key(&id)
    }

    fn wait_while_stalled<'a>(
        &self,
        state: MutexGuard<'a, State>,
        id: u64,
    ) -> MutexGuard<'a, State> {
        self.changed
            .wait_while(state, |state| state.stalled && state.open.contains_key(&id))
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often the database says that it is ready; `seen` is how much of it the bytes before ended with.
fn readies(bytes: &[u8], seen: &mut usize) -> usize {
    const READY: [u8; 5] = [b'Z', 0, 0, 0, 5];
    let mut count = 0;
    for byte in bytes {
        *seen = if READY.get(*seen) == Some(byte) {
            *seen + 1
        } else {
            usize::from(READY.first() == Some(byte))
        };
        if *seen == READY.len() {
            (*seen, count) = (0, count + 1);
        }
    }
    count
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

fn shut(ends: &[TcpStream; 2]) {
    for end in ends {
        let _ = end.shutdown(Shutdown::Both);
    }
}
