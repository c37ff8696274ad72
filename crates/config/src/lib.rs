//! One TOML file into checked values, or a full list of what is wrong with it.
//!
//! [`Config`] has no option that must be set and no string that must still be parsed: whoever
//! holds one can build the program from it. Every fault of a file is reported at once, each with
//! its key, line, value and remedy. Unknown keys are refused with a suggestion.

mod api_key;
mod types;

pub use api_key::{NotAuthenticated, authenticate};
pub use types::*;
