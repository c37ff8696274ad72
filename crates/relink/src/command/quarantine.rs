//! `relink quarantine`: requests that failed their signature. What verifies under the secrets
//! configured now goes in again by the running receiver's own door, as it came, so that no other
//! way leads into the spool; it is removed only once the receiver has answered 2xx.

use crate::args::{Common, Quarantine, Redrive};
use crate::failure::{Failure, chain};
use crate::output::{self, list, or_dash};
use crate::parts;
use relink_cobalt::event::EVENT_ID_HEADER;
use relink_cobalt::verify::SIGNATURE_HEADER;
use relink_cobalt::{Verifier, VerifyError, claim};
use relink_config::Config;
use relink_core::Timestamp;
use relink_core::seal::SealKey;
use relink_http::client::{Answer, HttpClient, Limits};
use relink_http::header::{CONTENT_TYPE, HeaderValue};
use relink_http::{HeaderMap, Method};
use relink_receiver::quarantine::{ARRIVAL_HEADER, Folder, Held, Kept, OpenError, arrival_pass};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One request, as far as it can be read. What it says of itself is not proven.
#[derive(Serialize)]
struct Row {
    id: String,
    received_at: Timestamp,
    bytes: u64,
    source: Option<String>,
    kind: Option<&'static str>,
    event_id: Option<String>,
    account_ref: Option<String>,
    /// Why it cannot be read.
    fault: Option<String>,
    /// The id of the configured secret that it verifies with.
    #[serde(skip_serializing_if = "Option::is_none")]
    verifies_with: Option<String>,
    /// What became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

/// A kept request and what it holds, if that can be read.
struct Entry {
    kept: Kept,
    held: Result<Held, OpenError>,
}

pub(crate) async fn run(common: &Common, what: Quarantine) -> Result<(), Failure> {
    let config = parts::config(common)?;
    let folder = Folder::in_data_dir(&config.instance.data_dir);
    let entries = entries(&config, &folder)?;
    match what {
        Quarantine::List => {
            let rows: Vec<Row> = entries.iter().map(row).collect();
            print(common, &rows, "fault", |row| or_dash(row.fault.as_ref()))
        }
        Quarantine::Verify => verify(common, &config, &entries),
        Quarantine::Redrive(which) => redrive(common, &config, &folder, entries, &which).await,
    }
}

/// Everything that is kept, oldest first. Without any, no key is needed and none is made.
fn entries(config: &Config, folder: &Folder) -> Result<Vec<Entry>, Failure> {
    let kept = folder.list()?;
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let key = parts::spool_key(config)?;
    let entry = |kept: Kept| Entry { kept, held: folder.open(&key, &kept.name) };
    Ok(kept.into_iter().map(entry).filter(|entry| !is_gone(entry)).collect())
}

fn is_gone(entry: &Entry) -> bool {
    matches!(entry.held, Err(OpenError::Gone))
}

fn row(entry: &Entry) -> Row {
    let held = entry.held.as_ref().ok();
    let claim = held.and_then(|held| claim(&held.body, held.webhook_id.as_deref()));
    Row {
        id: entry.kept.name.id(),
        received_at: entry.kept.name.received_at(),
        bytes: held.map_or(entry.kept.bytes, |held| held.body.len() as u64),
        source: held.map(|held| held.source.clone()),
        kind: claim.as_ref().map(|claim| claim.kind.as_str()),
        event_id: claim.as_ref().and_then(|it| Some(it.event_id.as_ref()?.to_string())),
        account_ref: claim.as_ref().and_then(|it| Some(it.account_ref.as_ref()?.to_string())),
        fault: entry.held.as_ref().err().map(|error| chain(error)),
        verifies_with: None,
        result: None,
    }
}

fn print(
    common: &Common,
    rows: &[Row],
    last: &str,
    cell: impl Fn(&Row) -> String,
) -> Result<(), Failure> {
    let header = ["id", "received", "bytes", "from", "kind", "event", "account", last];
    list(common.output, rows, &header, |row| {
        vec![
            row.id.clone(),
            row.received_at.to_string(),
            row.bytes.to_string(),
            or_dash(row.source.clone()),
            or_dash(row.kind),
            or_dash(row.event_id.clone()),
            or_dash(row.account_ref.clone()),
            cell(row),
        ]
    })
}

fn verify(common: &Common, config: &Config, entries: &[Entry]) -> Result<(), Failure> {
    let verifier = Verifier::new(&config.cobalt.webhook_secrets);
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let verifies_with = secret_of(&verifier, entry)?;
        rows.push(Row { verifies_with, ..row(entry) });
    }
    print(common, &rows, "verifies with", |row| {
        row.fault.clone().unwrap_or_else(|| row.verifies_with.clone().unwrap_or("nothing".into()))
    })?;
    let good = rows.iter().filter(|row| row.verifies_with.is_some()).count();
    if common.output == crate::args::Format::Table {
        output::line(&format!("{good} of {} would verify now", rows.len()))?;
    }
    Ok(())
}

/// The id of the secret that an entry verifies with; `None` when there is none, or nothing to
/// verify.
fn secret_of(verifier: &Verifier, entry: &Entry) -> Result<Option<String>, Failure> {
    let Ok(held) = &entry.held else { return Ok(None) };
    match verifier.verify(Some(&held.signature), held.body.clone(), Timestamp::now()) {
        Ok(verified) => Ok(Some(verified.secret_id().to_owned())),
        Err(error @ VerifyError::NoLiveSecret) => Err(Failure::config(error.to_string())),
        Err(VerifyError::Missing | VerifyError::Malformed | VerifyError::NoMatch) => Ok(None),
    }
}

async fn redrive(
    common: &Common,
    config: &Config,
    folder: &Folder,
    entries: Vec<Entry>,
    which: &Redrive,
) -> Result<(), Failure> {
    let chosen = choose(entries, which)?;
    let verifier = Verifier::new(&config.cobalt.webhook_secrets);
    let door = Door::of(config)?;
    let (mut rows, mut ended) = (Vec::new(), Ok(()));
    for entry in &chosen {
        let verifies_with = secret_of(&verifier, entry)?;
        let result = match (&entry.held, &verifies_with) {
            (Ok(_), Some(_)) if which.dry_run => Ok("would be sent".to_owned()),
            (Ok(held), Some(_)) => match door.send(&entry.kept, held).await {
                Ok(said) => folder.remove(&entry.kept.name).map(|()| said).map_err(Trouble::of_all),
                Err(trouble) => Err(trouble),
            },
            // Among all, these are what the quarantine is for; by name, it was a mistake.
            (Ok(_), None) if which.all => Ok("left: verifies with no secret".to_owned()),
            (Ok(_), None) => Err(Trouble::This("verifies with no secret".to_owned())),
            (Err(_), _) if which.all => Ok("left: cannot be read".to_owned()),
            (Err(error), _) => Err(Trouble::This(chain(error))),
        };
        let id = entry.kept.name.id();
        let (said, go_on) = match result {
            Ok(said) => (said, true),
            Err(Trouble::This(why)) => {
                ended = Err(Failure::failed(format!("{id} is still kept: {why}")));
                (why, true)
            }
            Err(Trouble::All(failure)) => {
                ended = Err(failure.after(&format!("{id} and what came after it are still kept")));
                ("not sent".to_owned(), false)
            }
        };
        rows.push(Row { verifies_with, result: Some(said), ..row(entry) });
        if !go_on {
            break;
        }
    }
    print(common, &rows, "result", |row| or_dash(row.result.clone()))?;
    ended
}

/// Why an entry was not given back.
enum Trouble {
    /// The others may fare better.
    This(String),
    /// The next one would meet the same receiver, and the same disk.
    All(Failure),
}

impl Trouble {
    fn of_all(failure: impl Into<Failure>) -> Self {
        Self::All(failure.into())
    }
}

fn choose(entries: Vec<Entry>, which: &Redrive) -> Result<Vec<Entry>, Failure> {
    if which.all {
        return Ok(entries);
    }
    let ids: Vec<String> = entries.iter().map(|entry| entry.kept.name.id()).collect();
    if let Some(missing) = which.ids.iter().find(|id| !ids.contains(id)) {
        return Err(Failure::failed(format!(
            "nothing in the quarantine is called {missing}; `relink quarantine list` shows what \
             there is"
        )));
    }
    Ok(entries.into_iter().filter(|entry| which.ids.contains(&entry.kept.name.id())).collect())
}

/// The running receiver's door for webhooks.
struct Door {
    url: String,
    /// The receiver's: proves what is said of a request's arrival.
    key: SealKey,
    client: HttpClient,
}

impl Door {
    fn of(config: &Config) -> Result<Self, Failure> {
        let mut address = config.receiver.listen;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let client =
            HttpClient::new(Limits::default()).map_err(|error| Failure::failed(chain(&error)))?;
        let url = format!("http://{address}/webhooks/cobalt");
        Ok(Self { url, key: parts::spool_key(config)?, client })
    }

    /// Hands a request in as it came, and says when that was. `Ok` is the receiver's 2xx: its
    /// receipt.
    async fn send(&self, kept: &Kept, held: &Held) -> Result<String, Trouble> {
        let arrival = arrival_pass(&self.key, kept.name.received_at(), &held.body)
            .map_err(|error| Trouble::of_all(Failure::failed(error.to_string())))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let parts = [
            (SIGNATURE_HEADER, Some(&held.signature)),
            (EVENT_ID_HEADER, held.webhook_id.as_ref()),
            (ARRIVAL_HEADER, Some(&arrival)),
        ];
        for (name, text) in parts {
            let Some(text) = text else { continue };
            let value = HeaderValue::from_str(text)
                .map_err(|_| Trouble::This(format!("its {name} is no header")))?;
            headers.insert(name, value);
        }
        let call = self.client.call(Method::POST, &self.url, headers, held.body.clone());
        let answer = call.await.map_err(|error| {
            Trouble::All(Failure::unavailable(format!(
                "the receiver behind {} does not answer ({error}): start it on this machine, then \
                 try again",
                self.url
            )))
        })?;
        said(&answer)
    }
}

/// Only a receipt lets go of what is kept: something else may answer at that address.
fn is_receipt(body: &[u8]) -> bool {
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    said.is_some_and(|said| said.get("status").is_some_and(|status| status == "accepted"))
}

fn said(answer: &Answer) -> Result<String, Trouble> {
    match answer.status.as_u16() {
        202 if is_receipt(&answer.body) => Ok("accepted".to_owned()),
        status @ 200..=299 => Err(Trouble::This(format!(
            "the answer was {status} and no receipt: is what answers there a receiver of Relink?"
        ))),
        401 => Err(Trouble::All(Failure::failed(
            "the running receiver does not know the secret: restart it with this configuration",
        ))),
        status @ 500.. => Err(Trouble::All(Failure::unavailable(format!(
            "the receiver cannot store events just now ({status}); try again later"
        )))),
        status => Err(Trouble::This(format!("the receiver refuses it with {status}"))),
    }
}
