//! One try to hand a notification to a provider, and every way it can end.

use crate::words::words;
use std::time::Duration;

words! {
    /// Why something ended or waits: a closed set, used as column, metric label and log field.
    pub enum Reason {
        // ── a provider took it ──
        /// Accepted by the provider.
        Accepted = "accepted",
        /// In doubt at first, then found in the provider's list.
        FoundByLookUp = "found_by_look_up",

        // ── the provider could not be used; nothing was sent ──
        /// No connection: DNS, refused, unreachable, timed out before anything was said.
        ConnectFailed = "connect_failed",
        /// No secure connection: handshake, certificate, or STARTTLS not offered.
        TlsFailed = "tls_failed",
        /// Too busy just now: SMTP 421, HTTP 429, a provider's rate limit.
        ProviderBusy = "provider_busy",
        /// The connection broke or fell silent before the point of no return.
        InterruptedBeforeSend = "interrupted_before_send",

        // ── our own set-up is refused ──
        /// Wrong user, password, token or key.
        CredentialsRefused = "credentials_refused",
        /// The provider has suspended the account.
        AccountSuspended = "account_suspended",
        /// The sender address or number may not be used.
        SenderRefused = "sender_refused",
        /// The provider does not know the resource: a wrong URL or account id.
        EndpointWrong = "endpoint_wrong",

        // ── refused for now ──
        /// A temporary refusal: greylisting, SMTP 45x.
        TemporaryRefusal = "temporary_refusal",
        /// A daily or account quota is used up.
        QuotaReached = "quota_reached",
        /// The mailbox is full.
        MailboxFull = "mailbox_full",
        /// The handset is off or out of reach.
        HandsetUnreachable = "handset_unreachable",

        // ── refused for good ──
        /// The address or number does not exist.
        NoSuchRecipient = "no_such_recipient",
        /// The number cannot take text messages.
        NotAMobile = "not_a_mobile",
        /// The person said no.
        OptedOut = "opted_out",
        /// The country or number pair is not enabled.
        RegionNotEnabled = "region_not_enabled",
        /// Refused by policy: spam, authentication, blocked by a carrier.
        PolicyRefused = "policy_refused",
        /// Refused for what it contains, or could not be built: our own fault.
        ContentRefused = "content_refused",
        /// Not speaking the protocol, on either side.
        ProtocolError = "protocol_error",

        // ── nobody knows ──
        /// No answer in time after the point of no return.
        NoAnswer = "no_answer",
        /// The connection broke after the point of no return.
        ConnectionLost = "connection_lost",
        /// The provider failed after taking the request (HTTP 5xx, unreadable answer).
        ProviderError = "provider_error",
        /// The process ended between intent and outcome.
        Crashed = "crashed",

        // ── we decided not to send ──
        /// The account is not registered.
        NoAccount = "no_account",
        /// No contact with the step's role.
        NoContact = "no_contact",
        /// The contact was removed after planning.
        ContactRemoved = "contact_removed",
        /// No channel of the step can be used for the contact.
        NoUsableChannel = "no_usable_channel",
        /// The case ended first.
        CaseClosed = "case_closed",
        /// The case expired.
        CaseExpired = "case_expired",
        /// Its moment has passed by more than the policy allows.
        Late = "late",
        /// Another message took over: the same step over another channel, or a new link that the
        /// person asked for.
        Superseded = "superseded",
        /// Every try of the schedule is used up.
        RetriesExhausted = "retries_exhausted",
        /// In doubt, and no further try is allowed.
        InDoubt = "in_doubt",
        /// Cobalt could not say whether the account works.
        HealthUnknown = "health_unknown",
        /// An operator asked the case to wait.
        OperatorHold = "operator_hold",
        /// An operator put it back.
        OperatorReplay = "operator_replay",
    }
}

words! {
    /// How an attempt ended, as a column and a label.
    pub enum OutcomeKind {
        /// The provider has it.
        Accepted = "accepted",
        /// Not now.
        Deferred = "deferred",
        /// Not ever.
        Rejected = "rejected",
        /// No answer: it may have gone out.
        Unknown = "unknown",
    }
}

/// How one send ended. `Unknown` is an end of its own: it is never retried blindly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider has it.
    Accepted,
    /// Known not to have been sent; worth another try.
    Deferred {
        /// Why.
        reason: Reason,
        /// The provider's own wish, if it gave one.
        retry_after: Option<Duration>,
    },
    /// Known not to have been sent; another try would be refused too.
    Rejected {
        /// Why.
        reason: Reason,
    },
    /// It may have gone out.
    Unknown {
        /// Why.
        reason: Reason,
    },
}

impl Outcome {
    /// The column and label.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Accepted => OutcomeKind::Accepted,
            Self::Deferred { .. } => OutcomeKind::Deferred,
            Self::Rejected { .. } => OutcomeKind::Rejected,
            Self::Unknown { .. } => OutcomeKind::Unknown,
        }
    }

    /// The cause.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Accepted => Reason::Accepted,
            Self::Deferred { reason, .. }
            | Self::Rejected { reason }
            | Self::Unknown { reason } => *reason,
        }
    }
}

/// Who has to act on a deferral, and whether it uses up a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeferralClass {
    /// The provider is out of order: waiting costs no try.
    Provider,
    /// Our set-up is refused: waiting costs no try, somebody must mend it.
    Configuration,
    /// This message, this recipient, now: the schedule applies.
    Transient,
    /// A recipient's state that takes hours to change: a long wait, few tries.
    Soft,
}

impl Reason {
    /// How a deferral with this reason is treated.
    pub fn deferral_class(self) -> DeferralClass {
        match self {
            Self::ConnectFailed
            | Self::TlsFailed
            | Self::ProviderBusy
            | Self::InterruptedBeforeSend
            | Self::QuotaReached => DeferralClass::Provider,
            Self::CredentialsRefused
            | Self::AccountSuspended
            | Self::SenderRefused
            | Self::EndpointWrong => DeferralClass::Configuration,
            Self::MailboxFull | Self::HandsetUnreachable => DeferralClass::Soft,
            Self::TemporaryRefusal
            | Self::ProtocolError
            | Self::ProviderError
            | Self::Accepted
            | Self::FoundByLookUp
            | Self::NoSuchRecipient
            | Self::NotAMobile
            | Self::OptedOut
            | Self::RegionNotEnabled
            | Self::PolicyRefused
            | Self::ContentRefused
            | Self::NoAnswer
            | Self::ConnectionLost
            | Self::Crashed
            | Self::NoAccount
            | Self::NoContact
            | Self::ContactRemoved
            | Self::NoUsableChannel
            | Self::CaseClosed
            | Self::CaseExpired
            | Self::Late
            | Self::Superseded
            | Self::RetriesExhausted
            | Self::InDoubt
            | Self::HealthUnknown
            | Self::OperatorHold
            | Self::OperatorReplay => DeferralClass::Transient,
        }
    }

    /// Whether a rejection for this reason means the recipient cannot be reached on this
    /// channel at all, so that the step's next channel should be tried at once.
    pub fn ends_the_channel(self) -> bool {
        matches!(
            self,
            Self::NoSuchRecipient
                | Self::NotAMobile
                | Self::OptedOut
                | Self::RegionNotEnabled
                | Self::PolicyRefused
        )
    }
}
