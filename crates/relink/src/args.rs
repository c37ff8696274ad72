//! What can be typed.

mod upkeep;

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
pub(crate) use upkeep::{AskingAs, Keys, SecretTo, Webhook};

/// Tells people that a linked account needs them again, and stops when it is fixed.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 64 bad configuration, 69 a needed service is
/// unavailable, 74 disk trouble.
#[derive(Debug, Parser)]
#[command(name = "relink", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// The configuration file [default: $RELINK_CONFIG, else config/relink.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All roles in one process: one machine needs nothing else.
    Run,
    /// The receiver: webhooks and reports in, into the spool and on to the queue.
    Receive,
    /// Workers: plan, schedule, send. Any number may run.
    Work {
        /// Only these duties.
        #[arg(long, value_enum, value_delimiter = ',', value_name = "DUTIES")]
        only: Vec<Duty>,
    },
    /// The pages behind links and the app's API.
    Web,
    /// Everything with a pretend Cobalt, mail server and Twilio beside it; needs nothing.
    Demo(Demo),
    /// Checks the configuration without opening anything.
    Check,
    /// Brings the store's schema up to this release.
    Migrate,
    /// Shows what is configured, or what can be.
    #[command(subcommand)]
    Config(Config),
    /// Accounts and whom to tell about them.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Cases: what is open, what happened.
    #[command(subcommand)]
    Cases(Cases),
    /// Attempts to reach somebody, newest first.
    Attempts(Attempts),
    /// Checks that what is promised holds, in spool, queue and store; changes nothing.
    ///
    /// Exit codes: 0 all holds, 1 something does not, 69 or 74 a part cannot be read.
    Audit(Audit),
    /// What could not be processed or needs an operator.
    #[command(subcommand)]
    Dead(Dead),
    /// What the customer's app is told of its cases.
    #[command(subcommand)]
    Events(Events),
    /// Webhooks that failed their signature: a wrong secret can be put right.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Asks Cobalt now for events that no webhook brought; workers do it by themselves.
    Reconcile(Reconcile),
    /// Webhooks as Cobalt has them registered, and what they are signed with.
    #[command(subcommand)]
    Webhook(Webhook),
    /// Keys that seal access tokens in the store.
    #[command(subcommand)]
    Keys(Keys),
}

/// A worker's duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Duty {
    /// Signals become cases.
    Plan,
    /// What is due is published.
    Schedule,
    /// Emails are sent.
    Email,
    /// Text messages are sent.
    Sms,
    /// The customer's app is told.
    InApp,
    /// Cases expire, gauges are refreshed.
    Upkeep,
    /// Cobalt is asked for events that no webhook brought.
    Reconcile,
    /// The customer's app is told what happens to its cases.
    Tell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Does one event from webhook to repair, prints what happened, and ends.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Reconcile {
    /// From when on to look: a day (2026-11-20), a moment, or how long ago (24h). Cobalt's list
    /// is asked for whole days [default: two days before the last complete comparison]
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only compares and counts; changes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// The configuration in force, secrets masked.
    Print,
    /// The JSON Schema of the configuration file.
    Schema,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// Registers accounts from a file: .csv with a header, or .jsonl.
    ///
    /// CSV columns: account_ref, user_id, org_id, access_token, emr_instance_domain, contact_id,
    /// role, email, phone, sms_consent, locale, time_zone, name. Rows with the same account_ref
    /// are contacts of one account. JSONL lines are the bodies of PUT /v1/accounts with an
    /// account_ref. Every bad line is named; nothing is written unless all are good.
    Import {
        /// The file.
        file: PathBuf,
        /// Registers the good lines although others are bad.
        #[arg(long)]
        skip_bad: bool,
        /// The country of phone numbers written without +, such as US.
        #[arg(long, value_name = "COUNTRY")]
        country: Option<String>,
    },
    /// Writes every account with its contacts as JSONL to standard output; no tokens.
    Export,
    /// Shows one account, addresses masked.
    Show {
        /// Cobalt's access_token_reference_id.
        account_ref: String,
    },
    /// Forgets one account and its contacts; its open case is closed.
    Delete {
        /// Cobalt's access_token_reference_id.
        account_ref: String,
    },
    /// Gives accounts their name at Cobalt: sets its access_token_reference_id to the account_ref,
    /// so that its webhooks name the account. Twice is once.
    ///
    /// Exit codes: 0 all are set, 1 some are not, 69 Cobalt does not answer.
    LinkId {
        /// These accounts.
        #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ACCOUNT_REF")]
        account_refs: Vec<String>,
        /// Every registered account.
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cases {
    /// Cases, newest first.
    List {
        /// Only open ones.
        #[arg(long, conflicts_with = "closed")]
        open: bool,
        /// Only closed ones.
        #[arg(long)]
        closed: bool,
        /// Only of this account.
        #[arg(long, value_name = "ACCOUNT_REF")]
        account: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One case with everything that happened to it.
    Show {
        /// The case's id.
        case_id: String,
    },
    /// Closes an open case; what was still planned is cancelled.
    Close {
        /// The case's id.
        case_id: String,
    },
    /// Lets an open case wait: nothing is sent until it is released.
    Hold {
        /// The case's id.
        case_id: String,
    },
    /// Lifts a hold.
    Release {
        /// The case's id.
        case_id: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Attempts {
    /// Only of this account.
    #[arg(long, value_name = "ACCOUNT_REF")]
    pub(crate) account: Option<String>,
    /// Only of this case.
    #[arg(long, value_name = "CASE_ID")]
    pub(crate) case: Option<String>,
    /// Only those that ended like this: accepted, deferred, rejected or unknown.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dead {
    /// Buried messages and notifications that need an operator, oldest first.
    List {
        /// At most this many of each.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// One of them, with its bytes.
    Show {
        /// Its id, as listed.
        id: String,
    },
    /// Gives back what is dead: a message to its queue, a notification to the scheduler as a new
    /// one. Twice is once; what belongs to a closed case is left alone.
    Replay(Replay),
    /// Removes a buried message for good.
    Discard {
        /// Its id, as listed.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Events and how far they have got at each endpoint, newest first.
    List {
        /// Only what was given up.
        #[arg(long)]
        failed: bool,
        /// As JSON; the same as --output json.
        #[arg(long)]
        json: bool,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Tells of an event once more, under the same id: the endpoints that it was given up for; where
    /// there are none, every one that has it.
    Replay {
        /// Its id, as listed.
        #[arg(required_unless_present = "all_failed", conflicts_with = "all_failed")]
        id: Option<String>,
        /// Everything that was given up.
        #[arg(long)]
        all_failed: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// What is kept, oldest first, and what it claims to be.
    List,
    /// Tries the secrets configured now: which would verify?
    Verify,
    /// Hands those that verify now to the running receiver, and removes what it has accepted.
    Redrive(Redrive),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Redrive {
    /// These, by their id as listed.
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Every one that verifies; the others stay.
    #[arg(long)]
    pub(crate) all: bool,
    /// Shows what would be sent, and sends nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// Its id, as listed.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// The oldest of everything that is listed.
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all: at most this many, 1 to 1000.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) max: u16,
    /// Only says what would be given back.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Audit {
    /// Ids named for each check that fails, at most.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) examples: u16,
    /// An end of the operator log that was printed or logged before, and must still be in it.
    #[arg(long, value_name = "NUMBER:HASH")]
    pub(crate) head: Option<String>,
}
