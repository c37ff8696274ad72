//! The effective configuration as TOML, for `relink config print`: what is in force after
//! defaults and sources, with every secret as `***`. It is for reading and comparing; the
//! sources of secrets are not in it, so it is not a file to start from.

use crate::types::*;
use crate::units::{format_duration, format_size};
use relink_core::policy::{OnUnknown, Policy};
use std::fmt::{Display, Write as _};
use std::path::Path;

impl Config {
    /// The effective configuration as TOML, secrets masked.
    pub fn print(&self) -> String {
        let mut page = Page::default();
        self.print_basics(&mut page);
        self.print_engines(&mut page);
        self.print_cobalt(&mut page);
        print_email(&mut page, &self.email);
        print_sms(&mut page, &self.sms);
        page.table("[in_app]");
        page.plain("enabled", self.in_app.enabled);
        self.print_access(&mut page);
        print_policy(&mut page, &self.policy);
        page.table("[log]");
        page.text(
            "format",
            match self.log.format {
                LogFormat::Pretty => "pretty",
                LogFormat::Json => "json",
            },
        );
        page.text("filter", &self.log.filter);
        page.0
    }

    fn print_basics(&self, page: &mut Page) {
        page.table("[instance]");
        page.text("name", &self.instance.name);
        page.path("data_dir", &self.instance.data_dir);
        page.text("public_url", &self.instance.public_url);

        let receiver = &self.receiver;
        page.table("[receiver]");
        page.text("listen", receiver.listen);
        page.plain("reuse_port", receiver.reuse_port);
        page.text(
            "reply_after",
            match receiver.reply_after {
                ReplyAfter::Spool => "spool",
                ReplyAfter::Broker => "broker",
            },
        );
        page.text("max_body", size(receiver.max_body));
        page.plain("max_in_flight", receiver.max_in_flight);
        page.plain("max_connections", receiver.max_connections);
        page.text("spool_max", format_size(receiver.spool_max));
        page.plain("min_free", format_args!("{:?}", receiver.min_free));
        page.text("quarantine_max", format_size(receiver.quarantine_max));
        page.text("quarantine_keep", format_duration(receiver.quarantine_keep));
        match &receiver.spool_key {
            SpoolKey::File(path) => page.plain("spool_key", file_source(path)),
            SpoolKey::Value(_) => page.secret("spool_key"),
        }

        page.table("[web]");
        page.text("listen", self.web.listen);
        page.plain("reuse_port", self.web.reuse_port);
        page.plain("max_connections", self.web.max_connections);
        page.plain("allowed_origins", format_args!("{:?}", self.web.allowed_origins));
        page.plain("behind_proxy", self.web.behind_proxy);
        page.text("accent", &self.web.accent);
        if let Some(logo) = &self.web.logo {
            page.path("logo", &logo.path);
        }
        page.table("[work]");
        page.text("lease", format_duration(self.work.lease));
        page.text("drain", format_duration(self.work.drain));
        page.table("[admin]");
        page.text("listen", self.admin.listen);
    }

    fn print_engines(&self, page: &mut Page) {
        page.table("[queue]");
        match &self.queue {
            Queue::Embedded => page.text("kind", "embedded"),
            Queue::RabbitMq(rabbitmq) => {
                page.text("kind", "rabbitmq");
                page.table("[queue.rabbitmq]");
                let urls = vec!["\"***\""; rabbitmq.urls.len()];
                page.plain("urls", format_args!("[{}]", urls.join(", ")));
                page.text("prefix", &rabbitmq.prefix);
                page.plain("publish_window", rabbitmq.publish_window);
                page.text("auto_replay_after", format_duration(rabbitmq.auto_replay_after));
            }
        }
        page.table("[store]");
        match &self.store {
            Store::Sqlite(file) => page.text("url", format_args!("sqlite:{}", file.display())),
            Store::NotHeld => page.comment("not read: this process is not to reach it"),
            Store::Postgres(postgres) => {
                page.secret("url");
                page.text(
                    "tls",
                    match postgres.tls {
                        PgTls::Disable => "disable",
                        PgTls::VerifyFull => "verify-full",
                    },
                );
                page.plain("max_connections", postgres.max_connections);
            }
        }
    }

    fn print_cobalt(&self, page: &mut Page) {
        let cobalt = &self.cobalt;
        page.table("[cobalt]");
        page.text("api_url", &cobalt.api_url);
        page.text("probe_path", &cobalt.probe_path);
        page.text("link_script_url", &cobalt.link_script_url);
        if cobalt.client_id.is_some() {
            page.secret("client_id");
        }
        if cobalt.client_secret.is_some() {
            page.secret("client_secret");
        }
        page.text("reconcile_every", format_duration(cobalt.reconcile_every));
        page.text("reconcile_first", format_duration(cobalt.reconcile_first));
        page.text("probe_patience", format_duration(cobalt.probe_patience));
        for secret in &cobalt.webhook_secrets {
            page.table("[[cobalt.webhook_secrets]]");
            page.text("id", &secret.id);
            page.secret("secret");
            if let Some(end) = secret.not_after {
                page.plain("not_after", end);
            }
        }
    }

    fn print_access(&self, page: &mut Page) {
        for key in &self.api_keys {
            page.table("[[api.keys]]");
            page.text("id", &key.id);
            page.text(
                "role",
                match key.role {
                    ApiRole::App => "app",
                    ApiRole::Ops => "ops",
                },
            );
            page.secret("secret");
        }
        page.table("[app]");
        page.plain("exchange", self.app.exchange);
        for webhook in &self.app.webhooks {
            page.table("[[app.webhooks]]");
            page.text("id", &webhook.id);
            page.text("url", &webhook.url);
            let secrets = vec!["\"***\""; webhook.secrets.len()];
            page.plain("secrets", format_args!("[{}]", secrets.join(", ")));
            let events: Vec<String> = webhook.events.iter().map(quoted).collect();
            page.plain("events", format_args!("[{}]", events.join(", ")));
        }
        match &self.encryption {
            Encryption::Keys(ring) => {
                for id in ring.ids() {
                    page.table("[[encryption.keys]]");
                    page.text("id", id);
                    page.secret("secret");
                }
            }
            Encryption::NotHeld => {
                page.table("[encryption]");
                page.comment("not read: this process is not to have them");
            }
            Encryption::File(path) => {
                page.table("[encryption]");
                page.comment(format_args!("made on first start: {}", path.display()));
            }
        }
    }
}

fn print_email(page: &mut Page, email: &Email) {
    page.table("[email]");
    page.plain("enabled", email.enabled);
    if !email.from.address.is_empty() {
        page.text("from", mailbox(&email.from));
    }
    if let Some(reply_to) = &email.reply_to {
        page.text("reply_to", mailbox(reply_to));
    }
    page.text("on_unknown", on_unknown(email.on_unknown));
    page.plain("concurrency", email.concurrency);
    page.table("[email.smtp]");
    page.text("host", &email.smtp.host);
    page.plain("port", email.smtp.port);
    page.text(
        "tls",
        match email.smtp.tls {
            SmtpTls::None => "none",
            SmtpTls::StartTls => "starttls",
            SmtpTls::Implicit => "implicit",
        },
    );
    if let Some(path) = &email.smtp.ca_file {
        page.path("ca_file", path);
    }
    if let Some((username, _)) = &email.smtp.credentials {
        page.text("username", username);
        page.secret("password");
    }
    if let Some(helo) = &email.smtp.helo {
        page.text("helo", helo);
    }
}

fn print_sms(page: &mut Page, sms: &Sms) {
    page.table("[sms]");
    page.plain("enabled", sms.enabled);
    page.text("provider", "twilio");
    page.text("api_url", &sms.api_url);
    if !sms.account_sid.is_empty() {
        page.text("account_sid", &sms.account_sid);
        page.text("api_user", &sms.api_user);
        page.secret("auth_token");
    }
    match &sms.from {
        SmsFrom::Number(number) if number.is_empty() => {}
        SmsFrom::Number(number) => page.text("from", number),
        SmsFrom::MessagingService(sid) => page.text("messaging_service_sid", sid),
    }
    page.text("on_unknown", on_unknown(sms.on_unknown));
    page.plain("concurrency", sms.concurrency);
}

fn print_policy(page: &mut Page, policy: &Policy) {
    page.table("[policy]");
    page.text("settle", format_duration(policy.settle));
    page.text("expire", format_duration(policy.expire));
    page.text("late_by_max", format_duration(policy.late_by_max));
    for step in &policy.steps {
        page.table("[[policy.steps]]");
        page.text("id", &step.id);
        page.text("at", format_duration(step.at));
        page.text("to", step.to);
        let channels: Vec<String> = step.channels.iter().map(quoted).collect();
        page.plain("channels", format_args!("[{}]", channels.join(", ")));
    }
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    fn table(&mut self, header: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.line(format_args!("{header}"));
    }

    fn text(&mut self, key: &str, value: impl Display) {
        self.plain(key, quoted(&value));
    }

    fn path(&mut self, key: &str, value: &Path) {
        self.text(key, value.display());
    }

    fn secret(&mut self, key: &str) {
        self.text(key, "***");
    }

    fn plain(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = {value}"));
    }

    fn comment(&mut self, text: impl Display) {
        self.line(format_args!("# {text}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

fn quoted(value: &impl Display) -> String {
    toml::Value::String(value.to_string()).to_string()
}

fn file_source(path: &Path) -> String {
    format!("{{ file = {} }}", quoted(&path.display()))
}

fn size(bytes: usize) -> String {
    format_size(u64::try_from(bytes).unwrap_or(u64::MAX))
}

fn mailbox(mailbox: &Mailbox) -> String {
    match &mailbox.name {
        Some(name) => format!("{name} <{}>", mailbox.address),
        None => mailbox.address.clone(),
    }
}

fn on_unknown(on_unknown: OnUnknown) -> &'static str {
    match on_unknown {
        OnUnknown::ResendOnce => "resend_once",
        OnUnknown::LookUp => "look_up",
        OnUnknown::Hold => "hold",
    }
}
