//! Matches a pattern by running all its alternatives at once: time is bounded by field length × program size.

use super::grammar::{Anchor, ByteSet, Node, PatternError};
use crate::quirks::Anchors;

/// A pattern that needs more is refused; the vendor speaks of patterns whose compilation fails.
const MAX_PROGRAM: usize = 20_000;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    program: Vec<Op>,
}

#[derive(Debug, Clone)]
enum Op {
    Byte(ByteSet),
    Assert(Anchor),
    Split(usize, usize),
    Jump(usize),
    Match,
}

impl Matcher {
    /// # Errors
    /// [`PatternError::TooComplex`] when the repetitions multiply beyond any device.
    pub(crate) fn new(node: &Node) -> Result<Self, PatternError> {
        let mut program = Vec::new();
        emit(&mut program, node)?;
        program.push(Op::Match);
        Ok(Self { program })
    }

    /// Is the pattern found anywhere in the field? Only its own anchors tie it to the field's edges.
    pub(crate) fn is_match(&self, field: &[u8], anchors: Anchors) -> bool {
        let mut current = Threads::new(self.program.len());
        let mut next = Threads::new(self.program.len());
        for at in 0..=field.len() {
            self.follow(&mut current, 0, field, at, anchors);
            if current.matched {
                return true;
            }
            let Some(byte) = field.get(at) else { return false };
            for index in 0..current.list.len() {
                let Some(&pc) = current.list.get(index) else { break };
                if let Some(Op::Byte(set)) = self.program.get(pc)
                    && set.contains(*byte)
                {
                    self.follow(&mut next, pc + 1, field, at + 1, anchors);
                }
            }
            if next.matched {
                return true;
            }
            std::mem::swap(&mut current, &mut next);
            next.clear();
        }
        false
    }

    /// Adds a place in the program and everything that is reached from it without a character.
    fn follow(&self, threads: &mut Threads, start: usize, field: &[u8], at: usize, anchors: Anchors) {
        let mut stack = vec![start];
        while let Some(pc) = stack.pop() {
            if !threads.enter(pc) {
                continue;
            }
            match self.program.get(pc) {
                Some(Op::Byte(_)) => threads.list.push(pc),
                Some(Op::Assert(anchor)) => {
                    if holds(*anchor, field, at, anchors) {
                        stack.push(pc + 1);
                    }
                }
                Some(Op::Split(a, b)) => stack.extend([*b, *a]),
                Some(Op::Jump(to)) => stack.push(*to),
                Some(Op::Match) | None => threads.matched = true,
            }
        }
    }
}

struct Threads {
    list: Vec<usize>,
    seen: Vec<bool>,
    matched: bool,
}

impl Threads {
    fn new(size: usize) -> Self {
        Self { list: Vec::new(), seen: vec![false; size + 1], matched: false }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.seen.fill(false);
        self.matched = false;
    }

    fn enter(&mut self, pc: usize) -> bool {
        self.seen.get_mut(pc).is_some_and(|seen| !std::mem::replace(seen, true))
    }
}

fn holds(anchor: Anchor, field: &[u8], at: usize, anchors: Anchors) -> bool {
    let before = at.checked_sub(1).and_then(|i| field.get(i)).copied();
    let after = field.get(at).copied();
    let is_word = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    match (anchor, anchors) {
        (Anchor::WordEdge, _) => is_word(before) != is_word(after),
        (_, Anchors::Ignored) => true,
        (_, Anchors::NeverHold) => false,
        (Anchor::Start, Anchors::Hold) => before.is_none(),
        (Anchor::LineStart, Anchors::Hold) => before.is_none_or(|b| b == b'\n'),
        (Anchor::End, Anchors::Hold) => after.is_none(),
        (Anchor::LineEnd, Anchors::Hold) => after.is_none_or(|b| b == b'\n'),
        (Anchor::EndOrNewline, Anchors::Hold) => {
            after.is_none() || (after == Some(b'\n') && at + 1 == field.len())
        }
    }
}

fn emit(program: &mut Vec<Op>, node: &Node) -> Result<(), PatternError> {
    if program.len() > MAX_PROGRAM {
        return Err(PatternError::TooComplex);
    }
    match node {
        Node::Empty => {}
        Node::Bytes(set) => program.push(Op::Byte(set.clone())),
        Node::Anchor(anchor) => program.push(Op::Assert(*anchor)),
        Node::Concat(nodes) => {
            for node in nodes {
                emit(program, node)?;
            }
        }
        Node::Alternate(nodes) => emit_alternatives(program, nodes)?,
        Node::Repeat { node, min, max } => emit_repeat(program, node, *min, *max)?,
    }
    Ok(())
}

fn emit_alternatives(program: &mut Vec<Op>, nodes: &[Node]) -> Result<(), PatternError> {
    let Some((last, others)) = nodes.split_last() else { return Ok(()) };
    let mut ends = Vec::new();
    for node in others {
        let split = program.len();
        program.push(Op::Jump(0));
        emit(program, node)?;
        ends.push(program.len());
        program.push(Op::Jump(0));
        let next = program.len();
        patch(program, split, Op::Split(split + 1, next));
    }
    emit(program, last)?;
    let after = program.len();
    for end in ends {
        patch(program, end, Op::Jump(after));
    }
    Ok(())
}

fn emit_repeat(program: &mut Vec<Op>, node: &Node, min: u32, max: Option<u32>) -> Result<(), PatternError> {
    for _ in 0..min {
        let before = program.len();
        emit(program, node)?;
        if program.len() == before {
            break; // nothing, any number of times, is nothing
        }
    }
    match max {
        None => {
            let split = program.len();
            program.push(Op::Jump(0));
            emit(program, node)?;
            program.push(Op::Jump(split));
            let after = program.len();
            patch(program, split, Op::Split(split + 1, after));
        }
        Some(max) => {
            let mut splits = Vec::new();
            for _ in min..max {
                splits.push(program.len());
                program.push(Op::Jump(0));
                emit(program, node)?;
            }
            let after = program.len();
            for split in splits {
                patch(program, split, Op::Split(split + 1, after));
            }
        }
    }
    Ok(())
}

fn patch(program: &mut [Op], at: usize, op: Op) {
    if let Some(slot) = program.get_mut(at) {
        *slot = op;
    }
}
