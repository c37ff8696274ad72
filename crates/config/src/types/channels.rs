//! How people are reached: `[email]`, `[sms]` and `[in_app]`.

use relink_core::masked::Secret;
use relink_core::policy::OnUnknown;
use std::path::PathBuf;

/// How SMTP connections are secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// In the clear.
    None,
    /// STARTTLS, required.
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// `[email]`
#[derive(Debug, Clone)]
pub struct Email {
    /// Whether email is used at all.
    pub enabled: bool,
    /// `Name <address>` or an address.
    pub from: Mailbox,
    /// Where people's replies go.
    pub reply_to: Option<Mailbox>,
    /// The relay.
    pub smtp: Smtp,
    /// `resend_once` or `hold`.
    pub on_unknown: OnUnknown,
    /// Connections, and so sends, at once.
    pub concurrency: usize,
}

/// A display name, if any, and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// No control characters.
    pub name: Option<String>,
    /// The address. The installation's own, so not masked.
    pub address: String,
}

/// `[email] smtp`
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Security.
    pub tls: SmtpTls,
    /// A PEM file of roots to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Set together with the password.
    pub credentials: Option<(String, Secret)>,
    /// What EHLO says; the host's name when not set.
    pub helo: Option<String>,
}

/// `[sms]`
#[derive(Debug, Clone)]
pub struct Sms {
    /// Whether text messages are used at all.
    pub enabled: bool,
    /// `https://api.twilio.com`
    pub api_url: String,
    /// `AC…`; empty only when not enabled.
    pub account_sid: String,
    /// The API user: the account sid, or an API key sid.
    pub api_user: String,
    /// The account's auth token, or the API key's secret.
    pub auth_token: Secret,
    /// The sender.
    pub from: SmsFrom,
    /// `look_up` or `hold`.
    pub on_unknown: OnUnknown,
    /// Requests at once.
    pub concurrency: usize,
}

/// `[in_app]`
#[derive(Debug, Clone, Copy)]
pub struct InApp {
    /// Whether a step may tell the customer's app. The feed itself is always there.
    pub enabled: bool,
}

/// Who a text message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsFrom {
    /// A number in E.164.
    Number(String),
    /// `MG…`
    MessagingService(String),
}
