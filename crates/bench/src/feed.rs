//! A queue that has everything at hand already: what a courier gets when the broker is not what
//! it waits for.

use anyhow::{Context as _, ensure};
use relink_core::id::NotificationId;
use relink_core::wire::DueMessage;
use relink_queue::{Consumer, Delivery, Settlement};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// Deliveries that wait to be given out.
pub(crate) struct Feed(VecDeque<Delivery>);

/// What becomes of them.
pub(crate) struct Settled(Vec<oneshot::Receiver<Settlement>>);

/// A delivery for each notification.
pub(crate) fn feed(ids: &[NotificationId]) -> (Feed, Settled) {
    let (deliveries, settled) = ids
        .iter()
        .map(|id| {
            let (settle, settled) = oneshot::channel();
            let body = DueMessage::encode(*id).into();
            (Delivery::new(id.to_string(), body, None, false, settle), settled)
        })
        .unzip();
    (Feed(deliveries), Settled(settled))
}

impl Settled {
    /// Waits until every delivery is done.
    pub(crate) async fn all_done(self) -> anyhow::Result<()> {
        for settled in self.0 {
            let settlement = settled.await.context("a delivery was given back")?;
            ensure!(settlement == Settlement::Done, "a delivery ended in {settlement:?}");
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Consumer for Feed {
    async fn next(&mut self) -> Delivery {
        match self.0.pop_front() {
            Some(delivery) => delivery,
            None => std::future::pending().await,
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.0.pop_front()
    }

    async fn stop(&mut self) {
        self.0.clear();
    }
}
