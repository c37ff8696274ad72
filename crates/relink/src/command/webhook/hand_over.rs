//! How a secret, and what to do with it, gets to the operator.

use super::{Desk, advice};
use crate::args::{Format, SecretTo};
use crate::command::secret_file::SecretFile;
use crate::failure::Failure;
use crate::output;
use crate::output::or_dash;
use relink_cobalt::{CobaltError, Webhook};
use relink_core::Timestamp;
use relink_core::masked::Secret;
use relink_http::client::CallError;
use serde::Serialize;
use std::path::PathBuf;

/// What is printed of a command that ends with a webhook.
#[derive(Serialize)]
pub(super) struct Done {
    id: Option<String>,
    url: Option<String>,
    /// Whether it is new at Cobalt.
    registered: bool,
    secret_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Desk {
    /// Writes the secret, and prints it where that was asked for: also when it cannot be written,
    /// since nothing else may show it again.
    pub(super) fn hand_over(
        &self,
        hook: &Webhook,
        secret: &Secret,
        file: Option<SecretFile>,
        to: &SecretTo,
        registered: bool,
    ) -> Result<Done, Failure> {
        let shown = to.show_secret.then(|| secret.expose().to_owned());
        let written = file.map(|file| file.write(secret)).transpose();
        match written {
            Ok(path) => Ok(done(hook, path, shown, registered)),
            Err(failure) => {
                if let Some(secret) = shown {
                    output::line(&format!("secret  {secret}"))?;
                }
                let way = "Cobalt has it nevertheless: `relink webhook ensure --secret-file FILE` writes it where Cobalt's list shows it, otherwise rotate again";
                Err(failure.after(way))
            }
        }
    }

    pub(super) fn say(&self, done: &Done, what: &str, replaces: bool) -> Result<(), Failure> {
        if self.format == Format::Json {
            return output::json(done);
        }
        let url = or_dash(done.url.as_deref().map(output::visible));
        output::line(&format!("{url}: {what} (id {})", or_dash(done.id.as_deref())))?;
        if let Some(secret) = &done.secret {
            output::line(&format!("secret  {}", output::visible(secret)))?;
        }
        if done.secret_file.is_none() && done.secret.is_none() {
            return Ok(());
        }
        let (secrets, now) = (&self.config.cobalt.webhook_secrets, Timestamp::now());
        let entry = advice::entry(secrets, done.secret_file.as_deref(), now);
        output::line(&format!(
            "\nadd this to the configuration, unless the secret is there already, and restart the receivers:\n\n{entry}"
        ))?;
        match advice::end_of_the_old(secrets, now).filter(|_| replaces) {
            Some(end) => output::line(&end),
            None => Ok(()),
        }
    }
}

pub(super) fn done(
    hook: &Webhook,
    file: Option<PathBuf>,
    secret: Option<String>,
    registered: bool,
) -> Done {
    let id = hook.id.as_ref().map(ToString::to_string);
    Done { id, url: hook.url.clone(), registered, secret_file: file, secret }
}

/// A file for the secret, if one is wanted.
pub(super) fn prepared(to: &SecretTo) -> Result<Option<SecretFile>, Failure> {
    let prepare = |path: &PathBuf| SecretFile::prepare(path, to.overwrite);
    to.secret_file.as_ref().map(prepare).transpose()
}

/// Without an answer Cobalt may have done it all the same.
pub(super) fn doubtful(error: CobaltError) -> Failure {
    let in_doubt = match &error {
        CobaltError::Call { source: CallError::NotSent(_), .. } => false,
        CobaltError::Call { .. } | CobaltError::Unreadable { .. } => true,
        CobaltError::Refused { status, .. } => *status >= 500,
        CobaltError::LoginRequired { .. } | CobaltError::BadAccessToken => false,
    };
    let failure = Failure::from(error);
    if !in_doubt {
        return failure;
    }
    failure.after(
        "Cobalt may have done it all the same: `relink webhook list` shows what is registered, and `relink webhook ensure --secret-file FILE` writes the secret that counts, where Cobalt shows it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_been_done_is_said_to_be_in_doubt() {
        let said = |error| doubtful(error).message().contains("may have done it all the same");
        let call = "rotate a webhook's secret";
        assert!(said(CobaltError::Unreadable { call, why: "it is not a JSON object" }));
        let source = CallError::NoAnswer("nothing within 30s".into());
        assert!(said(CobaltError::Call { call, source }));
        assert!(!said(CobaltError::Refused { call, status: 400, code: None }));
        assert!(said(CobaltError::Refused { call, status: 502, code: None }));
        let source = CallError::NotSent("refused".into());
        assert!(!said(CobaltError::Call { call, source }), "no byte of it left");
    }
}
