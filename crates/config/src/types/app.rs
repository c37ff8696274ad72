//! Where the customer's app is told what happens to its cases: `[app]`.

use crate::types::{Config, Queue};
use relink_core::app_event::{AppEventKind, EXCHANGE, Endpoint};
use relink_core::app_signature::SigningSecret;
use relink_core::id::EndpointId;

/// `[app]`
#[derive(Debug, Clone, Default)]
pub struct App {
    /// Whether events also go to the exchange `<prefix>.events`; only with RabbitMQ.
    pub exchange: bool,
    /// Where events are posted.
    pub webhooks: Vec<Webhook>,
}

/// `[[app.webhooks]]`
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Names the endpoint in the store, in logs and metrics.
    pub id: EndpointId,
    /// `https`, or `http` to this machine.
    pub url: String,
    /// At least one; every one signs.
    pub secrets: Vec<SigningSecret>,
    /// What is posted there.
    pub events: Vec<AppEventKind>,
}

impl Config {
    /// Whether events go to the broker's exchange.
    pub fn tells_exchange(&self) -> bool {
        self.app.exchange && matches!(self.queue, Queue::RabbitMq(_))
    }

    /// The endpoints that events are written for.
    pub(super) fn app_endpoints(&self) -> Vec<Endpoint> {
        let webhooks = self
            .app
            .webhooks
            .iter()
            .map(|webhook| Endpoint { id: webhook.id.clone(), events: webhook.events.clone() });
        let exchange = EndpointId::parse(EXCHANGE).ok().filter(|_| self.tells_exchange());
        let exchange = exchange.map(|id| Endpoint { id, events: AppEventKind::ALL.to_vec() });
        webhooks.chain(exchange).collect()
    }
}
