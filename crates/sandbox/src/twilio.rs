//! Twilio's Messages resource, as far as its published description goes: create, list, and the
//! errors a sender meets.

use crate::answer::{Asked, form, spawn};
use crate::inbox::{Caught, Inbox};
use crate::script::Script;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode, header};
use relink_core::Timestamp;
use relink_core::account::Channel;
use relink_core::masked::PhoneNumber;
use relink_http::problem::{json, with_type};
use serde_json::{Value, json as value};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What goes wrong with one text message.
#[derive(Debug, Clone)]
pub enum TextFault {
    /// Refuses with this HTTP status and Twilio code; nothing is kept.
    Refuse(u16, u32),
    /// Takes the message and answers with something unreadable: the sender is in doubt.
    AcceptAndGarble,
    /// Takes the message and answers only after this long.
    AcceptAndStall(Duration),
    /// Fails with a 500 and keeps nothing: the sender is in doubt without cause.
    FailWithoutKeeping,
}

/// The running service.
#[derive(Debug, Clone)]
pub struct PretendTwilio {
    /// Where it listens.
    pub address: SocketAddr,
    /// Faults to come.
    pub script: Arc<Script<TextFault>>,
}

/// The account it knows.
pub const ACCOUNT_SID: &str = "AC00000000000000000000000000000000";

/// That account's token.
pub const AUTH_TOKEN: &str = "sandbox-auth-token";

impl PretendTwilio {
    /// Listens on `address` (port 0 for a free one) until `stop`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(
        address: SocketAddr,
        inbox: Inbox,
        stop: CancellationToken,
    ) -> std::io::Result<Self> {
        let script: Arc<Script<TextFault>> = Arc::default();
        let faults = Arc::clone(&script);
        let address = spawn(address, stop, move |asked| {
            let (inbox, faults) = (inbox.clone(), Arc::clone(&faults));
            async move { answer(&asked, &inbox, &faults).await }
        })
        .await?;
        Ok(Self { address, script })
    }

    /// What `[sms] api_url` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer(asked: &Asked, inbox: &Inbox, faults: &Script<TextFault>) -> Response<Full<Bytes>> {
    let credentials = STANDARD.encode(format!("{ACCOUNT_SID}:{AUTH_TOKEN}"));
    if asked.header(header::AUTHORIZATION.as_str()) != format!("Basic {credentials}") {
        return refusal(401, 20003, "Authenticate");
    }
    if asked.path != format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json") {
        return refusal(404, 20404, "The requested resource was not found");
    }
    if asked.method == Method::POST {
        create(asked, inbox, faults).await
    } else if asked.method == Method::GET {
        list(asked, inbox)
    } else {
        refusal(405, 20004, "Method not allowed")
    }
}

async fn create(asked: &Asked, inbox: &Inbox, faults: &Script<TextFault>) -> Response<Full<Bytes>> {
    let field = |name| form(&asked.body, name).filter(|text| !text.is_empty());
    let Some(to) = field("To") else {
        return refusal(400, 21604, "A 'To' phone number is required");
    };
    if PhoneNumber::parse(&to).is_err() {
        return refusal(400, 21211, "The 'To' number is not a valid phone number");
    }
    let Some(body) = field("Body") else {
        return refusal(400, 21602, "Message body is required");
    };
    if field("From").is_none() && field("MessagingServiceSid").is_none() {
        return refusal(400, 21603, "A 'From' phone number is required");
    }
    if body.chars().count() > 1600 {
        return refusal(400, 21617, "The concatenated message body exceeds 1600 characters");
    }
    match faults.next() {
        Some(TextFault::Refuse(status, code)) => refusal(status, code, "scripted"),
        Some(TextFault::FailWithoutKeeping) => refusal(500, 20500, "An internal error occurred"),
        Some(TextFault::AcceptAndGarble) => {
            keep(inbox, &to, &body);
            with_type(
                StatusCode::CREATED,
                "application/json",
                Bytes::from_static(b"{\"sid\": \"SM"),
            )
        }
        Some(TextFault::AcceptAndStall(wait)) => {
            let message = keep(inbox, &to, &body);
            tokio::time::sleep(wait).await;
            json(StatusCode::CREATED, &message)
        }
        None => json(StatusCode::CREATED, &keep(inbox, &to, &body)),
    }
}

fn keep(inbox: &Inbox, to: &str, body: &str) -> Value {
    let sid = format!("SM{}", uuid::Uuid::new_v4().simple());
    let caught = Caught {
        number: 0,
        at: Timestamp::now(),
        channel: Channel::Sms,
        to: to.to_owned(),
        id: sid,
        subject: None,
        text: body.to_owned(),
        raw: Vec::new(),
    };
    let message = resource(&caught);
    inbox.keep(caught);
    message
}

fn list(asked: &Asked, inbox: &Inbox) -> Response<Full<Bytes>> {
    let to = asked.query("To");
    let mut messages: Vec<Value> = inbox
        .all()
        .iter()
        .filter(|caught| caught.channel == Channel::Sms)
        .filter(|caught| to.as_ref().is_none_or(|to| *to == caught.to))
        .map(resource)
        .collect();
    messages.reverse();
    json(StatusCode::OK, &value!({ "messages": messages, "next_page_uri": null, "page": 0 }))
}

fn resource(caught: &Caught) -> Value {
    let uri = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{}.json", caught.id);
    value!({
        "sid": caught.id, "account_sid": ACCOUNT_SID, "status": "queued", "direction": "outbound-api",
        "to": caught.to, "from": "+15005550006", "body": caught.text, "num_segments": "1",
        "num_media": "0", "error_code": null, "error_message": null, "price": null,
        "price_unit": "USD", "api_version": "2010-04-01", "messaging_service_sid": null,
        "date_created": rfc2822(caught.at), "date_updated": rfc2822(caught.at), "date_sent": null,
        "uri": uri, "subresource_uris": {},
    })
}

fn rfc2822(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn refusal(status: u16, code: u32, message: &str) -> Response<Full<Bytes>> {
    let more_info = format!("https://www.twilio.com/docs/errors/{code}");
    json(
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        &value!({ "code": code, "message": message, "more_info": more_info, "status": status }),
    )
}
