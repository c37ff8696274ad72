//! A mail server that keeps what it accepts (RFC 5321) and can fail at any point of a
//! transaction.

use crate::inbox::{Caught, Inbox};
use crate::script::Script;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::MessageParser;
use relink_core::Timestamp;
use relink_core::account::Channel;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
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
    /// Takes the mail and answers only after this long.
    AcceptAndStall(Duration),
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
    transaction: Option<Transaction>,
}

/// From an accepted `MAIL` to the end of its mail.
#[derive(Default)]
struct Transaction {
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
        Self { reader: BufReader::new(reader), writer, inbox, script, transaction: None }
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
            "EHLO" => {
                self.transaction = None;
                self.reply("250-sandbox\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN").await?;
            }
            "HELO" | "RSET" => {
                self.transaction = None;
                self.reply("250 OK").await?;
            }
            "NOOP" => self.reply("250 OK").await?,
            "AUTH" => return self.auth(line).await,
            "MAIL" => return self.mail_from().await,
            "RCPT" => return self.rcpt_to(line).await,
            "DATA" => return self.data().await,
            "QUIT" => {
                self.reply("221 2.0.0 Bye").await?;
                return Ok(Next::Close);
            }
            _ => self.reply("502 5.5.2 Not known here").await?,
        }
        Ok(Next::Go)
    }

    /// Any user and password will do, said in the right way (RFC 4954).
    async fn auth(&mut self, line: &str) -> std::io::Result<Next> {
        let mut words = line.split_whitespace().skip(1);
        let mechanism = words.next().unwrap_or("").to_ascii_uppercase();
        let prompts: &[&str] = match mechanism.as_str() {
            "PLAIN" => &[""],
            "LOGIN" => &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"],
            _ => {
                self.reply("504 5.5.4 Only PLAIN and LOGIN").await?;
                return Ok(Next::Go);
            }
        };
        let mut given = words.next().map(str::to_owned);
        for prompt in prompts {
            let word = match given.take() {
                Some(word) => word,
                None => {
                    self.reply(&format!("334 {prompt}")).await?;
                    let Some(word) = self.line().await? else { return Ok(Next::Close) };
                    word
                }
            };
            if STANDARD.decode(&word).is_err() {
                self.reply("501 5.5.2 Not base64").await?;
                return Ok(Next::Go);
            }
        }
        self.reply("235 2.7.0 OK").await?;
        Ok(Next::Go)
    }

    async fn mail_from(&mut self) -> std::io::Result<Next> {
        if self.transaction.is_some() {
            return self.out_of_order().await;
        }
        let transaction = Transaction { fault: self.script.next(), to: Vec::new() };
        let went = went(transaction.fault.as_ref(), Phase::Mail);
        if went == Went::Well {
            self.transaction = Some(transaction);
        }
        self.answer(went, "250 2.1.0 OK").await
    }

    async fn rcpt_to(&mut self, line: &str) -> std::io::Result<Next> {
        let Some(transaction) = &mut self.transaction else { return self.out_of_order().await };
        let went = went(transaction.fault.as_ref(), Phase::Rcpt);
        if went == Went::Well {
            transaction.to.push(line.split(['<', '>']).nth(1).unwrap_or("").to_owned());
        }
        self.answer(went, "250 2.1.5 OK").await
    }

    async fn data(&mut self) -> std::io::Result<Next> {
        let Some(transaction) = self.transaction.take_if(|open| !open.to.is_empty()) else {
            return self.out_of_order().await;
        };
        let begun = went(transaction.fault.as_ref(), Phase::Data);
        let next = self.answer(begun.clone(), "354 Go ahead").await?;
        if begun != Went::Well {
            return Ok(next);
        }
        let Some(mail) = self.mail().await? else { return Ok(Next::Close) };
        let end = went(transaction.fault.as_ref(), Phase::Dot);
        if end != Went::Well {
            return self.answer(end, "").await;
        }
        let number = self.keep(&transaction.to, &mail);
        match transaction.fault {
            Some(MailFault::AcceptAndHangUp) => return Ok(Next::Close),
            Some(MailFault::AcceptAndStall(wait)) => tokio::time::sleep(wait).await,
            Some(MailFault::Refuse(..) | MailFault::HangUp(_)) | None => {}
        }
        self.reply(&format!("250 2.0.0 OK: queued as SANDBOX{number}")).await?;
        Ok(Next::Go)
    }

    async fn out_of_order(&mut self) -> std::io::Result<Next> {
        self.reply("503 5.5.1 Bad sequence of commands").await?;
        Ok(Next::Go)
    }

    async fn answer(&mut self, went: Went, good: &str) -> std::io::Result<Next> {
        match went {
            Went::Well => self.reply(good).await?,
            Went::Refused(reply) => self.reply(reply).await?,
            Went::HungUp => return Ok(Next::Close),
        }
        Ok(Next::Go)
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

    fn keep(&self, to: &[String], mail: &[u8]) -> usize {
        let parsed = MessageParser::default().parse(mail);
        let text = parsed.as_ref().and_then(|mail| mail.body_text(0)).unwrap_or_default();
        self.inbox.keep(Caught {
            number: 0,
            at: Timestamp::UNIX_EPOCH,
            channel: Channel::Email,
            to: to.join(", "),
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

/// What happens at one point of a transaction.
#[derive(Clone, PartialEq, Eq)]
enum Went {
    Well,
    Refused(&'static str),
    HungUp,
}

fn went(fault: Option<&MailFault>, at: Phase) -> Went {
    match fault {
        Some(MailFault::Refuse(phase, reply)) if *phase == at => Went::Refused(reply),
        Some(MailFault::HangUp(phase)) if *phase == at => Went::HungUp,
        // Strikes only once the mail is taken.
        Some(
            MailFault::Refuse(..)
            | MailFault::HangUp(_)
            | MailFault::AcceptAndHangUp
            | MailFault::AcceptAndStall(_),
        )
        | None => Went::Well,
    }
}
