//! XML and XPath as PAN-OS speaks them: a small tree read under limits, and the escaping of what we send.

mod escape;
mod parse;
mod tree;

pub use escape::{NotALiteral, attribute, excerpt, literal, text};
pub use parse::{DEPTH_LIMIT, NODE_LIMIT, ParseError, parse, parse_list};
pub use tree::Element;
