//! A steady load: one event for one account after another, whatever becomes of the one before.
//! Like Cobalt it does not slow down because a receiver does.

use crate::ledger::{Ledger, Told};
use crate::signed::{Sender, login_required};
use relink_core::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How many events, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Events a second.
    pub per_second: u32,
    /// Events at most: as many as there are accounts.
    pub at_most: usize,
}

/// A load that runs beside the test.
pub struct Load {
    stop: CancellationToken,
    sent: Arc<AtomicUsize>,
    running: JoinHandle<Ledger>,
}

impl Load {
    /// Starts posting event N for account N to every one of `receivers`.
    pub fn start(receivers: Vec<Sender>, rate: Rate) -> Self {
        let (stop, sent) = (CancellationToken::new(), Arc::default());
        let running = tokio::spawn(post(receivers, rate, stop.clone(), Arc::clone(&sent)));
        Self { stop, sent, running }
    }

    /// How many events were begun so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// Waits until this many events were begun.
    pub async fn reaches(&self, count: usize) {
        while self.sent() < count && !self.running.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(self.sent() >= count, "the load ended after {} events", self.sent());
    }

    /// Waits until this many more events were begun.
    pub async fn goes_on(&self, count: usize) {
        self.reaches(self.sent() + count).await;
    }

    /// Lets this many more events pass, ends it, and answers what was told about every event.
    pub async fn stop_after(self, count: usize) -> Ledger {
        self.goes_on(count).await;
        self.stop().await
    }

    /// Ends it, and answers what was told about every event.
    pub async fn stop(self) -> Ledger {
        self.stop.cancel();
        self.running.await.unwrap()
    }

    /// Waits until every event was posted.
    pub async fn finish(self) -> Ledger {
        self.running.await.unwrap()
    }
}

async fn post(
    receivers: Vec<Sender>,
    rate: Rate,
    stop: CancellationToken,
    sent: Arc<AtomicUsize>,
) -> Ledger {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate.per_second);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut posts = JoinSet::new();
    for number in 0..rate.at_most {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = tick.tick() => {}
        }
        let receivers = receivers.clone();
        posts.spawn(async move { (number, tell(&receivers, number).await) });
        sent.fetch_add(1, Ordering::SeqCst);
    }
    let events = posts.join_all().await.into_iter().collect();
    Ledger { events, ..Ledger::default() }
}

/// Posts one event to every receiver at the same moment.
async fn tell(receivers: &[Sender], number: usize) -> Told {
    let event = Arc::new(login_required(&format!("evt-{number}"), &account(number)));
    let (posted_at, mut posts) = (Timestamp::now(), JoinSet::new());
    for receiver in receivers {
        let (receiver, event) = (receiver.clone(), Arc::clone(&event));
        posts.spawn(async move {
            let started = Instant::now();
            let status = receiver.post(&event).await;
            (status, started.elapsed())
        });
    }
    let mut told = Told { posted_at, ..Told::default() };
    for (status, took) in posts.join_all().await {
        told.answers.push(status);
        told.latencies.extend(status.map(|_| took));
    }
    told
}

/// The account of one number.
pub fn account(number: usize) -> String {
    format!("account-{number}")
}

/// The access token of the account of one number.
pub(crate) fn token(number: usize) -> String {
    format!("t{number}")
}

/// A line of an import file: even numbers have an email address, and odd ones a phone alone when
/// `texts` says so.
pub(crate) fn account_line(number: usize, channels: Channels) -> String {
    let contact = match channels {
        Channels::Alternating if number % 2 == 1 => {
            format!("\"phone\":\"+1202{:07}\",\"sms_consent\":true", 5_550_000 + number % 4_000_000)
        }
        Channels::Email | Channels::Alternating => {
            format!("\"email\":\"user{number}@clinic.example\"")
        }
        Channels::Sms => {
            format!("\"phone\":\"+1202{:07}\",\"sms_consent\":true", 5_550_000 + number % 4_000_000)
        }
    };
    format!(
        "{{\"account_ref\":\"{}\",\"user_id\":\"u{number}\",\"org_id\":\"o\",\"access_token\":\"{}\",\
         \"contacts\":[{{\"id\":\"user\",\"role\":\"user\",{contact}}}]}}\n",
        account(number),
        token(number)
    )
}

/// How people can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// All by email.
    Email,
    /// All by text message.
    Sms,
    /// Even numbers by email, odd ones by text message.
    Alternating,
}

/// The number behind an address that [`account_line`] made.
pub(crate) fn number_of(address: &str) -> Option<usize> {
    match address.strip_prefix("+1202") {
        Some(digits) => digits.parse::<usize>().ok()?.checked_sub(5_550_000),
        None => address.strip_prefix("user")?.split('@').next()?.parse().ok(),
    }
}
