//! `Debug` for types that hold what people wrote or who they are.
//!
//! Debug output ends in logs. So these types show what is needed to find the
//! matter again (ids, kinds, times) and leave out numbers, names and texts.

/// Writes `Debug` that shows only the named fields.
macro_rules! shy_debug {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl std::fmt::Debug for $type<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type))
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use shy_debug;

/// A number or user id, as its last two characters.
pub(crate) struct Masked<'t>(pub(crate) &'t str);

impl std::fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tail = self.0.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
        write!(f, "…{}", self.0.get(tail..).unwrap_or_default())
    }
}
