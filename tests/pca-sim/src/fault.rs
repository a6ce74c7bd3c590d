//! Faults that a test plants: which operation is to go wrong, how, and how often.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::wrong_leaf::WrongLeaf;

/// The operations that the stand-in has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's own names")]
pub enum Operation {
    IssueCertificate,
    GetCertificate,
    DescribeCertificateAuthority,
    GetCertificateAuthorityCertificate,
    RevokeCertificate,
}

impl Operation {
    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IssueCertificate => "IssueCertificate",
            Self::GetCertificate => "GetCertificate",
            Self::DescribeCertificateAuthority => "DescribeCertificateAuthority",
            Self::GetCertificateAuthorityCertificate => "GetCertificateAuthorityCertificate",
            Self::RevokeCertificate => "RevokeCertificate",
        }
    }

    /// Reads `X-Amz-Target: ACMPrivateCA.<Operation>`.
    pub fn from_target(target: &str) -> Option<Self> {
        let name = target.strip_prefix("ACMPrivateCA.")?;
        [
            Self::IssueCertificate,
            Self::GetCertificate,
            Self::DescribeCertificateAuthority,
            Self::GetCertificateAuthorityCertificate,
            Self::RevokeCertificate,
        ]
        .into_iter()
        .find(|operation| operation.as_str() == name)
    }
}

/// What goes wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// The call is refused with this error before anything happens.
    Error {
        /// Such as `ThrottlingException`.
        r#type: String,
        /// The text.
        #[serde(default)]
        message: String,
        /// The HTTP status, 400 at AWS for most.
        #[serde(default = "bad_request")]
        status: u16,
    },
    /// The call waits for so many milliseconds, then goes on; nothing happens if the client hangs up before.
    DelayMs(u64),
    /// The call is carried out at once, and its answer waits for so many milliseconds.
    LateAnswerMs(u64),
    /// The connection is cut before anything happens.
    DropBefore,
    /// The call is carried out, and the connection is cut instead of an answer.
    DropAfter,
    /// The call is carried out, and the connection is cut in the middle of the answer's body.
    DropMidBody,
    /// The call is carried out, and the answer is `{}` with status 200.
    EmptyReply,
    /// Something that is not AWS answers in its place, and nothing happens: a proxy with its page.
    ForeignReply {
        /// The HTTP status.
        status: u16,
        /// The body, as `text/html`.
        body: String,
    },
    /// On IssueCertificate: the certificate is never ready. On GetCertificate: this answer says that it is not.
    InProgress,
    /// On IssueCertificate: the certificate comes to nothing, and every GetCertificate says so with
    /// `RequestFailedException` once the usual time has passed, in which it is in progress like any other.
    /// On GetCertificate: this answer says so.
    LateFailure,
    /// On IssueCertificate: this is what the CA issues, for good. On GetCertificate: this is what the answer shows.
    WrongLeaf {
        /// What is wrong with it.
        kind: WrongLeaf,
    },
}

/// How often a fault strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Times {
    /// So many calls.
    Number(u32),
    /// Until it is removed.
    Word(Forever),
}

/// The word `forever`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "one word")]
pub enum Forever {
    Forever,
}

/// One planted fault.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The operation that goes wrong.
    pub operation: Operation,
    /// How.
    pub action: Action,
    /// How often; once unless said.
    #[serde(default = "once")]
    pub times: Times,
    /// Which of the calls it strikes; the next ones unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

/// A part of the calls, drawn by a generator that a seed repeats.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Of a hundred calls so many.
    pub percent: u64,
    /// Where the generator begins.
    pub seed: u64,
}

impl Share {
    /// Whether this call is one of them. Knuth's MMIX generator.
    fn draw(&mut self) -> bool {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % 100 < self.percent
    }
}

impl Fault {
    /// A fault that strikes `times` calls.
    pub fn new(operation: Operation, action: Action, times: u32) -> Self {
        Self { operation, action, times: Times::Number(times), share: None }
    }

    /// A fault that strikes so many of a hundred calls, for ever.
    pub fn share(operation: Operation, action: Action, percent: u64, seed: u64) -> Self {
        let share = Some(Share { percent, seed });
        Self { operation, action, times: Times::Word(Forever::Forever), share }
    }

    fn check(&self) -> Result<(), String> {
        let about_leaves = matches!(self.operation, Operation::IssueCertificate | Operation::GetCertificate);
        match &self.action {
            Action::InProgress | Action::LateFailure | Action::WrongLeaf { .. } if !about_leaves => Err(
                "in_progress, late_failure and wrong_leaf apply to IssueCertificate and GetCertificate only"
                    .to_owned(),
            ),
            Action::Error { status, .. } | Action::ForeignReply { status, .. }
                if StatusCode::from_u16(*status).is_err() =>
            {
                Err(format!("{status} is not an HTTP status"))
            }
            Action::Error { .. }
            | Action::DelayMs(_)
            | Action::LateAnswerMs(_)
            | Action::DropBefore
            | Action::DropAfter
            | Action::DropMidBody
            | Action::EmptyReply
            | Action::ForeignReply { .. }
            | Action::InProgress
            | Action::LateFailure
            | Action::WrongLeaf { .. } => Ok(()),
        }
    }
}

/// The faults still to strike, in the order in which they were planted.
#[derive(Default, Debug)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Plants a fault behind those already there.
    ///
    /// # Errors
    /// When the action does not fit the operation, with what would.
    pub fn plant(&mut self, fault: Fault) -> Result<(), String> {
        fault.check()?;
        self.0.push(fault);
        Ok(())
    }

    /// The action for this call; each call meets one fault at most.
    pub fn strike(&mut self, operation: Operation) -> Option<Action> {
        self.0.retain(|fault| fault.times != Times::Number(0));
        let strikes = |fault: &mut &mut Fault| {
            fault.operation == operation && fault.share.as_mut().is_none_or(Share::draw)
        };
        let fault = self.0.iter_mut().find_map(|mut fault| strikes(&mut fault).then_some(fault))?;
        if let Times::Number(left) = &mut fault.times {
            *left -= 1;
        }
        Some(fault.action.clone())
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Those still to strike.
    pub fn pending(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().filter(|fault| fault.times != Times::Number(0))
    }
}

fn bad_request() -> u16 {
    400
}

fn once() -> Times {
    Times::Number(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_are_written_in_json() {
        for (text, action, times) in [
            (json!("drop_before"), Action::DropBefore, Times::Number(1)),
            (json!({"delay_ms": 500}), Action::DelayMs(500), Times::Number(3)),
            (json!({"late_answer_ms": 500}), Action::LateAnswerMs(500), Times::Number(1)),
            (
                json!({"foreign_reply": {"status": 502, "body": "<html>"}}),
                Action::ForeignReply { status: 502, body: "<html>".into() },
                Times::Number(2),
            ),
            (
                json!({"wrong_leaf": {"kind": "other_key"}}),
                Action::WrongLeaf { kind: WrongLeaf::OtherKey },
                Times::Word(Forever::Forever),
            ),
            (
                json!({"error": {"type": "ThrottlingException", "message": "Rate exceeded"}}),
                Action::Error {
                    r#type: "ThrottlingException".into(),
                    message: "Rate exceeded".into(),
                    status: 400,
                },
                Times::Number(2),
            ),
        ] {
            let mut document = json!({"operation": "IssueCertificate", "action": text, "times": times});
            if times == once() {
                document.as_object_mut().unwrap().remove("times");
            }
            let fault: Fault = serde_json::from_value(document).unwrap();
            let operation = Operation::IssueCertificate;
            assert_eq!(fault, Fault { operation, action, times, share: None });
        }
    }

    #[test]
    fn they_strike_in_order_and_as_often_as_asked() {
        use Operation::{GetCertificate, IssueCertificate};
        let mut faults = Faults::default();
        faults.plant(Fault::new(IssueCertificate, Action::DropBefore, 2)).unwrap();
        faults.plant(Fault::new(IssueCertificate, Action::DropAfter, 1)).unwrap();
        faults
            .plant(Fault {
                times: Times::Word(Forever::Forever),
                ..Fault::new(GetCertificate, Action::DelayMs(1), 1)
            })
            .unwrap();
        let issue: Vec<_> = (0..4).map(|_| faults.strike(IssueCertificate)).collect();
        assert_eq!(
            issue,
            [Some(Action::DropBefore), Some(Action::DropBefore), Some(Action::DropAfter), None]
        );
        assert!((0..9).all(|_| faults.strike(GetCertificate) == Some(Action::DelayMs(1))));
        assert_eq!(faults.pending().count(), 1);
        faults.clear();
        assert_eq!(faults.strike(GetCertificate), None);
    }

    #[test]
    fn a_share_of_the_calls_is_drawn_by_its_seed() {
        let strike = |seed| -> Vec<bool> {
            let mut faults = Faults::default();
            faults.plant(Fault::share(Operation::GetCertificate, Action::DropBefore, 10, seed)).unwrap();
            (0..1000).map(|_| faults.strike(Operation::GetCertificate).is_some()).collect()
        };
        let struck = strike(1).into_iter().filter(|struck| *struck).count();
        assert!((70..130).contains(&struck), "{struck} of a thousand");
        assert_eq!(strike(1), strike(1));
        assert_ne!(strike(1), strike(2));
    }

    #[test]
    fn a_fault_that_cannot_strike_is_refused() {
        let mut faults = Faults::default();
        for fault in [
            Fault::new(Operation::RevokeCertificate, Action::LateFailure, 1),
            Fault::new(Operation::DescribeCertificateAuthority, Action::InProgress, 1),
            Fault::new(
                Operation::GetCertificate,
                Action::ForeignReply { status: 1000, body: String::new() },
                1,
            ),
            Fault::new(
                Operation::GetCertificate,
                Action::Error { r#type: String::new(), message: String::new(), status: 9 },
                1,
            ),
        ] {
            assert!(faults.plant(fault).is_err());
        }
    }
}
