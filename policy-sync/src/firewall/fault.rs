//! Why the firewall did not do it, and what follows.

use sallyport_contract::Reason;

/// Why the firewall did not do it, and what follows from that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What follows.
    pub fate: Fate,
    /// What happened, with the far side's own words.
    pub message: String,
}

/// What follows from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Try again after a growing pause; this reason meanwhile.
    Retry(Reason),
    /// The device is busy or locked: try again after a short pause.
    Wait(Reason),
    /// The operation at this place of the batch is refused; the others may go without it.
    RefuseEntry(usize),
    /// It will not work until somebody changes something; we only look again now and then.
    Stop(Reason),
}

impl Fate {
    /// The code while it stands.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Retry(reason) | Self::Wait(reason) | Self::Stop(reason) => reason,
            Self::RefuseEntry(_) => Reason::EntryRefused,
        }
    }
}
