//! Rows as they were read: what stood in them, whom they name, and where they go.

use greenline_policy::identity::UserId;

/// Bytes of text in one batch, about.
pub(crate) const BATCH_BYTES: usize = 1 << 20;
/// Rows of one batch at most.
pub(crate) const BATCH_ROWS: usize = 1 << 15;
/// Set in a row's length where its text is nothing but the digits, with or without a plus.
const PLAIN: u32 = 1 << 31;

/// A row. What stood in it is a piece of its batch's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    at: u32,
    /// With [`PLAIN`].
    length: u32,
    /// The digits of a number; 0 where the row is one of [`Batch::odd`].
    pub(crate) digits: u64,
}

/// A row that names no phone number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Odd {
    /// It names somebody by a business-scoped user id.
    User(UserId),
    /// It could not be read.
    Unread {
        /// The line on which it begins; its own number where a list has no lines.
        line: u64,
        /// What is wrong.
        problem: String,
    },
}

/// Where a row goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Goes {
    /// To the place of what becomes of whom it names.
    To(u32),
    /// Nobody else is like them: it is decided about alone, as the next of those.
    Alone,
    /// It names somebody whom that row named.
    Duplicate(u32),
    /// It is the next that could not be read.
    Unread,
}

/// Rows that were read one after the other.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The number of the first; the list's first is 1.
    pub(crate) first: u64,
    text: Vec<u8>,
    /// The rows.
    pub(crate) rows: Vec<Row>,
    /// Those without digits, in their order.
    pub(crate) odd: Vec<Odd>,
    /// Where each row goes; empty as long as that is not known.
    pub(crate) goes: Vec<Goes>,
}

impl Batch {
    /// An empty one that begins with that row.
    pub(crate) fn from(first: u64) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// The same memory, empty, for rows from that one on; and the memory of its text, with whatever stands there.
    pub(crate) fn anew(mut self, first: u64) -> (Self, Vec<u8>) {
        let text = std::mem::take(&mut self.text);
        self.first = first;
        self.rows.clear();
        self.odd.clear();
        self.goes.clear();
        (self, text)
    }

    /// The same rows, with the text that they lie in.
    pub(crate) fn over(self, text: Vec<u8>) -> Self {
        Self { text, ..self }
    }

    /// A row lies so much further on.
    pub(crate) fn moves(&mut self, row: usize, by: usize) {
        if let Some(row) = self.rows.get_mut(row) {
            row.at += by as u32;
        }
    }

    /// Adds a row whose text lies in what is given to [`Self::over`].
    pub(crate) fn lies_at(&mut self, at: usize, length: usize, digits: u64) {
        // Invariant: a batch's text is far below 2 GiB.
        self.rows.push(Row {
            at: at as u32,
            length: length as u32,
            digits,
        });
    }

    /// As [`Self::lies_at`], of a row whose text is its digits, with or without a plus.
    pub(crate) fn lies_plain(&mut self, at: usize, length: usize, digits: u64) {
        self.rows.push(Row {
            at: at as u32,
            length: length as u32 | PLAIN,
            digits,
        });
    }

    /// Adds a row with what stood in it.
    pub(crate) fn push(&mut self, given: &[u8], who: Result<u64, Odd>) {
        let at = self.text.len();
        self.text.extend_from_slice(given);
        let digits = who.unwrap_or_else(|odd| {
            self.odd.push(odd);
            0
        });
        self.lies_at(at, given.len(), digits);
    }

    /// Whether it holds as much as is decided about at once.
    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= BATCH_ROWS || self.text.len() >= BATCH_BYTES
    }

    /// What stood in a row.
    pub(crate) fn given(&self, row: Row) -> &[u8] {
        let (at, length) = (row.at as usize, (row.length & !PLAIN) as usize);
        self.text.get(at..at + length).unwrap_or_default()
    }

    /// The text from where a row's digits begin, and how many there are, where its text is nothing else; and whether a
    /// plus stands before them.
    pub(crate) fn plain(&self, row: Row) -> Option<(&[u8], usize, bool)> {
        if row.length & PLAIN == 0 {
            return None;
        }
        let (at, length) = (row.at as usize, (row.length & !PLAIN) as usize);
        let text = self.text.get(at..)?;
        match text {
            [b'+', digits @ ..] => Some((digits, length - 1, true)),
            digits => Some((digits, length, false)),
        }
    }
}
