//! What a stream has to say next: one frame and no more, the newest. A reader that is slow skips
//! what it has not read, which a list that is whole each time allows; one that reads nothing at all
//! is cut off by its connection's write timeout. So no reader, however many, makes a queue grow.

use crate::feed::wording::Lang;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::time::Instant;

/// A comment: nothing happened, and the connection is there.
const BEAT: Bytes = Bytes::from_static(b":\n\n");

/// The box of one stream.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) lang: Lang,
    /// When the token ends that opened it.
    pub(crate) until: Option<Instant>,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    frame: Option<Bytes>,
    /// The frame is more than a beat.
    tells: bool,
    /// The id of the newest list that was put in, or that the reader had before.
    has: Option<String>,
    closed: bool,
    waker: Option<Waker>,
}

impl Mailbox {
    pub(crate) fn new(lang: Lang, until: Option<Instant>, has: Option<String>) -> Self {
        Self { lang, until, slot: Mutex::new(Slot { has, ..Slot::default() }) }
    }

    /// Puts `frame` in place of what has not been read; only a beat for who has that list already.
    pub(crate) fn put(&self, id: &str, frame: &Bytes) {
        self.change(|slot| {
            if slot.has.as_deref() == Some(id) {
                slot.frame.get_or_insert(BEAT);
                return;
            }
            slot.frame = Some(frame.clone());
            slot.tells = true;
            slot.has = Some(id.to_owned());
        });
    }

    /// Shows that the connection is there, unless there is something to read anyway.
    pub(crate) fn beat(&self) {
        self.change(|slot| {
            if !slot.tells {
                slot.frame = Some(BEAT);
            }
        });
    }

    /// Ends the stream once it has been read empty.
    pub(crate) fn close(&self) {
        self.change(|slot| slot.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut Slot)) {
        let mut slot = self.slot();
        change(&mut slot);
        if let Some(waker) = slot.waker.take() {
            drop(slot);
            waker.wake();
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut slot = self.slot();
        if let Some(frame) = slot.frame.take() {
            slot.tells = false;
            return Poll::Ready(Some(frame));
        }
        if slot.closed {
            return Poll::Ready(None);
        }
        slot.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The body of a stream. `L` does what is to be done when nobody reads it any more.
pub(crate) struct StreamBody<L> {
    /// Said before anything in the box.
    first: Option<Bytes>,
    mailbox: Arc<Mailbox>,
    _leave: L,
}

impl<L> StreamBody<L> {
    pub(crate) fn new(first: Bytes, mailbox: Arc<Mailbox>, leave: L) -> Self {
        Self { first: Some(first), mailbox, _leave: leave }
    }
}

impl<L: Unpin> Body for StreamBody<L> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.mailbox.poll(cx).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}
