//! `action=complete`: what may stand at a place, as the CLI completes it: the names in a list, the words of a field.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/configuration-api>

use super::{store::Store, target};
use crate::{
    refusal::{Code, Refusal},
    schema::{Kind, locate},
    tree::{Element, Segment, find},
};

/// One `<completion value="…" vxpath="…"/>` for each.
///
/// # Errors
/// The path cannot be read, or there is nothing to choose from.
pub(crate) fn complete(store: &Store, xpath: &str) -> Result<Element, Refusal> {
    let path = target::address(xpath).ok_or_else(target::bad_xpath)?;
    let kind = locate(&path).map(|place| place.kind);
    let completion = |value: &str, at: String| {
        Element::new("completion").with_attr("value", value).with_attr("vxpath", &at)
    };
    let found: Vec<Element> = match kind {
        Some(Kind::Entries(_)) => find(&store.candidate, &path)
            .into_iter()
            .flat_map(Element::entries)
            .map(|(name, _)| completion(name, path.join(Segment::entry(name)).to_string()))
            .collect(),
        Some(kind) => kind.words().iter().map(|word| completion(word, path.to_string())).collect(),
        None => Vec::new(),
    };
    if found.is_empty() {
        return Err(Refusal::new(Code::InvalidCommand, "No completions available"));
    }
    Ok(Element::new("completions").with_all(found))
}
