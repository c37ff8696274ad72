//! The customer's app, as far as people see it: one page with the banner in it, on an origin of its
//! own and under a strict policy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The running app. Ends with this value.
pub struct HostApp {
    /// Where it listens.
    pub address: SocketAddr,
    page: Arc<Mutex<Page>>,
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
        let page = Arc::<Mutex<Page>>::default();
        let (pages, ended) = (Arc::clone(&page), stop.clone());
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = ended.cancelled() => break,
                    accepted = listener.accept() => accepted,
                };
                let pages = Arc::clone(&pages);
                if let Ok((stream, _)) = stream {
                    tokio::spawn(async move {
                        // Whoever hangs up early needs no answer.
                        let _ = serve(stream, &pages).await;
                    });
                }
            }
        });
        Self { address, page, _stop: stop.drop_guard() }
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
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
}

async fn serve(stream: TcpStream, page: &Mutex<Page>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line.trim().is_empty() {
            break;
        }
    }
    let Page { html, policy } = page.lock().unwrap().clone();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         content-security-policy: {policy}\r\nconnection: close\r\n\r\n{html}",
        html.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
