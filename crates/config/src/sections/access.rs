//! `[[api.keys]]` and `[encryption]`: who may ask, and what seals access tokens at rest.

use crate::kind::Fault;
use crate::kinds::{id, word};
use crate::reader::Section;
use crate::types::{ApiKey, ApiRole, Encryption, Store};
use relink_core::seal::{KeyRing, SealKey};
use std::path::Path;

/// Shorter secrets can be guessed.
const MIN_API_KEY_CHARS: usize = 16;

pub(super) fn api(s: &mut Section<'_, '_>) -> Option<Vec<ApiKey>> {
    let keys = s
        .key("keys", "Who may call the app API and the console.")
        .tables(None, api_key)
        .map(Option::unwrap_or_default);
    let keys = unique_ids(s, "keys", keys, |key| &key.id)?;
    if keys.is_empty() {
        let what = "is empty: the app's API and the console refuse everybody";
        s.warn("keys", what, "add [[api.keys]] with id, role and secret");
    }
    for (n, key) in keys.iter().enumerate() {
        if keys.iter().take(n).any(|other| other.secret == key.secret) {
            let what = "is the secret of a key before it too";
            let fault = Fault::new(what, "give every key a secret of its own").hidden();
            s.problem(&format!("keys[{n}].secret"), fault);
            return None;
        }
    }
    Some(keys)
}

fn api_key(s: &mut Section<'_, '_>) -> Option<ApiKey> {
    const ROLES: &[(&str, ApiRole)] = &[("app", ApiRole::App), ("ops", ApiRole::Ops)];
    let id = s.key("id", "Names the key in logs.").required(id(), "name it, such as id = \"app\"");
    let role = s
        .key("role", "app: accounts, reports and the feed; ops: everything and the console.")
        .required(word(ROLES), "write role = \"app\" or role = \"ops\"");
    let secret = s
        .key("secret", "The bearer token, at least 16 characters.")
        .required_secret("write secret = { env = \"RELINK_APP_KEY\" }");
    if secret.as_ref().is_some_and(|s| s.expose().chars().count() < MIN_API_KEY_CHARS) {
        let what = format!("is shorter than {MIN_API_KEY_CHARS} characters");
        s.problem("secret", Fault::new(what, "make one with openssl rand -hex 32").hidden());
        return None;
    }
    Some(ApiKey { id: id?, role: role?, secret: secret? })
}

/// The keys for a process that is not to have them: the file is checked, and no key is fetched.
pub(super) fn no_encryption(s: &mut Section<'_, '_>) -> Option<Encryption> {
    let keys = s
        .key("keys", "What seals access tokens in the store: the first seals, all open.")
        .tables(None, |s| {
            let key = s.key("id", "Stored beside what the key sealed; never reuse one.");
            let id = key.required(id(), "name it after the month, such as id = \"2026-11\"");
            let secret = s.key("secret", "32 random bytes in base64 or hex.").source();
            id.and(secret)
        });
    keys.map(|_| Encryption::NotHeld)
}

pub(super) fn encryption(
    s: &mut Section<'_, '_>,
    store: Option<&Store>,
    data_dir: &Path,
) -> Option<Encryption> {
    let keys = s
        .key("keys", "What seals access tokens in the store: the first seals, all open.")
        .tables(None, seal_key)
        .map(Option::unwrap_or_default);
    let keys = unique_ids(s, "keys", keys, |key| key.id())?;
    let mut keys = keys.into_iter();
    match (keys.next(), store?) {
        (Some(first), _) => Some(Encryption::Keys(KeyRing::new(first, keys.collect()))),
        (None, Store::NotHeld) => Some(Encryption::NotHeld),
        (None, Store::Sqlite(_)) => Some(Encryption::File(data_dir.join("encryption.key"))),
        (None, Store::Postgres(_)) => {
            s.problem("keys", Fault::new(
                "is missing: with PostgreSQL every host needs the same key, so none is made up",
                "run `openssl rand -base64 32 > keys/2026-11` and write keys = [{ id = \"2026-11\", secret = { file = \"keys/2026-11\" } }]",
            ));
            None
        }
    }
}

fn seal_key(s: &mut Section<'_, '_>) -> Option<SealKey> {
    let id = s
        .key("id", "Stored beside what the key sealed; never reuse one.")
        .required(id(), "name it after the month, such as id = \"2026-11\"");
    let secret = s
        .key("secret", "32 random bytes in base64 or hex.")
        .required_secret("write secret = { file = \"keys/2026-11\" }");
    let key = SealKey::from_text(id.as_deref().unwrap_or_default(), &secret?);
    let key = key.map_err(|error| {
        let remedy = "make one with `openssl rand -base64 32 > keys/2026-11`";
        s.problem("secret", Fault::new(format!("is not a key: {error}"), remedy).hidden());
    });
    id.and(key.ok())
}

/// The items, when no two have the same id.
pub(super) fn unique_ids<T>(
    s: &mut Section<'_, '_>,
    name: &str,
    items: Option<Vec<T>>,
    id_of: impl Fn(&T) -> &str,
) -> Option<Vec<T>> {
    let items = items?;
    let double = items
        .iter()
        .enumerate()
        .find(|(n, item)| items.iter().take(*n).any(|earlier| id_of(earlier) == id_of(item)));
    let Some((n, _)) = double else { return Some(items) };
    let what = "is the id of an entry before it too";
    s.problem(&format!("{name}[{n}].id"), Fault::new(what, "give every entry an id of its own"));
    None
}
