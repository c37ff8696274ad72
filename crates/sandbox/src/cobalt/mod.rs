//! A pretend Cobalt: accounts whose login can break, webhooks signed and posted as documented
//! (one retry after a second, on 5xx and network errors only), the list of webhook events, link
//! tokens, and a 403 on every call for a broken account.

mod api;
mod credentials;
mod settings;
mod webhooks;

pub use api::{ApiFault, Listing};
pub use webhooks::{RegisterAnswer, RegisteredUrl, Registration, RotatePath};

use crate::answer::spawn;
use crate::link::{self, LinkBehaviour, Links};
use crate::script::Script;
use api::{Account, World, answer, faulty};
use aws_lc_rs::hmac;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use relink_core::Timestamp;
use relink_core::masked::Secret;
use relink_http::client::{HttpClient, Limits, TlsSetupError};
use serde_json::{Value, json as value};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What came of posting one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The signed event id.
    pub event_id: String,
    /// The last answer's status, if there was an answer.
    pub status: Option<u16>,
    /// How often it was posted: 1 or 2.
    pub attempts: u8,
}

/// What goes wrong with one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFault {
    /// Signed with another secret, as after a rotation nobody was told of.
    WrongSecret,
    /// Posted twice although the first was accepted.
    Twice,
    /// Pretty-printed on the way, but signed as compact text.
    PrettyPrinted,
    /// Never posted: only the list of events knows of it.
    NotPosted,
}

/// The running service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PretendCobalt {
    /// Where its API listens.
    pub address: SocketAddr,
    /// Faults of webhooks to come.
    pub webhooks: Arc<Script<WebhookFault>>,
    /// Faults of API calls to come.
    pub api: Arc<Script<ApiFault>>,
    /// Where Link is hosted: another origin than the API.
    pub link_address: SocketAddr,
    /// How Link goes for the next tokens, one each.
    pub link: Arc<Script<LinkBehaviour>>,
    pub(crate) links: Links,
    world: Arc<Mutex<World>>,
    webhook_url: Arc<Mutex<String>>,
    key: Arc<hmac::Key>,
    first: HttpClient,
    second: HttpClient,
}

impl PretendCobalt {
    /// Listens on `address` (port 0 for a free one), and for Link on a free port beside it, until
    /// `stop`; posts to `webhook_url`, signed with `secret`.
    ///
    /// # Errors
    /// The address cannot be listened on, or TLS cannot be set up.
    pub async fn start(
        address: SocketAddr,
        webhook_url: &str,
        secret: &Secret,
        stop: CancellationToken,
    ) -> std::io::Result<Self> {
        let world: Arc<Mutex<World>> = Arc::default();
        let state = Arc::clone(&world);
        let api: Arc<Script<ApiFault>> = Arc::default();
        let faults = Arc::clone(&api);
        let links = lock(&world).links.clone();
        let healed = Arc::clone(&world);
        let repair = move |account_ref: &str| lock(&healed).set_broken(account_ref, false);
        let beside = SocketAddr::new(address.ip(), 0);
        let link_address = link::host(beside, stop.clone(), links.clone(), repair).await?;
        let address = spawn(address, stop, move |asked| {
            let answer = match faults.next() {
                Some(fault) => faulty(fault),
                None => answer(&asked, &mut lock(&state)),
            };
            async move { answer }
        })
        .await?;
        // The documented deadlines: 5 s for the first attempt, 2 s for the second.
        let client = |total| {
            let limits = Limits { total: Duration::from_secs(total), ..Limits::default() };
            HttpClient::new(limits).map_err(|error: TlsSetupError| std::io::Error::other(error))
        };
        Ok(Self {
            address,
            webhooks: Arc::default(),
            api,
            link_address,
            link: Arc::clone(&links.next),
            links,
            world,
            webhook_url: Arc::new(Mutex::new(webhook_url.to_owned())),
            key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())),
            first: client(5)?,
            second: client(2)?,
        })
    }

    /// What `[cobalt] api_url` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where webhooks go from now on.
    pub fn post_to(&self, webhook_url: &str) {
        webhook_url.clone_into(&mut lock(&self.webhook_url));
    }

    /// Adds a working account.
    pub fn add_account(&self, account_ref: &str, access_token: &str) {
        let account = Account { access_token: access_token.to_owned(), broken: false };
        lock(&self.world).accounts.insert(account_ref.to_owned(), account);
    }

    /// How the list of events answers from now on.
    pub fn list_as(&self, listing: Listing) {
        lock(&self.world).listing = listing;
    }

    /// Lists an event that was never posted, as after an outage of its receiver.
    pub fn list_missed(&self, event_id: &str, account_ref: &str, kind: &str, created: Timestamp) {
        let mut event = event(event_id, account_ref, kind, &created.to_string());
        note_delivery(
            &mut event,
            &Posted { event_id: event_id.to_owned(), status: None, attempts: 2 },
        );
        lock(&self.world).events.push(event);
    }

    /// The login breaks without a webhook.
    pub fn break_silently(&self, account_ref: &str) {
        self.set_broken(account_ref, true);
    }

    /// The login breaks: the API answers 403 from now on, and the webhook goes out.
    pub async fn break_login(&self, account_ref: &str) -> Posted {
        self.set_broken(account_ref, true);
        self.post_event(account_ref, "access_token.login_required").await
    }

    /// The login works again. As with the real service, no webhook tells.
    pub fn repair_login(&self, account_ref: &str) {
        self.set_broken(account_ref, false);
    }

    /// Whether the API answers for an account; it does not for one that was never added.
    pub fn works(&self, account_ref: &str) -> bool {
        lock(&self.world).accounts.get(account_ref).is_some_and(|account| !account.broken)
    }

    /// Answers from now on only calls with these credentials, quoted or not; before, with any.
    pub fn only_client(&self, client_id: &str, client_secret: &str) {
        lock(&self.world).client.require(client_id, client_secret);
    }

    fn set_broken(&self, account_ref: &str, broken: bool) {
        lock(&self.world).set_broken(account_ref, broken);
    }

    /// Makes an event, lists it, and posts it with the documented single retry.
    pub async fn post_event(&self, account_ref: &str, kind: &str) -> Posted {
        let id = uuid::Uuid::new_v4().to_string();
        let created = Timestamp::now().to_string();
        let event = event(&id, account_ref, kind, &created);
        let fault = self.webhooks.next();
        let mut posted = Posted { event_id: id.clone(), status: None, attempts: 0 };
        if fault != Some(WebhookFault::NotPosted) {
            let webhook = Webhook { id: &id, created: &created, event: &event, fault };
            self.deliver(&webhook, &mut posted).await;
            if fault == Some(WebhookFault::Twice) {
                self.deliver(&webhook, &mut posted).await;
            }
        }
        let mut listed = event;
        note_delivery(&mut listed, &posted);
        lock(&self.world).events.push(listed);
        posted
    }

    /// Posts with the documented single retry.
    async fn deliver(&self, webhook: &Webhook<'_>, posted: &mut Posted) {
        for (attempt, client) in [(1, &self.first), (2, &self.second)] {
            posted.attempts += 1;
            posted.status = self.post(client, webhook, attempt).await;
            if posted.status.is_some_and(|status| status < 500) {
                break;
            }
            if attempt == 1 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Signs and posts once.
    async fn post(&self, client: &HttpClient, webhook: &Webhook<'_>, attempt: u8) -> Option<u16> {
        let Webhook { id, created, event, fault } = *webhook;
        let signed = event.to_string();
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"a secret nobody was told of");
        let key = if fault == Some(WebhookFault::WrongSecret) { &other } else { &*self.key };
        let signature = hex::encode(hmac::sign(key, signed.as_bytes()));
        let body = match fault {
            Some(WebhookFault::PrettyPrinted) => {
                serde_json::to_string_pretty(event).unwrap_or(signed)
            }
            Some(WebhookFault::WrongSecret | WebhookFault::Twice | WebhookFault::NotPosted)
            | None => signed,
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, text) in [
            ("cobalt-verification", signature.as_str()),
            ("webhook-id", id),
            ("webhook-timestamp", created),
            ("webhook-attempt", &attempt.to_string()),
        ] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let url = lock(&self.webhook_url).clone();
        let body = Bytes::from(body);
        let answer = client.call(Method::POST, &url, headers, body).await.ok()?;
        Some(answer.status.as_u16())
    }
}

/// An event as documented.
fn event(id: &str, account_ref: &str, kind: &str, created: &str) -> Value {
    value!({
        "id": id, "access_token_reference_id": account_ref, "object": "event",
        "created": created, "type": kind,
        "data": {
            "access_token_reference_id": account_ref,
            "emr_instance_domain": "https://ehr.sandbox.invalid",
            "message": "The stored credentials are no longer valid.",
            "error_type": "password_expired",
        },
    })
}

/// What the list says of an event beyond its webhook.
fn note_delivery(event: &mut Value, posted: &Posted) {
    let delivered = posted.status.is_some_and(|status| status < 300);
    if let Some(fields) = event.as_object_mut() {
        fields.insert("delivered".into(), delivered.into());
        fields.insert("status".into(), if delivered { "success" } else { "failed" }.into());
        fields.insert("delivery_attempts".into(), posted.attempts.into());
    }
}

/// An event on its way.
struct Webhook<'a> {
    id: &'a str,
    created: &'a str,
    event: &'a Value,
    fault: Option<WebhookFault>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
