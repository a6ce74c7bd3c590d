//! A "no" of the device: a code from the vendor's list and the lines that explain it.
//!
//! Codes: <https://docs.paloaltonetworks.com/ngfw/api/getting-started/pan-os-xml-api-error-codes>

use std::fmt;

/// An error answer. The lines keep the leading space with which the device writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) lines: Vec<String>,
}

/// The vendor's codes that this device gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// 6: the xpath cannot be read.
    BadXpath,
    /// 7: the object is not there.
    NotPresent,
    /// 8: an object of that name is there already.
    NotUnique,
    /// 10: others still name the object.
    StillReferenced,
    /// 12: the object does not fit the schema.
    InvalidObject,
    /// 13: not now, or the object is unknown.
    NotFound,
    /// 14: the operation makes no sense here.
    NotPossible,
    /// 15: not allowed here.
    Denied,
    /// 17: the command is not known.
    InvalidCommand,
    /// 18: the XML of a request cannot be read.
    Malformed,
    /// A code from outside of this list, for injected faults.
    Other(u16),
}

impl Code {
    pub(crate) fn number(self) -> u16 {
        match self {
            Code::BadXpath => 6,
            Code::NotPresent => 7,
            Code::NotUnique => 8,
            Code::StillReferenced => 10,
            Code::InvalidObject => 12,
            Code::NotFound => 13,
            Code::NotPossible => 14,
            Code::Denied => 15,
            Code::InvalidCommand => 17,
            Code::Malformed => 18,
            Code::Other(number) => number,
        }
    }
}

impl Refusal {
    pub(crate) fn new(code: Code, line: impl Into<String>) -> Self {
        Self { code, lines: vec![line.into()] }
    }

    /// XML that is none (text and code as `puppetlabs/puppetlabs-panos` recorded them; the reason behind is ours).
    pub(crate) fn malformed(error: impl fmt::Display) -> Self {
        Self::new(Code::Malformed, format!("Malformed Request: {error}"))
    }

    /// The lines joined, for a job's details and for logs.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("; ")
    }
}
