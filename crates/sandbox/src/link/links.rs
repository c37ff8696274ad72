//! What Link knows: how it is told to behave, the tokens that were made, and how often. One lock,
//! never held over a call.

use super::visit::{Given, Over, Screen, Token};
use super::{LinkBehaviour, Minting};
use crate::script::Script;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Shared by the API that makes tokens and the site that takes them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    /// How the next tokens behave, one each.
    pub(crate) next: Arc<Script<LinkBehaviour>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) minting: Minting,
    pub(super) for_all: LinkBehaviour,
    pub(super) for_one: BTreeMap<String, LinkBehaviour>,
    /// Tokens made so far, by account.
    pub(super) minted: BTreeMap<String, usize>,
    /// Where a person goes from a window of Link's own.
    pub(super) call_back: Option<String>,
    tokens: BTreeMap<String, Token>,
}

impl Links {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new token; `account` is the one to repair, if it is for one.
    pub(super) fn mint(&self, account: Option<String>) -> String {
        let mut state = self.lock();
        let standing = account.as_ref().and_then(|account| state.for_one.get(account));
        let standing = *standing.unwrap_or(&state.for_all);
        // Only the script itself takes up that it is away.
        let next = self.next.next_if(|next| *next != LinkBehaviour::ScriptUnavailable);
        if let Some(account) = &account {
            *state.minted.entry(account.clone()).or_default() += 1;
        }
        let text = format!("lt_{}", uuid::Uuid::new_v4().simple());
        state.tokens.insert(text.clone(), Token::new(account, next.unwrap_or(standing)));
        text
    }

    /// Whether `init.js` is away for this call.
    pub(super) fn script_is_away(&self) -> bool {
        let away = |behaviour: &LinkBehaviour| *behaviour == LinkBehaviour::ScriptUnavailable;
        let state = self.lock();
        let standing = away(&state.for_all) || state.for_one.values().any(away);
        self.next.next_if(away).is_some() || standing
    }

    /// Opens Link with a token, which uses it up.
    pub(super) fn open(&self, token: &str) -> Screen {
        let mut state = self.lock();
        let lifetime = state.minting.lifetime;
        match state.tokens.get_mut(token) {
            None => Screen::Over(Over::Unknown),
            Some(token) if token.is_old(Instant::now(), lifetime) => Screen::Over(Over::Old),
            Some(token) => token.open(),
        }
    }

    /// Takes what was filled in on a screen of a visit.
    pub(super) fn submit(&self, visit: &str, given: &Given) -> Screen {
        let mut state = self.lock();
        let lifetime = state.minting.lifetime;
        match state.tokens.values_mut().find(|token| token.is_open_as(visit)) {
            None => Screen::Over(Over::Used),
            Some(token) if token.is_old(Instant::now(), lifetime) => Screen::Over(Over::Old),
            Some(token) => token.submit(given),
        }
    }
}
