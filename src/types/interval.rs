//! Advertisement_Interval, Skew_Time and Master_Down_Interval, to the microsecond.

use super::{Priority, Version};
use std::fmt;
use std::time::Duration;

/// An advertisement interval: 10 ms to 255 s.
///
/// The wire has two units for it, whole seconds in VRRPv2 and centiseconds in VRRPv3; here it is
/// held in microseconds and converted at the border only.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AdvertInt {
    us: u32,
}

/// Why a time is no advertisement interval.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AdvertIntError;

impl fmt::Display for AdvertIntError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an advertisement interval is 0.01 to 255 seconds")
    }
}

impl std::error::Error for AdvertIntError {}

impl AdvertInt {
    /// One second: the default.
    pub const DEFAULT: Self = Self { us: 1_000_000 };
    /// 40.95 s: the most that the 12 bits of VRRPv3 hold.
    pub const MAX_V3: Self = Self { us: 40_950_000 };

    /// From microseconds, 10 000 to 255 000 000.
    ///
    /// # Errors
    /// Anything outside that range.
    pub const fn from_micros(us: u64) -> Result<Self, AdvertIntError> {
        if us < 10_000 || us > 255_000_000 {
            return Err(AdvertIntError);
        }
        Ok(Self { us: us as u32 })
    }

    /// From the 12-bit field of a VRRPv3 packet; `None` for 0, which names no interval.
    #[must_use]
    pub const fn from_centis(centis: u16) -> Option<Self> {
        if centis == 0 || centis > 4095 { None } else { Some(Self { us: centis as u32 * 10_000 }) }
    }

    /// From the octet of a VRRPv2 packet; `None` for 0.
    #[must_use]
    pub const fn from_secs(secs: u8) -> Option<Self> {
        if secs == 0 { None } else { Some(Self { us: secs as u32 * 1_000_000 }) }
    }

    /// Microseconds.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.us as u64
    }

    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.us as u64)
    }

    /// The octet of a VRRPv2 packet: whole seconds, rounded half up, at least 1.
    #[must_use]
    pub const fn wire_v2(self) -> u8 {
        let secs = (self.us + 500_000) / 1_000_000;
        if secs == 0 {
            1
        } else if secs > 255 {
            255
        } else {
            secs as u8
        }
    }

    /// The 12-bit field of a VRRPv3 packet: centiseconds, rounded half up, at most 4095.
    #[must_use]
    pub const fn wire_v3(self) -> u16 {
        let centis = (self.us + 5_000) / 10_000;
        if centis > 4095 { 4095 } else { centis as u16 }
    }
}

/// Skew_Time: how much longer than its equals a router of this priority waits.
///
/// VRRPv2 skews by a fraction of one second whatever the interval (RFC 3768 §6.1); VRRPv3 by a
/// fraction of the master's interval (RFC 9568 §6.1), computed as keepalived does it, in units of
/// 10 ms, so that both round alike.
#[must_use]
pub const fn skew_time(version: Version, priority: Priority, master_interval: AdvertInt) -> Duration {
    let behind = 256 - priority.get() as u64;
    Duration::from_micros(match version {
        Version::V2 => behind * 1_000_000 / 256,
        Version::V3 => behind * (master_interval.micros() / 10_000) * 625 / 16,
    })
}

/// Master_Down_Interval: `adverts` (3 unless `down_timer_adverts` says otherwise, 1 to 100) missed
/// intervals and the skew.
#[must_use]
pub const fn master_down_interval(
    version: Version,
    priority: Priority,
    master_interval: AdvertInt,
    adverts: u8,
) -> Duration {
    let missed = Duration::from_micros(adverts as u64 * master_interval.micros());
    missed.saturating_add(skew_time(version, priority, master_interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(duration: Duration) -> u128 {
        duration.as_micros()
    }

    /// oracle: values dumped by keepalived 2.2.7 and 2.4.3 for these settings.
    #[test]
    fn down_timers_equal_those_of_keepalived() {
        let down = |version, priority, micros| {
            us(master_down_interval(
                version,
                Priority::new(priority),
                AdvertInt::from_micros(micros).unwrap(),
                3,
            ))
        };
        assert_eq!(down(Version::V2, 100, 1_000_000), 3_609_375);
        assert_eq!(down(Version::V2, 150, 1_000_000), 3_414_062);
        assert_eq!(down(Version::V3, 200, 1_000_000), 3_218_750);
        assert_eq!(down(Version::V3, 100, 500_000), 1_804_687);
    }

    /// oracle: the formulas of RFC 3768 §6.1 and RFC 9568 §6.1 in exact rational arithmetic.
    #[test]
    fn skew_is_right_to_the_microsecond_over_the_whole_grid() {
        for priority in 1..=255u8 {
            for centis in 1..=4095u16 {
                let interval = AdvertInt::from_centis(centis).unwrap();
                let exact_v3 = (256 - u128::from(priority)) * u128::from(centis) * 10_000 / 256;
                assert_eq!(us(skew_time(Version::V3, Priority::new(priority), interval)), exact_v3);
            }
            for secs in 1..=255u8 {
                let interval = AdvertInt::from_secs(secs).unwrap();
                let exact_v2 = (256 - u128::from(priority)) * 1_000_000 / 256;
                assert_eq!(us(skew_time(Version::V2, Priority::new(priority), interval)), exact_v2);
            }
        }
    }

    #[test]
    fn the_two_wire_units_are_not_confused() {
        let interval = AdvertInt::from_secs(3).unwrap();
        assert_eq!(interval.duration(), Duration::from_secs(3));
        assert_eq!((interval.wire_v2(), interval.wire_v3()), (3, 300));
        assert_eq!(AdvertInt::from_centis(70).unwrap().duration(), Duration::from_millis(700));
        assert_eq!(AdvertInt::from_secs(255).unwrap().wire_v3(), 4095);
    }

    #[test]
    fn nothing_outside_10_ms_to_255_s_is_an_interval() {
        assert!(AdvertInt::from_micros(9_999).is_err());
        assert!(AdvertInt::from_micros(255_000_001).is_err());
        assert!(AdvertInt::from_centis(0).is_none() && AdvertInt::from_secs(0).is_none());
    }
}
