//! `[cobalt]`: where Cobalt is, who we are there, and which secrets its webhooks are signed with.

use super::access::unique_ids;
use crate::address::{UrlPath, request_path, url};
use crate::kind::Raw;
use crate::kinds::{duration, id, interval, moment};
use crate::reader::Section;
use crate::secret::{Fallback, Privacy};
use crate::types::{Cobalt, WebhookSecret};
use crate::units::format_duration;
use relink_core::masked::Secret;
use std::time::Duration;

/// Below this Cobalt, whose limits are not published, would be asked more than it may like.
const LEAST_INTERVAL: Duration = Duration::from_secs(30);

pub(super) fn cobalt(s: &mut Section<'_, '_>) -> Option<Cobalt> {
    let api_url = s
        .key("api_url", "Cobalt's API, without the /v1 that every call adds.")
        .or(url(UrlPath::Refused), Raw::Text("https://api.usecobalt.com"));
    let link_script_url = s
        .key("link_script_url", "Cobalt's Link script, loaded by the re-link page.")
        .or(url(UrlPath::Allowed), Raw::Text("https://link.usecobalt.com/init.js"));
    let probe_path = s
        .key("probe_path", "What Cobalt is asked for to see whether an account's login works.")
        .or(request_path(), Raw::Text("/v1/settings"));
    let client_id = s
        .key("client_id", "Sent to Cobalt with every call.")
        .sourced(Privacy::Secret, Fallback::Env("COBALT_CLIENT_ID"));
    let client_secret = s
        .key("client_secret", "Sent to Cobalt with every call.")
        .sourced(Privacy::Secret, Fallback::Env("COBALT_CLIENT_SECRET"));
    let reconcile_every = s
        .key("reconcile_every", "How often Cobalt is asked for events that no webhook brought.")
        .or(interval(LEAST_INTERVAL), Raw::Text("10m"));
    let reconcile_first = s
        .key("reconcile_first", "How far back the very first comparison looks.")
        .or(duration(), Raw::Text("1d"));
    let probe_patience = s
        .key("probe_patience", "How long a message waits for Cobalt's word on its account.")
        .or(duration(), Raw::Text("2h"));
    let webhook_secrets = s
        .key("webhook_secrets", "What webhooks are signed with; every live one is tried.")
        .tables(None, webhook_secret)
        .map(Option::unwrap_or_default);
    let webhook_secrets = unique_ids(s, "webhook_secrets", webhook_secrets, |secret| &secret.id);
    warn_of_missing_credentials(s, "client_id", client_id.as_ref());
    warn_of_missing_credentials(s, "client_secret", client_secret.as_ref());
    let cobalt = Cobalt {
        api_url: api_url?,
        probe_path: probe_path?,
        link_script_url: link_script_url?,
        client_id: client_id?.map(|id| unquoted(&id)),
        client_secret: client_secret?.map(|secret| unquoted(&secret)),
        webhook_secrets: webhook_secrets?,
        reconcile_every: reconcile_every?,
        reconcile_first: reconcile_first?,
        probe_patience: probe_patience?,
    };
    if cobalt.webhook_secrets.is_empty() && cobalt.reconciles() {
        warn_of_pull_only(s, cobalt.reconcile_every);
    } else {
        warn_of_dead_secrets(s, &cobalt.webhook_secrets);
    }
    Some(cobalt)
}

fn webhook_secret(s: &mut Section<'_, '_>) -> Option<WebhookSecret> {
    let id = s
        .key("id", "Names the secret in logs and metrics.")
        .required(id(), "name it, such as id = \"current\"");
    let secret = s
        .key("secret", "The secret Cobalt signs with.")
        .required_secret("write secret = { env = \"COBALT_WEBHOOK_SECRET\" }");
    let not_after = s
        .key("not_after", "From then on the secret no longer counts; for rotation.")
        .optional(moment());
    Some(WebhookSecret { id: id?, secret: secret?, not_after: not_after? })
}

fn warn_of_missing_credentials(
    s: &mut Section<'_, '_>,
    key: &'static str,
    value: Option<&Option<Secret>>,
) {
    if let Some(None) = value {
        let variable = format!("COBALT_{}", key.to_ascii_uppercase());
        s.warn(
            key,
            format!("is not set, and neither is the environment variable {variable}: no call to Cobalt will work"),
            format!("set {variable} to the value from Cobalt's dashboard"),
        );
    }
}

/// Nobody who wants webhooks should find out from their delay that none can come in.
fn warn_of_pull_only(s: &mut Section<'_, '_>, every: Duration) {
    s.warn(
        "webhook_secrets",
        format!(
            "is empty: no webhook can be verified, and events are known only by asking Cobalt, every {}",
            format_duration(every)
        ),
        "leave it so if no webhook can reach this installation; otherwise add [[cobalt.webhook_secrets]] with id = \"current\" and secret = { env = \"COBALT_WEBHOOK_SECRET\" }",
    );
}

fn warn_of_dead_secrets(s: &mut Section<'_, '_>, secrets: &[WebhookSecret]) {
    let now = s.reader.env.now();
    let live = |secret: &&WebhookSecret| secret.not_after.is_none_or(|end| end > now);
    if secrets.iter().filter(live).count() == 0 {
        s.warn(
            "webhook_secrets",
            "has no live secret: no webhook can be verified, each is answered 401 and lost",
            "add one: [[cobalt.webhook_secrets]] with id = \"current\" and secret = { env = \"COBALT_WEBHOOK_SECRET\" }",
        );
    }
    for (n, secret) in secrets.iter().enumerate().filter(|(_, secret)| !live(secret)) {
        let what = format!("has passed: the secret \"{}\" no longer counts", secret.id);
        s.warn(
            &format!("webhook_secrets[{n}].not_after"),
            what,
            "remove the secret, or move the end",
        );
    }
}

/// Cobalt's older examples wrap these header values in quotes, which people then copy.
fn unquoted(secret: &Secret) -> Secret {
    let text = secret.expose().trim();
    let inside = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    Secret::new(inside.unwrap_or(text).trim())
}
