//! The configuration, table by table, in the order of the manual. Each function reads every key
//! of its table before it puts anything together: a key that is not asked for would be refused
//! as unknown, and would be missing from the schema.

mod access;
mod app;
mod channels;
mod cobalt;
mod look;
mod policy;
mod storage;

use crate::address::{UrlPath, origin, socket_address, url};
use crate::kind::{Fault, Raw};
use crate::kinds::{count, duration, flag, path, share, size, text, word};
use crate::reader::Section;
use crate::secret::Source;
use crate::types::{
    Admin, Config, Instance, Log, LogFormat, Receiver, ReplyAfter, SpoolKey, Web, Work,
};
use relink_core::seal::SealKey;
use std::path::Path;
use std::time::Duration;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The whole file.
pub(crate) fn read_config(top: &mut Section<'_, '_>) -> Option<Config> {
    read(top, Holds::Everything)
}

/// The whole file, without what opens the store and the access tokens in it.
pub(crate) fn read_config_without_store(top: &mut Section<'_, '_>) -> Option<Config> {
    read(top, Holds::NoStore)
}

/// What the process that reads the file is to have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Everything,
    /// Neither the way to the store nor the keys of what is sealed in it.
    NoStore,
}

fn read(top: &mut Section<'_, '_>, holds: Holds) -> Option<Config> {
    let instance = top.section("instance", instance);
    let data_dir = instance.as_ref().map(|i| i.data_dir.clone()).unwrap_or_default();
    let receiver = top.section("receiver", |s| receiver(s, &data_dir));
    let web = top.section("web", web);
    let work = top.section("work", work);
    let admin = top.section("admin", admin);
    let queue = top.section("queue", storage::queue);
    let store = top.section("store", |s| match holds {
        Holds::Everything => storage::store(s, &data_dir),
        Holds::NoStore => storage::no_store(s),
    });
    let cobalt = top.section("cobalt", cobalt::cobalt);
    let email = top.section("email", channels::email);
    let sms = top.section("sms", channels::sms);
    let in_app = top.section("in_app", channels::in_app);
    let api_keys = top.section("api", access::api);
    let app = top.section("app", |s| app::app(s, queue.as_ref()));
    let encryption = top.section("encryption", |s| match holds {
        Holds::Everything => access::encryption(s, store.as_ref(), &data_dir),
        Holds::NoStore => access::no_encryption(s),
    });
    let usable = channels::usable(top, email.as_ref(), sms.as_ref(), in_app);
    let policy = top.section("policy", |s| policy::policy(s, usable));
    if let (Some(cobalt), Some(policy)) = (&cobalt, &policy)
        && cobalt.probe_patience >= policy.late_by_max
    {
        top.warn(
            "cobalt.probe_patience",
            "is not below policy.late_by_max: while Cobalt cannot be asked, messages end as late and nobody is told",
            "make it a good deal shorter, such as \"2h\"",
        );
    }
    let log = top.section("log", log);
    Some(Config {
        instance: instance?,
        receiver: receiver?,
        web: web?,
        work: work?,
        admin: admin?,
        queue: queue?,
        store: store?,
        cobalt: cobalt?,
        email: email?,
        sms: sms?,
        in_app: in_app?,
        api_keys: api_keys?,
        app: app?,
        encryption: encryption?,
        policy: policy?,
        log: log?,
    })
}

fn instance(s: &mut Section<'_, '_>) -> Option<Instance> {
    let name = s.key("name", "How messages call your product.").required(
        text(),
        "write how messages shall call your product, such as name = \"Acme Health\"",
    );
    let data_dir = s
        .key("data_dir", "Folder of the spool, the embedded queue and the SQLite store.")
        .or(path(), Raw::Text("data"));
    let public_url = s
        .key("public_url", "What links in messages and signed callback URLs start with.")
        .required(
            url(UrlPath::Allowed),
            "write the address under which people reach the web role, such as public_url = \"https://relink.example.org\"",
        );
    let data_dir = data_dir.map(|path| s.resolve(&path));
    Some(Instance { name: name?, data_dir: data_dir?, public_url: public_url? })
}

fn receiver(s: &mut Section<'_, '_>, data_dir: &Path) -> Option<Receiver> {
    const REPLY: &[(&str, ReplyAfter)] =
        &[("spool", ReplyAfter::Spool), ("broker", ReplyAfter::Broker)];
    let listen = s
        .key("listen", "Where webhooks, callbacks and reports come in.")
        .or(socket_address(), Raw::Text("127.0.0.1:8080"));
    let reuse_port = s
        .key(
            "reuse_port",
            "Lets a second receiver listen on the same port, to take over from the first.",
        )
        .or(flag(), Raw::Flag(false));
    let reply_after = s
        .key("reply_after", "What must have happened before a webhook is answered with 202.")
        .or(word(REPLY), Raw::Text("spool"));
    let max_body = s
        .key("max_body", "The largest body that is accepted, counted on bytes read.")
        .or(size(KIB, 16 * MIB), Raw::Text("64KiB"));
    let max_in_flight = s
        .key("max_in_flight", "Requests in hand at once; more are answered 503 at once.")
        .or(count(1, 65_536), Raw::Integer(256));
    let max_connections = s
        .key("max_connections", "Open connections at once; more wait to be accepted.")
        .or(count(1, 65_536), Raw::Integer(1024));
    let spool_max = s
        .key("spool_max", "The spool's cap; above it requests are answered 503.")
        .or(size(MIB, 1024 * GIB), Raw::Text("1GiB"));
    let min_free = s
        .key("min_free", "The share of the disk that must stay free for the spool to take more.")
        .or(share(0.9), Raw::Float(0.1));
    let quarantine_max = s
        .key(
            "quarantine_max",
            "What requests that failed their signature may take up; 0B keeps none.",
        )
        .or(size(0, 64 * MIB), Raw::Text("16MiB"));
    let quarantine_keep = s
        .key("quarantine_keep", "How long requests that failed their signature are kept.")
        .or(duration(), Raw::Text("7d"));
    let spool_key = spool_key(s, data_dir);
    Some(Receiver {
        listen: listen?,
        reuse_port: reuse_port?,
        reply_after: reply_after?,
        max_body: usize::try_from(max_body?).ok()?,
        max_in_flight: max_in_flight?,
        max_connections: max_connections?,
        spool_max: spool_max?,
        min_free: min_free?,
        quarantine_max: quarantine_max?,
        quarantine_keep: quarantine_keep?,
        spool_key: spool_key?,
    })
}

/// A file is made on first start, so that it need not be there; any other source must be.
fn spool_key(s: &mut Section<'_, '_>, data_dir: &Path) -> Option<SpoolKey> {
    const KEY: &str = "spool_key";
    let source = s
        .key(KEY, "Seals the spool, the quarantine and the embedded queue; by default spool.key in data_dir, made on first start.")
        .source();
    let secret = match source? {
        None => return Some(SpoolKey::File(data_dir.join("spool.key"))),
        Some(Source::File(path)) => {
            let path = s.reader.base_dir.join(path);
            s.warn_if_readable_by_all(KEY, &path);
            return Some(SpoolKey::File(path));
        }
        Some(source @ Source::Literal(_)) => {
            s.warn(KEY, "is a secret written into the file", "use { file = \"path\" }");
            s.fetch(KEY, source)
        }
        Some(source @ Source::Env(_)) => s.fetch(KEY, source),
    };
    let checked = secret.and_then(|secret| {
        SealKey::from_text("spool", &secret).map_err(|error| {
            Fault::new(format!("is not a key: {error}"), "make one with openssl rand -base64 32")
                .hidden()
        })?;
        Ok(SpoolKey::Value(secret))
    });
    checked.map_err(|fault| s.problem(KEY, fault)).ok()
}

fn web(s: &mut Section<'_, '_>) -> Option<Web> {
    let listen = s
        .key("listen", "Where pages, the app's API and the console are served.")
        .or(socket_address(), Raw::Text("127.0.0.1:8081"));
    let reuse_port = s
        .key("reuse_port", "Lets a second process of the web role listen on the same port, to take over from the first.")
        .or(flag(), Raw::Flag(false));
    let max_connections = s
        .key("max_connections", "Open connections at once; more wait to be accepted.")
        .or(count(16, 65_536), Raw::Integer(8192));
    let allowed_origins = s
        .key("allowed_origins", "Other origins whose pages may use the in-app feed.")
        .list_or_none(&origin());
    let behind_proxy = s
        .key("behind_proxy", "Whether a proxy is in front that adds who asks to X-Forwarded-For.")
        .or(flag(), Raw::Flag(false));
    let accent = look::accent_key(s);
    let logo = look::logo_key(s);
    Some(Web {
        listen: listen?,
        reuse_port: reuse_port?,
        max_connections: max_connections?,
        allowed_origins: allowed_origins?,
        behind_proxy: behind_proxy?,
        accent: accent?,
        logo: logo?,
    })
}

/// Shorter, and a relay that takes a moment would be taken for a dead worker.
const SHORTEST_LEASE: Duration = Duration::from_secs(3);

fn work(s: &mut Section<'_, '_>) -> Option<Work> {
    let lease = s
        .key("lease", "How long a notification stays with a worker that fell silent; at least 3s.")
        .or(duration(), Raw::Text("2m"));
    let drain = s
        .key("drain", "How long sends in hand may take once a worker is told to stop.")
        .or(duration(), Raw::Text("90s"));
    if lease.is_some_and(|lease| lease < SHORTEST_LEASE) {
        s.problem(
            "lease",
            Fault::new(
                "is shorter than 3s: a slow relay would be taken for a dead worker",
                "make it at least \"3s\"",
            ),
        );
        return None;
    }
    Some(Work { lease: lease?, drain: drain? })
}

fn admin(s: &mut Section<'_, '_>) -> Option<Admin> {
    let listen = s
        .key("listen", "Where /livez, /readyz and /metrics are served; keep it private.")
        .or(socket_address(), Raw::Text("127.0.0.1:9090"));
    Some(Admin { listen: listen? })
}

fn log(s: &mut Section<'_, '_>) -> Option<Log> {
    const FORMATS: &[(&str, LogFormat)] =
        &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    let format = s
        .key("format", "Lines for people, or one JSON object a line for machines.")
        .or(word(FORMATS), Raw::Text("pretty"));
    let filter = s
        .key(
            "filter",
            "What is logged: a level, or levels by module such as info,relink_worker=debug.",
        )
        .or(text(), Raw::Text("info"));
    Some(Log { format: format?, filter: filter? })
}
