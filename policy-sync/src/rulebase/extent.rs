//! How much of our sessions something takes: all, some, perhaps some, none.

/// How much of our sessions a rule takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Whether it takes any, only the firewall can tell.
    May,
    /// Some of them.
    Part,
    /// Every one.
    Whole,
}

/// An extent, or nothing at all.
pub(super) type Share = Option<Extent>;

impl Extent {
    /// As it stands before "the sessions".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::May => "perhaps some of",
            Self::Part => "part of",
            Self::Whole => "all of",
        }
    }
}

/// What is taken of the whole, from what is taken of each piece.
pub(super) fn across(pieces: impl IntoIterator<Item = Share>) -> Share {
    let (mut every, mut most) = (true, None);
    for piece in pieces {
        every &= piece == Some(Extent::Whole);
        most = most.max(piece);
    }
    if every { most } else { most.min(Some(Extent::Part)) }
}

/// What a negation takes.
pub(super) const fn rest(share: Share) -> Share {
    match share {
        None => Some(Extent::Whole),
        Some(Extent::Whole) => None,
        Some(Extent::Part | Extent::May) => share,
    }
}

#[cfg(test)]
mod tests {
    use super::{Extent::*, across, rest};

    #[test]
    fn the_whole_is_taken_when_every_piece_is() {
        for (pieces, whole) in [
            (vec![], None),
            (vec![None, None], None),
            (vec![Some(Whole), Some(Whole)], Some(Whole)),
            (vec![Some(Whole), None], Some(Part)),
            (vec![Some(May), Some(Whole)], Some(Part)),
            (vec![Some(May), None], Some(May)),
        ] {
            assert_eq!(across(pieces.clone()), whole, "{pieces:?}");
        }
        assert_eq!(
            [None, Some(May), Some(Part), Some(Whole)].map(rest),
            [Some(Whole), Some(May), Some(Part), None]
        );
    }
}
