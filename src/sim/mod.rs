//! A deterministic simulator: the machines of [`crate::vrrp`] and [`crate::track`], unchanged, on
//! virtual nodes on a virtual LAN under a virtual clock.
//!
//! A [`Plan`] is drawn from a seed: valid configurations for all nodes, and a storm of faults. A
//! [`World`] runs it in three acts: the storm, during which rules of safety must hold; the calm, in
//! which everything must settle; and the failure of a master, which another node must make good. The
//! rules are in [`check`]; [`Border`] is where a test plants bugs to see them caught. The same seed
//! gives the same run, event for event, on every machine.
//!
//! ```
//! use vrrpd::sim::{Faithful, Keep, Plan, World, check};
//!
//! let mut world = World::new(Plan::new(7, 3), Box::new(Faithful), check::all(), Keep::default());
//! assert_eq!(world.run(), Ok(()));
//! ```

mod border;
pub mod check;
mod clock;
mod daemon;
mod ensemble;
mod fault;
mod frame;
mod journal;
mod kernel;
mod lan;
mod node;
mod observer;
mod pcap;
mod plan;
mod queue;
mod random;
mod stranger;
mod things;
mod world;

pub use border::{Border, Faithful, Machine};
pub use clock::Clock;
pub use ensemble::{Ensemble, Outcome};
pub use fault::{Behaviour, Fault, Numbering};
pub use journal::Journal;
pub use kernel::{Kernel, Operation};
pub use lan::{Host, Weather};
pub use node::Node;
pub use observer::Observer;
pub use pcap::Pcap;
pub use plan::{Names, NodePlan, Plan};
pub use random::Random;
pub use world::{Keep, World};
