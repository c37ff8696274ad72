//! A pretend Cobalt Link, on a port of its own as link.usecobalt.com is a host of its own: the
//! script that a page loads, and the hosted page in which a person signs in again.
//!
//! It has the documented interface and nothing more. Whoever closes it leaves no trace for its
//! caller, and a token opens it once. Nothing on its pages says whose account it is about.

mod commands;
mod html;
mod links;
mod minting;
mod site;
mod visit;

pub(crate) use links::Links;
pub(crate) use minting::NoToken;
pub(crate) use site::host;

use std::time::Duration;

/// How Link goes for a person, from one token to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LinkBehaviour {
    /// Asks for a code alone.
    #[default]
    OtpOnly,
    /// Asks for user name and password, then for a code.
    FullLogin,
    /// As `OtpOnly`, but the first right code is not taken; the page gives another.
    FailsOnce,
    /// Takes no code, ever: a person can only close it.
    NeverCompletes,
    /// As `OtpOnly`, but `init.js` answers 503, so that only a new window is left. The script knows
    /// no account: set for one, it is away for all.
    ScriptUnavailable,
    /// As `OtpOnly`, and says that it succeeded, but the account stays broken.
    CompletesWithoutRepair,
}

/// Which of the two documented paths of the call exists; the other answers 404.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LinkPath {
    /// Both.
    #[default]
    Both,
    /// `/v1/link/token/create`.
    Versioned,
    /// `/link/token/create`.
    Bare,
}

/// The name of the token in the answer, where Cobalt's pages differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenKey {
    /// `token`, as in the examples.
    #[default]
    Token,
    /// `link_token`, as in the prose.
    LinkToken,
}

/// How link tokens are made, where Cobalt's pages differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minting {
    /// The path that exists.
    pub path: LinkPath,
    /// The token's name in the answer.
    pub key: TokenKey,
    /// How long a token lives; counts for tokens made before too, so that zero makes all old.
    pub lifetime: Duration,
}

impl Default for Minting {
    /// Thirty minutes, as documented.
    fn default() -> Self {
        Self {
            path: LinkPath::default(),
            key: TokenKey::default(),
            lifetime: Duration::from_secs(30 * 60),
        }
    }
}
