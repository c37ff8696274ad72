//! `relink keys`: which keys the access tokens are sealed with, and sealing all of them with the
//! first one.

use crate::args::{Common, Format, Keys};
use crate::command::operator;
use crate::failure::Failure;
use crate::output::list;
use crate::progress::Progress;
use crate::{output, parts};
use relink_core::id::{AccountRef, SubjectId};
use relink_core::operator_log::{Act, Action, SubjectKind};
use relink_core::seal::KeyRing;
use relink_store::{ResealRequest, SealedTokens, Store};
use serde::Serialize;
use std::sync::Arc;

/// Tokens in one transaction: short enough to be in nobody's way.
const BATCH: usize = 500;

/// How often the accounts are gone through. Once is enough, unless a process seals with another
/// key meanwhile, which more times would not help.
const PASSES: usize = 3;

/// One line of the list.
#[derive(Serialize)]
struct Row {
    id: String,
    configured: bool,
    /// Whether new tokens are sealed with it.
    seals: bool,
    tokens: u64,
}

pub(crate) async fn run(common: &Common, what: Keys) -> Result<(), Failure> {
    let config = parts::config(common)?;
    let keys = parts::key_ring(&config)?;
    let store = parts::checked_store(&config).await?;
    match what {
        Keys::List => {
            let rows = rows(&keys, &store.sealed_tokens().await?);
            list(common.output, &rows, &["id", "configured", "seals", "tokens"], |row| {
                let word = |yes| if yes { "yes" } else { "no" }.to_owned();
                let tokens = row.tokens.to_string();
                vec![row.id.clone(), word(row.configured), word(row.seals), tokens]
            })
        }
        Keys::Rotate { dry_run } => rotate(common.output, &keys, store, dry_run).await,
    }
}

/// Configured keys in their order, then those that are not and sealed something.
fn rows(keys: &KeyRing, sealed: &[SealedTokens]) -> Vec<Row> {
    let tokens = |id: &str| sealed.iter().find(|row| row.key == id).map_or(0, |row| row.tokens);
    let configured = keys.ids().map(|id| Row {
        id: id.to_owned(),
        configured: true,
        seals: id == keys.sealing().id(),
        tokens: tokens(id),
    });
    let missing = sealed.iter().filter(|row| keys.get(&row.key).is_none()).map(|row| Row {
        id: row.key.clone(),
        configured: false,
        seals: false,
        tokens: row.tokens,
    });
    configured.chain(missing).collect()
}

/// What a rotation came to.
#[derive(Default, Serialize)]
struct Rotated {
    /// The key that seals.
    key: String,
    dry_run: bool,
    /// Sealed with it now; on a dry run: would be.
    resealed: usize,
    /// Registered again or deleted meanwhile, and left alone.
    overtaken: usize,
    /// That no configured key opens.
    unopened: Vec<String>,
    /// Tokens that other keys sealed still, those included.
    left: u64,
}

async fn rotate(
    format: Format,
    keys: &KeyRing,
    store: Arc<dyn Store>,
    dry_run: bool,
) -> Result<(), Failure> {
    let key = keys.sealing().id();
    let total = others(key, &store.sealed_tokens().await?);
    let mut rotated = Rotated { key: key.to_owned(), dry_run, ..Rotated::default() };
    let act = Act::new(
        &operator::current()?,
        Action::KeysRotate,
        SubjectKind::Key,
        SubjectId::parse(key)?,
    );
    let writes = total > 0 && !dry_run;
    if writes {
        store.record(&act.clone().with("phase", "intent")).await?;
    }
    let bar = Progress::new(total, "tokens");
    for _ in 0..PASSES {
        pass(store.as_ref(), &mut rotated, &bar).await.map_err(|failure| {
            failure.after(&format!(
                "{} tokens were sealed with {key} before; run it again to seal the rest",
                rotated.resealed
            ))
        })?;
        rotated.left = others(key, &store.sealed_tokens().await?);
        if dry_run || rotated.left <= rotated.unopened.len() as u64 {
            break;
        }
    }
    bar.end();
    if writes {
        let act = act.with("phase", "result");
        let act = act.with("resealed", rotated.resealed.to_string());
        let head = store.record(&act.with("left", rotated.left.to_string())).await?;
        if format == Format::Table {
            operator::recorded(&head)?;
        }
    }
    match format {
        Format::Json => output::json(&rotated)?,
        Format::Table => say(&rotated)?,
    }
    judge(&rotated)
}

/// Goes through the accounts once.
async fn pass(store: &dyn Store, rotated: &mut Rotated, bar: &Progress) -> Result<(), Failure> {
    let mut after: Option<AccountRef> = None;
    let mut unopened = Vec::new();
    loop {
        let request = ResealRequest { after, limit: BATCH, dry_run: rotated.dry_run };
        let batch = store.reseal(&request).await?;
        rotated.resealed += batch.resealed;
        rotated.overtaken += batch.overtaken;
        bar.advance((batch.resealed + batch.overtaken + batch.unopened.len()) as u64);
        unopened.extend(batch.unopened.iter().map(ToString::to_string));
        if batch.last.is_none() {
            rotated.unopened = unopened;
            return Ok(());
        }
        after = batch.last;
    }
}

/// How many tokens other keys than `key` sealed.
fn others(key: &str, sealed: &[SealedTokens]) -> u64 {
    sealed.iter().filter(|row| row.key != key).map(|row| row.tokens).sum()
}

fn say(rotated: &Rotated) -> Result<(), Failure> {
    let Rotated { key, dry_run, resealed, overtaken, unopened, .. } = rotated;
    if *dry_run {
        output::line(&format!("{resealed} tokens would be sealed with {key}; nothing was done"))?;
    } else {
        output::line(&format!("{resealed} tokens are sealed with {key} now"))?;
    }
    if *overtaken > 0 {
        let line =
            format!("{overtaken} were registered again or deleted meanwhile, and left alone");
        output::line(&line)?;
    }
    for account in unopened {
        output::line(&format!(
            "no configured key opens the token of {}",
            output::visible(account)
        ))?;
    }
    if *resealed > 0 && !dry_run {
        output::line(
            "Keep the old key with the backups from before: it alone opens the tokens in them.\n\
             Keep it configured until no process seals with it any more, and for as long as messages\n\
             of its time may be sent again ([policy] expire): only so is the link in them the same.\n\
             Links in messages already sent go on working without it.",
        )?;
    }
    Ok(())
}

fn judge(rotated: &Rotated) -> Result<(), Failure> {
    let Rotated { key, dry_run, unopened, left, .. } = rotated;
    if !unopened.is_empty() {
        return Err(Failure::failed(format!(
            "{} tokens cannot be opened: put their keys under [encryption] keys again (`relink keys list` names them), or register these accounts again",
            unopened.len()
        )));
    }
    if *left > 0 && !dry_run {
        return Err(Failure::failed(format!(
            "{left} tokens were sealed with another key meanwhile: some process does not have {key} in front yet. Restart it, and run this again"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_core::seal::{KEY_LEN, SealKey};

    #[test]
    fn a_key_is_listed_whether_it_is_configured_or_only_used() {
        let key = |id| SealKey::from_bytes(id, &[1; KEY_LEN]).unwrap();
        let keys = KeyRing::new(key("new"), vec![key("old"), key("unused")]);
        let sealed = [("gone", 3), ("new", 1), ("old", 2)]
            .map(|(key, tokens)| SealedTokens { key: key.to_owned(), tokens });
        let rows: Vec<_> = rows(&keys, &sealed)
            .into_iter()
            .map(|row| (row.id, row.configured, row.seals, row.tokens))
            .collect();
        let expected = [
            ("new", true, true, 1),
            ("old", true, false, 2),
            ("unused", true, false, 0),
            ("gone", false, false, 3),
        ];
        let expected = expected.map(|(id, a, b, tokens)| (id.to_owned(), a, b, tokens));
        assert_eq!(rows, expected);
        assert_eq!(others("new", &sealed), 5);
    }
}
