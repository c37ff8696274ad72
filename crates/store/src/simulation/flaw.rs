//! Things that could be wrong with a store or a worker. Each is put in at a seam of the
//! simulation, and the promises must notice it: what cannot fail proves nothing.

/// One fault of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A late outcome is taken for the owner's.
    FencesIgnored,
    /// The gate is asked as if nobody held the notification.
    LeasesIgnored,
    /// An event id that is known is applied again.
    DedupeOff,
    /// The gate sees the case as it was when it was opened.
    GateReadsOldCase,
    /// A redelivered message is sent without asking the gate again.
    GateSkippedOnRedelivery,
    /// No answer is recorded as if nothing had gone out.
    RetriesBlindly,
    /// Closing a case leaves what it planned waiting.
    CloseCancelsNothing,
    /// What is claimed is not due again by itself.
    ClaimForgets,
    /// The planner lets the queue forget before it applies.
    PlannerAcksFirst,
    /// The courier lets the queue forget before it records.
    CourierAcksFirst,
    /// An opt-out is not looked at again once a message is planned.
    ConsentIgnored,
}

impl Flaw {
    pub(super) const ALL: [Self; 11] = [
        Self::FencesIgnored,
        Self::LeasesIgnored,
        Self::DedupeOff,
        Self::GateReadsOldCase,
        Self::GateSkippedOnRedelivery,
        Self::RetriesBlindly,
        Self::CloseCancelsNothing,
        Self::ClaimForgets,
        Self::PlannerAcksFirst,
        Self::CourierAcksFirst,
        Self::ConsentIgnored,
    ];
}
