//! What a world is made of: its configuration and its policy.

use relink_config::Config;
use relink_core::account::{Channel, Role};
use relink_core::id::StepId;
use relink_core::policy::{EnabledChannels, OnUnknown, Policy, Rules, Step};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub(crate) const APP_KEY: &str = "app-key-0123456789abcdef";
pub(crate) const OPS_KEY: &str = "ops-key-0123456789abcdef";
pub(crate) const CLIENT_SECRET: &str = "cs_live_canary_0123456789";

/// What differs between worlds.
pub(crate) struct Setting {
    pub(crate) instance: String,
    pub(crate) public_url: String,
    /// Where Cobalt is; without it there are no credentials for it.
    pub(crate) cobalt: Option<String>,
    /// More lines of `[web]`.
    pub(crate) web: String,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            instance: "Acme Health".to_owned(),
            public_url: "http://127.0.0.1:8081".to_owned(),
            cobalt: None,
            web: String::new(),
        }
    }
}

/// A configuration with both keys; the name may be anything a file can say.
pub(crate) fn config(setting: &Setting) -> Config {
    let Setting { instance, public_url, cobalt, web } = setting;
    let name = Value::from(instance.as_str());
    let cobalt = cobalt.as_ref().map_or_else(String::new, |url| {
        format!(
            "api_url = \"{url}\"\nclient_id = {{ env = \"CLIENT_ID\" }}\n\
             client_secret = {{ env = \"CLIENT_SECRET\" }}\n"
        )
    });
    let text = format!(
        r#"
[instance]
name = {name}
public_url = "{public_url}"
[web]
{web}
[cobalt]
{cobalt}
[email]
enabled = false
[sms]
enabled = false
[[api.keys]]
id = "app"
role = "app"
secret = {{ env = "APP_KEY" }}
[[api.keys]]
id = "ops"
role = "ops"
secret = {{ env = "OPS_KEY" }}
"#
    );
    let secrets = [
        ("APP_KEY", APP_KEY),
        ("OPS_KEY", OPS_KEY),
        ("CLIENT_ID", "ci_canary"),
        ("CLIENT_SECRET", CLIENT_SECRET),
    ];
    let env: BTreeMap<String, String> =
        secrets.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Config::parse(&text, "a test", Path::new(""), &env).unwrap().config
}

pub(crate) fn rules() -> Rules {
    let step = |id: &str, at, channels: &[Channel]| Step {
        id: StepId::parse(id).unwrap(),
        at,
        to: Role::User,
        channels: channels.to_vec(),
    };
    let day = Duration::from_secs(24 * 60 * 60);
    Rules {
        policy: Policy {
            settle: Duration::ZERO,
            expire: 30 * day,
            late_by_max: day,
            steps: vec![
                step("first", Duration::ZERO, &[Channel::Email, Channel::Sms]),
                step("nudge", day, &[Channel::Sms]),
            ],
        },
        channels: EnabledChannels { email: true, sms: true, in_app: true },
        email_on_unknown: OnUnknown::ResendOnce,
        sms_on_unknown: OnUnknown::LookUp,
        app: Vec::new(),
    }
}
