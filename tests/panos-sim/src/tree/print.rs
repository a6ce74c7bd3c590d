//! Writes elements as XML text; replies of the device carry no XML declaration.

use super::Element;
use std::fmt::Write;

pub(crate) fn print(element: &Element) -> String {
    let mut out = String::new();
    write_element(&mut out, element);
    out
}

pub(crate) fn print_all<'a>(elements: impl IntoIterator<Item = &'a Element>) -> String {
    let mut out = String::new();
    for element in elements {
        write_element(&mut out, element);
    }
    out
}

/// Text made safe for element content and double-quoted attribute values.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn write_element(out: &mut String, element: &Element) {
    out.push('<');
    out.push_str(&element.name);
    for (key, value) in &element.attrs {
        // Writing to a String cannot fail.
        write!(out, " {key}=\"{}\"", escape(value)).ok();
    }
    if element.text.is_empty() && element.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    out.push_str(&escape(&element.text));
    for child in &element.children {
        write_element(out, child);
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_one;

    #[test]
    fn text_and_attributes_survive_a_round_trip() {
        let element = Element::entry("a<b>\"&'").with(Element::leaf("description", "x & <y> \"z\""));
        assert_eq!(parse_one(&print(&element)).unwrap(), element);
    }

    #[test]
    fn empty_elements_are_short() {
        assert_eq!(print(&Element::new("result")), "<result/>");
    }
}
