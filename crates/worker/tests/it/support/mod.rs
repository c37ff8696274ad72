//! Everything the scenarios share: a world to start, a store that fails on command, a queue in
//! memory, a provider that follows a script.

#[allow(unreachable_pub, reason = "shared with the tests of the whole system, which hand it on")]
mod app;
mod cobalt;
mod events;
mod judge;
mod queue;
mod sender;
mod store;
mod world;

pub(crate) use app::{APP_SECRET, App, Reply};
pub(crate) use cobalt::{FakeCobalt, Says};
pub(crate) use events::{Endless, FakeList, event, login_required, missed, refusal};
pub(crate) use judge::{DELIVERY, Judge};
pub(crate) use queue::{FakePublisher, FakeQueue, Inlet, Receipt, consumer, delivery};
pub(crate) use sender::{Act, ScriptedSender};
pub(crate) use store::ScriptedStore;
pub(crate) use world::{DAY, PATIENCE, World, id_of};

use std::time::Duration;

/// The bound of every wait for something that must happen.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Waits for `done` with a bound.
pub(crate) async fn soon<T>(what: &str, done: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, done).await {
        Ok(value) => value,
        Err(_) => panic!("not within {SOON:?}: {what}"),
    }
}

/// Waits until `holds`, with a bound; looks every millisecond of the runtime's clock.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..300_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("not in time: {what}");
}

/// While it lives, a paused clock stands still: the runtime does not take waiting for a thread
/// of the store for idleness.
pub(crate) struct StandStill(#[expect(dead_code, reason = "its drop is the signal")] Hold);

type Hold = std::sync::mpsc::Sender<()>;

pub(crate) fn stand_still() -> StandStill {
    let (hold, released) = std::sync::mpsc::channel();
    tokio::task::spawn_blocking(move || released.recv().err());
    StandStill(hold)
}
