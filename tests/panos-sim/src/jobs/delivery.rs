//! What became of a push on each firewall, in the shape of a `CommitAll` job's `devices/entry`.
//!
//! Recorded in `demisto/content:Packs/PAN-OS/Integrations/Panorama/test_data/push_to_device_success.xml`: also the line
//! of a success stands under `errors`. What a firewall that waits or fails shows is not public.

use crate::{clock::Moment, tree::Element};

/// How far one firewall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pending,
    Done,
    Failed,
}

/// One firewall of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) serial: String,
    pub(crate) hostname: String,
    pub(crate) group: String,
    pub(crate) outcome: Outcome,
    pub(crate) started: Moment,
    pub(crate) finished: Option<Moment>,
    pub(crate) lines: Vec<String>,
}

impl Delivery {
    pub(crate) fn is_over(&self) -> bool {
        self.outcome != Outcome::Pending
    }

    pub(crate) fn to_xml(&self, job: u32) -> Element {
        let (status, result, verdict) = match self.outcome {
            Outcome::Pending => ("commit pending", "PEND", "pending"),
            Outcome::Done => ("commit succeeded", "OK", "success"),
            Outcome::Failed => ("commit failed", "FAIL", "error"),
        };
        let lines = self.lines.iter().map(|line| Element::leaf("line", line.as_str()));
        let message = Element::new("msg")
            .with_attr("cmd", "push-data")
            .with_attr("dname", &self.serial)
            .with_attr("dgname", &self.group)
            .with_attr("jobid", &job.to_string())
            .with_attr("result", verdict)
            .with(Element::new("errors").with_all(lines))
            .with(Element::new("warnings"));
        let details = Element::new("details").with_all(self.is_over().then_some(message));
        Element::new("entry")
            .with(Element::leaf("serial-no", self.serial.as_str()))
            .with(Element::leaf("devicename", self.hostname.as_str()))
            .with(Element::leaf("multi-vsys", "no"))
            .with(Element::new("vsys"))
            .with(Element::leaf("status", status))
            .with(Element::leaf("result", result))
            .with(Element::leaf("tstart", self.started.time()))
            .with(Element::leaf("tfin", self.finished.map(Moment::time).unwrap_or_default()))
            .with(details)
    }
}

/// How much of a push is done, in hundredths.
pub(crate) fn progress(deliveries: &[Delivery]) -> usize {
    let over = deliveries.iter().filter(|delivery| delivery.is_over()).count();
    over * 100 / deliveries.len().max(1)
}
