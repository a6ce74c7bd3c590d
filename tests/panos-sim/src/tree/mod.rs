//! XML as PAN-OS uses it: a small tree, its text form, and the XPath subset that its clients send.

mod element;
mod parse;
mod path;
mod print;
mod xpath;

pub(crate) use element::Element;
pub(crate) use parse::{ParseError, parse_fragment, parse_one};
pub(crate) use path::{NodePath, Segment, find, find_mut};
pub(crate) use print::{escape, print, print_all};
pub(crate) use xpath::{Predicate, Tail, XPath, parse_xpath, select};
