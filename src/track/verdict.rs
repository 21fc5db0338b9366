//! From a verdict to what it does to a priority.

use crate::config::value::Weight;

/// What is known of a tracked thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing yet: a script that has not ended once.
    Pending,
    /// Works.
    Good,
    /// Does not.
    Bad,
}

/// What a tracked thing does to one instance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Contribution {
    /// Moves the priority by this much, -253 to 253.
    Weight(i64),
    /// Takes the instance out of the election.
    Fault,
    /// Keeps the instance in INIT until more is known.
    Hold,
}

/// Applies a weight to a verdict (keepalived: vrrp_track).
///
/// A positive weight is added while good, a negative one while bad, `reverse` turns the result round;
/// weight 0 makes bad a fault (with `reverse`: good). Only weight 0 waits for a first verdict.
#[must_use]
pub fn contribution(weight: Weight, verdict: Verdict) -> Contribution {
    let value = i64::from(weight.value);
    if value == 0 {
        let bad = if weight.reverse { Verdict::Good } else { Verdict::Bad };
        return match verdict {
            Verdict::Pending => Contribution::Hold,
            verdict if verdict == bad => Contribution::Fault,
            _ => Contribution::Weight(0),
        };
    }
    let counts = match verdict {
        Verdict::Pending => false,
        Verdict::Good => value > 0,
        Verdict::Bad => value < 0,
    };
    let moved = if counts { value } else { 0 };
    Contribution::Weight(if weight.reverse { -moved } else { moved })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: i16, reverse: bool, verdict: Verdict) -> Contribution {
        contribution(Weight { value, reverse }, verdict)
    }

    /// oracle: keepalived 2.2.7 run with each of these (`lo` tracked with weight -30 reverse among them).
    #[test]
    fn weights_count_as_in_keepalived() {
        use Contribution::Weight as W;
        use Verdict::{Bad, Good, Pending};
        assert_eq!([of(20, false, Good), of(20, false, Bad), of(20, false, Pending)], [W(20), W(0), W(0)]);
        assert_eq!(
            [of(-20, false, Good), of(-20, false, Bad), of(-20, false, Pending)],
            [W(0), W(-20), W(0)]
        );
        assert_eq!([of(-30, true, Good), of(-30, true, Bad)], [W(0), W(30)]);
        assert_eq!([of(30, true, Good), of(30, true, Bad)], [W(-30), W(0)]);
    }

    #[test]
    fn without_weight_bad_is_a_fault_and_unknown_holds() {
        use Contribution::{Fault, Hold, Weight as W};
        use Verdict::{Bad, Good, Pending};
        assert_eq!([of(0, false, Good), of(0, false, Bad), of(0, false, Pending)], [W(0), Fault, Hold]);
        assert_eq!([of(0, true, Good), of(0, true, Bad), of(0, true, Pending)], [Fault, W(0), Hold]);
    }
}
