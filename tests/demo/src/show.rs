//! Parts of objects and of the firewall's XML, cut to what a reader wants to see.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// `key: value` of chosen fields, one a line, skipping what is absent.
pub(crate) fn fields(of: &Value, paths: &[&str]) -> String {
    let lines = paths.iter().filter_map(|path| {
        let value = of.pointer(path)?;
        let name = path.rsplit('/').next().unwrap_or(path).replace("~1", "/");
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("{name}: {text}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The entry of that name in the firewall's XML, indented from the left edge.
pub(crate) fn entry(xml: &str, name: &str) -> Result<String> {
    let opening = format!("<entry name=\"{name}\"");
    let start = xml.find(&opening).with_context(|| format!("the configuration holds no {name}"))?;
    let rest = xml.get(start..).unwrap_or_default();
    let mut depth = 0_usize;
    let mut end = rest.len();
    let mut at = 0;
    while let Some(next) = rest.get(at..).and_then(|tail| tail.find('<')).map(|offset| at + offset) {
        let tail = rest.get(next..).unwrap_or_default();
        let close = tail.find('>').unwrap_or(tail.len());
        let tag = tail.get(..close).unwrap_or_default();
        if tag.starts_with("</") {
            depth = depth.saturating_sub(1);
        } else if !tag.ends_with('/') {
            depth += 1;
        }
        at = next + close + 1;
        if depth == 0 {
            end = at.min(rest.len());
            break;
        }
    }
    Ok(indented(rest.get(..end).unwrap_or(rest)))
}

/// One element a line, however the document came.
fn indented(xml: &str) -> String {
    let mut text = String::new();
    let mut depth = 0_usize;
    let flat: String = xml.lines().map(str::trim).collect();
    let mut rest = flat.as_str();
    while let Some(close) = rest.find('>') {
        let (piece, tail) = rest.split_at(close + 1);
        let closing = piece.starts_with("</");
        if closing {
            depth = depth.saturating_sub(1);
        }
        let with_text = !piece.starts_with('<');
        if !with_text {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&"  ".repeat(depth));
        } else {
            depth = depth.saturating_sub(1);
        }
        text.push_str(piece);
        if !closing && !with_text && !piece.ends_with("/>") {
            depth += 1;
        }
        rest = tail;
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_entry_is_cut_out_and_indented() {
        let xml = "<a><entry name=\"x\"><b>1</b><c><m>2</m></c></entry><entry name=\"y\"/></a>";
        let shown = super::entry(xml, "x").unwrap();
        assert_eq!(shown, "<entry name=\"x\">\n  <b>1</b>\n  <c>\n    <m>2</m>\n  </c>\n</entry>");
        assert!(super::entry(xml, "z").is_err());
    }
}
