//! How often something may come: repetitions of what stands before, and gaps of any bytes.

use super::{
    grammar::{ByteSet, Node, PatternError},
    parser::Parser,
};

impl Parser<'_> {
    /// Does `{n-` come next?
    pub(super) fn gap_ahead(&self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(rest) = rest.strip_prefix(b"{") else { return false };
        let after = rest.iter().find(|byte| !byte.is_ascii_digit());
        after == Some(&b'-') && rest.first() != Some(&b'-')
    }

    /// `{10-20}`: so many bytes of any kind, directly in front of a fixed string.
    pub(super) fn gap(&mut self) -> Result<Node, PatternError> {
        self.at += 1;
        let min = self.number()?.ok_or(PatternError::BadCount)?;
        self.at += 1;
        let max = self.number()?.filter(|max| *max >= min).ok_or(PatternError::BadCount)?;
        if self.next()? != b'}' {
            return Err(PatternError::BadCount);
        }
        match self.peek() {
            None => Err(PatternError::EndsEarly),
            Some(byte @ (b'.' | b'[' | b'(' | b'^' | b'$' | b'|' | b')' | b'*' | b'+' | b'?' | b'{')) => {
                Err(PatternError::Unexpected(char::from(byte)))
            }
            Some(_) => {
                let any = Node::Bytes(ByteSet::empty().inverted());
                Ok(Node::Repeat { node: Box::new(any), min, max: Some(max) })
            }
        }
    }

    /// `?`, `*`, `+`, and in the enhanced engine `{n}`, `{n,}`, `{n,m}` after the last atom.
    pub(super) fn repetition(&mut self, nodes: &mut Vec<Node>, is_group: bool) -> Result<(), PatternError> {
        let (min, max) = match self.peek() {
            Some(b'?') => (0, Some(1)),
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'{') if !self.gap_ahead() => {
                self.enhanced_only("{")?;
                self.at += 1;
                return self.counted(nodes);
            }
            Some(_) | None => return Ok(()),
        };
        if !is_group {
            self.enhanced_only("repetition outside of parentheses")?;
        }
        self.at += 1;
        self.repeat_last(nodes, min, max)
    }

    fn counted(&mut self, nodes: &mut Vec<Node>) -> Result<(), PatternError> {
        let min = self.number()?.ok_or(PatternError::BadCount)?;
        let max = match self.next()? {
            b'}' => Some(min),
            b',' => {
                let max = self.number()?;
                if self.next()? != b'}' {
                    return Err(PatternError::BadCount);
                }
                max
            }
            _ => return Err(PatternError::BadCount),
        };
        if max.is_some_and(|max| max < min) {
            return Err(PatternError::BadCount);
        }
        self.repeat_last(nodes, min, max)
    }

    fn number(&mut self) -> Result<Option<u32>, PatternError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = self.bytes.get(start..self.at).unwrap_or_default();
        if digits.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(digits).map_err(|_| PatternError::BadCount)?;
        text.parse().map(Some).map_err(|_| PatternError::BadCount)
    }

    fn repeat_last(&self, nodes: &mut Vec<Node>, min: u32, max: Option<u32>) -> Result<(), PatternError> {
        match nodes.pop() {
            Some(Node::Anchor(_)) | None => Err(PatternError::Unexpected('?')),
            Some(node) => {
                nodes.push(Node::Repeat { node: Box::new(node), min, max });
                match self.peek() {
                    Some(byte @ (b'?' | b'*' | b'+' | b'{')) => {
                        Err(PatternError::Unexpected(char::from(byte)))
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }
}
