//! `get` reads the candidate and may match many nodes; `show` reads the running configuration and matches one.
//!
//! `kevinsteves/pan-python:doc/pan.xapi.rst`; an absent node is success with code 7 for `get`
//! (`kevinsteves/pan-python:tests/test_xapi_fw_tgt_multi_config.py`) and `No such node` for `show`
//! (<https://github.com/kevinsteves/pan-python/issues/19>).

use super::{store::Store, units::Units};
use crate::{
    refusal::{Code, Refusal},
    tree::{Element, NodePath, Segment, Tail, parse_xpath, select},
};

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readout {
    Elements(Vec<Element>),
    Text(String),
}

pub(crate) fn read_candidate(store: &Store, xpath: &str) -> Result<Vec<Element>, Refusal> {
    let parsed = parse_xpath(xpath).map_err(|_| Refusal::new(Code::BadXpath, "Invalid sequence"))?;
    let found = select(&store.candidate, &parsed);
    Ok(match parsed.tail {
        // `get` delivers elements only.
        Tail::Element | Tail::Text => {
            found.into_iter().map(|(path, node)| annotated(node, &path, &store.units)).collect()
        }
        Tail::Name => found.into_iter().map(|(_, node)| name_only(node)).collect(),
    })
}

pub(crate) fn read_running(store: &Store, xpath: &str) -> Result<Readout, Refusal> {
    let parsed = parse_xpath(xpath).map_err(|_| Refusal::new(Code::BadXpath, "Invalid sequence"))?;
    let mut found = select(&store.running, &parsed).into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(Refusal::new(Code::NotPresent, "No such node")),
        (Some(_), Some(_)) => Err(Refusal::new(Code::NotUnique, "Too many hits on show")),
        (Some((_, node)), None) => Ok(match parsed.tail {
            Tail::Element => Readout::Elements(vec![node.clone()]),
            Tail::Name => Readout::Elements(vec![name_only(node)]),
            Tail::Text => Readout::Text(node.text.clone()),
        }),
    }
}

fn name_only(node: &Element) -> Element {
    Element::entry(node.attr("name").unwrap_or_default())
}

/// Changed nodes, and all that lies below them, carry who changed them and when.
fn annotated(node: &Element, path: &NodePath, units: &Units) -> Element {
    if units.is_empty() {
        return node.clone();
    }
    let mut copy = Element { children: Vec::new(), ..node.clone() };
    if let Some((_, unit)) = units.covering(path) {
        copy.set_attr("admin", unit.owner.as_deref().unwrap_or_default());
        copy.set_attr("dirtyId", &unit.dirty_id.to_string());
        copy.set_attr("time", &unit.time.date_time());
    }
    copy.with_all(node.children.iter().map(|child| annotated(child, &path.join(Segment::of(child)), units)))
}
