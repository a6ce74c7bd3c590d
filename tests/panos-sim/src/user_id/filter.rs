//! The filter of a dynamic address group: tags in single quotes, joined by `and` and `or`, with parentheses.
//!
//! <https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-admin/policy/monitor-changes-in-the-virtual-environment/use-dynamic-address-groups-in-policy>;
//! that `and` binds closer than `or` is not said there.

/// Which sets of tags a group takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    Tag(String),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

impl Filter {
    /// `None` when the text is no filter.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let words = words(text)?;
        let mut rest = words.as_slice();
        let filter = any(&mut rest)?;
        rest.is_empty().then_some(filter)
    }

    pub(crate) fn holds(&self, has: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Filter::Tag(tag) => has(tag),
            Filter::All(parts) => parts.iter().all(|part| part.holds(has)),
            Filter::Any(parts) => parts.iter().any(|part| part.holds(has)),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Tag(String),
    And,
    Or,
    Open,
    Close,
}

fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => {
                words.push(if first == '(' { Word::Open } else { Word::Close });
                1
            }
            '\'' | '"' => {
                let (tag, _) = rest.get(1..)?.split_once(first)?;
                words.push(Word::Tag(tag.to_owned()));
                tag.len() + 2
            }
            _ => {
                let end = |c: char| c.is_whitespace() || "()'\"".contains(c);
                let word = rest.split(end).next().unwrap_or(rest);
                words.push(match word.to_ascii_lowercase().as_str() {
                    "and" => Word::And,
                    "or" => Word::Or,
                    _ => Word::Tag(word.to_owned()),
                });
                word.len()
            }
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(words)
}

fn any(rest: &mut &[Word]) -> Option<Filter> {
    joined(rest, &Word::Or, all).map(|parts| only_or(parts, Filter::Any))
}

fn all(rest: &mut &[Word]) -> Option<Filter> {
    joined(rest, &Word::And, one).map(|parts| only_or(parts, Filter::All))
}

fn one(rest: &mut &[Word]) -> Option<Filter> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    match first {
        Word::Tag(tag) => Some(Filter::Tag(tag.clone())),
        Word::Open => {
            let inner = any(rest)?;
            let (close, after) = rest.split_first()?;
            *rest = after;
            (*close == Word::Close).then_some(inner)
        }
        Word::And | Word::Or | Word::Close => None,
    }
}

fn joined(rest: &mut &[Word], by: &Word, part: fn(&mut &[Word]) -> Option<Filter>) -> Option<Vec<Filter>> {
    let mut parts = vec![part(rest)?];
    while let Some((_, after)) = rest.split_first().filter(|(first, _)| *first == by) {
        *rest = after;
        parts.push(part(rest)?);
    }
    Some(parts)
}

fn only_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            many(parts)
        }
        (None, _) => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_join_tags() {
        for (text, tags, expected) in [
            ("'web'", "web", true),
            ("'web'", "db", false),
            ("web", "web", true),
            ("'web' and 'prod'", "web", false),
            ("'web' and 'prod'", "web prod", true),
            ("'web' or 'db' and 'prod'", "web", true),
            ("('web' or 'db') and 'prod'", "web", false),
            ("('web' OR 'db') AND 'prod'", "db prod", true),
            ("'two words'", "two words", false),
        ] {
            let filter = Filter::parse(text).unwrap();
            let has = |tag: &str| tags.split(' ').any(|known| known == tag);
            assert_eq!(filter.holds(&has), expected, "{text} on {tags}");
        }
        for text in ["", "'web", "and", "'web' and", "('web'", "'web')", "'web' 'db'", "not 'web'"] {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
    }
}
