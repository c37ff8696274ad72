//! The pretend Cobalt's webhook registration: every call that its pages name, in each of the
//! shapes in which they contradict each other. Which of them is a setting, [`Registration`].

use super::api::{World, failure};
use super::{PretendCobalt, lock};
use crate::answer::Asked;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use relink_http::problem::json;
use serde_json::{Value, json as value};

/// How registration answers, where Cobalt's pages differ or say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registration {
    /// What a registration is answered with.
    pub answer: RegisterAnswer,
    /// Each webhook has a secret of its own, which the list does not show; otherwise all share
    /// one, which it shows.
    pub secret_for_each: bool,
    /// Which of the two paths of rotating is there.
    pub rotates: RotatePath,
    /// The calls are refused without the access token of an account.
    pub needs_access_token: bool,
}

/// The documented answers to a registration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RegisterAnswer {
    /// `{success, message, webhook_secret_key}`: no id.
    #[default]
    SecretOnly,
    /// `{success, webhook: {id, webhook_url, secret}}`.
    Nested,
    /// `{success, webhook_id, webhook_url, webhook_secret}`.
    Flat,
    /// `{success, webhook: {webhook_id, webhook_url, webhook_secret_key}}`.
    NestedLong,
}

/// The documented paths of rotating a secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RotatePath {
    /// Both.
    #[default]
    Either,
    /// `/v1/webhook/{id}/rotate-secret`.
    WithId,
    /// `/v1/webhook/rotate-secret`.
    WithoutId,
}

/// A registered URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredUrl {
    /// Cobalt's id.
    pub id: String,
    /// Where webhooks go.
    pub url: String,
    /// Its own secret, where each has one.
    pub secret: String,
}

/// What is registered, oldest first.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    urls: Vec<RegisteredUrl>,
    /// The one that all share; empty until the first registration.
    secret: String,
    how: Registration,
}

impl PretendCobalt {
    /// How registration answers from now on.
    pub fn register_as(&self, how: Registration) {
        lock(&self.world).webhooks.how = how;
    }

    /// The registered URLs, oldest first.
    pub fn registered(&self) -> Vec<RegisteredUrl> {
        lock(&self.world).webhooks.urls.clone()
    }

    /// The secret that all webhooks share; empty until the first registration.
    pub fn shared_secret(&self) -> String {
        lock(&self.world).webhooks.secret.clone()
    }
}

/// The answer, if this is one of these calls.
pub(super) fn answer(asked: &Asked, world: &mut World) -> Option<Response<Full<Bytes>>> {
    let rest = asked.path.strip_prefix("/v1/webhook")?;
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    if !(rest.is_empty() || rest.starts_with('/')) {
        return None;
    }
    let token = asked.header("access_token");
    let known = world.accounts.values().any(|account| account.access_token == token);
    let webhooks = &mut world.webhooks;
    if webhooks.how.needs_access_token && !known {
        let message = "An access_token is required";
        return Some(failure(StatusCode::UNAUTHORIZED, "unauthorized", message));
    }
    match (&asked.method, parts.as_slice()) {
        (&Method::GET, []) => Some(list(webhooks)),
        (&Method::POST, []) => Some(register(asked, webhooks)),
        (&Method::DELETE, [id]) => Some(remove(webhooks, id)),
        (&Method::POST, ["rotate-secret"]) if webhooks.how.rotates != RotatePath::WithId => {
            Some(rotate(webhooks, None))
        }
        (&Method::POST, [id, "rotate-secret"]) if webhooks.how.rotates != RotatePath::WithoutId => {
            Some(rotate(webhooks, Some(id)))
        }
        _ => None,
    }
}

fn list(webhooks: &Webhooks) -> Response<Full<Bytes>> {
    let urls: Vec<Value> =
        webhooks.urls.iter().map(|hook| value!({ "id": hook.id, "url": hook.url })).collect();
    let first = webhooks.urls.first().map(|hook| hook.url.as_str());
    let mut answer = value!({ "success": true, "webhook_url": first, "webhook_urls": urls });
    if let Some(fields) = answer.as_object_mut().filter(|_| !webhooks.how.secret_for_each) {
        fields.insert("webhook_secret_key".into(), webhooks.secret.clone().into());
    }
    json(StatusCode::OK, &answer)
}

fn register(asked: &Asked, webhooks: &mut Webhooks) -> Response<Full<Bytes>> {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
    let url = body.get("webhook_url").and_then(Value::as_str).unwrap_or("");
    if !url.starts_with("https://") {
        return failure(StatusCode::BAD_REQUEST, "bad_request", "webhook_url must use https");
    }
    let id = format!("wh_{}", uuid::Uuid::new_v4().simple());
    let own = new_secret();
    if webhooks.secret.is_empty() {
        webhooks.secret = new_secret();
    }
    let secret = if webhooks.how.secret_for_each { own.clone() } else { webhooks.secret.clone() };
    webhooks.urls.push(RegisteredUrl { id: id.clone(), url: url.to_owned(), secret: own });
    json(
        StatusCode::OK,
        &match webhooks.how.answer {
            RegisterAnswer::SecretOnly => {
                value!({ "success": true, "message": "Registered", "webhook_secret_key": secret })
            }
            RegisterAnswer::Nested => value!({ "success": true, "webhook": {
                "id": id, "webhook_url": url, "secret": secret } }),
            RegisterAnswer::Flat => value!({ "success": true,
                "webhook_id": id, "webhook_url": url, "webhook_secret": secret }),
            RegisterAnswer::NestedLong => value!({ "success": true, "webhook": {
                "webhook_id": id, "webhook_url": url, "webhook_secret_key": secret } }),
        },
    )
}

fn remove(webhooks: &mut Webhooks, id: &str) -> Response<Full<Bytes>> {
    let before = webhooks.urls.len();
    webhooks.urls.retain(|hook| hook.id != id);
    if webhooks.urls.len() == before {
        return no_such();
    }
    let message = "Webhook URL removed successfully";
    json(StatusCode::OK, &value!({ "success": true, "message": message }))
}

fn rotate(webhooks: &mut Webhooks, id: Option<&str>) -> Response<Full<Bytes>> {
    let secret = new_secret();
    let hook = match id {
        Some(id) => webhooks.urls.iter_mut().find(|hook| hook.id == id),
        None => webhooks.urls.first_mut(),
    };
    let Some(hook) = hook else { return no_such() };
    if webhooks.how.secret_for_each {
        hook.secret.clone_from(&secret);
    } else {
        webhooks.secret.clone_from(&secret);
    }
    json(
        StatusCode::OK,
        &value!({ "success": true, "webhook": { "id": hook.id, "secret": secret } }),
    )
}

fn no_such() -> Response<Full<Bytes>> {
    failure(StatusCode::NOT_FOUND, "not_found", "No such webhook")
}

fn new_secret() -> String {
    format!("whsec_{}", uuid::Uuid::new_v4().simple())
}
