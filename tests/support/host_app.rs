//! The customer's app, as far as people and webhooks see it: one page with the banner in it, on an
//! origin of its own and under a strict policy, and an address that takes outgoing webhooks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The most bytes of a body that is taken.
const MOST: usize = 64 * 1024;

/// A webhook as it arrived.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Hook {
    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(each, _)| each == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The running app. Ends with this value.
pub struct HostApp {
    /// Where it listens.
    pub address: SocketAddr,
    page: Arc<Mutex<Page>>,
    hooks: Arc<Mutex<Vec<Hook>>>,
    _stop: DropGuard,
}

/// What `GET /` answers.
#[derive(Debug, Clone, Default)]
struct Page {
    html: String,
    policy: String,
}

impl HostApp {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (page, hooks) = (Arc::<Mutex<Page>>::default(), Arc::<Mutex<Vec<Hook>>>::default());
        let (pages, taken, ended) = (Arc::clone(&page), Arc::clone(&hooks), stop.clone());
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = ended.cancelled() => break,
                    accepted = listener.accept() => accepted,
                };
                let (pages, taken) = (Arc::clone(&pages), Arc::clone(&taken));
                if let Ok((stream, _)) = stream {
                    tokio::spawn(async move {
                        // Whoever hangs up early needs no answer.
                        let _ = serve(stream, &pages, &taken).await;
                    });
                }
            }
        });
        Self { address, page, hooks, _stop: stop.drop_guard() }
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where webhooks go.
    pub fn hook_url(&self) -> String {
        format!("{}/hooks", self.origin())
    }

    /// Shows the banner of a user. `relink` is the web role's origin, `link` that of Link.
    pub fn show_banner(&self, relink: &str, link: &str, user: &str, token: &str) {
        let html = format!(
            r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Acme Health</title><link rel="icon" href="data:,">
<script src="{relink}/relink-banner.js" defer></script></head>
<body><main><h1>Patients</h1>
<relink-banner user="{user}" token="{token}"></relink-banner>
<p>Three appointments today.</p></main></body>
</html>"#
        );
        let policy = format!(
            "default-src 'none'; img-src data:; script-src {relink} {link}; connect-src {relink}; \
             frame-src {link}; style-src 'none'"
        );
        *self.page.lock().unwrap() = Page { html, policy };
    }

    /// The webhooks that have arrived.
    pub fn hooks(&self) -> Vec<Hook> {
        self.hooks.lock().unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    page: &Mutex<Page>,
    hooks: &Mutex<Vec<Hook>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let is_post = line.starts_with("POST /hooks ");
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length.min(MOST)];
    stream.read_exact(&mut body).await?;
    let answer = if is_post {
        hooks.lock().unwrap().push(Hook { headers, body });
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()
    } else {
        let Page { html, policy } = page.lock().unwrap().clone();
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
             content-security-policy: {policy}\r\nconnection: close\r\n\r\n{html}",
            html.len()
        )
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
