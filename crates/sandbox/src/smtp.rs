//! A mail server that keeps what it accepts (RFC 5321) and can fail at any point of a
//! transaction.

use crate::inbox::{Caught, Inbox};
use crate::script::Script;
use mail_parser::MessageParser;
use relink_core::Timestamp;
use relink_core::account::Channel;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A point of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`.
    Data,
    /// The final dot.
    Dot,
}

/// What goes wrong with one mail. Refusals keep nothing.
#[derive(Debug, Clone)]
pub enum MailFault {
    /// Answers this reply at this point.
    Refuse(Phase, &'static str),
    /// Closes the connection at this point; nothing is kept.
    HangUp(Phase),
    /// Takes the mail and closes the connection instead of answering: the sender is in doubt.
    AcceptAndHangUp,
}

impl MailFault {
    fn phase(&self) -> Phase {
        match self {
            Self::Refuse(phase, _) | Self::HangUp(phase) => *phase,
            Self::AcceptAndHangUp => Phase::Dot,
        }
    }
}

/// The running server.
#[derive(Debug, Clone)]
pub struct MailCatcher {
    /// Where it listens.
    pub address: SocketAddr,
    /// Faults to come.
    pub script: Arc<Script<MailFault>>,
}

impl MailCatcher {
    /// Listens on `address` (port 0 for a free one) until `stop`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(
        address: SocketAddr,
        inbox: Inbox,
        stop: CancellationToken,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let catcher = Self { address: listener.local_addr()?, script: Arc::default() };
        let script = Arc::clone(&catcher.script);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stop.cancelled() => break,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = accepted else { continue };
                let (inbox, script) = (inbox.clone(), Arc::clone(&script));
                tokio::spawn(async move {
                    if let Err(error) = Session::new(stream, inbox, script).run().await {
                        tracing::debug!(%error, "mail session ended");
                    }
                });
            }
        });
        Ok(catcher)
    }
}

struct Session {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    inbox: Inbox,
    script: Arc<Script<MailFault>>,
    fault: Option<MailFault>,
    to: Vec<String>,
}

/// Whether the session goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Go,
    Close,
}

impl Session {
    fn new(stream: TcpStream, inbox: Inbox, script: Arc<Script<MailFault>>) -> Self {
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer, inbox, script, fault: None, to: Vec::new() }
    }

    async fn run(mut self) -> std::io::Result<()> {
        self.reply("220 sandbox ESMTP").await?;
        while let Some(line) = self.line().await? {
            if self.command(&line).await? == Next::Close {
                break;
            }
        }
        Ok(())
    }

    async fn command(&mut self, line: &str) -> std::io::Result<Next> {
        let verb = line.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => self.reply("250-sandbox\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN").await?,
            "HELO" | "RSET" | "NOOP" => {
                self.to.clear();
                self.reply("250 OK").await?;
            }
            "AUTH" => self.reply("235 2.7.0 OK").await?,
            "MAIL" => {
                self.to.clear();
                self.fault = self.script.next();
                return self.unless_faulty(Phase::Mail, "250 2.1.0 OK").await;
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or("").to_owned();
                self.to.push(address);
                return self.unless_faulty(Phase::Rcpt, "250 2.1.5 OK").await;
            }
            "DATA" => return self.data().await,
            "QUIT" => {
                self.reply("221 2.0.0 Bye").await?;
                return Ok(Next::Close);
            }
            _ => self.reply("502 5.5.2 Not known here").await?,
        }
        Ok(Next::Go)
    }

    async fn data(&mut self) -> std::io::Result<Next> {
        let faulty = self.fault.as_ref().is_some_and(|fault| fault.phase() == Phase::Data);
        let next = self.unless_faulty(Phase::Data, "354 Go ahead").await?;
        if faulty || next == Next::Close {
            return Ok(next);
        }
        let Some(mail) = self.mail().await? else { return Ok(Next::Close) };
        match self.fault.take() {
            Some(MailFault::AcceptAndHangUp) => {
                self.keep(&mail);
                Ok(Next::Close)
            }
            Some(fault @ (MailFault::Refuse(..) | MailFault::HangUp(_))) => {
                self.fault = Some(fault);
                self.unless_faulty(Phase::Dot, "451 4.3.0 scripted for another phase").await
            }
            None => {
                let number = self.keep(&mail);
                self.reply(&format!("250 2.0.0 OK: queued as SANDBOX{number}")).await?;
                Ok(Next::Go)
            }
        }
    }

    async fn unless_faulty(&mut self, phase: Phase, good: &str) -> std::io::Result<Next> {
        match self.fault.take() {
            Some(fault) if fault.phase() != phase => {
                self.fault = Some(fault);
                self.reply(good).await?;
                Ok(Next::Go)
            }
            Some(MailFault::Refuse(_, reply)) => {
                self.reply(reply).await?;
                Ok(Next::Go)
            }
            Some(MailFault::HangUp(_) | MailFault::AcceptAndHangUp) => Ok(Next::Close),
            None => {
                self.reply(good).await?;
                Ok(Next::Go)
            }
        }
    }

    /// The mail up to the final dot, dots unstuffed; `None` when the sender left first.
    async fn mail(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut mail = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.reader.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            if line == b".\r\n" {
                return Ok(Some(mail));
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    fn keep(&self, mail: &[u8]) -> usize {
        let parsed = MessageParser::default().parse(mail);
        let text = parsed.as_ref().and_then(|mail| mail.body_text(0)).unwrap_or_default();
        self.inbox.keep(Caught {
            number: 0,
            at: Timestamp::UNIX_EPOCH,
            channel: Channel::Email,
            to: self.to.join(", "),
            id: parsed.as_ref().and_then(|mail| mail.message_id()).unwrap_or("").to_owned(),
            subject: parsed.as_ref().and_then(|mail| mail.subject()).map(str::to_owned),
            text: text.into_owned(),
            raw: mail.to_vec(),
        })
    }

    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line).await?;
        Ok((read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    async fn reply(&mut self, reply: &str) -> std::io::Result<()> {
        self.writer.write_all(format!("{reply}\r\n").as_bytes()).await
    }
}
