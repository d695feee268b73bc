//! The places of a portfolio, and who holds how many of them.
//!
//! Whoever lets a message go within a bound pays a place for everybody it counts for. A node holds a block of them with
//! its part of the log; as long as the block does, its batches touch no row that another node writes. When it does not,
//! the node turns to the portfolio's row: it takes what the batch costs and a new block, if nobody else took any since it
//! read. A block is a part of what is left over and of what the node has just used, so it shrinks towards the end, where
//! every batch asks for its places alone.
//!
//! What others hold is kept free for them, unless it is needed: then it is taken back from those who hold most, in the
//! transaction that uses it, provided they have used none of it since it was looked at. So no place is lost with a node that dies or rests, and
//! no clock says when one is free. A node that was frozen meanwhile finds its places gone when it wakes, and judges
//! again.
//!
//! Invariant: whoever judged that there is room counted all that others had let go and all that they held. So what
//! they let go since was counted too.

use tokio_postgres::types::ToSql;

use super::super::connect::Link;
use super::super::pipeline::Step;
use super::super::rows::count_column;
use super::super::sql;

/// A block is at most this part of what is left over …
const BLOCK_OF_FREE: i64 = 4;
/// … and so many times what the batch cost that it is taken with.
const BLOCK_OF_BATCHES: i64 = 16;

/// Places as they were when a node last looked.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// How often places were taken of the portfolio.
    taken: i64,
    /// By part, those that hold any.
    pub(super) held: Vec<(i64, i64)>,
}

/// How what a batch lets go is paid for.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Pays {
    /// It costs nothing.
    Nothing,
    /// With so many of the node's own.
    Own(i64),
    /// With others.
    Taking {
        /// How often anybody had done so before.
        taken: i64,
        /// What the node held, which goes …
        held: i64,
        /// … for this.
        block: i64,
        /// What is taken back from other parts.
        recalled: Vec<(i64, i64)>,
    },
}

impl Places {
    pub(super) fn as_of(taken: i64) -> Self {
        Self {
            taken,
            held: Vec::new(),
        }
    }

    /// How the node of a part pays for so many people. `room` is what is left of the bound once they count.
    pub(super) fn pay(&self, part: i64, people: usize, room: i64) -> Pays {
        let cost = count_column(people);
        let is_own = |held: &&(i64, i64)| held.0 == part;
        let own = self.held.iter().find(is_own).map_or(0, |(_, held)| *held);
        let mut others: Vec<(i64, i64)> = self.held.clone();
        others.retain(|held| !is_own(&held));
        let mut kept_free: i64 = others.iter().map(|(_, held)| held).sum();
        if own >= cost && room >= kept_free {
            return Pays::Own(cost);
        }
        // From few nodes, those that hold most.
        others.sort_unstable_by_key(|(part, held)| (*held, *part));
        let mut recalled = Vec::new();
        while room < kept_free
            && let Some(other) = others.pop()
        {
            kept_free -= other.1;
            recalled.push(other);
        }
        let free = room - kept_free;
        let block = (free / BLOCK_OF_FREE).min(cost.saturating_mul(BLOCK_OF_BATCHES));
        Pays::Taking {
            taken: self.taken,
            held: own,
            // One that would not do for such a batch would only be kept from others.
            block: if block < cost { 0 } else { block },
            recalled,
        }
    }
}

impl Pays {
    /// How many places the node's own part must hold at least, and what it holds instead if it must be exactly that.
    pub(super) fn own(&self) -> (i64, Option<i64>) {
        match self {
            Self::Nothing => (0, None),
            Self::Own(cost) => (*cost, None),
            Self::Taking { held, block, .. } => (*held, Some(*block)),
        }
    }

    /// What is to be done before the node's own part changes.
    pub(super) fn steps<'s>(
        &'s self,
        link: &'s Link,
        shard: i64,
        portfolio: &'s str,
    ) -> Vec<Step<'s>> {
        let Self::Taking {
            taken, recalled, ..
        } = self
        else {
            return Vec::new();
        };
        let grant: Step<'s> = Box::pin(async move {
            let columns: [&(dyn ToSql + Sync); 3] = [&shard, &portfolio, taken];
            link.ask(sql::GRANT_PLACES, &columns).await.map(|_| ())
        });
        let mut steps = vec![grant];
        if !recalled.is_empty() {
            steps.push(Box::pin(async move {
                let (parts, places): (Vec<i64>, Vec<i64>) = recalled.iter().copied().unzip();
                let count = count_column(recalled.len());
                let columns: [&(dyn ToSql + Sync); 5] =
                    [&shard, &portfolio, &parts, &places, &count];
                link.ask(sql::RECALL_PLACES, &columns).await.map(|_| ())
            }));
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::{Pays, Places};

    fn holding(held: &[(i64, i64)]) -> Places {
        Places {
            taken: 7,
            held: held.to_vec(),
        }
    }

    fn taking(held: i64, block: i64, recalled: &[(i64, i64)]) -> Pays {
        Pays::Taking {
            taken: 7,
            held,
            block,
            recalled: recalled.to_vec(),
        }
    }

    #[test]
    fn a_block_pays_while_it_does_and_others_keep_theirs() {
        let both = holding(&[(1, 10), (2, 20)]);
        assert_eq!(both.pay(1, 10, 20), Pays::Own(10));
        assert_eq!(both.pay(1, 11, 420), taking(10, 100, &[]));
        assert_eq!(both.pay(3, 1, 420), taking(0, 16, &[]));
    }

    #[test]
    fn what_others_hold_is_taken_back_once_it_is_needed() {
        let both = holding(&[(1, 10), (2, 20)]);
        assert_eq!(both.pay(1, 1, 19), taking(10, 4, &[(2, 20)]));
        assert_eq!(both.pay(3, 1, 0), taking(0, 0, &[(2, 20), (1, 10)]));
        // Of no more nodes than need be.
        assert_eq!(both.pay(3, 1, 20), taking(0, 2, &[(2, 20)]));
        // More counts than may: what goes is somebody who counts already.
        assert_eq!(both.pay(1, 1, -9), taking(10, 0, &[(2, 20)]));
    }

    #[test]
    fn blocks_shrink_with_what_is_left_and_the_last_places_go_one_by_one() {
        let nobody = holding(&[]);
        assert_eq!(nobody.pay(1, 50, 100_000), taking(0, 800, &[]));
        assert_eq!(nobody.pay(1, 50, 2_000), taking(0, 500, &[]));
        assert_eq!(nobody.pay(1, 50, 199), taking(0, 0, &[]));
        assert_eq!(nobody.pay(1, 1, 0), taking(0, 0, &[]));
    }
}
