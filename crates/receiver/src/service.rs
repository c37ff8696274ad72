//! Between the connection and the story: one task for each request, and one deadline on its
//! answer. The task is not the connection's: a client that hangs up ends its connection, never
//! the write it has caused.

use crate::accept::{Accepted, Desk};
use crate::answer::{self, Answer, Refusal};
use crate::request::Route;
use hyper::body::Incoming;
use hyper::service::Service;
use relink_http::Request;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// From the end of the request head to the answer. Cobalt waits 2 s for its second try.
const ANSWER_DEADLINE: Duration = Duration::from_millis(1500);

/// The status under which a request is counted whose client left before the answer.
const CLIENT_LEFT: u16 = 499;

/// What the listener serves.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) desk: Arc<Desk>,
    pub(crate) tasks: TaskTracker,
}

impl Service<Request<Incoming>> for Front {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let route = Route::of(request.uri().path());
        let (reply, answer) = oneshot::channel();
        let desk = Arc::clone(&self.desk);
        let span = tracing::info_span!(
            "event",
            route = route.label(),
            trace.id = tracing::field::Empty,
            event.id = tracing::field::Empty,
            event.kind = tracing::field::Empty,
        );
        // Spawned here and not in the future below: that one is never polled when the client
        // leaves right behind its body.
        self.tasks.spawn(work(desk, route, request, reply).instrument(span));
        let desk = Arc::clone(&self.desk);
        Box::pin(async move {
            let answer = match timeout(ANSWER_DEADLINE, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => fault(&desk, &Refusal::Panicked),
                Err(_) => fault(&desk, &Refusal::Late),
            };
            desk.metrics.request(route, answer.status().as_u16());
            Ok(answer)
        })
    }
}

/// Works on one request to its end, whoever still waits for it.
async fn work(
    desk: Arc<Desk>,
    route: Route,
    request: Request<Incoming>,
    reply: oneshot::Sender<Answer>,
) {
    let begun = Instant::now();
    let outcome = desk.accept(route, request).await;
    let answer = match &outcome {
        Ok(Accepted::Stored(receipt)) => answer::accepted(receipt),
        Ok(Accepted::NotOurs(proof)) => answer::ignored(proof),
        Err(refusal) => fault(&desk, refusal),
    };
    if reply.send(answer).is_ok() {
        return;
    }
    if let Ok(Accepted::Stored(_)) = outcome {
        desk.metrics.stored_after_answer();
    }
    if begun.elapsed() < ANSWER_DEADLINE {
        desk.metrics.request(route, CLIENT_LEFT);
    }
}

/// The answer to a refusal; one that is our own fault is also logged, once, here.
fn fault(desk: &Desk, refusal: &Refusal) -> Answer {
    if refusal.is_our_fault()
        && let Some(held_back) = desk.fault_lines.admit(std::time::Instant::now())
    {
        let cause = std::error::Error::source(refusal).map(ToString::to_string);
        tracing::error!(fault = %refusal, cause, held_back, "an event could not be accepted");
    }
    refusal.answer()
}
