//! A pretend relay: speaks SMTP well, except at the moments its script names, and keeps what it
//! heard. Each instance has its own port.

use crate::session::Session;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, Semaphore};

/// A moment at which the relay acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Before the handshake of implicit TLS.
    Handshake,
    Banner,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the first line of the body.
    Body,
    /// After the final dot.
    Dot,
}

/// What it does at a moment.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// What it should.
    Usual,
    /// Says this instead, to the byte.
    Say(String),
    /// Says this, which need not be text.
    Bytes(&'static [u8]),
    /// Says this, then closes.
    SayAndClose(String),
    /// Says this, which need not be text, then closes.
    BytesAndClose(Vec<u8>),
    /// What it should, but after a while.
    Late(Duration),
    /// What it should, after the test lets it.
    Gate(Arc<Semaphore>),
    /// Talks without ever ending the line.
    Babble,
    /// Neither reads nor says anything any more.
    Hang,
    /// Closes.
    Close,
}

/// One reply of one line.
pub(crate) fn say(line: &str) -> Act {
    Act::Say(format!("{line}\r\n"))
}

/// What the relay can do besides taking mail.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Offer {
    pub(crate) starttls: bool,
    pub(crate) implicit: bool,
    /// The mechanisms it names, and whether the one password is right.
    pub(crate) auth: Option<&'static str>,
}

/// A line the relay heard.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) encrypted: bool,
    pub(crate) text: String,
}

/// A mail the relay heard to the final dot.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) connection: usize,
    /// Between DATA's answer and the final dot, as it came over the wire.
    pub(crate) raw: Vec<u8>,
    pub(crate) accepted: bool,
}

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) connections: usize,
    pub(crate) open: usize,
    pub(crate) most_open: usize,
    pub(crate) lines: Vec<Line>,
    pub(crate) mails: Vec<Heard>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    script: Mutex<VecDeque<(At, Act)>>,
    log: Mutex<Log>,
    changed: Notify,
    pub(crate) offer: Offer,
}

impl State {
    /// The next act that the script has for this moment.
    pub(crate) fn act(&self, at: At) -> Act {
        let mut script = self.script.lock().unwrap();
        let found = script.iter().position(|(when, _)| *when == at);
        found.and_then(|index| script.remove(index)).map_or(Act::Usual, |(_, act)| act)
    }

    pub(crate) fn record<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let value = change(&mut self.log.lock().unwrap());
        self.changed.notify_waiters();
        value
    }
}

pub(crate) struct Relay {
    pub(crate) port: u16,
    state: Arc<State>,
}

impl Relay {
    /// Each act is done once, at the first moment of its kind that comes.
    pub(crate) fn start(script: impl IntoIterator<Item = (At, Act)>) -> Self {
        Self::offering(Offer::default(), script)
    }

    pub(crate) fn offering(offer: Offer, script: impl IntoIterator<Item = (At, Act)>) -> Self {
        let listener = listener();
        let port = listener.local_addr().unwrap().port();
        let script = Mutex::new(script.into_iter().collect());
        let state = Arc::new(State { script, offer, ..State::default() });
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { port, state }
    }

    /// Looks at what happened so far.
    pub(crate) fn log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.state.log.lock().unwrap())
    }

    /// The commands so far, of all connections, without their arguments.
    pub(crate) fn verbs(&self) -> Vec<String> {
        let verb = |line: &Line| line.text.split([' ', ':']).next().unwrap().to_owned();
        self.log(|log| log.lines.iter().map(verb).collect())
    }

    /// How many mails it took.
    pub(crate) fn accepted(&self) -> usize {
        self.log(|log| log.mails.iter().filter(|mail| mail.accepted).count())
    }

    /// Waits, at most ten seconds, until what happened so far is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Log) -> bool) {
        let waiting = async {
            loop {
                let changed = self.state.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.log(&wanted) {
                    return;
                }
                changed.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        waited.unwrap_or_else(|_| panic!("waited in vain for {what}: {:?}", self.log(summary)));
    }
}

fn summary(log: &Log) -> String {
    format!("{} connections, {} open, {:?}", log.connections, log.open, log.lines)
}

/// A small receive buffer, so that a body can get stuck.
fn listener() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    socket.listen(64).unwrap()
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let number = state.record(|log| {
            log.connections += 1;
            log.open += 1;
            log.most_open = log.most_open.max(log.open);
            log.connections
        });
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            Session::run(stream, Arc::clone(&state), number).await;
            state.record(|log| log.open -= 1);
        });
    }
}
