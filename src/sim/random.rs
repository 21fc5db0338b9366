//! The one source of chance.

pub use crate::types::Random;
