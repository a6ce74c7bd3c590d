//! Reads a signature pattern in PAN-OS's own grammar. It is similar to common regular expressions, not equal:
//! `{min-max}` stands for so many bytes of any kind in front of a fixed string, `\x … \x` holds hex bytes, the classic
//! engine repeats and alternates only what stands in parentheses, and there is no escape outside of the vendor's tables
//! (<https://docs.paloaltonetworks.com/pan-os/9-1/pan-os-web-interface-help/objects/objects-custom-objects/objects-custom-objects-data-patterns/syntax-for-regular-expression-data-patterns>).

use super::grammar::{Anchor, ByteSet, CLASSIC_LITERALS, ENHANCED_LITERALS, MAX_PATTERN, Node, PatternError};
use crate::quirks::PatternEngine;

/// Parses and checks a pattern as the given engine takes it.
///
/// # Errors
/// The first thing in the pattern that the engine does not take, or too few literal characters.
pub(crate) fn parse_pattern(text: &str, engine: PatternEngine) -> Result<Node, PatternError> {
    if text.chars().count() > MAX_PATTERN {
        return Err(PatternError::TooLong);
    }
    let mut parser = Parser { bytes: text.as_bytes(), at: 0, engine, flags: Flags::default(), depth: 0 };
    let node = parser.alternation()?;
    if let Some(byte) = parser.peek() {
        return Err(PatternError::Unexpected(char::from(byte)));
    }
    let (needed, found) = match engine {
        PatternEngine::Enhanced => (ENHANCED_LITERALS, node.literals()),
        PatternEngine::Classic => (CLASSIC_LITERALS, node.fixed_string()),
    };
    if found < needed { Err(PatternError::TooFewLiterals { needed, found }) } else { Ok(node) }
}

/// Inline options; they hold to the end of the group in which they stand.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    extended: bool,
}

pub(super) struct Parser<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    engine: PatternEngine,
    flags: Flags,
    depth: u32,
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Result<u8, PatternError> {
        let byte = self.peek().ok_or(PatternError::EndsEarly)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, token: &[u8]) -> bool {
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(token));
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn enhanced_only(&self, what: &str) -> Result<(), PatternError> {
        match self.engine {
            PatternEngine::Enhanced => Ok(()),
            PatternEngine::Classic => Err(PatternError::Unsupported(what.to_owned())),
        }
    }

    fn alternation(&mut self) -> Result<Node, PatternError> {
        let mut branches = vec![self.sequence()?];
        while self.take(b"|") {
            if self.depth == 0 {
                self.enhanced_only("| outside of parentheses")?;
            }
            branches.push(self.sequence()?);
        }
        match (branches.pop(), branches.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                branches.push(last);
                Ok(Node::Alternate(branches))
            }
            (None, _) => Ok(Node::Empty),
        }
    }

    fn sequence(&mut self) -> Result<Node, PatternError> {
        let mut nodes = Vec::new();
        loop {
            if self.flags.extended {
                self.skip_layout();
            }
            match self.peek() {
                None | Some(b'|' | b')') => break,
                Some(_) => {
                    if self.options()? {
                        continue;
                    }
                    if self.gap_ahead() {
                        nodes.push(self.gap()?);
                        continue;
                    }
                    let is_group = self.peek() == Some(b'(');
                    let atoms = self.atom()?;
                    nodes.extend(atoms);
                    self.repetition(&mut nodes, is_group)?;
                }
            }
        }
        Ok(if nodes.is_empty() { Node::Empty } else { Node::Concat(nodes) })
    }

    /// White space and `#` comments under `(?x)`.
    fn skip_layout(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'#' {
                while self.peek().is_some_and(|b| b != b'\n') {
                    self.at += 1;
                }
            } else if byte.is_ascii_whitespace() {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// `(?i)`, `(?im)`…: an option applies to the rest of its sub-pattern.
    fn options(&mut self) -> Result<bool, PatternError> {
        if !self.take(b"(?") {
            return Ok(false);
        }
        self.enhanced_only("(?")?;
        let mut any = false;
        loop {
            match self.next()? {
                b'i' => self.flags.ignore_case = true,
                b'm' => self.flags.multi_line = true,
                b's' => self.flags.dot_all = true,
                b'x' => self.flags.extended = true,
                b')' if any => return Ok(true),
                other => return Err(PatternError::Unsupported(format!("(?{}", char::from(other)))),
            }
            any = true;
        }
    }

    /// One atom; hex notation gives several.
    fn atom(&mut self) -> Result<Vec<Node>, PatternError> {
        let node = match self.next()? {
            b'(' => self.group()?,
            b'[' => self.class()?,
            b'.' => self.dot(),
            b'\\' => return self.escape(),
            b'^' => {
                self.enhanced_only("^")?;
                Node::Anchor(if self.flags.multi_line { Anchor::LineStart } else { Anchor::Start })
            }
            b'$' => {
                self.enhanced_only("$")?;
                Node::Anchor(if self.flags.multi_line { Anchor::LineEnd } else { Anchor::EndOrNewline })
            }
            byte @ (b'*' | b'+' | b'?' | b'{' | b'}' | b']') => {
                return Err(PatternError::Unexpected(char::from(byte)));
            }
            byte => self.literal(byte),
        };
        Ok(vec![node])
    }

    fn group(&mut self) -> Result<Node, PatternError> {
        const MAX_GROUPS: u32 = 40;
        if self.depth >= MAX_GROUPS {
            return Err(PatternError::TooComplex);
        }
        let outer = self.flags;
        self.depth += 1;
        let node = self.alternation()?;
        self.depth -= 1;
        self.flags = outer;
        if self.take(b")") { Ok(node) } else { Err(PatternError::EndsEarly) }
    }

    fn literal(&self, byte: u8) -> Node {
        let set = ByteSet::single(byte);
        Node::Bytes(if self.flags.ignore_case { set.folded() } else { set })
    }

    fn dot(&self) -> Node {
        let newline = ByteSet::of(if self.flags.dot_all { None } else { Some(b'\n') });
        Node::Bytes(newline.inverted())
    }

    fn escape(&mut self) -> Result<Vec<Node>, PatternError> {
        let byte = self.next()?;
        if byte == b'x' {
            return self.hex();
        }
        if let Some(set) = class_escape(byte) {
            self.enhanced_only("\\ with a letter")?;
            return Ok(vec![Node::Bytes(set)]);
        }
        let anchor = match byte {
            b'A' => Anchor::Start,
            b'Z' => Anchor::EndOrNewline,
            b'z' => Anchor::End,
            b'b' => Anchor::WordEdge,
            b't' => return Ok(vec![self.literal(b'\t')]),
            b'n' => return Ok(vec![self.literal(b'\n')]),
            b'r' => return Ok(vec![self.literal(b'\r')]),
            other if other.is_ascii_alphanumeric() => {
                return Err(PatternError::Unsupported(format!("\\{}", char::from(other))));
            }
            other => return Ok(vec![self.literal(other)]),
        };
        self.enhanced_only("\\ with a letter")?;
        Ok(vec![Node::Anchor(anchor)])
    }

    /// `\x0d 0a\x`: bytes between two `\x`.
    fn hex(&mut self) -> Result<Vec<Node>, PatternError> {
        let mut digits = Vec::new();
        while !self.take(b"\\x") {
            match self.next().map_err(|_| PatternError::BadHex)? {
                b' ' => {}
                byte => digits.push(char::from(byte).to_digit(16).ok_or(PatternError::BadHex)?),
            }
        }
        if digits.is_empty() || !digits.len().is_multiple_of(2) {
            return Err(PatternError::BadHex);
        }
        let bytes = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit));
        bytes
            .map(|byte| u8::try_from(byte).map(|b| Node::Bytes(ByteSet::single(b))))
            .collect::<Result<_, _>>()
            .map_err(|_| PatternError::BadHex)
    }

    fn class(&mut self) -> Result<Node, PatternError> {
        let inverted = self.take(b"^");
        let mut set = ByteSet::empty();
        let mut first = true;
        loop {
            let byte = self.next()?;
            if byte == b']' && !first {
                break;
            }
            first = false;
            let Some(low) = self.class_byte(byte, &mut set)? else { continue };
            let is_range = self.peek() == Some(b'-') && self.bytes.get(self.at + 1) != Some(&b']');
            if !is_range {
                set.add(low);
                continue;
            }
            self.at += 1;
            let high = self.next()?;
            let high = self.class_byte(high, &mut set)?.ok_or(PatternError::BadRange)?;
            if low > high {
                return Err(PatternError::BadRange);
            }
            set.join(&ByteSet::of(low..=high));
        }
        if self.flags.ignore_case {
            set = set.folded();
        }
        Ok(Node::Bytes(if inverted { set.inverted() } else { set }))
    }

    /// A character of a class; a class escape goes straight into the set.
    fn class_byte(&mut self, byte: u8, set: &mut ByteSet) -> Result<Option<u8>, PatternError> {
        if byte != b'\\' {
            return Ok(Some(byte));
        }
        let escaped = self.next()?;
        match (class_escape(escaped), escaped) {
            (Some(class), _) => {
                set.join(&class);
                Ok(None)
            }
            (None, b't') => Ok(Some(b'\t')),
            (None, b'n') => Ok(Some(b'\n')),
            (None, b'r') => Ok(Some(b'\r')),
            (None, other) if other.is_ascii_alphanumeric() => {
                Err(PatternError::Unsupported(format!("\\{}", char::from(other))))
            }
            (None, other) => Ok(Some(other)),
        }
    }
}

/// `\s \d \w \v \h` of the enhanced syntax table.
fn class_escape(byte: u8) -> Option<ByteSet> {
    match byte {
        b's' => Some(ByteSet::of(*b" \t\n\r\x0b\x0c")),
        b'd' => Some(ByteSet::of(b'0'..=b'9')),
        b'w' => Some(ByteSet::of((0..=u8::MAX).filter(|b| b.is_ascii_alphanumeric() || *b == b'_'))),
        b'v' => Some(ByteSet::of(*b"\n\r\x0b\x0c")),
        b'h' => Some(ByteSet::of(*b" \t")),
        _ => None,
    }
}
