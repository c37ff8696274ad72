//! A RabbitMQ for tests. `RELINK_TEST_AMQP_URL` names one that any number of tests share, each
//! under a prefix of its own; tests that harm their broker start a private one. A machine without
//! RabbitMQ fails the tests: it never skips them.

use super::node::{Group, Node, Place, Wishes, free_port, mapper};
use rustix::process::Signal;
use std::net::Ipv4Addr;

const PORT_ATTEMPTS: usize = 5;

/// A name that no other test has.
pub(crate) fn prefix() -> String {
    format!("t{}", uuid::Uuid::new_v4().simple())
}

/// A running broker. A private one ends with this value, and with the test process.
pub(crate) struct Broker {
    url: String,
    private: Option<Private>,
}

struct Private {
    node: Node,
    _mapper: Group,
}

impl Broker {
    /// The shared one, or a private one where none is named.
    pub(crate) async fn any() -> Self {
        match std::env::var("RELINK_TEST_AMQP_URL") {
            Ok(url) => Self { url, private: None },
            Err(_) => Self::private().await,
        }
    }

    /// One that nobody else uses.
    pub(crate) async fn private() -> Self {
        Self::private_with(Wishes::default()).await
    }

    /// The same with wishes.
    pub(crate) async fn private_with(wishes: Wishes) -> Self {
        tokio::task::spawn_blocking(move || {
            for _ in 1..PORT_ATTEMPTS {
                // Somebody else may take a port between here and its use.
                if let Ok(broker) = Self::start(&wishes) {
                    return broker;
                }
            }
            Self::start(&wishes).unwrap_or_else(|log| panic!("RabbitMQ does not start:\n{log}"))
        })
        .await
        .unwrap()
    }

    fn start(wishes: &Wishes) -> Result<Self, String> {
        let port = free_port();
        let mapper = mapper(port, &[Ipv4Addr::LOCALHOST]);
        let mut node = Node::new(Place::new(Ipv4Addr::LOCALHOST, port), wishes);
        node.launch();
        node.until_serving()?;
        Ok(Self { url: node.place.url(), private: Some(Private { node, _mapper: mapper }) })
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// What the private one has logged since its start.
    pub(crate) fn log(&self) -> String {
        self.own().node.log()
    }

    /// `rabbitmqctl`, with its output.
    pub(crate) async fn ctl(&self, arguments: &[&str]) -> String {
        self.own().node.ctl(arguments).await
    }

    /// `kill -9`, with everything it started.
    pub(crate) async fn kill(&mut self) {
        self.own_mut().node.kill().await;
    }

    /// Starts it again on its data, ports and name.
    pub(crate) async fn restart(self) -> Self {
        tokio::task::spawn_blocking(move || {
            let mut broker = self;
            let node = &mut broker.own_mut().node;
            node.launch();
            let served = node.until_serving();
            served.unwrap_or_else(|log| panic!("RabbitMQ does not start again:\n{log}"));
            broker
        })
        .await
        .unwrap()
    }

    /// Lets it neither run nor end, or go on.
    pub(crate) fn signal(&self, signal: Signal) {
        self.own().node.signal(signal);
    }

    fn own(&self) -> &Private {
        self.private.as_ref().expect("this broker belongs to other tests too")
    }

    fn own_mut(&mut self) -> &mut Private {
        self.private.as_mut().expect("this broker belongs to other tests too")
    }
}
