//! What a signature pattern can say, and how many literal characters it guarantees.
//!
//! Sources:
//! <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/custom-signature-pattern-requirements>
//! and
//! <https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-custom-objects/objects-custom-objects-data-patterns/syntax-for-regular-expression-data-patterns>

/// Most signature patterns hold at most this many characters (pattern requirements page).
pub(crate) const MAX_PATTERN: usize = 127;
/// The enhanced engine needs two literal characters.
pub(crate) const ENHANCED_LITERALS: u32 = 2;
/// The classic engine needs a string of seven fixed bytes.
pub(crate) const CLASSIC_LITERALS: u32 = 7;

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Empty,
    Bytes(ByteSet),
    Anchor(Anchor),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Repeat { node: Box<Node>, min: u32, max: Option<u32> },
}

/// A place in the field, not a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// `^` and `\A`
    Start,
    /// `^` under `(?m)`
    LineStart,
    /// `$` and `\Z`: the end, or before a last newline
    EndOrNewline,
    /// `$` under `(?m)`
    LineEnd,
    /// `\z`
    End,
    /// `\b`
    WordEdge,
}

/// A set of bytes; `literal` when the pattern named exactly one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ByteSet {
    bits: [u64; 4],
    pub(crate) literal: bool,
}

/// Why the engine does not take a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("pattern is longer than {MAX_PATTERN} characters")]
    TooLong,
    #[error("pattern needs at least {needed} literal characters, it has {found}")]
    TooFewLiterals { needed: u32, found: u32 },
    #[error("unexpected '{0}' in pattern")]
    Unexpected(char),
    #[error("pattern ends too early")]
    EndsEarly,
    #[error("'{0}' is not supported by this pattern engine")]
    Unsupported(String),
    #[error("bad repetition count")]
    BadCount,
    #[error("bad character range")]
    BadRange,
    #[error("bad hexadecimal bytes")]
    BadHex,
    #[error("pattern is too complex")]
    TooComplex,
}

impl ByteSet {
    pub(crate) fn empty() -> Self {
        Self { bits: [0; 4], literal: false }
    }

    pub(crate) fn single(byte: u8) -> Self {
        let mut set = Self::empty();
        set.add(byte);
        set.literal = true;
        set
    }

    pub(crate) fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut set = Self::empty();
        for byte in bytes {
            set.add(byte);
        }
        set
    }

    pub(crate) fn add(&mut self, byte: u8) {
        if let Some(word) = self.bits.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub(crate) fn join(&mut self, other: &ByteSet) {
        for (word, more) in self.bits.iter_mut().zip(other.bits) {
            *word |= more;
        }
    }

    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.bits.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    pub(crate) fn inverted(mut self) -> Self {
        for word in &mut self.bits {
            *word = !*word;
        }
        self.literal = false;
        self
    }

    /// Both cases of every letter in the set.
    pub(crate) fn folded(mut self) -> Self {
        let letters: Vec<u8> =
            (0..=u8::MAX).filter(|b| b.is_ascii_alphabetic() && self.contains(*b)).collect();
        for letter in letters {
            self.add(letter.to_ascii_lowercase());
            self.add(letter.to_ascii_uppercase());
        }
        self
    }
}

impl Node {
    /// The same pattern for a decoder that does not tell upper from lower case.
    pub(crate) fn folded(self) -> Self {
        match self {
            Node::Bytes(set) => Node::Bytes(set.folded()),
            Node::Concat(nodes) => Node::Concat(nodes.into_iter().map(Node::folded).collect()),
            Node::Alternate(nodes) => Node::Alternate(nodes.into_iter().map(Node::folded).collect()),
            Node::Repeat { node, min, max } => Node::Repeat { node: Box::new(node.folded()), min, max },
            Node::Empty | Node::Anchor(_) => self,
        }
    }

    /// The longest string of fixed bytes that every match contains.
    pub(crate) fn fixed_string(&self) -> u32 {
        let (mut run, mut longest) = (0, 0);
        self.measure(&mut run, &mut longest);
        longest
    }

    /// Goes on with a string of fixed bytes, or ends it.
    fn measure(&self, run: &mut u32, longest: &mut u32) {
        match self {
            Node::Empty | Node::Anchor(_) => {}
            Node::Bytes(set) if set.literal => {
                *run += 1;
                *longest = (*longest).max(*run);
            }
            Node::Bytes(_) => *run = 0,
            Node::Concat(nodes) => nodes.iter().for_each(|node| node.measure(run, longest)),
            Node::Alternate(nodes) => {
                *longest = (*longest).max(nodes.iter().map(Node::fixed_string).min().unwrap_or(0));
                *run = 0;
            }
            Node::Repeat { node, min, .. } => {
                *longest = (*longest).max(if *min > 0 { node.fixed_string() } else { 0 });
                *run = 0;
            }
        }
    }

    /// The literal characters that every match contains.
    pub(crate) fn literals(&self) -> u32 {
        match self {
            Node::Empty | Node::Anchor(_) => 0,
            Node::Bytes(set) => u32::from(set.literal),
            Node::Concat(nodes) => nodes.iter().map(Node::literals).fold(0, u32::saturating_add),
            Node::Alternate(nodes) => nodes.iter().map(Node::literals).min().unwrap_or(0),
            Node::Repeat { node, min, .. } => node.literals().saturating_mul(*min),
        }
    }
}
