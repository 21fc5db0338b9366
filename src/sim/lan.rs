//! The links that all hosts are on, and how badly they carry frames.

use std::collections::BTreeSet;
use std::time::Duration;

use super::random::Random;
use crate::types::IfName;

/// A host on the LAN by number: the nodes from 0, then the observer.
pub type Host = usize;

/// How frames fare; probabilities in a thousand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weather {
    /// What every frame takes.
    pub latency: Duration,
    /// At most this much more, so that frames overtake each other.
    pub jitter: Duration,
    /// Lost.
    pub loss: u64,
    /// Delivered twice.
    pub duplication: u64,
    /// One bit changed.
    pub corruption: u64,
}

/// The LANs, each known to all nodes by one name.
#[derive(Clone, Debug)]
pub(super) struct Lan {
    /// How frames fare at present.
    pub weather: Weather,
    cuts: BTreeSet<(IfName, Host, Host)>,
    random: Random,
}

/// What becomes of one copy of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Delivery {
    /// Time on the way.
    pub after: Duration,
    /// A bit to turn over, by a number to be taken modulo the frame's length in bits.
    pub flipped_bit: Option<u64>,
}

impl Lan {
    /// LANs without partitions.
    #[must_use]
    pub(super) fn new(weather: Weather, random: Random) -> Self {
        Self { weather, cuts: BTreeSet::new(), random }
    }

    /// Nothing that `from` sends reaches `to` any more; the other direction is another matter.
    pub(super) fn cut(&mut self, link: &IfName, from: Host, to: Host) {
        self.cuts.insert((link.clone(), from, to));
    }

    /// Ends all partitions.
    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    /// The copies of a frame that reach `to`: none, one or two.
    pub(super) fn carry(&mut self, link: &IfName, from: Host, to: Host) -> impl Iterator<Item = Delivery> {
        let weather = self.weather;
        let is_cut = self.cuts.iter().any(|cut| (&cut.0, cut.1, cut.2) == (link, from, to));
        let copies = if is_cut || self.random.chance(weather.loss) {
            0
        } else {
            1 + usize::from(self.random.chance(weather.duplication))
        };
        let mut deliveries = [None; 2];
        for delivery in deliveries.iter_mut().take(copies) {
            let after = weather.latency + self.random.duration(Duration::ZERO..=weather.jitter);
            let flipped_bit = self.random.chance(weather.corruption).then(|| self.random.bits());
            *delivery = Some(Delivery { after, flipped_bit });
        }
        deliveries.into_iter().flatten()
    }
}
