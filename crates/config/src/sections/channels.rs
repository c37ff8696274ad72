//! `[email]` and `[sms]`: how people are reached. A channel that is switched off keeps its
//! settings; only what it would need to send may then be missing.

use crate::address::{UrlPath, host, is_this_machine, mailbox, phone, url};
use crate::kind::{Fault, Raw};
use crate::kinds::{count, flag, path, port, text, word};
use crate::reader::Section;
use crate::secret::{Fallback, Privacy};
use crate::types::{Email, InApp, Mailbox, Sms, SmsFrom, Smtp, SmtpTls};
use relink_core::masked::Secret;
use relink_core::policy::{EnabledChannels, OnUnknown};

pub(super) fn email(s: &mut Section<'_, '_>) -> Option<Email> {
    const UNKNOWN: &[(&str, OnUnknown)] =
        &[("resend_once", OnUnknown::ResendOnce), ("hold", OnUnknown::Hold)];
    let enabled = enabled(s, "Whether email is used at all.");
    let from = s.key("from", "Whom messages come from: a name and an address.").optional(mailbox());
    let reply_to =
        s.key("reply_to", "Where replies of people go, if not to the sender.").optional(mailbox());
    let smtp = s.section("smtp", smtp);
    let on_unknown = s
        .key("on_unknown", "After a connection that broke in doubt: send once more under the same Message-ID, or leave it.")
        .or(word(UNKNOWN), Raw::Text("resend_once"));
    let concurrency = s
        .key("concurrency", "Connections to the relay, and so sends, at once.")
        .or(count(1, 1024), Raw::Integer(16));
    let nobody = Mailbox { name: None, address: String::new() };
    let from =
        needed(s, "from", from, "write from = \"Acme Health <no-reply@acme.example>\"", nobody);
    Some(Email {
        enabled: enabled?,
        from: from?,
        reply_to: reply_to?,
        smtp: smtp?,
        on_unknown: on_unknown?,
        concurrency: concurrency?,
    })
}

fn smtp(s: &mut Section<'_, '_>) -> Option<Smtp> {
    const TLS: &[(&str, SmtpTls)] = &[
        ("none", SmtpTls::None),
        ("starttls", SmtpTls::StartTls),
        ("implicit", SmtpTls::Implicit),
    ];
    let host = s.key("host", "The relay.").or(host(), Raw::Text("127.0.0.1"));
    let port = s
        .key("port", "The relay's port: 25 or 587 with none or starttls, 465 with implicit.")
        .or(port(), Raw::Integer(2525));
    let tls = s
        .key(
            "tls",
            "In the clear, upgraded (and refused without it), or encrypted from the first byte.",
        )
        .or(word(TLS), Raw::Text("none"));
    let ca_file =
        s.key("ca_file", "A PEM file of roots to trust instead of the system's.").optional(path());
    let username = s
        .key("username", "Logs in, together with password.")
        .sourced(Privacy::Plain, Fallback::Nothing);
    let password = s
        .key("password", "Logs in, together with username.")
        .sourced(Privacy::Secret, Fallback::Nothing);
    let helo = s
        .key("helo", "What EHLO says; the name of this host by default.")
        .optional(crate::address::host());
    let credentials = credentials(s, username, password);
    look_at_clear_text(s, host.as_deref(), tls, credentials.as_ref());
    let ca_file = ca_file.and_then(|path| existing(s, path));
    Some(Smtp {
        host: host?,
        port: port?,
        tls: tls?,
        ca_file: ca_file?,
        credentials: credentials?,
        helo: helo?,
    })
}

type Credentials = Option<(String, Secret)>;

fn credentials(
    s: &mut Section<'_, '_>,
    username: Option<Option<Secret>>,
    password: Option<Option<Secret>>,
) -> Option<Credentials> {
    let (missing, present) = match (username?, password?) {
        (Some(username), Some(password)) => {
            return Some(Some((username.expose().to_owned(), password)));
        }
        (None, None) => return Some(None),
        (None, Some(_)) => ("username", "password"),
        (Some(_), None) => ("password", "username"),
    };
    if !s.in_use {
        return Some(None);
    }
    let what = format!("is missing although {present} is set");
    s.problem(missing, Fault::new(what, format!("write both, or remove {present}")));
    None
}

/// Messages in the clear may be a private network's affair; a password never is.
fn look_at_clear_text(
    s: &mut Section<'_, '_>,
    host: Option<&str>,
    tls: Option<SmtpTls>,
    credentials: Option<&Credentials>,
) {
    let in_clear = tls == Some(SmtpTls::None) && host.is_some_and(|host| !is_this_machine(host));
    if !in_clear || !s.in_use {
        return;
    }
    match credentials {
        Some(Some(_)) => s.problem(
            "tls",
            Fault::new(
                "sends the password unencrypted to another host",
                "set tls = \"starttls\" or \"implicit\", or remove username and password",
            ),
        ),
        Some(None) | None => s.warn(
            "tls",
            "sends every message unencrypted to another host",
            "set tls = \"starttls\" or \"implicit\" unless the network between is private",
        ),
    }
}

fn existing(s: &mut Section<'_, '_>, path: Option<String>) -> Option<Option<std::path::PathBuf>> {
    let path = path.map(|path| s.resolve(&path));
    if s.in_use && path.as_ref().is_some_and(|path| !path.is_file()) {
        s.problem("ca_file", Fault::new("is not a file that is there", "name a PEM file"));
        return None;
    }
    Some(path)
}

pub(super) fn sms(s: &mut Section<'_, '_>) -> Option<Sms> {
    const UNKNOWN: &[(&str, OnUnknown)] =
        &[("look_up", OnUnknown::LookUp), ("hold", OnUnknown::Hold)];
    const PROVIDERS: &[(&str, ())] = &[("twilio", ())];
    let enabled = enabled(s, "Whether text messages are used at all.");
    let provider = s.key("provider", "Who sends them.").or(word(PROVIDERS), Raw::Text("twilio"));
    let api_url = s
        .key("api_url", "Twilio's API.")
        .or(url(UrlPath::Refused), Raw::Text("https://api.twilio.com"));
    let account_sid = s
        .key("account_sid", "The Twilio account, AC….")
        .sourced(Privacy::Plain, Fallback::Env("TWILIO_ACCOUNT_SID"));
    let api_user = s
        .key("api_user", "An API key, SK…, to log in with instead of the account.")
        .sourced(Privacy::Plain, Fallback::Nothing);
    let auth_token = s
        .key("auth_token", "The account's auth token, or the secret of the API key.")
        .sourced(Privacy::Secret, Fallback::Env("TWILIO_AUTH_TOKEN"));
    let from = s.key("from", "The number messages come from, in E.164.").optional(phone());
    let service = s
        .key("messaging_service_sid", "The Twilio messaging service, MG…, instead of a number.")
        .optional(text());
    let on_unknown = s
        .key(
            "on_unknown",
            "After no answer: look for the message at Twilio before one more send, or leave it.",
        )
        .or(word(UNKNOWN), Raw::Text("look_up"));
    let concurrency =
        s.key("concurrency", "Requests to Twilio at once.").or(count(1, 1024), Raw::Integer(16));
    let account_sid = account_sid.and_then(|sid| self::sid(s, "account_sid", "AC", sid));
    let api_user = api_user.and_then(|sid| self::sid(s, "api_user", "SK", sid));
    let service =
        service.and_then(|sid| self::sid(s, "messaging_service_sid", "MG", sid.map(Secret::new)));
    let account_sid = needed(
        s,
        "account_sid",
        account_sid,
        "set the environment variable TWILIO_ACCOUNT_SID",
        String::new(),
    );
    let auth_token = needed(
        s,
        "auth_token",
        auth_token,
        "set the environment variable TWILIO_AUTH_TOKEN",
        Secret::new(""),
    );
    let from = sender(s, from, service);
    provider?;
    let account_sid = account_sid?;
    Some(Sms {
        enabled: enabled?,
        api_url: api_url?,
        api_user: api_user?.unwrap_or_else(|| account_sid.clone()),
        account_sid,
        auth_token: auth_token?,
        from: from?,
        on_unknown: on_unknown?,
        concurrency: concurrency?,
    })
}

/// A Twilio id, which becomes part of a path: its prefix, then letters and digits.
fn sid(
    s: &mut Section<'_, '_>,
    key: &str,
    prefix: &str,
    written: Option<Secret>,
) -> Option<Option<String>> {
    let Some(written) = written else { return Some(None) };
    let text = written.expose().trim();
    let account = key == "api_user" && text.starts_with("AC");
    if (text.starts_with(prefix) || account) && text.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Some(Some(text.to_owned()));
    }
    let remedy = format!("copy it from Twilio's console: {prefix} and 32 digits or letters");
    s.problem(key, Fault::new("is not a Twilio id of that kind", remedy).hidden());
    None
}

fn sender(
    s: &mut Section<'_, '_>,
    number: Option<Option<String>>,
    service: Option<Option<String>>,
) -> Option<SmsFrom> {
    let one = "write either from = \"+15005550006\" or messaging_service_sid = \"MG…\"";
    match (number?, service?) {
        (Some(number), None) => Some(SmsFrom::Number(number)),
        (None, Some(service)) => Some(SmsFrom::MessagingService(service)),
        (Some(_), Some(_)) => {
            s.problem("messaging_service_sid", Fault::new("is set although from is set too", one));
            None
        }
        (None, None) if !s.in_use => Some(SmsFrom::Number(String::new())),
        (None, None) => {
            let remedy = format!("{one}, or switch text messages off with enabled = false");
            s.problem("from", Fault::new("is missing, and so is messaging_service_sid", remedy));
            None
        }
    }
}

fn enabled(s: &mut Section<'_, '_>, doc: &'static str) -> Option<bool> {
    let enabled = s.key("enabled", doc).or(flag(), Raw::Flag(true));
    s.in_use = enabled == Some(true);
    enabled
}

/// The value, or `nothing` in its place while the channel is off.
fn needed<T>(
    s: &mut Section<'_, '_>,
    key: &str,
    value: Option<Option<T>>,
    remedy: &str,
    nothing: T,
) -> Option<T> {
    match value? {
        Some(value) => Some(value),
        None if !s.in_use => Some(nothing),
        None => {
            let remedy = format!("{remedy}, or switch the channel off with enabled = false");
            s.problem(key, Fault::new("is missing", remedy));
            None
        }
    }
}

pub(super) fn in_app(s: &mut Section<'_, '_>) -> Option<InApp> {
    let enabled =
        s.key("enabled", "Whether a step may tell the customer's app.").or(flag(), Raw::Flag(true));
    Some(InApp { enabled: enabled? })
}

/// What the policy can count on; warns when that is nothing.
pub(super) fn usable(
    top: &mut Section<'_, '_>,
    email: Option<&Email>,
    sms: Option<&Sms>,
    in_app: Option<InApp>,
) -> Option<EnabledChannels> {
    let (email, sms, in_app) = (email?.enabled, sms?.enabled, in_app?.enabled);
    let usable = EnabledChannels { email, sms, in_app };
    if !usable.email && !usable.sms {
        top.warn(
            "email",
            "and sms are both switched off: cases are opened and nobody is told",
            "set enabled = true in [email] or [sms]",
        );
    }
    Some(usable)
}
