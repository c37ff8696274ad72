//! One connection to the pretend relay.

use crate::relay::{Act, At, Heard, Line, State};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::future::pending;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

pub(crate) const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// The one user, as AUTH PLAIN has it: `\0relink\0correct horse`.
const RIGHT: &str = "AHJlbGluawBjb3JyZWN0IGhvcnNl";

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) struct Session {
    stream: BufReader<Box<dyn Stream>>,
    encrypted: bool,
    number: usize,
    state: Arc<State>,
}

impl Session {
    pub(crate) async fn run(stream: TcpStream, state: Arc<State>, number: usize) {
        stream.set_nodelay(true).unwrap();
        let implicit = state.offer.implicit;
        let stream = BufReader::new(Box::new(stream) as Box<dyn Stream>);
        let mut session = Self { stream, encrypted: false, number, state };
        if implicit {
            if session.reply(At::Handshake, "").await.is_none() {
                return;
            }
            let Some(encrypted) = session.encrypt().await else { return };
            session = encrypted;
        }
        session.talk().await;
    }

    /// `None` ends the connection.
    async fn talk(mut self) -> Option<()> {
        self.reply(At::Banner, "220 relay.test ESMTP\r\n").await?;
        loop {
            let line = self.line().await?;
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.state.record(|log| {
                log.lines.push(Line { encrypted: self.encrypted, text: text.clone() });
            });
            match text.split([' ', ':']).next()? {
                "EHLO" => {
                    let greeting = self.greeting();
                    self.reply(At::Ehlo, &greeting).await?;
                }
                "STARTTLS" => {
                    if self.reply(At::StartTls, "220 2.0.0 Ready\r\n").await?.starts_with("220") {
                        self = self.encrypt().await?;
                    }
                }
                "AUTH" => {
                    let right = text.strip_prefix("AUTH PLAIN ") == Some(RIGHT);
                    let usual =
                        if right { "235 2.7.0 Ok\r\n" } else { "535 5.7.8 Who are you\r\n" };
                    self.reply(At::Auth, usual).await?;
                }
                "MAIL" => {
                    self.reply(At::Mail, "250 2.1.0 Ok\r\n").await?;
                }
                "RCPT" => {
                    self.reply(At::Rcpt, "250 2.1.5 Ok\r\n").await?;
                }
                "DATA" => {
                    if self.reply(At::Data, "354 Go ahead\r\n").await?.starts_with("354") {
                        self.mail().await?;
                    }
                }
                "NOOP" => self.write("250 2.0.0 Ok\r\n").await?,
                "QUIT" => {
                    self.write("221 2.0.0 Bye\r\n").await?;
                    return None;
                }
                _ => self.write("500 5.5.2 What\r\n").await?,
            }
        }
    }

    fn greeting(&self) -> String {
        let offer = self.state.offer;
        let mut text = "250-relay.test\r\n250-8BITMIME\r\n".to_owned();
        if offer.starttls && !self.encrypted {
            text.push_str("250-STARTTLS\r\n");
        }
        if let Some(mechanisms) = offer.auth {
            text.push_str(&format!("250-AUTH {mechanisms}\r\n"));
        }
        text + "250 ENHANCEDSTATUSCODES\r\n"
    }

    /// Reads a mail to its final dot and answers it.
    async fn mail(&mut self) -> Option<()> {
        let mut raw = self.line().await?;
        self.reply(At::Body, "").await?;
        loop {
            let line = self.line().await?;
            if line == b".\r\n" {
                break;
            }
            raw.extend_from_slice(&line);
        }
        let index = self.state.record(|log| {
            log.mails.push(Heard { connection: self.number, raw, accepted: false });
            log.mails.len()
        });
        let said = self.reply(At::Dot, &format!("250 2.0.0 Ok: queued as Q{index}\r\n")).await;
        let accepted = said.as_ref().is_none_or(|said| said.starts_with('2'));
        self.state.record(|log| log.mails[index - 1].accepted = accepted);
        said.map(drop)
    }

    /// Does what the script says for this moment; returns what was said.
    async fn reply(&mut self, at: At, usual: &str) -> Option<String> {
        let said = match self.state.act(at) {
            Act::Usual => usual.to_owned(),
            Act::Say(text) => text,
            Act::Bytes(bytes) => {
                self.stream.write_all(bytes).await.ok()?;
                String::new()
            }
            Act::BytesAndClose(bytes) => {
                self.stream.write_all(&bytes).await.ok()?;
                return None;
            }
            Act::SayAndClose(text) => {
                self.write(&text).await?;
                return None;
            }
            Act::Late(wait) => {
                tokio::time::sleep(wait).await;
                usual.to_owned()
            }
            Act::Gate(gate) => {
                gate.acquire().await.unwrap().forget();
                usual.to_owned()
            }
            Act::Babble => loop {
                self.write("250-".repeat(4096).as_str()).await?;
            },
            Act::Hang => pending().await,
            Act::Close => return None,
        };
        self.write(&said).await?;
        Some(said)
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await.ok()?;
        line.ends_with(b"\n").then_some(line)
    }

    async fn write(&mut self, text: &str) -> Option<()> {
        self.stream.write_all(text.as_bytes()).await.ok()?;
        self.stream.flush().await.ok()
    }

    async fn encrypt(self) -> Option<Self> {
        let stream = acceptor().accept(self.stream.into_inner()).await.ok()?;
        let stream = BufReader::new(Box::new(stream) as Box<dyn Stream>);
        Some(Self { stream, encrypted: true, ..self })
    }
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::from_pem_file(format!("{FIXTURES}/localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{FIXTURES}/localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
