//! The longest prefix of a number that is on a list, digit by digit.

/// A digit's step that leads nowhere, and a place with nothing to say.
const NONE: u16 = u16::MAX;

#[derive(Clone, Debug)]
struct Node {
    next: [u16; 10],
    value: u16,
}

/// Prefixes of numbers, each with a small value.
#[derive(Debug)]
pub(super) struct Prefixes(Vec<Node>);

impl Default for Prefixes {
    fn default() -> Self {
        Self(vec![Node::new()])
    }
}

impl Node {
    fn new() -> Self {
        Self {
            next: [NONE; 10],
            value: NONE,
        }
    }
}

impl Prefixes {
    /// Adds a prefix; `None` when it is none, stands there already or there are too many.
    pub(super) fn add(&mut self, prefix: &str, value: u16) -> Option<()> {
        let mut at = 0_usize;
        for digit in prefix.bytes() {
            let digit = usize::from(digit.checked_sub(b'0')?);
            let step = *self.0.get(at)?.next.get(digit)?;
            at = if step == NONE {
                let made = u16::try_from(self.0.len())
                    .ok()
                    .filter(|made| *made != NONE)?;
                self.0.push(Node::new());
                *self.0.get_mut(at)?.next.get_mut(digit)? = made;
                usize::from(made)
            } else {
                usize::from(step)
            };
        }
        let node = self
            .0
            .get_mut(at)
            .filter(|node| at > 0 && node.value == NONE)?;
        node.value = value;
        Some(())
    }

    /// The value of the longest prefix of a number.
    pub(super) fn longest(&self, digits: u64) -> Option<u16> {
        let mut scale = 10_u64.pow(digits.checked_ilog10()?);
        let (mut node, mut found) = (self.0.first()?, NONE);
        while scale > 0 {
            let digit = usize::try_from(digits / scale % 10).ok()?;
            let Some(next) = node
                .next
                .get(digit)
                .and_then(|step| self.0.get(usize::from(*step)))
            else {
                break;
            };
            node = next;
            if node.value != NONE {
                found = node.value;
            }
            scale /= 10;
        }
        (found != NONE).then_some(found)
    }
}
