//! One file per kind of value: how it is read, checked, and written back.

mod boolean;
mod number;
mod script;
mod virtual_address;
mod weight;

pub use script::{CommandError, ScriptCommand, split_command};
pub use virtual_address::VirtualAddress;
pub use weight::Weight;

pub(super) use number::{Junk, Otherwise};
pub(super) use script::{CUSTOMARY_USER, DefaultAccount};
pub(super) use virtual_address::AddressDraft;
pub(super) use weight::TrackKind;
