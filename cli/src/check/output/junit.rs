//! JUnit XML: a test case for each workload, as `<failure>` what is refused and as `<error>` what could not be judged.
//!
//! The shape that CI systems read: <https://github.com/testmoapp/junitxml>.

use sallyport_policy_sync::xml::Element;

use super::{Finding, Outcome, Report, code, words};
use crate::terminal::printable;

pub(super) fn print(report: &Report) -> String {
    let counts =
        [("tests", report.findings.len()), ("failures", report.refused()), ("errors", report.unjudged())];
    let counted = |name: &str| {
        let element = Element::new(name);
        counts.iter().fold(attributed(element, "name", "sallyport check"), |element, (name, count)| {
            attributed(element, name, &count.to_string())
        })
    };
    let suite = counted("testsuite").with_all(report.findings.iter().map(case));
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", counted("testsuites").with(suite).print())
}

fn case(finding: &Finding) -> Element {
    let name =
        if finding.object.is_empty() { format!("line {}", finding.line) } else { finding.object.clone() };
    let mut case = attributed(Element::new("testcase"), "name", &name);
    case = attributed(case, "classname", &finding.file);
    case = attributed(case, "file", &finding.file);
    case = attributed(case, "line", &finding.line.to_string());
    let kind = match &finding.outcome {
        Outcome::Refused(_) => "failure",
        Outcome::Unjudged(_) => "error",
        Outcome::Granted(_)
        | Outcome::LeftOut
        | Outcome::Audited(_)
        | Outcome::NotEnabled
        | Outcome::Passed => return case,
    };
    let words = printable(&words(&finding.outcome));
    let first = words.lines().next().unwrap_or_default();
    let told = attributed(attributed(Element::leaf(kind, &words), "message", first), "type", code(finding));
    case.with(told)
}

fn attributed(mut element: Element, name: &str, value: &str) -> Element {
    element.attributes.push((name.into(), printable(value).into()));
    element
}
