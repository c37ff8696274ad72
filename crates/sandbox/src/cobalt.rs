//! A pretend Cobalt: accounts whose login can break, webhooks signed and posted as documented
//! (one retry after a second, on 5xx and network errors only), the list of webhook events, link
//! tokens, and a 403 on every call for a broken account.

use crate::answer::{Asked, spawn};
use aws_lc_rs::hmac;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use relink_core::Timestamp;
use relink_core::masked::Secret;
use relink_http::client::{HttpClient, Limits, TlsSetupError};
use relink_http::problem::json;
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One pretend account.
#[derive(Debug, Clone)]
struct Account {
    access_token: String,
    broken: bool,
}

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

#[derive(Debug, Default)]
struct World {
    accounts: BTreeMap<String, Account>,
    events: Vec<Value>,
}

/// The running service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PretendCobalt {
    /// Where its API listens.
    pub address: SocketAddr,
    world: Arc<Mutex<World>>,
    webhook_url: Arc<Mutex<String>>,
    key: Arc<hmac::Key>,
    first: HttpClient,
    second: HttpClient,
}

impl PretendCobalt {
    /// Listens on `address` (port 0 for a free one) until `stop`; posts to `webhook_url`, signed
    /// with `secret`.
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
        let address = spawn(address, stop, move |asked| {
            let answer = answer(&asked, &mut lock(&state));
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

    /// The login breaks: the API answers 403 from now on, and the webhook goes out.
    pub async fn break_login(&self, account_ref: &str) -> Posted {
        self.set_broken(account_ref, true);
        self.post_event(account_ref, "access_token.login_required").await
    }

    /// The login works again. As with the real service, no webhook tells.
    pub fn repair_login(&self, account_ref: &str) {
        self.set_broken(account_ref, false);
    }

    fn set_broken(&self, account_ref: &str, broken: bool) {
        if let Some(account) = lock(&self.world).accounts.get_mut(account_ref) {
            account.broken = broken;
        }
    }

    /// Makes an event, lists it, and posts it with the documented single retry.
    pub async fn post_event(&self, account_ref: &str, kind: &str) -> Posted {
        let id = uuid::Uuid::new_v4().to_string();
        let created = Timestamp::now().to_string();
        let event = value!({
            "id": id, "access_token_reference_id": account_ref, "object": "event",
            "created": created, "type": kind,
            "data": {
                "access_token_reference_id": account_ref,
                "emr_instance_domain": "https://ehr.sandbox.invalid",
                "message": "The stored credentials are no longer valid.",
                "error_type": "password_expired",
            },
        });
        let body = event.to_string();
        let mut posted = Posted { event_id: id.clone(), status: None, attempts: 0 };
        for client in [&self.first, &self.second] {
            posted.attempts += 1;
            posted.status = self.post(client, &id, &created, posted.attempts, &body).await;
            if posted.status.is_some_and(|status| status < 500) {
                break;
            }
            if posted.attempts == 1 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        let delivered = posted.status.is_some_and(|status| status < 300);
        let mut listed = event;
        if let Some(fields) = listed.as_object_mut() {
            fields.insert("delivered".into(), delivered.into());
            fields.insert("status".into(), if delivered { "success" } else { "failed" }.into());
            fields.insert("delivery_attempts".into(), posted.attempts.into());
        }
        lock(&self.world).events.push(listed);
        posted
    }

    /// Signs and posts a body as it is.
    async fn post(
        &self,
        client: &HttpClient,
        id: &str,
        created: &str,
        attempt: u8,
        body: &str,
    ) -> Option<u16> {
        let signature = hex::encode(hmac::sign(&self.key, body.as_bytes()));
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
        let body = Bytes::from(body.to_owned());
        let answer = client.call(Method::POST, &url, headers, body).await.ok()?;
        Some(answer.status.as_u16())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(asked: &Asked, world: &mut World) -> Response<Full<Bytes>> {
    if asked.header("client_id").is_empty() || asked.header("client_secret").is_empty() {
        return failure(StatusCode::UNAUTHORIZED, "unauthorized", "Client credentials are missing");
    }
    match (&asked.method, asked.path.as_str()) {
        (&Method::POST, "/v1/link/token/create" | "/link/token/create") => link_token(asked),
        (&Method::GET, "/v1/settings") => settings(asked, world),
        (&Method::GET, "/v1/webhook-events") => events(asked, world),
        _ => failure(StatusCode::NOT_FOUND, "not_found", "No such route"),
    }
}

fn link_token(asked: &Asked) -> Response<Full<Bytes>> {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
    let given = |name: &str| body.get(name).and_then(Value::as_str).is_some_and(|s| !s.is_empty());
    if !given("user_id") || !given("org_id") {
        return failure(StatusCode::BAD_REQUEST, "bad_request", "user_id and org_id are required");
    }
    let token = format!("lt_{}", uuid::Uuid::new_v4().simple());
    json(StatusCode::OK, &value!({ "success": true, "token": token }))
}

fn settings(asked: &Asked, world: &World) -> Response<Full<Bytes>> {
    let token = asked.header("access_token");
    match world.accounts.iter().find(|(_, account)| account.access_token == token) {
        None => failure(StatusCode::NOT_FOUND, "not_found", "No settings"),
        Some((_, account)) if account.broken => failure(
            StatusCode::FORBIDDEN,
            "login_required",
            "Account link expired. Please go through the integration setup again.",
        ),
        Some((reference, _)) => json(
            StatusCode::OK,
            &value!({ "success": true, "data": {
                "access_token_reference_id": reference, "visit_types": [], "visit_statuses": [],
                "required_patient_fields": [], "timezone": "America/New_York",
            }}),
        ),
    }
}

fn events(asked: &Asked, world: &World) -> Response<Full<Bytes>> {
    let number = |name, default| {
        asked.query(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default)
    };
    let (page, size) = (number("page", 1).max(1), number("page_size", 50).clamp(1, 100));
    let kind = asked.query("event_type");
    let matching: Vec<&Value> = world
        .events
        .iter()
        .filter(|event| {
            kind.as_deref()
                .is_none_or(|kind| event.get("type").and_then(Value::as_str) == Some(kind))
        })
        .collect();
    let shown: Vec<&Value> = matching.iter().skip((page - 1) * size).take(size).copied().collect();
    json(
        StatusCode::OK,
        &value!({ "success": true, "webhook_events": shown, "pagination": {
            "current_page": page, "total_pages": matching.len().div_ceil(size),
            "total_count": matching.len(), "page_size": size,
        }}),
    )
}

fn failure(status: StatusCode, error: &str, message: &str) -> Response<Full<Bytes>> {
    json(status, &value!({ "success": false, "error": error, "message": message }))
}
