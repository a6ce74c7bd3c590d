//! The documents of one file, each by itself: a broken one does not take the others with it.

use serde_json::Value;

/// The API server takes no larger object.
const LONGEST: usize = 3 * 1024 * 1024;

/// One object, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The object.
    pub(super) object: Value,
    /// The first line of its document, from 1.
    line: usize,
    text: std::sync::Arc<str>,
}

/// A document that cannot be read: line and words.
pub(super) type Broken = (usize, String);

/// Everything in a file. Lists are taken apart; empty documents are none.
pub(super) fn all(text: &str) -> Vec<Result<Document, Broken>> {
    split(text).into_iter().flat_map(|(line, text)| read(line, text)).collect()
}

/// The documents of a stream with their first lines. A line that begins with `---` ends one: nothing else in YAML may stand
/// in the first column and begin so (<https://yaml.org/spec/1.2.2/#912-document-markers>).
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut begin, mut first, mut offset) = (0, 1, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let is_end = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.starts_with(char::is_whitespace) || rest.is_empty());
        if is_end {
            documents.push((first, text.get(begin..offset).unwrap_or_default()));
            // What follows on the line of the marker belongs to the next document.
            (begin, first) = (offset + 3, number + 1);
        }
        offset += line.len();
    }
    documents.push((first, text.get(begin..).unwrap_or_default()));
    documents.retain(|(_, text)| !text.trim().is_empty());
    documents
}

fn read(line: usize, text: &str) -> Vec<Result<Document, Broken>> {
    if text.len() > LONGEST {
        return vec![Err((
            line,
            format!("the document has more than {LONGEST} bytes, which no API server takes"),
        ))];
    }
    let object: Value = match serde_saphyr::from_str(text) {
        Ok(object) => object,
        Err(error) => {
            let error = error.without_snippet();
            let within = error.location().map_or(1, |location| usize::try_from(location.line()).unwrap_or(1));
            return vec![Err((
                line + within.saturating_sub(1),
                format!("it cannot be read as YAML: {error}"),
            ))];
        }
    };
    let text: std::sync::Arc<str> = text.into();
    let of = |object: Value| Ok(Document { object, line, text: text.clone() });
    match object {
        Value::Null => Vec::new(),
        Value::Object(mut list) if is_list(&list) => match list.remove("items") {
            Some(Value::Array(items)) => items.into_iter().map(of).collect(),
            _ => Vec::new(),
        },
        Value::Object(_) => vec![of(object)],
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            vec![Err((line, "it is not a Kubernetes object: the document is no mapping".to_owned()))]
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
        path.iter()
            .try_fold(&self.object, |value, key| value.get(key))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The line that a refusal is about: the first one that says the key that its place names, else the object's name, else
    /// the first with content.
    pub(super) fn line_of(&self, place: &str) -> usize {
        let key = place.rsplit("[\"").next().and_then(|rest| rest.strip_suffix("\"]"));
        let name = self.text_at(&["metadata", "name"]);
        let holds = |line: &str, key: &str, value: &str| {
            let line = line.trim_start().trim_start_matches("- ").trim_start_matches(['"', '\'']);
            line.strip_prefix(key).is_some_and(|rest| {
                rest.trim_start_matches(['"', '\'']).starts_with(':') && rest.contains(value)
            })
        };
        let find = |key: &str, value: &str| self.text.lines().position(|line| holds(line, key, value));
        let named = !name.is_empty();
        let content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let at = key
            .and_then(|key| find(key, ""))
            .or_else(|| named.then(|| find("name", name).or_else(|| find("metadata", name))).flatten())
            .or_else(|| self.text.lines().position(content));
        self.line + at.unwrap_or_default()
    }
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
        assert_eq!(document.line_of("Pod shop/web, metadata.annotations[\"other\"]"), 5);
    }
}
