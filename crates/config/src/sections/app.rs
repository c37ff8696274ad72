//! `[app]`: where the customer's app is told what happens to its cases.

use super::access::unique_ids;
use crate::address::{UrlPath, url};
use crate::kind::{Fault, Raw};
use crate::kinds::{flag, id, word};
use crate::reader::Section;
use crate::types::{App, Queue, Webhook};
use relink_core::app_event::{AppEventKind, EXCHANGE};
use relink_core::app_signature::SigningSecret;
use relink_core::id::EndpointId;

/// The words of events, in the order of a case's life.
const EVENTS: &[(&str, AppEventKind)] = &[
    (AppEventKind::Opened.as_str(), AppEventKind::Opened),
    (AppEventKind::Notified.as_str(), AppEventKind::Notified),
    (AppEventKind::Repaired.as_str(), AppEventKind::Repaired),
    (AppEventKind::Expired.as_str(), AppEventKind::Expired),
    (AppEventKind::Unreachable.as_str(), AppEventKind::Unreachable),
    (AppEventKind::Closed.as_str(), AppEventKind::Closed),
];

/// How a secret is made.
const MAKE_ONE: &str = "make one with: echo \"whsec_$(openssl rand -base64 32)\"";

pub(super) fn app(s: &mut Section<'_, '_>, queue: Option<&Queue>) -> Option<App> {
    let exchange = s
        .key("exchange", "RabbitMQ only: whether events go to the exchange PREFIX.events too.")
        .or(flag(), Raw::Flag(false));
    let webhooks = s
        .key("webhooks", "Where events are posted, signed.")
        .tables(None, webhook)
        .map(Option::unwrap_or_default);
    if exchange == Some(true) && matches!(queue, Some(Queue::Embedded)) {
        let what = "is true, and there is no broker: queue.kind is \"embedded\"";
        let remedy = "set it to false, or set kind = \"rabbitmq\" under [queue]";
        s.problem("exchange", Fault::new(what, remedy));
        return None;
    }
    let webhooks = unique_ids(s, "webhooks", webhooks, |webhook| webhook.id.as_str());
    Some(App { exchange: exchange?, webhooks: webhooks? })
}

fn webhook(s: &mut Section<'_, '_>) -> Option<Webhook> {
    let id = s
        .key("id", "Names the endpoint in the store, in logs and metrics.")
        .required(id(), "name it, such as id = \"app\"");
    let url = s.key("url", "Where events are posted.").required(
        url(UrlPath::Exact),
        "write the address of your app's endpoint, such as url = \"https://app.example.org/relink\"",
    );
    let secrets = s
        .key("secrets", "What signs: every one of them, so that one can be replaced by the next.")
        .secret_list("write secrets = [{ env = \"RELINK_APP_WEBHOOK_SECRET\" }]");
    let events = s
        .key("events", "What is posted there; by default everything.")
        .optional_list(&word(EVENTS), EVENTS.iter().map(|(text, _)| *text));
    let secrets = secrets.and_then(|secrets| signing(s, &secrets));
    let events = events.and_then(|events| some_events(s, events));
    if id.as_deref() == Some(EXCHANGE) {
        let what = "is the name of the broker's exchange in metrics and lists";
        s.problem("id", Fault::new(what, "choose another"));
        return None;
    }
    let id = EndpointId::parse(&id?).ok();
    Some(Webhook { id: id?, url: url?, secrets: secrets?, events: events? })
}

fn signing(
    s: &mut Section<'_, '_>,
    secrets: &[relink_core::masked::Secret],
) -> Option<Vec<SigningSecret>> {
    let read = secrets.iter().enumerate().map(|(n, secret)| {
        let parsed = SigningSecret::parse(secret);
        let told = parsed.map_err(|error| {
            let what = format!("is not usable: {error}");
            s.problem(&format!("secrets[{n}]"), Fault::new(what, MAKE_ONE).hidden());
        });
        told.ok()
    });
    let read: Vec<Option<SigningSecret>> = read.collect();
    read.into_iter().collect()
}

fn some_events(s: &mut Section<'_, '_>, events: Vec<AppEventKind>) -> Option<Vec<AppEventKind>> {
    if events.is_empty() {
        let remedy = "name what shall be posted, or leave the key away for everything";
        s.problem("events", Fault::new("is empty", remedy));
        return None;
    }
    Some(events)
}
