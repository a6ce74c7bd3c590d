//! Reads XML text from a client into elements. The text is hostile: no DTD, no own entities, bounded depth.

use super::Element;
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

/// Deeper than any PAN-OS schema path; a guard for the recursive walks over the tree.
const MAX_DEPTH: usize = 64;

/// Why a text is not XML that the device takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("{0}")]
    Malformed(String),
    #[error("document type declarations are not taken")]
    DocType,
    #[error("unknown entity '&{0};'")]
    Entity(String),
    #[error("elements nest deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("text outside of an element")]
    StrayText,
    #[error("exactly one root element is expected")]
    NotOneRoot,
}

/// Any number of sibling elements, as in the `element` parameter of a `set`.
pub(crate) fn parse_fragment(text: &str) -> Result<Vec<Element>, ParseError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut roots = Vec::new();
    loop {
        match reader.read_event().map_err(malformed)? {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(ParseError::TooDeep);
                }
                open.push(element_of(&start)?);
            }
            Event::Empty(start) => close(element_of(&start)?, &mut open, &mut roots),
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut roots);
                }
            }
            Event::Text(text) => add_text(&text.xml10_content(), &mut open)?,
            Event::CData(text) => add_text(&text.xml10_content(), &mut open)?,
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().map_err(malformed)? {
                    Some(c) => c,
                    None => named_entity(&reference.xml10_content())?,
                };
                add_text(c.encode_utf8(&mut [0; 4]), &mut open)?;
            }
            Event::DocType(_) => return Err(ParseError::DocType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(element) = open.last() {
        return Err(ParseError::Malformed(format!("<{}> is not closed", element.name)));
    }
    Ok(roots)
}

/// Exactly one root element, as in the `cmd` parameter and in the element of an `edit`.
pub(crate) fn parse_one(text: &str) -> Result<Element, ParseError> {
    let mut roots = parse_fragment(text)?;
    match (roots.pop(), roots.is_empty()) {
        (Some(root), true) => Ok(root),
        (Some(_), false) | (None, _) => Err(ParseError::NotOneRoot),
    }
}

fn malformed(error: impl std::fmt::Display) -> ParseError {
    ParseError::Malformed(error.to_string())
}

fn element_of(start: &BytesStart<'_>) -> Result<Element, ParseError> {
    let mut element = Element::new(start.name().0);
    for attribute in start.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(malformed)?;
        element.set_attr(attribute.key.0, &value);
    }
    Ok(element)
}

/// Ends an element: white space between child elements is layout, not content.
fn close(mut element: Element, open: &mut [Element], roots: &mut Vec<Element>) {
    if !element.children.is_empty() || element.text.trim().is_empty() {
        element.text.clear();
    }
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => roots.push(element),
    }
}

fn add_text(text: &str, open: &mut [Element]) -> Result<(), ParseError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(ParseError::StrayText),
    }
    Ok(())
}

fn named_entity(name: &str) -> Result<char, ParseError> {
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(ParseError::Entity(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_keep_order_text_and_attributes() {
        let roots = parse_fragment("<a x='1'>t&amp;<![CDATA[<u>]]></a> <b><c/>\n<c>2</c></b>").unwrap();
        assert_eq!(roots.len(), 2);
        assert_eq!(roots[0], Element::leaf("a", "t&<u>").with_attr("x", "1"));
        assert_eq!(roots[1], Element::new("b").with(Element::new("c")).with(Element::leaf("c", "2")));
    }

    #[test]
    fn hostile_texts_are_refused() {
        let deep = "<a>".repeat(100);
        for (text, why) in [
            ("<a>", "open"),
            ("<a></b>", "mismatch"),
            ("text", "stray"),
            ("<!DOCTYPE a [<!ENTITY e 'x'>]><a/>", "doctype"),
            ("<a>&e;</a>", "entity"),
            ("<a b=c/>", "unquoted"),
            (deep.as_str(), "deep"),
        ] {
            assert!(parse_fragment(text).is_err(), "{why}");
        }
        assert_eq!(parse_one("<a/><b/>"), Err(ParseError::NotOneRoot));
        assert_eq!(parse_one(""), Err(ParseError::NotOneRoot));
    }
}
