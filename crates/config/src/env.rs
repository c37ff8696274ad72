//! What the loader may see of the world besides the file: environment variables and the clock.
//! A trait, so that tests need no real environment and no two tests can disturb each other.

use relink_core::Timestamp;
use std::collections::BTreeMap;

/// The surroundings of the program.
pub trait Env {
    /// The variable's value; none when it is not set or not UTF-8.
    fn var(&self, name: &str) -> Option<String>;

    /// Now, to tell which webhook secrets have run out.
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// A pretend environment.
impl Env for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// A pretend environment.
impl Env for BTreeMap<&str, &str> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| (*value).to_owned())
    }
}
