//! Cobalt as a scenario has it: accounts by their token, each works or not; it may be down, or
//! refuse us. Nobody is told of a repair.

use relink_cobalt::{CobaltError, Probe, Settings};
use relink_core::masked::Secret;
use relink_worker::probe::AccountHealth;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What it says of an account that it knows, or of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Works,
    Broken,
    /// This status, without the word `login_required`.
    Status(u16),
    /// Something unreadable.
    Garbage,
}

type Watch = Box<dyn FnMut(&str) + Send>;

#[derive(Default)]
pub(crate) struct FakeCobalt {
    accounts: Mutex<HashMap<String, Says>>,
    of_all: Mutex<Option<Says>>,
    zone: Mutex<Option<String>>,
    asked: Mutex<Vec<String>>,
    watch: Mutex<Option<Watch>>,
    /// Asked while this is set, it answers once told to.
    pub(crate) held: Mutex<Option<Arc<Notify>>>,
    /// Told whenever it is asked.
    pub(crate) begun: Notify,
}

impl FakeCobalt {
    /// What it says of the account of `token` from now on.
    pub(crate) fn say(&self, token: &str, says: Says) {
        self.accounts.lock().unwrap().insert(token.to_owned(), says);
    }

    pub(crate) fn says(&self, token: &str) -> Option<Says> {
        self.of_all.lock().unwrap().or(self.accounts.lock().unwrap().get(token).copied())
    }

    /// What it says whatever it is asked; `None`: what it knows.
    pub(crate) fn say_to_all(&self, says: Option<Says>) {
        *self.of_all.lock().unwrap() = says;
    }

    pub(crate) fn names_zone(&self, zone: Option<&str>) {
        *self.zone.lock().unwrap() = zone.map(str::to_owned);
    }

    /// Runs `watch` with the token whenever it has answered.
    pub(crate) fn watch(&self, watch: impl FnMut(&str) + Send + 'static) {
        *self.watch.lock().unwrap() = Some(Box::new(watch));
    }

    /// The tokens it was asked with, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn answer(&self, token: &Secret) -> Result<(), CobaltError> {
        const CALL: &str = "whatever it was";
        let token = token.expose();
        self.asked.lock().unwrap().push(token.to_owned());
        self.begun.notify_one();
        let held = self.held.lock().unwrap().clone();
        if let Some(held) = held {
            held.notified().await;
        }
        let says = self.says(token);
        if let Some(watch) = self.watch.lock().unwrap().as_mut() {
            watch(token);
        }
        match says {
            Some(Says::Works) => Ok(()),
            Some(Says::Broken) => Err(CobaltError::LoginRequired { call: CALL }),
            Some(Says::Status(status)) => {
                Err(CobaltError::Refused { call: CALL, status, code: None })
            }
            Some(Says::Garbage) => Err(CobaltError::Unreadable { call: CALL, why: "on purpose" }),
            // As Cobalt answers for a token that it keeps nothing about.
            None => Err(CobaltError::Refused { call: CALL, status: 404, code: None }),
        }
    }
}

#[async_trait::async_trait]
impl AccountHealth for FakeCobalt {
    async fn probe(&self, access_token: &Secret) -> Probe {
        match self.answer(access_token).await {
            Ok(()) => Probe::Healthy,
            Err(CobaltError::LoginRequired { .. }) => Probe::LoginRequired,
            Err(why) => Probe::Unknown { why },
        }
    }

    async fn settings(&self, access_token: &Secret) -> Result<Option<Settings>, CobaltError> {
        self.answer(access_token).await?;
        Ok(Some(Settings { account_ref: None, time_zone: self.zone.lock().unwrap().clone() }))
    }
}
