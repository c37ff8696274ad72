//! One TOML file into checked values, or a full list of what is wrong with it.
//!
//! [`Config`] has no option that must be set and no string that must still be parsed: whoever
//! holds one can build the program from it. Every fault of a file is reported at once, each with
//! its key, line, value and remedy. Unknown keys are refused with a suggestion.
//!
//! Relative paths, in the file too, start at the folder the program is started in.

mod types;

mod api_key;
mod env;
mod load;
mod problem;
mod role;

mod address;
mod ask;
mod key;
mod kind;
mod kinds;
mod reader;
mod secret;
mod sections;
mod units;

mod print;
mod schema;

#[cfg(test)]
mod testing;

#[cfg(test)]
mod app_tests;

#[cfg(test)]
mod fault_tests;

#[cfg(test)]
mod load_tests;

#[cfg(test)]
mod manual_tests;

#[cfg(test)]
mod fuzz;

pub use api_key::{NotAuthenticated, authenticate};
pub use env::{Env, ProcessEnv};
pub use load::{DEFAULT_PATH, Loaded, PATH_VARIABLE};
pub use problem::{ConfigError, Problem};
pub use role::ProcessRole;
pub use schema::schema;
pub use types::*;
pub use units::parse_duration;
