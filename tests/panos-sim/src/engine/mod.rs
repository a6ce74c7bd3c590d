//! The App-ID engine: PAN-OS's pattern grammar, a matcher that cannot blow up, and custom App-IDs by SNI.

mod appid;
mod count;
mod grammar;
mod nfa;
mod parser;

pub(crate) use appid::{
    AppIds, BadSignature, CONTEXT_CLIENT_HELLO, CONTEXT_SNI, Fields, KNOWN_CONTEXTS, compile_apps,
};
pub(crate) use grammar::PatternError;
pub(crate) use nfa::Matcher;
pub(crate) use parser::parse_pattern;

#[cfg(test)]
mod tests;
