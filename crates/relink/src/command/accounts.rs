//! `relink accounts`: import, export, show, delete; naming them at Cobalt is in `link_id`.

use crate::args::{Accounts, Common, Format};
use crate::command::account_file::{self, AccountFile, BadLine};
use crate::command::link_id::{self, Which};
use crate::command::operator;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{output, parts};
use relink_core::account::{Account, AccountUpsert, Contact, ContactInput};
use relink_core::id::AccountRef;
use relink_store::{Operated, OperatorAct, Store, StoredAccount};
use serde::Serialize;
use std::path::Path;

/// Accounts written in one transaction, and read at once for export.
const BATCH: usize = 500;

pub(crate) async fn run(common: &Common, what: Accounts) -> Result<(), Failure> {
    let config = parts::config(common)?;
    match what {
        Accounts::Import { file, skip_bad, country } => {
            let read = account_file::read(&file, country.as_deref())?;
            let store = parts::checked_store(&config).await?;
            import(common.output, store.as_ref(), &file, read, skip_bad).await
        }
        Accounts::Export => export(parts::checked_store(&config).await?.as_ref()).await,
        Accounts::Show { account_ref } => {
            let wanted = AccountRef::parse(&account_ref)?;
            let stored = parts::checked_store(&config).await?.account(&wanted).await?;
            match stored {
                Some(stored) => output::json(&Shown::masked(&stored)),
                None => Err(Failure::failed(format!("there is no account {wanted}"))),
            }
        }
        Accounts::LinkId { account_refs, all } => {
            let client = parts::cobalt_client(&config)?;
            let store = parts::checked_store(&config).await?;
            let which = if all { Which::All } else { Which::These(account_refs) };
            link_id::run(common.output, store.as_ref(), &client, which).await
        }
        Accounts::Delete { account_ref } => {
            let wanted = AccountRef::parse(&account_ref)?;
            let store = parts::checked_store(&config).await?;
            let act = OperatorAct::DeleteAccount(wanted.clone());
            match store.operate(&operator::current()?, &act).await? {
                Operated::Done { head, .. } => {
                    output::line(&format!("deleted {wanted}"))?;
                    operator::recorded(&head)
                }
                Operated::NothingToDo | Operated::CaseClosed | Operated::ReplayedBefore(_) => {
                    Err(Failure::failed(format!("there is no account {wanted}")))
                }
            }
        }
    }
}

#[derive(Serialize)]
struct Imported<'a> {
    file: String,
    new: usize,
    replaced: usize,
    bad: &'a [BadLine],
}

/// Nothing is written while a line is bad, unless bad lines may be skipped.
async fn import(
    format: Format,
    store: &dyn Store,
    file: &Path,
    read: AccountFile,
    skip_bad: bool,
) -> Result<(), Failure> {
    let AccountFile { accounts, bad } = read;
    if !bad.is_empty() && !skip_bad {
        return Err(Failure::failed(format!(
            "{}: nothing was imported, for these lines are bad ({}):\n{}\nmend them, or import the others with --skip-bad",
            file.display(),
            bad.len(),
            lines(&bad)
        )));
    }
    let bar = Progress::new(accounts.len() as u64, "accounts");
    let mut new = 0;
    let mut written = 0;
    for batch in accounts.chunks(BATCH) {
        // Registering again changes nothing, so the way on after a fault is the same command.
        new += put(store, batch, &bar).await.map_err(|failure| {
            failure.after(&format!(
                "{written} of {} accounts were written; run the import again to write the rest",
                accounts.len()
            ))
        })?;
        written += batch.len();
    }
    bar.end();
    let imported = Imported {
        file: file.display().to_string(),
        new,
        replaced: accounts.len() - new,
        bad: &bad,
    };
    if format == Format::Json {
        return output::json(&imported);
    }
    output::line(&format!("{new} new, {} replaced, {} bad", imported.replaced, bad.len()))?;
    if bad.is_empty() { Ok(()) } else { output::line(&lines(&bad)) }
}

async fn put(store: &dyn Store, batch: &[AccountUpsert], bar: &Progress) -> Result<usize, Failure> {
    let answers = store.put_accounts(batch).await?;
    bar.advance(batch.len() as u64);
    Ok(answers.into_iter().filter(|new| *new).count())
}

fn lines(bad: &[BadLine]) -> String {
    let lines: Vec<String> = bad
        .iter()
        .map(|bad| format!("  line {}: {}", bad.line, output::visible(&bad.why)))
        .collect();
    lines.join("\n")
}

async fn export(store: &dyn Store) -> Result<(), Failure> {
    let mut after: Option<AccountRef> = None;
    loop {
        let page = store.accounts(after.as_ref(), BATCH).await?;
        for stored in &page {
            let line = serde_json::to_string(&Shown::plain(stored))
                .map_err(|error| Failure::failed(format!("cannot print: {error}")))?;
            output::line(&line)?;
        }
        match page.last() {
            Some(last) if page.len() == BATCH => after = Some(last.account.account_ref.clone()),
            Some(_) | None => return Ok(()),
        }
    }
}

/// An account in the form of the API, without its token.
#[derive(Serialize)]
struct Shown {
    account_ref: String,
    user_id: String,
    org_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    emr_instance_domain: Option<String>,
    contacts: Vec<ContactInput>,
}

impl Shown {
    fn masked(stored: &StoredAccount) -> Self {
        Self::with(&stored.account, |contact| {
            let email = contact.email.as_ref().map(|address| address.masked());
            (email, contact.phone.as_ref().map(|number| number.masked()))
        })
    }

    /// Export is for moving and keeping: the real addresses.
    fn plain(stored: &StoredAccount) -> Self {
        Self::with(&stored.account, |contact| {
            let email = contact.email.as_ref().map(|address| address.expose().to_owned());
            (email, contact.phone.as_ref().map(|number| number.expose().to_owned()))
        })
    }

    fn with(
        account: &Account,
        addresses: impl Fn(&Contact) -> (Option<String>, Option<String>),
    ) -> Self {
        let contact = |contact: &Contact| {
            let (email, phone) = addresses(contact);
            ContactInput {
                id: contact.id.to_string(),
                role: contact.role,
                email,
                phone,
                locale: contact.locale.clone(),
                time_zone: contact.time_zone.clone(),
                sms_consent: contact.sms_consent,
                name: contact.name.clone(),
            }
        };
        Self {
            account_ref: account.account_ref.to_string(),
            user_id: account.user_id.clone(),
            org_id: account.org_id.clone(),
            emr_instance_domain: account.emr_instance_domain.clone(),
            contacts: account.contacts.iter().map(contact).collect(),
        }
    }
}
