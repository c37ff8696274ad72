//! What the tests of this crate share: a pretend environment and the shortest way to load a text.

use crate::{Config, ConfigError, Loaded};
use std::collections::BTreeMap;
use std::path::Path;

/// What the manual asks for. Every value is a canary: none may ever be printed.
pub(crate) fn env() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("COBALT_CLIENT_ID", "canary-ci-0123456789"),
        ("COBALT_CLIENT_SECRET", "\"canary-cs-0123456789\""),
        ("COBALT_WEBHOOK_SECRET", "canary-webhook-0123456789\n"),
        ("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000000"),
        ("TWILIO_AUTH_TOKEN", "canary-token-0123456789"),
        ("RELINK_APP_KEY", "canary-app-0123456789"),
    ])
}

/// Loads `text` with [`env`], relative paths from a folder that does not exist.
pub(crate) fn load(text: &str) -> Result<Loaded, ConfigError> {
    Config::parse(text, "relink.toml", Path::new("nowhere"), &env())
}
