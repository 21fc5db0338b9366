//! The books: reference pages made from the keyword tables, so that they cannot be wrong about them.
//!
//! Renderers are pure: what they cannot know (the options of the command line) is handed to them.

pub mod diagnostics;
pub mod keywords;
pub mod man;

mod placeholder;

pub use placeholder::{PLACEHOLDERS, Placeholder, placeholders, unit};
