//! Bugs on purpose: each breaks a promise at one of the seams, where production code ends, and the
//! simulation has to notice.

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A commit does not look at the versions that it was decided on.
    LostUpdate,
    /// A command that is repeated is carried out again.
    DoubleApply,
    /// A commit now and then lands without its journal entries.
    DroppedEntry,
    /// The chain never tells that it has taken a transfer back.
    MissedReversal,
    /// Events are acknowledged before they are durable.
    ReplyBeforeDurable,
    /// An event's identity is remembered before the event is written.
    ClaimBeforeWrite,
    /// An event that is sent again is counted again.
    DuplicateCounted,
    /// Usage is rounded before it is priced, and then the price is.
    RoundedTwice,
    /// What a deduction takes of a credit is not written down.
    CreditNotUsedUp,
    /// A number of an invoice is left out.
    NumberGap,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::LostUpdate,
        Self::DoubleApply,
        Self::DroppedEntry,
        Self::MissedReversal,
        Self::ReplyBeforeDurable,
        Self::ClaimBeforeWrite,
        Self::DuplicateCounted,
        Self::RoundedTwice,
        Self::CreditNotUsedUp,
        Self::NumberGap,
    ];
}
