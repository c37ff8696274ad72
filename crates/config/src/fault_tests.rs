//! What an operator reads when something is wrong. Every printed error is a snapshot, so that a
//! change of words is seen and a secret in one would be.

use crate::testing::load;
use crate::{Config, ConfigError};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// A file without faults, to which each case adds its own.
const BASE: &str = r#"
[instance]
name = "Acme Health"
public_url = "https://relink.example.org"
"#;
const EMAIL: &str = "[email]\nfrom = \"no-reply@acme.example\"\n";
const NO_SMS: &str = "[sms]\nenabled = false\n";

/// What is printed for `text`: the problems, or the warnings when there are none.
fn printed(text: &str) -> String {
    let shown = match load(text) {
        Ok(loaded) => {
            loaded.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect()
        }
        Err(error) => error.to_string(),
    };
    assert!(!shown.contains("canary"), "a secret is printed: {shown}");
    shown
}

fn with(parts: &str) -> String {
    let mut text = BASE.to_owned();
    for (header, part) in [("[email]", EMAIL), ("[sms]", NO_SMS)] {
        if !parts.contains(header) {
            text.push_str(part);
        }
    }
    printed(&(text + parts))
}

#[test]
fn an_empty_file_names_all_that_must_be_set_and_nothing_else() {
    let bare = BTreeMap::<&str, &str>::new();
    let error = Config::parse("", "relink.toml", Path::new(""), &bare).unwrap_err();
    insta::assert_snapshot!(error);
}

#[test]
fn many_faults_are_told_at_once() {
    insta::assert_snapshot!(printed(
        r#"
[instance]
name = ""
public_url = "http://relink.example.org"
data_dri = "data"
[receiver]
listen = "localhost:8080"
reply_after = "disk"
max_body = "64 KB"
max_in_flight = 0
spool_max = "1KiB"
min_free = 1.5
[queue]
kind = "kafka"
[store]
url = "mysql://canary@host/db"
tls = true
[email]
from = "Acme Health"
on_unknown = "look_up"
[sms]
from = "5005550006"
[policy]
settle = "ten minutes"
expire = 30
"#
    ));
}

#[test]
fn types_that_do_not_fit_are_named() {
    insta::assert_snapshot!(with(
        r#"
[receiver]
listen = 8080
max_body = 65536
max_in_flight = "256"
min_free = "10%"
max_connections = 99999999999999999999
spool_key = 5
[queue]
rabbitmq = "amqp://u:canary@host"
[log]
filter = ["info"]
format = 2026-11-23
[cobalt]
webhook_secrets = "canary"
[web]
listen = { port = 8081 }
[encryption]
keys = ["canary"]
[policy]
settle = 10
"#
    ));
}

#[test]
fn unknown_keys_are_refused_with_the_likely_one() {
    insta::assert_snapshot!(with(
        r#"
[recieiver]
listen = "127.0.0.1:1"
[admin]
listen_on = "127.0.0.1:2"
max_body = "64KiB"
"quoted \u0007 key" = "canary"
[smtp]
host = "relay"
[web]
lsiten = "127.0.0.1:3"
TLS = "canary"
[[cobalt.webhook_secrets]]
id = "current"
secert = { env = "COBALT_WEBHOOK_SECRET" }
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
chanels = ["email"]
"#
    ));
}

#[test]
fn secrets_that_cannot_be_had_say_where_from_and_never_what() {
    insta::assert_snapshot!(with(
        r#"
[cobalt]
client_id = { env = "NOT_SET" }
client_secret = { file = "keys/absent" }
[[cobalt.webhook_secrets]]
id = "typo"
secret = { evn = "canary" }
[[cobalt.webhook_secrets]]
id = "both"
secret = { env = "A", file = "canary" }
[[cobalt.webhook_secrets]]
id = "value for name"
secret = { env = "canary_live_9827hofdsklOYYHJLJh" }
[[cobalt.webhook_secrets]]
id = "empty"
secret = ""
[[cobalt.webhook_secrets]]
id = "lines"
secret = "canary\nbird"
[[cobalt.webhook_secrets]]
id = "number"
secret = 12345
[[cobalt.webhook_secrets]]
id = "missing"
[[api.keys]]
id = "app"
role = "app"
secret = "canary"
[[api.keys]]
id = "app"
role = "root"
secret = { env = "RELINK_APP_KEY" }
[encryption]
keys = [{ id = "2026-11", secret = "canary" }]
"#
    ));
}

#[test]
fn values_that_do_not_go_together_are_named() {
    insta::assert_snapshot!(with(
        r#"
[store]
url = "postgres://relink@127.0.0.1/relink"
[email]
from = "a@acme.example"
[email.smtp]
username = "relink"
ca_file = "absent.pem"
[sms]
from = "+15005550006"
messaging_service_sid = "MG1"
api_user = "canary"
[[cobalt.webhook_secrets]]
id = "one"
secret = { env = "COBALT_WEBHOOK_SECRET" }
[[cobalt.webhook_secrets]]
id = "one"
secret = { env = "COBALT_WEBHOOK_SECRET" }
[[api.keys]]
id = "one"
role = "app"
secret = { env = "RELINK_APP_KEY" }
[[api.keys]]
id = "two"
role = "ops"
secret = { env = "RELINK_APP_KEY" }
"#
    ));
}

#[test]
fn a_look_that_people_could_not_read_is_refused() {
    insta::assert_snapshot!(with("[web]\naccent = \"#ffcc00\"\nlogo = \"absent.svg\"\n"));
}

#[test]
fn a_policy_that_could_never_send_is_refused() {
    let policies = [
        "settle = \"1d\"\nexpire = \"1d\"\nlate_by_max = \"0s\"\n",
        "steps = []\n",
        r#"
[[policy.steps]]
id = "late"
at = "48h"
to = "user"
channels = ["email", "email"]
[[policy.steps]]
id = "none"
at = "0s"
to = "user"
channels = []
[[policy.steps]]
id = "bare"
"#,
        r#"
[[policy.steps]]
id = "renewed"
at = "0s"
to = "user"
channels = ["email"]
"#,
        r#"
[[policy.steps]]
id = "twice"
at = "48h"
to = "user"
channels = ["email"]
[[policy.steps]]
id = "twice"
at = "0s"
to = "admin"
channels = ["email"]
"#,
        r#"
[[policy.steps]]
id = "second"
at = "48h"
to = "user"
channels = ["email"]
[[policy.steps]]
id = "first"
at = "0s"
to = "admin"
channels = ["fax"]
"#,
        r#"
[[policy.steps]]
id = "second"
at = "48h"
to = "user"
channels = ["email"]
[[policy.steps]]
id = "first"
at = "30d"
to = "admin"
channels = ["email"]
[[policy.steps]]
id = "third"
at = "1h"
to = "admin"
channels = ["email"]
"#,
    ];
    let all: Vec<String> =
        policies.iter().map(|policy| with(&format!("[policy]\n{policy}"))).collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn what_deserves_a_look_is_a_warning() {
    insta::assert_snapshot!(with(
        r#"
[queue]
kind = "rabbitmq"
[queue.rabbitmq]
urls = ["amqp://relink:canary@rabbit.example.org"]
[store]
url = "postgres://relink:canary@db.example.org/relink"
tls = "disable"
[cobalt]
client_secret = "canary"
[[cobalt.webhook_secrets]]
id = "old"
secret = { env = "COBALT_WEBHOOK_SECRET" }
not_after = 2020-01-01T00:00:00Z
[email]
from = "a@acme.example"
smtp = { host = "relay.example.org" }
[encryption]
keys = [{ id = "2026-11", secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }]
[[policy.steps]]
id = "first"
at = "0s"
to = "admin"
channels = ["sms", "in_app"]
"#
    ));
    insta::assert_snapshot!(with("[email]\nenabled = false\n"));
}

#[test]
fn a_password_never_crosses_a_network_in_the_clear() {
    let smtp = |host: &str, tls: &str| {
        with(&format!(
            "[email]\nfrom = \"a@acme.example\"\nsmtp = {{ host = \"{host}\", tls = \"{tls}\", username = \"relink\", password = {{ env = \"COBALT_WEBHOOK_SECRET\" }} }}\n"
        ))
    };
    let refused = smtp("relay.example.org", "none");
    for part in ["email.smtp.tls", "sends the password unencrypted", "to fix", "starttls"] {
        assert!(refused.contains(part), "no \"{part}\" in:\n{refused}");
    }
    for (host, tls) in [("127.0.0.1", "none"), ("relay.example.org", "starttls")] {
        let fine = smtp(host, tls);
        assert!(!fine.contains("email.smtp.tls"), "{fine}");
    }
}

#[test]
fn broken_syntax_names_line_and_column_and_never_the_line_itself() {
    let texts = [
        "[instance\nname = 5",
        "[instance]\nname = \"canary",
        "a = canary\nb = = 2\n",
        "[a]\nx = 1\nx = 2\n[a]\n",
        "= 1",
        "x = \u{1}",
    ];
    let all: Vec<String> = texts.iter().map(|text| printed(text)).collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

proptest! {
    #[test]
    fn no_text_breaks_the_loader(text in any::<String>()) {
        let _ = load(&text);
    }

    #[test]
    fn no_damage_to_the_manual_breaks_the_loader(
        cut in 0usize..20_000, len in 0usize..40, insert in "[\\[\\]{}\"'=,.#a-z0-9 \n]{0,6}"
    ) {
        let manual: Vec<char> = include_str!("../../../config/relink.toml").chars().collect();
        let cut = cut % manual.len();
        let mut text: String = manual[..cut].iter().collect();
        text.push_str(&insert);
        text.extend(&manual[(cut + len).min(manual.len())..]);
        let shown = match load(&text) {
            Ok(loaded) => loaded.config.print(),
            Err(error) => error.to_string(),
        };
        prop_assert!(!shown.contains("canary"), "{}", shown);
    }

    /// Whatever is put where a value belongs, the outcome is a value or a fault with a line.
    #[test]
    fn no_value_breaks_the_loader(
        key in prop::sample::select(KEYS), value in prop_oneof![
            Just("1".to_owned()), Just("-1.5".to_owned()), Just("true".to_owned()),
            Just("nan".to_owned()), Just("[]".to_owned()), Just("[[]]".to_owned()),
            Just("{}".to_owned()), Just("[{}]".to_owned()), Just("1979-05-27".to_owned()),
            Just("{ env = 5 }".to_owned()), Just("[{ id = [] }]".to_owned()),
            "\"[a-zA-Z0-9:/@.+ -]{0,20}\"",
        ]
    ) {
        let clashes = |line: &&&str| {
            line.starts_with(&format!("{key} ")) || line.starts_with(&format!("{key}."))
        };
        let rest: Vec<&str> = GOOD.iter().filter(|line| !clashes(line)).copied().collect();
        let text = format!("{key} = {value}\n{}", rest.join("\n"));
        match load(&text) {
            Ok(_) => {}
            Err(ConfigError::Invalid { problems, .. }) => {
                prop_assert!(!problems.is_empty(), "{}", text);
                let syntax = problems.iter().any(|problem| problem.what.contains("valid TOML"));
                prop_assert!(!syntax, "{}", text);
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

const GOOD: &[&str] = &[
    "instance.name = \"Acme Health\"",
    "instance.public_url = \"https://relink.example.org\"",
    "email.from = \"no-reply@acme.example\"",
    "sms.enabled = false",
];

const KEYS: &[&str] = &[
    "receiver.listen",
    "receiver.max_body",
    "receiver.max_in_flight",
    "receiver.min_free",
    "receiver.spool_key",
    "receiver",
    "queue.kind",
    "queue.rabbitmq.urls",
    "queue.rabbitmq",
    "store.url",
    "cobalt.api_url",
    "cobalt.client_id",
    "cobalt.webhook_secrets",
    "email.enabled",
    "email.from",
    "email.smtp",
    "email.smtp.password",
    "sms.from",
    "sms.account_sid",
    "api.keys",
    "api",
    "encryption.keys",
    "policy.settle",
    "policy.steps",
    "log.filter",
];
