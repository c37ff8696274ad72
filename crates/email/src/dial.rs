//! From a configured relay to a connection that is ready for a mail: connect, secure, greet,
//! log in. Nothing of any mail is said here, so every failure means "not sent". A password never
//! crosses a network in the clear, and a relay that was to be encrypted is never used without.

use crate::classify::Phase;
use crate::compose::EmailSetupError;
use crate::connection::{Connection, Deadlines, Fault, completed, step};
use crate::stream::Wire;
use crate::tls::{self, Implicit};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use relink_config::{Smtp, SmtpTls};
use relink_core::attempt::Reason;
use std::net::IpAddr;
use tokio::net::TcpStream;

enum Security {
    None,
    StartTls(TlsParameters),
    Implicit(Box<Implicit>),
}

/// Opens connections to the configured relay.
pub(crate) struct Dialer {
    host: String,
    port: u16,
    helo: ClientId,
    security: Security,
    credentials: Option<Credentials>,
    deadlines: Deadlines,
}

impl Dialer {
    pub(crate) fn new(smtp: &Smtp, deadlines: Deadlines) -> Result<Self, EmailSetupError> {
        let security = match smtp.tls {
            SmtpTls::None => Security::None,
            SmtpTls::StartTls => Security::StartTls(tls::upgrade(smtp)?),
            SmtpTls::Implicit => Security::Implicit(Box::new(tls::implicit(smtp)?)),
        };
        let loopback = smtp.host == "localhost"
            || smtp.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if smtp.credentials.is_some() && smtp.tls == SmtpTls::None && !loopback {
            return Err(EmailSetupError::CredentialsInTheClear(smtp.host.clone()));
        }
        let credentials = smtp
            .credentials
            .as_ref()
            .map(|(user, password)| Credentials::new(user.clone(), password.expose().to_owned()));
        Ok(Self {
            host: smtp.host.clone(),
            port: smtp.port,
            helo: smtp.helo.clone().map_or_else(ClientId::default, ClientId::Domain),
            security,
            credentials,
            deadlines,
        })
    }

    /// Connects, secures and authenticates. Nothing of any mail has been said when it fails.
    pub(crate) async fn dial(&self) -> Result<Connection, Fault> {
        let limits = &self.deadlines;
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = match tokio::time::timeout(limits.connect, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.failed(Reason::ConnectFailed, &error)),
            Err(late) => return Err(self.failed(Reason::ConnectFailed, &late)),
        };
        // Without it every mail waits 40 ms for a delayed acknowledgement (Nagle's algorithm).
        stream.set_nodelay(true).map_err(|_| Fault::deferred(Reason::ConnectFailed))?;
        let wire = Box::new(self.secured(stream).await?);
        let greeted = AsyncSmtpConnection::connect_with_transport(wire, &self.helo);
        let mut smtp = step(Phase::Connect, limits.greeting, greeted).await?;
        if let Security::StartTls(parameters) = &self.security {
            self.upgrade(&mut smtp, parameters).await?;
        }
        if let Some(credentials) = &self.credentials {
            let proof = smtp.auth(&[Mechanism::Plain, Mechanism::Login], credentials);
            let response = step(Phase::Auth, limits.command, proof).await?;
            completed(&response, 235..=235)?;
        }
        Ok(Connection::new(smtp, *limits))
    }

    async fn secured(&self, stream: TcpStream) -> Result<Wire, Fault> {
        let peer = stream.peer_addr().map_err(|_| Fault::deferred(Reason::ConnectFailed))?;
        let Security::Implicit(implicit) = &self.security else {
            return Ok(Wire::clear(stream, peer));
        };
        let handshake = implicit.connector.connect(implicit.name.clone(), stream);
        match tokio::time::timeout(self.deadlines.tls, handshake).await {
            Ok(Ok(stream)) => Ok(Wire::encrypted(stream, peer)),
            Ok(Err(error)) => Err(self.failed(Reason::TlsFailed, &error)),
            Err(late) => Err(self.failed(Reason::TlsFailed, &late)),
        }
    }

    /// Says once why there is no connection: the record keeps only the closed reason.
    fn failed(&self, reason: Reason, error: &dyn std::error::Error) -> Fault {
        tracing::warn!(relay = %self.host, port = self.port, %reason, %error, "no connection to the relay");
        Fault::deferred(reason)
    }

    async fn upgrade(
        &self,
        smtp: &mut AsyncSmtpConnection,
        parameters: &TlsParameters,
    ) -> Result<(), Fault> {
        if !smtp.can_starttls() {
            // Never in the clear instead.
            tracing::warn!(relay = %self.host, "the relay offers no STARTTLS");
            return Err(Fault::deferred(Reason::TlsFailed));
        }
        let limit = self.deadlines.tls + self.deadlines.greeting;
        step(Phase::Tls, limit, smtp.starttls(parameters.clone(), &self.helo)).await
    }
}
