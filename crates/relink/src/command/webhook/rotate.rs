//! A new secret for a webhook. Where it goes is made sure of before the one that counts is replaced.

use super::hand_over::{doubtful, prepared};
use super::log::Log;
use super::{Desk, found_in};
use crate::args::SecretTo;
use crate::failure::Failure;
use crate::output;
use relink_cobalt::WebhookId;
use relink_core::operator_log::Action;

impl Desk {
    pub(super) async fn rotate(&self, which: Option<&str>, to: &SecretTo) -> Result<(), Failure> {
        if to.secret_file.is_none() && !to.show_secret {
            return Err(Failure::usage(
                "rotating makes a secret: say where it goes with --secret-file FILE, or --show-secret",
            ));
        }
        let which = which.map_or_else(|| self.url(None), |which| Ok(which.to_owned()))?;
        let registered = self.registered().await?;
        let Some(hook) = found_in(&registered, &which) else {
            return Err(Failure::failed(format!(
                "{} is not registered; `relink webhook list` shows what is",
                output::visible(&which)
            )));
        };
        // Before the secret that counts now is replaced.
        let file = prepared(to)?;
        let log = Log::open(&self.config, Action::WebhookRotate).await?;
        log.note(hook.id.as_ref().map_or("unnamed", WebhookId::as_str), "intent").await?;
        let rotated =
            self.cobalt.rotate_webhook_secret(hook.id.as_ref(), self.token.as_ref()).await;
        let head = log.result(hook.id.as_ref(), rotated.is_ok()).await?;
        let rotated = rotated.map_err(doubtful)?;
        let Some(secret) = rotated.secret else { return Err(no_secret()) };
        let done = self.hand_over(hook, &secret, file, to, false)?;
        self.say(&done, "has a new secret", true)?;
        if let Some(other) = another(hook.id.as_ref(), rotated.id.as_ref()) {
            output::warn(&format!(
                "Cobalt answered for webhook {other}: where each has a secret of its own, the new one is that webhook's"
            ));
        }
        self.recorded(head.as_ref())
    }
}

/// The webhook that was rotated, when it is not the one that was meant: the path without an id
/// leaves the choice to Cobalt.
fn another<'a>(meant: Option<&WebhookId>, rotated: Option<&'a WebhookId>) -> Option<&'a WebhookId> {
    let meant = meant?;
    rotated.filter(|rotated| *rotated != meant)
}

fn no_secret() -> Failure {
    Failure::failed("Cobalt's answer to the rotation had no secret in it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_webhook_than_the_one_that_was_meant_is_worth_a_word() {
        let id = |text| WebhookId::parse(text).unwrap();
        let (one, two) = (id("1"), id("2"));
        assert_eq!(another(Some(&one), Some(&two)), Some(&two));
        assert_eq!(another(Some(&one), Some(&one)), None);
        assert_eq!(another(None, Some(&one)), None);
        assert_eq!(another(Some(&one), None), None);
    }
}
