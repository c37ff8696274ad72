//! `relink webhook`: what Cobalt has registered, and the secrets it signs with. A secret leaves
//! into a file, or is printed when that is asked for in so many words; never otherwise.

mod advice;
mod ensure;
mod hand_over;
mod log;
mod rotate;

use crate::args::{AskingAs, Common, Format, Webhook as Command};
use crate::command::operator;
use crate::failure::Failure;
use crate::output::{list, or_dash};
use crate::{output, parts};
use log::Log;
use relink_cobalt::{CobaltClient, Webhook, WebhookId, Webhooks};
use relink_config::Config;
use relink_core::id::AccountRef;
use relink_core::masked::Secret;
use relink_core::operator_log::{Action, Head};
use serde::Serialize;

/// The path of the receiver that takes Cobalt's webhooks.
const OUR_PATH: &str = "/webhooks/cobalt";

pub(crate) async fn run(common: &Common, what: Command) -> Result<(), Failure> {
    let config = parts::config(common)?;
    let (Command::Ensure { asking, .. }
    | Command::List { asking }
    | Command::Remove { asking, .. }
    | Command::Rotate { asking, .. }) = &what;
    let desk = Desk {
        format: common.output,
        cobalt: parts::cobalt_client(&config)?,
        token: access_token(&config, asking).await?,
        config,
    };
    match what {
        Command::Ensure { url, secret, .. } => desk.ensure(url.as_deref(), &secret).await,
        Command::List { .. } => desk.list().await,
        Command::Remove { which, .. } => desk.remove(&which).await,
        Command::Rotate { which, secret, .. } => desk.rotate(which.as_deref(), &secret).await,
    }
}

/// The token to send along; needs the store only when an account is named.
async fn access_token(config: &Config, asking: &AskingAs) -> Result<Option<Secret>, Failure> {
    let Some(account) = &asking.account else { return Ok(None) };
    let account = AccountRef::parse(account)?;
    let token = parts::checked_store(config).await?.access_token(&account).await?;
    let token = token.ok_or_else(|| Failure::failed(format!("there is no account {account}")))?;
    Ok(Some(token))
}

/// What every one of these commands works with.
struct Desk {
    format: Format,
    cobalt: CobaltClient,
    token: Option<Secret>,
    config: Config,
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    id: Option<String>,
    url: Option<String>,
}

impl Desk {
    async fn registered(&self) -> Result<Webhooks, Failure> {
        Ok(self.cobalt.webhooks(self.token.as_ref()).await?)
    }

    async fn list(&self) -> Result<(), Failure> {
        let registered = self.registered().await?.list;
        let rows: Vec<Row> = registered
            .into_iter()
            .map(|hook| Row { id: hook.id.map(|id| id.to_string()), url: hook.url })
            .collect();
        list(self.format, &rows, &["id", "url"], |row| {
            vec![or_dash(row.id.clone()), or_dash(row.url.clone())]
        })
    }

    async fn remove(&self, which: &str) -> Result<(), Failure> {
        let registered = self.registered().await?;
        let id = match found_in(&registered, which) {
            Some(Webhook { id: Some(id), .. }) => id.clone(),
            Some(Webhook { id: None, .. }) => return Err(no_id()),
            None if is_url(which) || registered.list.iter().all(|hook| hook.id.is_some()) => {
                return self.removed(which, false);
            }
            // The list has entries without an id: this may be the id of one.
            None => WebhookId::parse(which)?,
        };
        let log = Log::open(&self.config, Action::WebhookRemove).await?;
        log.note(id.as_str(), "intent").await?;
        let removed = self.cobalt.remove_webhook(&id, self.token.as_ref()).await;
        let head = log.result(Some(&id), removed.is_ok()).await?;
        self.removed(which, removed?)?;
        self.recorded(head.as_ref())
    }

    fn removed(&self, which: &str, removed: bool) -> Result<(), Failure> {
        match (self.format, removed) {
            (Format::Json, _) => output::json(&serde_json::json!({ "removed": removed })),
            (Format::Table, true) => output::line(&format!("{}: removed", output::visible(which))),
            (Format::Table, false) => output::line(&format!(
                "{}: not registered, nothing to remove",
                output::visible(which)
            )),
        }
    }

    fn recorded(&self, head: Option<&Head>) -> Result<(), Failure> {
        match head.filter(|_| self.format == Format::Table) {
            Some(head) => operator::recorded(head),
            None => Ok(()),
        }
    }

    /// The URL that is asked for, or the receiver's own as people's proxies reach it.
    fn url(&self, asked: Option<&str>) -> Result<String, Failure> {
        match asked {
            Some(url) if is_https(url) => Ok(url.to_owned()),
            Some(_) => Err(Failure::usage(
                "--url must begin with https:// and hold neither a password nor a fragment: Cobalt posts to nothing else",
            )),
            None => {
                let url = format!("{}{OUR_PATH}", self.config.instance.public_url);
                let fault = "instance.public_url is not https, and Cobalt posts to nothing else: name another URL with --url";
                is_https(&url).then_some(url).ok_or_else(|| Failure::config(fault))
            }
        }
    }
}

fn found_in<'a>(registered: &'a Webhooks, which: &str) -> Option<&'a Webhook> {
    let by_id = |hook: &&Webhook| hook.id.as_ref().is_some_and(|id| id.as_str() == which);
    registered.list.iter().find(by_id).or_else(|| registered.by_url(which))
}

fn is_url(text: &str) -> bool {
    text.contains("://")
}

fn is_https(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let plain = url.chars().all(|c| c.is_ascii_graphic() && !"#\\\"<>".contains(c));
    plain && !host.is_empty() && !host.contains('@') && url.len() <= 2000
}

fn no_id() -> Failure {
    Failure::failed("Cobalt lists this URL without an id, and takes nothing away without one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cobalt_is_only_given_urls_that_it_can_post_to_and_that_hold_no_password() {
        for good in
            ["https://a.example/webhooks/cobalt", "https://a.example:8443", "https://a/?x=1"]
        {
            assert!(is_https(good), "{good}");
        }
        for bad in [
            "http://a.example",
            "https://",
            "https:///path",
            "https://user:pw@a.example/",
            "https://a.example/#b",
            "https://a.example/a b",
            "https://a.example/\n",
            "a.example",
        ] {
            assert!(!is_https(bad), "{bad}");
        }
    }
}
