//! A small XML tree: names, attributes, text, children.

use compact_str::CompactString;

use super::escape;

/// One element. Mixed content is not kept apart: an element has children, or text.
///
/// A firewall with thousands of names is read as a hundred thousand elements, most of whose strings are short: those take no
/// memory of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Element {
    /// The tag.
    pub name: CompactString,
    /// The attributes in the order written.
    pub attributes: Vec<(CompactString, CompactString)>,
    /// All text directly inside, trimmed.
    pub text: CompactString,
    /// The child elements in order.
    pub children: Vec<Element>,
}

impl Element {
    /// An empty element.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// An element with text.
    #[must_use]
    pub fn leaf(name: &str, text: &str) -> Self {
        Self { text: text.into(), ..Self::new(name) }
    }

    /// `<entry name="…">`.
    #[must_use]
    pub fn entry(name: &str) -> Self {
        Self { attributes: vec![("name".into(), name.into())], ..Self::new("entry") }
    }

    /// `<name><member>…</member></name>`.
    #[must_use]
    pub fn members<'a>(name: &str, members: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(name).with_all(members.into_iter().map(|member| Self::leaf("member", member)))
    }

    /// The same element with one more child.
    #[must_use]
    pub fn with(mut self, child: Self) -> Self {
        self.children.reserve_exact(1);
        self.children.push(child);
        self
    }

    /// The same element with more children.
    #[must_use]
    pub fn with_all(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The attribute `name`, as entries have it; empty if there is none.
    #[must_use]
    pub fn entry_name(&self) -> &str {
        self.attribute("name").unwrap_or_default()
    }

    /// The first child with this tag.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child with this tag.
    #[must_use]
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The element that the tags lead to.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The members of the child list with this tag.
    pub fn members_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.child(name)
            .into_iter()
            .flat_map(|list| &list.children)
            .filter(|child| child.name == "member")
            .map(|member| member.text.as_str())
    }

    /// The children `entry`.
    pub fn entries(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(|child| child.name == "entry")
    }

    /// This element and everything under it, parents first.
    pub fn walk(&self) -> impl Iterator<Item = &Self> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            let next = open.pop()?;
            open.extend(next.children.iter().rev());
            Some(next)
        })
    }

    /// The element as XML.
    #[must_use]
    pub fn print(&self) -> String {
        let mut out = String::new();
        self.print_to(&mut out);
        out
    }

    /// The children as XML, without the element itself.
    #[must_use]
    pub fn print_children(&self) -> String {
        let mut out = String::new();
        for child in &self.children {
            child.print_to(&mut out);
        }
        out
    }

    fn print_to(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (key, value) in &self.attributes {
            out.push_str(&format!(" {key}=\"{}\"", escape::attribute(value)));
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(&escape::text(&self.text));
        for child in &self.children {
            child.print_to(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_the_device_reads() {
        let rule = Element::entry("sp-\"x\"")
            .with(Element::members("from", ["trust"]))
            .with(Element::leaf("action", "a&b"))
            .with(Element::new("tag"));
        assert_eq!(
            rule.print(),
            "<entry name=\"sp-&quot;x&quot;\"><from><member>trust</member></from><action>a&amp;b</action><tag/></entry>"
        );
        assert_eq!(rule.members_of("from").collect::<Vec<_>>(), ["trust"]);
        assert_eq!(
            rule.walk().map(|e| e.name.as_str()).collect::<Vec<_>>().join(" "),
            "entry from member action tag"
        );
    }
}
