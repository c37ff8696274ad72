//! One SMTP connection, driven phase by phase. The mail library speaks the protocol; the
//! deadlines and the knowledge of how far a transaction got are ours: its own transport limits
//! only the connect, and its errors do not tell a phase.

use crate::classify::{Phase, Reply, classify};
use crate::compose::Composed;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use relink_core::attempt::{Outcome, Reason};
use relink_core::fail_point::{FailPoint, reached};
use relink_core::sender::Sent;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long each phase may take. RFC 5321 section 4.5.3.2 asks 5 min for MAIL and RCPT of
/// relays on the open network; a submission relay of one's own answers in a minute or is down.
/// The 10 min for the final dot are the RFC's own: giving up earlier makes duplicates.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Name look-up and TCP.
    pub connect: Duration,
    /// The server's banner and its answer to EHLO.
    pub greeting: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// Each of AUTH, MAIL, RCPT and DATA.
    pub command: Duration,
    /// Writing the body.
    pub body: Duration,
    /// The reply to the final dot.
    pub dot: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(10),
            greeting: seconds(30),
            tls: seconds(15),
            command: seconds(60),
            body: seconds(60),
            dot: seconds(600),
        }
    }
}

/// Why a step failed: what it means, and the server's code if it gave one.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) outcome: Outcome,
    pub(crate) code: Option<String>,
}

impl Fault {
    fn new(outcome: Outcome) -> Self {
        Self { outcome, code: None }
    }

    pub(crate) fn deferred(reason: Reason) -> Self {
        Self::new(Outcome::Deferred { reason, retry_after: None })
    }

    /// Whether the server has judged the mail, rather than left or spoken about the connection.
    pub(crate) fn is_verdict(&self) -> bool {
        self.code.is_some() && self.outcome.reason() != Reason::ProviderBusy
    }
}

impl From<Fault> for Sent {
    fn from(fault: Fault) -> Self {
        Self { outcome: fault.outcome, provider_message_id: None, provider_code: fault.code }
    }
}

/// An open connection between two mails. Whoever gets an error from it drops it.
pub(crate) struct Connection {
    smtp: AsyncSmtpConnection,
    deadlines: Deadlines,
}

impl Connection {
    pub(crate) fn new(smtp: AsyncSmtpConnection, deadlines: Deadlines) -> Self {
        Self { smtp, deadlines }
    }

    /// Whether the server still answers, for a connection that was idle.
    pub(crate) async fn is_alive(&mut self) -> bool {
        step(Phase::Connect, self.deadlines.greeting, self.smtp.command(Noop)).await.is_ok()
    }

    /// MAIL FROM, apart from the rest: a connection that turns out dead here has lost nothing.
    pub(crate) async fn begin(&mut self, mail: &Composed) -> Result<(), Fault> {
        let eight_bit = !mail.bytes.is_ascii()
            && self.smtp.server_info().supports_feature(Extension::EightBitMime);
        let parameters = if eight_bit {
            vec![MailParameter::Body(MailBodyParameter::EightBitMime)]
        } else {
            Vec::new()
        };
        let command = Mail::new(Some(mail.from.clone()), parameters);
        let limit = self.deadlines.command;
        let response = step(Phase::Mail, limit, self.smtp.command(command)).await?;
        completed(&response, 250..=250)
    }

    /// RCPT, DATA, the body and the final dot.
    pub(crate) async fn finish(&mut self, mail: &Composed) -> Result<Response, Fault> {
        let limit = self.deadlines.command;
        let command = Rcpt::new(mail.to.clone(), Vec::new());
        let response = step(Phase::Rcpt, limit, self.smtp.command(command)).await?;
        // 251 and 252: taken, to be forwarded or tried.
        completed(&response, 250..=252)?;
        let response = step(Phase::Data, limit, self.smtp.command(Data)).await?;
        completed(&response, 354..=354)?;
        self.body(&mail.bytes).await
    }

    /// Up to the dot a failure means not sent; from its first byte on, no reply means nobody
    /// knows.
    async fn body(&mut self, bytes: &[u8]) -> Result<Response, Fault> {
        let past_the_dot = Arc::new(AtomicBool::new(false));
        let parts = Parts { chunks: bytes.chunks(CHUNK), exhausted: Arc::clone(&past_the_dot) };
        let sending = self.smtp.message_iter(parts);
        tokio::pin!(sending);
        let ended = match tokio::time::timeout(self.deadlines.body, &mut sending).await {
            Ok(ended) => ended,
            Err(_) if !past_the_dot.load(Ordering::SeqCst) => {
                return Err(Fault::deferred(Reason::InterruptedBeforeSend));
            }
            Err(_) => match tokio::time::timeout(self.deadlines.dot, &mut sending).await {
                Ok(ended) => ended,
                Err(_) => return Err(Fault::new(Outcome::Unknown { reason: Reason::NoAnswer })),
            },
        };
        reached(FailPoint::AfterDot);
        match ended {
            Ok(response) if response.has_code(250) => Ok(response),
            // Neither a yes nor a no that RFC 5321 knows here.
            Ok(_) => Err(Fault::new(Outcome::Unknown { reason: Reason::ProviderError })),
            Err(error) => Err(match reply(&error) {
                Some(reply) => refused(Phase::Dot, &reply),
                None if error.is_response() => {
                    Fault::new(Outcome::Unknown { reason: Reason::ProviderError })
                }
                None if past_the_dot.load(Ordering::SeqCst) => {
                    Fault::new(Outcome::Unknown { reason: Reason::ConnectionLost })
                }
                None => Fault::deferred(Reason::InterruptedBeforeSend),
            }),
        }
    }
}

/// Body bytes written at once.
const CHUNK: usize = 16 * 1024;

/// The body in pieces. The mail library asks for the piece after the last right before it
/// writes the final dot: that question is the point of no return.
struct Parts<'a> {
    chunks: std::slice::Chunks<'a, u8>,
    exhausted: Arc<AtomicBool>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let chunk = self.chunks.next();
        if chunk.is_none() {
            self.exhausted.store(true, Ordering::SeqCst);
        }
        chunk
    }
}

/// One step before the final dot, under its deadline.
pub(crate) async fn step<T>(
    phase: Phase,
    limit: Duration,
    work: impl Future<Output = Result<T, SmtpError>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(match reply(&error) {
            Some(reply) => refused(phase, &reply),
            None => Fault::deferred(unanswered(phase, Some(&error))),
        }),
        Err(_) => Err(Fault::deferred(unanswered(phase, None))),
    }
}

/// Only the code that answers this command lets it pass. Another that is no refusal was meant for
/// another command, or says farewell (221).
pub(crate) fn completed(response: &Response, codes: RangeInclusive<u16>) -> Result<(), Fault> {
    if codes.contains(&u16::from(response.code())) {
        return Ok(());
    }
    Err(Fault::deferred(Reason::ProtocolError))
}

/// Why a phase before the final dot failed without a reply that can be read.
fn unanswered(phase: Phase, error: Option<&SmtpError>) -> Reason {
    match phase {
        Phase::Connect => Reason::ConnectFailed,
        Phase::Tls => Reason::TlsFailed,
        // The server offers no mechanism that we have.
        Phase::Auth if error.is_some_and(SmtpError::is_client) => Reason::CredentialsRefused,
        Phase::Auth | Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Dot
            if error.is_some_and(SmtpError::is_response) =>
        {
            Reason::ProtocolError
        }
        Phase::Auth | Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Dot => {
            Reason::InterruptedBeforeSend
        }
    }
}

fn refused(phase: Phase, reply: &Reply) -> Fault {
    Fault { outcome: classify(phase, reply), code: Some(reply.provider_code()) }
}

/// The negative reply behind an error, if it was one.
fn reply(error: &SmtpError) -> Option<Reply> {
    let code = error.status()?;
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Some(Reply::read(u16::from(code), &text))
}
