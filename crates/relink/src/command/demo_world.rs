//! The demo's world: a pretend Cobalt, mail server and Twilio, one account, and a configuration
//! that points at them. The program beside it is the real one, with the embedded queue and
//! SQLite.

use crate::failure::Failure;
use crate::ports::Ports;
use crate::process::Process;
use crate::roles::Roles;
use bytes::Bytes;
use relink_config::Config;
use relink_core::masked::Secret;
use relink_http::client::{Answer, HttpClient, Limits};
use relink_http::{HeaderMap, Method, header};
use relink_sandbox::{DemoPage, Inbox, MailCatcher, PretendCobalt, PretendTwilio, twilio};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Any free port of this machine.
const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The page's port, if it is free: the same address each time is easier to come back to.
const PAGE_PORT: u16 = 8025;

/// The account whose login breaks.
pub(crate) const ACCOUNT_REF: &str = "clinic_1";

/// Everything beside the program.
pub(crate) struct World {
    pub(crate) cobalt: PretendCobalt,
    pub(crate) inbox: Inbox,
    pub(crate) page_url: String,
    pub(crate) receiver_url: String,
    pub(crate) admin_url: String,
    web_url: String,
    key: Secret,
    client: HttpClient,
    /// Removed with everything in it when the demo ends.
    _folder: TempDir,
}

impl World {
    /// Starts the world and builds the program in it.
    pub(crate) async fn start(stop: &CancellationToken) -> Result<(Self, Process), Failure> {
        let folder = tempfile::Builder::new()
            .prefix("relink-demo-")
            .tempdir()
            .map_err(|error| Failure::disk(format!("cannot make a temporary folder: {error}")))?;
        let inbox = Inbox::default();
        let mail = MailCatcher::start(FREE, inbox.clone(), stop.clone()).await.map_err(no_port)?;
        let texts =
            PretendTwilio::start(FREE, inbox.clone(), stop.clone()).await.map_err(no_port)?;
        let (webhook_secret, key) = (random(), random());
        let cobalt =
            PretendCobalt::start(FREE, "", &webhook_secret, stop.clone()).await.map_err(no_port)?;
        let web = free_port().await?;
        let settings = Settings {
            folder: folder.path(),
            web,
            mail: mail.address,
            twilio_url: &texts.url(),
            cobalt_url: &cobalt.url(),
            link_script_url: &cobalt.link_script_url(),
            webhook_secret: &webhook_secret,
            key: &key,
        };
        let process = Process::build(settings.config()?, Roles::all(), Ports::private()).await?;
        let addresses = process.addresses();
        let url = |address: Option<SocketAddr>| match address {
            Some(address) => Ok(format!("http://{address}")),
            None => Err(Failure::failed("a listener has no address")),
        };
        let (receiver_url, web_url) = (url(addresses.receiver)?, url(addresses.web)?);
        cobalt.post_to(&format!("{receiver_url}/webhooks/cobalt"));
        cobalt.call_back_to(&format!("{web_url}/r/back"));
        cobalt.add_account(ACCOUNT_REF, "sandbox-access-token");
        let page = DemoPage {
            cobalt: cobalt.clone(),
            inbox: inbox.clone(),
            api_url: web_url.clone(),
            key: key.clone(),
            account_ref: ACCOUNT_REF.to_owned(),
        };
        let page =
            match page.clone().start(SocketAddr::new(FREE.ip(), PAGE_PORT), stop.clone()).await {
                Ok(address) => address,
                Err(_) => page.start(FREE, stop.clone()).await.map_err(no_port)?,
            };
        let client = HttpClient::new(Limits::default())
            .map_err(|error| Failure::failed(error.to_string()))?;
        let world = Self {
            cobalt,
            inbox,
            page_url: format!("http://{page}"),
            receiver_url,
            admin_url: url(addresses.admin)?,
            web_url,
            key,
            client,
            _folder: folder,
        };
        process.put_account(demo_account()?).await?;
        Ok((world, process))
    }

    /// Calls the app's API as an app would.
    pub(crate) async fn api(
        &self,
        method: Method,
        path: &str,
    ) -> Result<serde_json::Value, Failure> {
        let mut headers = HeaderMap::new();
        let bearer = header::HeaderValue::try_from(format!("Bearer {}", self.key.expose()))
            .map_err(|error| Failure::failed(error.to_string()))?;
        headers.insert(header::AUTHORIZATION, bearer);
        let url = format!("{}{path}", self.web_url);
        let Answer { status, body, .. } = self
            .client
            .call(method, &url, headers, Bytes::new())
            .await
            .map_err(|error| Failure::failed(format!("{path}: {error}")))?;
        if !status.is_success() {
            return Err(Failure::failed(format!("{path} answered {status}")));
        }
        serde_json::from_slice(&body).map_err(|error| Failure::failed(format!("{path}: {error}")))
    }
}

fn no_port(error: std::io::Error) -> Failure {
    Failure::failed(format!("the demo cannot open a port on this machine: {error}"))
}

/// A port that is free now: the links in messages name it before it is listened on.
async fn free_port() -> Result<SocketAddr, Failure> {
    let listener = tokio::net::TcpListener::bind(FREE).await.map_err(no_port)?;
    listener.local_addr().map_err(no_port)
}

fn random() -> Secret {
    Secret::new(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()))
}

fn demo_account() -> Result<relink_core::account::AccountUpsert, Failure> {
    let input: relink_core::account::AccountInput = serde_json::from_value(serde_json::json!({
        "user_id": "dr-jane", "org_id": "clinic", "access_token": "sandbox-access-token",
        "contacts": [{
            "id": "jane", "role": "user", "name": "Dr. Jane Roe", "email": "jane@clinic.example",
            "phone": "+12025550143", "sms_consent": true, "time_zone": "America/New_York",
        }],
    }))
    .map_err(|error| Failure::failed(format!("the demo's account: {error}")))?;
    let account_ref = relink_core::id::AccountRef::parse(ACCOUNT_REF)?;
    input
        .check(account_ref)
        .map_err(|faults| Failure::failed(format!("the demo's account: {faults:?}")))
}

/// What the demo's configuration is made from.
struct Settings<'a> {
    folder: &'a Path,
    web: SocketAddr,
    mail: SocketAddr,
    twilio_url: &'a str,
    cobalt_url: &'a str,
    link_script_url: &'a str,
    webhook_secret: &'a Secret,
    key: &'a Secret,
}

impl Settings<'_> {
    /// The demo's steps follow within seconds where a real policy waits minutes and a day.
    fn config(&self) -> Result<Config, Failure> {
        let quoted = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
        let text = format!(
            r#"
[instance]
name = "Acme Health"
data_dir = {data_dir}
public_url = "http://{web}"
[receiver]
listen = "{FREE}"
[web]
listen = "{web}"
[admin]
listen = "{FREE}"
[cobalt]
api_url = {cobalt_url}
link_script_url = {link_script_url}
client_id = {{ env = "CLIENT_ID" }}
client_secret = {{ env = "CLIENT_SECRET" }}
[[cobalt.webhook_secrets]]
id = "demo"
secret = {{ env = "WEBHOOK_SECRET" }}
[email]
from = "Acme Health <no-reply@acme.example>"
smtp = {{ host = "127.0.0.1", port = {mail_port}, tls = "none" }}
[sms]
api_url = {twilio_url}
account_sid = {account_sid}
auth_token = {{ env = "TWILIO_AUTH_TOKEN" }}
from = "+15005550006"
[[api.keys]]
id = "demo"
role = "ops"
secret = {{ env = "API_KEY" }}
[policy]
settle = "1s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email", "sms"]
[[policy.steps]]
id = "nudge"
at = "8s"
to = "user"
channels = ["sms", "email"]
"#,
            data_dir = quoted(&self.folder.display().to_string()),
            cobalt_url = quoted(self.cobalt_url),
            link_script_url = quoted(self.link_script_url),
            twilio_url = quoted(self.twilio_url),
            account_sid = quoted(twilio::ACCOUNT_SID),
            mail_port = self.mail.port(),
            web = self.web,
        );
        let secrets: BTreeMap<String, String> = [
            ("CLIENT_ID", "ci_demo"),
            ("CLIENT_SECRET", "cs_demo"),
            ("WEBHOOK_SECRET", self.webhook_secret.expose()),
            ("TWILIO_AUTH_TOKEN", twilio::AUTH_TOKEN),
            ("API_KEY", self.key.expose()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        Ok(Config::parse(&text, "the demo's configuration", Path::new(""), &secrets)?.config)
    }
}
