//! What commands are made of: the configuration, the keys, the store, the queue, the senders.

use crate::args::Common;
use crate::failure::Failure;
use relink_cobalt::CobaltClient;
use relink_config::{Config, Encryption, ProcessEnv, ProcessRole, Queue as QueueConfig, SpoolKey};
use relink_core::app_event::{EXCHANGE, TELL_WITHIN};
use relink_core::id::EndpointId;
use relink_core::seal::{KeyRing, SealKey};
use relink_email::EmailSender;
use relink_http::client::{HttpClient, Limits};
use relink_queue::embedded::{EmbeddedDeadLetters, EmbeddedQueue};
use relink_queue::log::disk::RealDisk;
use relink_queue::log::{LogOptions, SegmentLog, load_or_create_key};
use relink_queue::rabbitmq::RabbitQueue;
use relink_queue::{DeadLetters, Queue};
use relink_receiver::quarantine::{self, Folder, Quarantine};
use relink_sms::SmsSender;
use relink_store::{Clock, Store};
use relink_worker::outcomes::Outcomes;
use relink_worker::tell::{CALLS_AT_ONCE, Exchange, Listener, Post};
use std::path::Path;
use std::sync::Arc;

/// Reads the configuration. Its warnings are for `relink check` and for a process that starts.
pub(crate) fn config(common: &Common) -> Result<Config, Failure> {
    Ok(Config::load(common.config.as_deref(), &ProcessEnv)?.config)
}

/// Refuses a role that this configuration cannot serve.
pub(crate) fn serves(config: &Config, role: ProcessRole) -> Result<(), Failure> {
    let problems = config.check_role(role);
    if problems.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err(Failure::config(format!(
        "this configuration does not serve this command:\n{}",
        lines.join("\n")
    )))
}

/// The keys of access tokens and links.
pub(crate) fn key_ring(config: &Config) -> Result<KeyRing, Failure> {
    match &config.encryption {
        Encryption::Keys(ring) => Ok(ring.clone()),
        Encryption::NotHeld => Err(Failure::failed("this process was given no keys")),
        Encryption::File(path) => {
            data_dir(config)?;
            Ok(KeyRing::new(load_or_create_key(path, "local")?, Vec::new()))
        }
    }
}

/// The key of the spool and the embedded queue.
pub(crate) fn spool_key(config: &Config) -> Result<SealKey, Failure> {
    match &config.receiver.spool_key {
        SpoolKey::File(path) => {
            data_dir(config)?;
            Ok(load_or_create_key(path, "spool")?)
        }
        SpoolKey::Value(text) => SealKey::from_text("spool", text)
            .map_err(|error| Failure::config(format!("receiver.spool_key: {error}"))),
    }
}

fn data_dir(config: &Config) -> Result<&Path, Failure> {
    let dir = config.instance.data_dir.as_path();
    std::fs::create_dir_all(dir).map_err(|error| {
        Failure::disk(format!("cannot make the data folder {}: {error}", dir.display()))
    })?;
    Ok(dir)
}

/// The receiver's spool.
pub(crate) fn spool(config: &Config) -> Result<SegmentLog, Failure> {
    let options = LogOptions {
        max_bytes: config.receiver.spool_max,
        min_free: config.receiver.min_free,
        ..LogOptions::new(data_dir(config)?.join("spool"), "spool")
    };
    Ok(SegmentLog::open(options, spool_key(config)?)?)
}

/// Where the receiver keeps what fails its signature; `None` when it is to keep nothing.
pub(crate) fn quarantine(config: &Config) -> Result<Option<Quarantine>, Failure> {
    let receiver = &config.receiver;
    if receiver.quarantine_max == 0 {
        return Ok(None);
    }
    let limits = quarantine::Limits {
        max_bytes: receiver.quarantine_max,
        keep: receiver.quarantine_keep,
        min_free: receiver.min_free,
    };
    let folder = Folder::in_data_dir(data_dir(config)?);
    Ok(Some(Quarantine::new(folder, spool_key(config)?, Arc::new(RealDisk), limits)))
}

/// The queue. The embedded one belongs to this process from now on.
pub(crate) async fn queue(config: &Config, name: &str) -> Result<OpenQueue, Failure> {
    match &config.queue {
        QueueConfig::Embedded => {
            let dir = data_dir(config)?;
            let (key, receiver) = (spool_key(config)?, &config.receiver);
            let queue =
                EmbeddedQueue::open(dir, key, receiver.spool_max, receiver.min_free).await?;
            Ok(OpenQueue::Embedded(Arc::new(queue)))
        }
        QueueConfig::RabbitMq(rabbit) => {
            Ok(OpenQueue::Rabbit(Arc::new(RabbitQueue::new(rabbit.clone(), name))))
        }
    }
}

/// A queue that knows how to end.
#[derive(Clone)]
pub(crate) enum OpenQueue {
    Embedded(Arc<EmbeddedQueue>),
    Rabbit(Arc<RabbitQueue>),
}

impl OpenQueue {
    pub(crate) fn shared(&self) -> Arc<dyn Queue> {
        match self {
            Self::Embedded(queue) => Arc::<EmbeddedQueue>::clone(queue),
            Self::Rabbit(queue) => Arc::<RabbitQueue>::clone(queue),
        }
    }

    /// Writes what was handed in and gives the folder free.
    pub(crate) async fn close(&self) {
        match self {
            Self::Embedded(queue) => queue.close().await,
            Self::Rabbit(_) => {}
        }
    }
}

/// The dead letters, also while another process has the embedded queue open.
pub(crate) fn dead_letters(config: &Config) -> Result<Box<dyn DeadLetters>, Failure> {
    match &config.queue {
        QueueConfig::Embedded => {
            Ok(Box::new(EmbeddedDeadLetters::at(data_dir(config)?, spool_key(config)?)))
        }
        QueueConfig::RabbitMq(rabbit) => {
            Ok(RabbitQueue::new(rabbit.clone(), "relink dead").dead_letters())
        }
    }
}

/// Where a worker keeps outcomes that its store does not take.
pub(crate) fn outcomes(config: &Config) -> Result<Arc<Outcomes>, Failure> {
    Ok(Outcomes::open(&data_dir(config)?.join("outcomes"), spool_key(config)?)?)
}

/// The store, not yet checked.
pub(crate) async fn store(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    if let relink_config::Store::Sqlite(_) = &config.store {
        data_dir(config)?;
    }
    let (rules, keys) = (Arc::new(config.rules()), key_ring(config)?);
    Ok(relink_store::open(&config.store, rules, keys, Clock::System).await?)
}

/// The store for a command: reachable, with this release's schema.
pub(crate) async fn checked_store(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    let store = store(config).await?;
    store.check().await?;
    Ok(store)
}

/// What asks Cobalt.
pub(crate) fn cobalt_client(config: &Config) -> Result<CobaltClient, Failure> {
    let http = HttpClient::new(Limits::default())
        .map_err(|error| Failure::failed(crate::failure::chain(&error)))?;
    CobaltClient::new(&config.cobalt, http)
        .map_err(|error| Failure::config(crate::failure::chain(&error)))
}

/// The same for roles that do without: `None`, and a word in the log, when there are no credentials.
pub(crate) fn cobalt_if_configured(config: &Config) -> Result<Option<CobaltClient>, Failure> {
    if config.cobalt.has_credentials() {
        return cobalt_client(config).map(Some);
    }
    tracing::warn!(
        "cobalt.client_id and cobalt.client_secret are not set: nobody can be handed to Link, and no repair is noticed"
    );
    Ok(None)
}

/// An endpoint, what reaches it, and how many calls it takes at once.
pub(crate) type Listening = (EndpointId, Arc<dyn Listener>, usize);

/// Who is told what happens to cases.
pub(crate) fn listeners(config: &Config, queue: &OpenQueue) -> Result<Vec<Listening>, Failure> {
    let limits = Limits { total: TELL_WITHIN, ..Limits::default() };
    let mut listeners: Vec<Listening> = Vec::new();
    for webhook in &config.app.webhooks {
        let http = HttpClient::new(limits)
            .map_err(|error| Failure::failed(crate::failure::chain(&error)))?;
        let listener = Post { http, url: webhook.url.clone(), secrets: webhook.secrets.clone() };
        listeners.push((webhook.id.clone(), Arc::new(listener), CALLS_AT_ONCE));
    }
    if let (true, OpenQueue::Rabbit(queue)) = (config.tells_exchange(), queue) {
        let id = EndpointId::parse(EXCHANGE)
            .map_err(|error| Failure::failed(crate::failure::chain(&error)))?;
        listeners.push((id, Arc::new(Exchange::new(queue.events())), 1));
    }
    Ok(listeners)
}

/// What sends email.
pub(crate) fn email_sender(config: &Config) -> Result<EmailSender, Failure> {
    let Config { email, instance, .. } = config;
    EmailSender::new(email, &instance.name)
        .map_err(|error| Failure::config(crate::failure::chain(&error)))
}

/// What sends text messages.
pub(crate) fn sms_sender(config: &Config) -> Result<SmsSender, Failure> {
    let Config { sms, instance, .. } = config;
    let client = HttpClient::new(Limits::default())
        .map_err(|error| Failure::failed(crate::failure::chain(&error)))?;
    SmsSender::new(sms, &instance.name, &instance.public_url, client)
        .map_err(|error| Failure::config(crate::failure::chain(&error)))
}
