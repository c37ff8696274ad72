//! What can be typed about secrets and keys: webhooks at Cobalt, and what seals access tokens.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Registers the webhook, unless it is registered already. Twice is once.
    Ensure {
        /// Where Cobalt is to post to, https [default: instance.public_url and /webhooks/cobalt]
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        secret: SecretTo,
        #[command(flatten)]
        asking: AskingAs,
    },
    /// What is registered: ids and URLs.
    List {
        #[command(flatten)]
        asking: AskingAs,
    },
    /// Removes a webhook; one that is not registered is no failure.
    Remove {
        /// Its id or its URL, as listed.
        #[arg(value_name = "ID|URL")]
        which: String,
        #[command(flatten)]
        asking: AskingAs,
    },
    /// Has Cobalt sign with a new secret. The one before counts for 24 hours more.
    Rotate {
        /// The webhook's id or URL [default: instance.public_url and /webhooks/cobalt]
        #[arg(value_name = "ID|URL")]
        which: Option<String>,
        #[command(flatten)]
        secret: SecretTo,
        #[command(flatten)]
        asking: AskingAs,
    },
}

/// Where a webhook's secret goes.
#[derive(Debug, clap::Args)]
pub(crate) struct SecretTo {
    /// Writes the secret to this new file, which only its owner may read.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Replaces the file, should it be there already.
    #[arg(long, requires = "secret_file")]
    pub(crate) overwrite: bool,
    /// Prints the secret, which then stands in the terminal's history and in what reads it.
    #[arg(long)]
    pub(crate) show_secret: bool,
}

/// On whose behalf Cobalt is asked about webhooks.
#[derive(Debug, clap::Args)]
pub(crate) struct AskingAs {
    /// Sends the access token of this account along, should Cobalt insist on one.
    #[arg(long, value_name = "ACCOUNT_REF")]
    pub(crate) account: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Each key: whether it is configured, and how many access tokens it sealed.
    List,
    /// Seals every access token with the first configured key. Safe beside everything that runs;
    /// one that was broken off is simply started again.
    ///
    /// Exit codes: 0 all are sealed with the first key, 1 some are not, 69 or 74 the store.
    Rotate {
        /// Only says what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}
