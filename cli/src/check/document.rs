//! The documents of one file, each by itself: a broken one does not take the others with it.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::place::{Lines, Step, steps};

/// The API server takes no larger object.
const LONGEST: usize = 3 * 1024 * 1024;

/// A document that was not read yet, and its first line, from 1.
#[derive(Clone, Debug)]
pub struct Piece {
    line: usize,
    text: String,
}

/// One object, and where it stands.
#[derive(Clone, Debug)]
pub struct Document {
    /// The object.
    pub object: Value,
    origin: Arc<Origin>,
    /// Its place in a list of objects.
    item: Option<usize>,
}

/// What an object was read from.
#[derive(Debug)]
struct Origin {
    line: usize,
    text: String,
    /// Read only where somebody asks for a line.
    lines: OnceLock<Option<Lines>>,
}

/// A document that cannot be read: line and words.
pub type Broken = (usize, String);

/// Everything in a file. Lists are taken apart; empty documents are none.
#[must_use]
pub fn all(text: &str) -> Vec<Result<Document, Broken>> {
    split(text).into_iter().flat_map(Piece::read).collect()
}

/// The documents of a stream. A line that begins with `---` ends one: nothing else in YAML may stand in the first column
/// and begin so (<https://yaml.org/spec/1.2.2/#912-document-markers>).
pub(super) fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut begin, mut first, mut offset) = (0, 1, 0);
    let mut piece = |line, begin, end| {
        let text: &str = text.get(begin..end).unwrap_or_default();
        if !text.trim().is_empty() {
            pieces.push(Piece { line, text: text.to_owned() });
        }
    };
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let is_end = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.starts_with(char::is_whitespace) || rest.is_empty());
        if is_end {
            piece(first, begin, offset);
            // What follows on the line of the marker belongs to the next document.
            (begin, first) = (offset + 3, number + 1);
        }
        offset += line.len();
    }
    piece(first, begin, text.len());
    pieces
}

/// The last line of a text, from 1. To YAML a lone carriage return ends a line too, to those who show lines it does not: so
/// no place is beyond this one.
fn last_line(text: &str) -> usize {
    text.lines().count().max(1)
}

impl Piece {
    /// Reads it: one object, those of a list, or none.
    pub(super) fn read(self) -> Vec<Result<Document, Broken>> {
        let Self { line, text } = self;
        if text.len() > LONGEST {
            let words = format!("the document has more than {LONGEST} bytes, which no API server takes");
            return vec![Err((line, words))];
        }
        let object: Value = match serde_saphyr::from_str(&text) {
            Ok(object) => object,
            Err(error) => {
                let error = error.without_snippet();
                let within =
                    error.location().map_or(1, |location| usize::try_from(location.line()).unwrap_or(1));
                let words = format!("it cannot be read as YAML: {error}");
                return vec![Err((line + within.clamp(1, last_line(&text)) - 1, words))];
            }
        };
        let origin = Arc::new(Origin { line, text, lines: OnceLock::new() });
        let of = |object: Value, item| Ok(Document { object, origin: Arc::clone(&origin), item });
        match object {
            Value::Null => Vec::new(),
            Value::Object(mut list) if is_list(&list) => match list.remove("items") {
                Some(Value::Array(items)) => {
                    items.into_iter().enumerate().map(|(at, item)| of(item, Some(at))).collect()
                }
                _ => Vec::new(),
            },
            Value::Object(_) => vec![of(object, None)],
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                vec![Err((line, "it is not a Kubernetes object: the document is no mapping".to_owned()))]
            }
        }
    }
}

fn is_list(object: &serde_json::Map<String, Value>) -> bool {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    kind.ends_with("List") && object.get("items").is_some_and(Value::is_array)
}

impl Document {
    /// A text of the object at this path, or nothing.
    pub(super) fn text_at(&self, path: &[&str]) -> &str {
        text_at(&self.object, path)
    }

    /// The line that a refusal's place is about: that of its path, else of the object's name, else the first with content.
    #[must_use]
    pub fn line_of(&self, place: &str) -> usize {
        let wanted = steps(place);
        let name = || vec![Step::Key("metadata".to_owned()), Step::Key("name".to_owned())];
        // Reading everything again for the line of a name would double the work for what is in order.
        let within = match (wanted.is_empty(), self.item) {
            (true, None) => self.line_of_name(),
            (true, Some(_)) => self.line_at(name()),
            (false, _) => self.line_at(wanted).or_else(|| self.line_at(name())),
        };
        let content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let first = || self.origin.text.lines().position(content).map(|at| at + 1);
        self.origin.line + within.or_else(first).unwrap_or(1).clamp(1, last_line(&self.origin.text)) - 1
    }

    /// How many characters a line of it has.
    #[must_use]
    pub fn width_of(&self, line: usize) -> usize {
        let within = line.saturating_sub(self.origin.line);
        self.origin.text.lines().nth(within).map_or(1, |line| line.chars().count().max(1))
    }

    fn line_at(&self, path: Vec<Step>) -> Option<usize> {
        let item = self.item.map(|at| vec![Step::Key("items".to_owned()), Step::Index(at)]);
        let path = [item.unwrap_or_default(), path].concat();
        self.origin.lines.get_or_init(|| Lines::read(&self.origin.text)).as_ref()?.line(&path)
    }

    /// The first line that gives a name of the object's value.
    fn line_of_name(&self) -> Option<usize> {
        let name = self.text_at(&["metadata", "name"]);
        if name.is_empty() {
            return None;
        }
        let holds = |line: &str, key: &str| {
            let line = line.trim_start().trim_start_matches(['"', '\'']);
            line.strip_prefix(key).is_some_and(|rest| {
                rest.trim_start_matches(['"', '\'']).starts_with(':') && rest.contains(name)
            })
        };
        let find = |key: &str| self.origin.text.lines().position(|line| holds(line, key));
        find("name").or_else(|| find("metadata")).map(|at| at + 1)
    }
}

/// A text of an object at this path, or nothing.
pub(super) fn text_at<'a>(object: &'a Value, path: &[&str]) -> &'a str {
    path.iter().try_fold(object, |value, key| value.get(key)).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Result<String, usize>> {
        let kind = |document: Document| document.text_at(&["kind"]).to_owned();
        all(text).into_iter().map(|one| one.map(kind).map_err(|(line, _)| line)).collect()
    }

    #[test]
    fn a_broken_document_takes_no_other_with_it() {
        let text = "kind: A\n---\n# only a comment\n---\nkind: B\nx: [1\n--- # and on\nkind: C\r\n---\n5\n";
        let (a, c) = (Ok("A".to_owned()), Ok("C".to_owned()));
        let [first, broken, third, number] = <[_; 4]>::try_from(kinds(text)).unwrap();
        assert_eq!((first, third, number), (a, c, Err(9)));
        assert!(matches!(broken, Err(5..=7)), "{broken:?}");
    }

    #[test]
    fn a_lone_carriage_return_is_no_line_of_the_file() {
        assert!(matches!(kinds("\r\r\r\r\u{1d}\r\n\n").as_slice(), [Err(1..=2)]));
        let document = all("a:\r- x\rkind: A\rmetadata: {name: web}\n").remove(0).unwrap();
        assert_eq!(document.line_of("A x/web, metadata.name"), 1);
    }

    #[test]
    fn lists_are_taken_apart_and_duplicate_keys_refused() {
        let list = "kind: List\nitems:\n- {kind: A}\n- {kind: B}\n";
        assert_eq!(kinds(list), [Ok("A".to_owned()), Ok("B".to_owned())]);
        assert_eq!(kinds(r#"{"kind": "A"}"#), [Ok("A".to_owned())]);
        assert!(matches!(kinds("kind: A\nkind: B\n").as_slice(), [Err(1..=2)]));
        assert_eq!(kinds("x: &a {kind: A}\n<<: *a\n"), [Ok("A".to_owned())], "anchors and merges");
    }

    #[test]
    fn a_refusal_has_its_line() {
        let text = "a: 1\n---\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    sallyport.dev/san: x\n";
        let document = all(text).pop().unwrap().unwrap();
        assert_eq!(document.line_of("Pod shop/web, metadata.annotations[\"sallyport.dev/san\"]"), 7);
        assert_eq!(document.line_of("Pod shop/web"), 5);
        assert_eq!(document.line_of("Pod shop/web, metadata.annotations[\"other\"]"), 6);
        assert_eq!(document.line_of("Pod shop/web, spec.volumes[0]"), 5, "the name, where nothing is there");
    }

    #[test]
    fn a_refusal_of_a_template_has_the_line_of_the_template_and_of_a_list_that_of_its_own_item() {
        let san = |name: &str| {
            format!(
                "- kind: Deployment\n  metadata:\n    name: {name}\n    annotations: {{sallyport.dev/san: no}}\n  spec:\n    \
                 template:\n      metadata:\n        annotations:\n          sallyport.dev/san: {name}\n"
            )
        };
        let text = format!("# two\nkind: List\nitems:\n{}{}", san("a"), san("b"));
        let place = "Deployment shop/b, spec.template.metadata.annotations[\"sallyport.dev/san\"]";
        let lines: Vec<(usize, usize)> = all(&text)
            .into_iter()
            .map(Result::unwrap)
            .map(|one| (one.line_of(""), one.line_of(place)))
            .collect();
        assert_eq!(lines, [(6, 12), (15, 21)]);
    }
}
