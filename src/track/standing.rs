//! From what is known of a thing to what it does to a priority.

use crate::config::value::Weight;

/// What is known of a tracked thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing yet: a script that has not ended once, processes that have not been counted.
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

/// What is known of a tracked thing, of whatever kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Of scripts, links, processes, sessions.
    Verdict(Verdict),
    /// Of a file: the number in it; `None` until it has been read.
    Number(Option<i32>),
}

/// A file that would take more off a priority than this is a fault; no weight of another kind can be so low.
const FILE_FAULT: i64 = -254;
/// A file adds this at most.
const FILE_MOST: i64 = 253;

impl Standing {
    /// What this is worth at that weight (keepalived: vrrp_track).
    ///
    /// A positive weight is added while good, a negative one while bad; the number in a file is multiplied
    /// by the weight. `reverse` turns the result round. Weight 0 makes bad a fault, and of a file any number
    /// but 0; with `reverse`: good, and 0.
    #[must_use]
    pub fn contribution(self, weight: Weight) -> Contribution {
        let value = i64::from(weight.value);
        match self {
            Self::Number(None) => Contribution::Hold,
            Self::Number(Some(number)) if value == 0 => match (number == 0) == weight.reverse {
                true => Contribution::Fault,
                false => Contribution::Weight(0),
            },
            Self::Number(Some(number)) => {
                let moved = i64::from(number) * if weight.reverse { -value } else { value };
                match moved <= FILE_FAULT {
                    true => Contribution::Fault,
                    false => Contribution::Weight(moved.min(FILE_MOST)),
                }
            }
            Self::Verdict(verdict) if value == 0 => match verdict {
                Verdict::Pending => Contribution::Hold,
                verdict if (verdict == Verdict::Good) == weight.reverse => Contribution::Fault,
                _ => Contribution::Weight(0),
            },
            Self::Verdict(verdict) => {
                let counts = match verdict {
                    Verdict::Pending => false,
                    Verdict::Good => value > 0,
                    Verdict::Bad => value < 0,
                };
                let moved = if counts { value } else { 0 };
                Contribution::Weight(if weight.reverse { -moved } else { moved })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: i16, reverse: bool, verdict: Verdict) -> Contribution {
        Standing::Verdict(verdict).contribution(Weight { value, reverse })
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

    /// oracle: keepalived 2.2.7, instances tracking one file with each of these weights.
    #[test]
    fn the_number_in_a_file_is_multiplied_and_too_low_is_a_fault() {
        use Contribution::{Fault, Hold, Weight as W};
        let of = |value, reverse, number| Standing::Number(number).contribution(Weight { value, reverse });
        let plain = |number| of(1, false, Some(number));
        assert_eq!(
            [plain(7), plain(300), plain(254), plain(-253), plain(-254), plain(-300)],
            [W(7), W(253), W(253), W(-253), Fault, Fault]
        );
        let twice_back = |number| of(2, true, Some(number));
        assert_eq!(
            [twice_back(7), twice_back(-300), twice_back(-127), twice_back(127), twice_back(126)],
            [W(-14), W(253), W(253), Fault, W(-252)]
        );
        assert_eq!([of(0, false, Some(0)), of(0, false, Some(-1))], [W(0), Fault]);
        assert_eq!([of(0, true, Some(0)), of(0, true, Some(1))], [Fault, W(0)]);
        assert_eq!([of(0, false, None), of(1, false, None)], [Hold, Hold]);
        assert_eq!(of(-254, true, Some(i32::MIN)), Fault);
    }
}
