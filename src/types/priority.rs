//! Election priority.

use std::fmt;

/// The priority of a virtual router, as in the packet (RFC 9568 §5.2.4).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Priority(u8);

impl Priority {
    /// 0: the master is leaving. Only ever in a packet, never configured.
    pub const STOP: Self = Self(0);
    /// 100: a backup without `priority`.
    pub const DEFAULT: Self = Self(100);
    /// 255: the owner of the addresses; trackers never move it.
    pub const OWNER: Self = Self(255);
    /// 254: the highest that a router which is not the owner can have.
    pub const HIGHEST_BACKUP: Self = Self(254);

    /// Any octet is a priority.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number, 0 to 255.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether this is the address owner's 255.
    #[must_use]
    pub const fn is_owner(self) -> bool {
        self.0 == 255
    }

    /// The effective priority: `self` moved by the sum of the trackers' weights and kept within
    /// 1 to 254; an owner stays 255 (keepalived: vrrp_set_effective_priority).
    #[must_use]
    pub fn effective(self, weights: i64) -> Self {
        if self.is_owner() {
            return self;
        }
        let moved = i64::from(self.0).saturating_add(weights).clamp(1, 254);
        Self(u8::try_from(moved).unwrap_or(254))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Priority;

    #[test]
    fn effective_priority_is_clamped_as_keepalived_clamps_it() {
        assert_eq!(Priority::new(100).effective(20), Priority::new(120));
        assert_eq!(Priority::new(250).effective(253), Priority::new(254));
        assert_eq!(Priority::new(100).effective(-253), Priority::new(1));
        assert_eq!(Priority::new(100).effective(i64::MIN), Priority::new(1));
    }

    #[test]
    fn an_owner_stays_an_owner() {
        assert_eq!(Priority::OWNER.effective(-253), Priority::OWNER);
    }
}
