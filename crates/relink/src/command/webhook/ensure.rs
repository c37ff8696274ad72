//! Registering the webhook, unless it is: run as often as one likes, it registers once. A secret that
//! Cobalt shows again is written again, where that is asked for.

use super::Desk;
use super::hand_over::{done, doubtful, prepared};
use super::log::Log;
use crate::args::SecretTo;
use crate::command::secret_file::{Found, found};
use crate::failure::Failure;
use relink_cobalt::Webhook;
use relink_core::masked::Secret;
use relink_core::operator_log::Action;

impl Desk {
    /// Looks first: what Cobalt does with a second registration of one URL is not known.
    pub(super) async fn ensure(&self, url: Option<&str>, to: &SecretTo) -> Result<(), Failure> {
        let url = self.url(url)?;
        let before = self.registered().await?;
        if let Some(hook) = before.by_url(&url) {
            let secret = before.secret_of(hook);
            return self.registered_before(hook, secret, to);
        }
        let file = prepared(to)?;
        if file.is_none() && !to.show_secret {
            return Err(Failure::usage(
                "registering makes a secret: say where it goes with --secret-file FILE, or --show-secret",
            ));
        }
        let log = Log::open(&self.config, Action::WebhookRegister).await?;
        log.note("new", "intent").await?;
        let made = self.cobalt.register_webhook(&url, self.token.as_ref()).await;
        let id = made.as_ref().ok().and_then(|made| made.id.clone());
        let head = log.result(id.as_ref(), made.is_ok()).await?;
        let made = made.map_err(doubtful)?;
        let hook = self.completed(made, &url).await?;
        let Some(secret) = hook.secret.clone() else {
            return Err(Failure::failed(
                "it is registered, but neither the answer nor Cobalt's list shows its secret: `relink webhook rotate` has a new one made",
            ));
        };
        let done = self.hand_over(&hook, &secret, file, to, true)?;
        self.say(&done, "registered", false)?;
        self.recorded(head.as_ref())
    }

    /// Nothing to do at Cobalt. The secret is written where it was wanted and can be had.
    fn registered_before(
        &self,
        hook: &Webhook,
        secret: Option<&Secret>,
        to: &SecretTo,
    ) -> Result<(), Failure> {
        let wanted = to.secret_file.is_some() || to.show_secret;
        let secret = match secret {
            Some(secret) if wanted => secret,
            None if wanted => {
                return Err(Failure::failed(
                    "it is registered already, and Cobalt does not show its secret again: use the one you have, or `relink webhook rotate`",
                ));
            }
            Some(_) | None => {
                return self.say(&done(hook, None, None, false), "registered already", false);
            }
        };
        if let Some(path) = &to.secret_file
            && found(path, secret)? == Found::Same
        {
            let shown = to.show_secret.then(|| secret.expose().to_owned());
            let done = done(hook, std::path::absolute(path).ok(), shown, false);
            return self.say(&done, "registered already", false);
        }
        let done = self.hand_over(hook, secret, prepared(to)?, to, false)?;
        self.say(&done, "registered already", false)
    }

    /// What a registration's answer left out, from the list.
    async fn completed(&self, made: Webhook, url: &str) -> Result<Webhook, Failure> {
        let url_said = made.url.clone().unwrap_or_else(|| url.to_owned());
        if made.id.is_some() && made.secret.is_some() {
            return Ok(Webhook { url: Some(url_said), ..made });
        }
        // The registration stands, so a list that fails takes nothing away.
        let listed = self.cobalt.webhooks(self.token.as_ref()).await.unwrap_or_default();
        let known = listed.by_url(url);
        Ok(Webhook {
            id: made.id.or_else(|| known.and_then(|hook| hook.id.clone())),
            url: Some(url_said),
            secret: made.secret.or_else(|| {
                known.and_then(|hook| listed.secret_of(hook)).or(listed.secret.as_ref()).cloned()
            }),
        })
    }
}
