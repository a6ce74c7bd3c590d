//! Whether an application filter would choose an App-ID by its attributes.
//!
//! A filter takes what has one of the values in every column that it names, whoever made the App-ID and
//! whenever: <https://docs.paloaltonetworks.com/pan-os/11-0/pan-os-admin/app-id/use-application-objects-in-policy/create-an-application-filter.html>.

use super::extent::{Extent, Share};
use crate::xml::Element;

/// The flags of a filter, and the same of an App-ID
/// (`PaloAltoNetworks/pan-os-codegen:specs/objects/application.yaml`).
const FLAGS: [(&str, &str); 8] = [
    ("evasive", "evasive-behavior"),
    ("excessive-bandwidth-use", "consume-big-bandwidth"),
    ("used-by-malware", "used-by-malware"),
    ("transfers-files", "able-to-transfer-file"),
    ("has-known-vulnerabilities", "has-known-vulnerability"),
    ("tunnels-other-apps", "tunnel-other-application"),
    ("prone-to-misuse", "prone-to-misuse"),
    ("pervasive", "pervasive-use"),
];
/// The columns of a filter that hold values.
const COLUMNS: [&str; 4] = ["category", "subcategory", "technology", "risk"];
/// What in a filter chooses nothing.
const REMARKS: [&str; 4] = ["description", "disable-override", "exclude", "tag"];

/// An App-ID, as far as a filter looks at it.
#[derive(Clone, Debug)]
pub(super) enum Candidate<'a> {
    /// As its entry says; what the entry does not say, it has not.
    Entry(&'a Element),
    /// Ours: these values, and no flag.
    Ours(&'a [(String, String)]),
    /// A predefined one of which we know only this; risks can be set by hand, flags come with the content.
    Known(&'static [(&'static str, &'static str)]),
}

impl Candidate<'_> {
    fn value(&self, column: &str) -> Option<&str> {
        match self {
            Self::Entry(entry) => Some(entry.text_of(column).unwrap_or_default()),
            Self::Ours(values) => {
                let found = values.iter().find(|(field, _)| field == column);
                Some(found.map_or("", |(_, value)| value.as_str()))
            }
            Self::Known(values) => values.iter().find(|(field, _)| *field == column).map(|(_, value)| *value),
        }
    }

    fn flag(&self, flag: &str) -> Option<bool> {
        match self {
            Self::Entry(entry) => Some(entry.text_of(flag) == Some("yes")),
            Self::Ours(_) => Some(false),
            Self::Known(_) => None,
        }
    }
}

/// Whether the filter chooses the App-ID: wholly, perhaps, or not.
pub(super) fn chooses(filter: &Element, candidate: &Candidate<'_>) -> Share {
    filter.children.iter().map(|column| in_column(column, candidate)).min().unwrap_or(Some(Extent::Whole))
}

fn in_column(column: &Element, candidate: &Candidate<'_>) -> Share {
    let sure = |holds: bool| holds.then_some(Extent::Whole);
    let name = column.name.as_str();
    if REMARKS.contains(&name)
        || (column.text != "yes" && column.children.is_empty() && column.text.is_empty())
    {
        return Some(Extent::Whole);
    }
    if COLUMNS.contains(&name) {
        let listed = |value: &str| {
            column.text == value
                || column.children.iter().any(|member| ["any", value].contains(&member.text.as_str()))
        };
        return candidate.value(name).map_or(Some(Extent::May), |value| sure(listed(value)));
    }
    match FLAGS.iter().find(|(flag, _)| *flag == name) {
        Some(_) if column.text != "yes" => Some(Extent::Whole),
        Some((_, flag)) => candidate.flag(flag).map_or(Some(Extent::May), sure),
        None if column.text == "no" => Some(Extent::Whole),
        // Tags, SaaS certifications, new App-IDs: nothing on the device says it of every App-ID.
        None => Some(Extent::May),
    }
}
