//! What a tracked thing is worth.

/// `weight N [reverse]` of a tracker: -253 to 253.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weight {
    /// Added to the priority while good (positive) or while bad (negative); 0: FAULT while bad.
    pub value: i16,
    /// Turns the contribution round; with 0, good and bad change places.
    pub reverse: bool,
}
