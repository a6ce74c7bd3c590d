//! Reads XML from the device. The device is outside: depth and number of nodes are limited, document
//! types and entities of one's own are refused.

use quick_xml::{
    XmlVersion,
    events::{BytesStart, Event},
    reader::Reader,
};

use super::{Element, excerpt};

/// Deepest nesting that is read.
pub const DEPTH_LIMIT: usize = 64;
/// Most elements that are read; a virtual system with all its App-IDs and rules has far fewer.
pub const NODE_LIMIT: usize = 2_000_000;

/// Why a text is not XML that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not well formed.
    #[error("is not well-formed XML: {0}")]
    Malformed(String),
    /// It ends too soon, or holds no element.
    #[error("ends before its root element does")]
    Truncated,
    /// Nested too deep.
    #[error("is nested deeper than {DEPTH_LIMIT} elements")]
    TooDeep,
    /// Too many elements.
    #[error("has more than {NODE_LIMIT} elements")]
    TooMany,
    /// A document type.
    #[error("holds a document type declaration, which no PAN-OS reply has")]
    Doctype,
    /// An entity of its own.
    #[error("holds the entity &{0};, which XML does not define")]
    Entity(String),
}

/// Where the entries of a list stand in an answer: `<response><result><list><entry>`.
const ENTRY_DEPTH: usize = 3;

/// Reads the one root element of a text. Comments, declarations and processing instructions are left out.
///
/// # Errors
/// The text is not well-formed XML, or goes beyond a limit.
pub fn parse(text: &str) -> Result<Element, ParseError> {
    read(text, &mut |_, element| Some(element))
}

/// Reads an answer that holds a list. Its entries are handed over one by one as they are read, and are no part of the
/// element that is returned: of thousands, never more than one is held here.
///
/// # Errors
/// As [`parse`]; entries that came before are worth nothing then.
pub fn parse_list(text: &str, take: &mut dyn FnMut(Element)) -> Result<Element, ParseError> {
    read(text, &mut |depth, element| {
        if depth == ENTRY_DEPTH && element.name == "entry" {
            take(element);
            return None;
        }
        Some(element)
    })
}

/// Reads a text; each element, with how deep it stands, becomes part of the one above it unless `keep` takes it away.
fn read(text: &str, keep: &mut dyn FnMut(usize, Element) -> Option<Element>) -> Result<Element, ParseError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut nodes = 0_usize;
    loop {
        let event = reader.read_event().map_err(malformed)?;
        match event {
            Event::Start(start) => {
                count(&mut nodes)?;
                if open.len() >= DEPTH_LIMIT {
                    return Err(ParseError::TooDeep);
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                count(&mut nodes)?;
                let element = element(&start)?;
                let depth = open.len();
                match open.last_mut() {
                    Some(parent) => parent.children.extend(keep(depth, element)),
                    None => return Ok(element),
                }
            }
            Event::End(_) => {
                let closed = closed(open.pop().ok_or(ParseError::Truncated)?);
                let depth = open.len();
                match open.last_mut() {
                    Some(parent) => parent.children.extend(keep(depth, closed)),
                    None => return Ok(closed),
                }
            }
            Event::Text(text) => append(&mut open, &text.xml10_content()),
            Event::CData(text) => append(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(c)) => c,
                    Ok(None) => predefined(&reference)?,
                    Err(error) => return Err(malformed(error)),
                };
                append(&mut open, resolved.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(ParseError::Doctype),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return Err(ParseError::Truncated),
        }
    }
}

/// The element without the room that it grew in, and without the white space round its text.
fn closed(mut element: Element) -> Element {
    let trimmed = element.text.trim();
    if trimmed.len() < element.text.len() {
        element.text = trimmed.into();
    }
    element.text.shrink_to_fit();
    element.children.shrink_to_fit();
    element
}

/// The parser's words, which repeat what the device sent, cut short.
fn malformed(error: impl std::fmt::Display) -> ParseError {
    ParseError::Malformed(excerpt(&error.to_string(), 160))
}

fn count(nodes: &mut usize) -> Result<(), ParseError> {
    *nodes += 1;
    if *nodes > NODE_LIMIT { Err(ParseError::TooMany) } else { Ok(()) }
}

fn element(start: &BytesStart<'_>) -> Result<Element, ParseError> {
    let mut element = Element::new(start.name().as_ref());
    for attribute in start.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(malformed)?;
        element.attributes.push((attribute.key.as_ref().into(), value.into()));
    }
    element.attributes.shrink_to_fit();
    Ok(element)
}

fn append(open: &mut [Element], more: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(more);
    }
}

/// The five entities that XML itself defines: <https://www.w3.org/TR/xml/#sec-predefined-ent>.
fn predefined(name: &str) -> Result<char, ParseError> {
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(ParseError::Entity(excerpt(other, 40))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_irregular_forms_of_the_device() {
        let reply = parse("<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>").unwrap();
        assert_eq!((reply.attribute("status"), reply.attribute("code")), (Some("error"), Some("403")));
        assert_eq!(reply.at(&["result", "msg"]).map(|e| e.text.as_str()), Some("Invalid Credential"));
        let lines = parse(
            "<?xml version=\"1.0\"?><msg><line><![CDATA[a < b]]></line><line>c &amp; &#100;</line></msg>",
        )
        .unwrap();
        assert_eq!(lines.children.iter().map(|e| e.text.as_str()).collect::<Vec<_>>(), ["a < b", "c & d"]);
    }

    #[test]
    fn hostile_or_broken_text_is_refused() {
        assert_eq!(parse(""), Err(ParseError::Truncated));
        assert_eq!(parse("<html>"), Err(ParseError::Truncated));
        assert!(matches!(parse("<a><b></a>"), Err(ParseError::Malformed(_))));
        assert_eq!(parse("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"), Err(ParseError::Doctype));
        assert_eq!(parse("<a>&x;</a>"), Err(ParseError::Entity("x".to_owned())));
        assert_eq!(parse(&"<a>".repeat(100)), Err(ParseError::TooDeep));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}", markup in "[<>/&;a='\"! \\[\\]-]{0,60}") {
            drop((parse(&text), parse(&markup)));
            let leaf = Element::leaf("a", text.trim());
            proptest::prop_assert_eq!(parse(&leaf.print()), Ok(leaf));
        }
    }

    #[test]
    fn the_entries_of_a_list_are_handed_over_and_nothing_else_is() {
        let text = "<response><result><rules><entry name='a'><from><entry name='x'/></from></entry><entry name='b'/></rules></result><entry/></response>";
        let mut entries = Vec::new();
        let rest = parse_list(text, &mut |entry| entries.push(entry.print())).unwrap();
        assert_eq!(
            entries,
            ["<entry name=\"a\"><from><entry name=\"x\"/></from></entry>", "<entry name=\"b\"/>"]
        );
        assert_eq!(rest.print(), "<response><result><rules/></result><entry/></response>");
        assert_eq!(parse_list("<response><result><rules><entry/>", &mut drop), Err(ParseError::Truncated));
    }

    #[test]
    fn what_is_printed_reads_back() {
        let tree =
            Element::entry("a'b\"<&").with(Element::leaf("x", "1 < 2 & \"3\"")).with(Element::new("y"));
        assert_eq!(parse(&tree.print()), Ok(tree));
    }
}
