//! One file per kind of value: how it is read, checked, and written back.

mod script;
mod virtual_address;
mod weight;

pub use script::ScriptCommand;
pub use virtual_address::VirtualAddress;
pub use weight::Weight;
