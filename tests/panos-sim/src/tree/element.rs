//! The configuration tree's one node type: a name, attributes, text or children, in document order.

/// An XML element. PAN-OS configuration never mixes text and children in one element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attrs: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// An element that holds only text.
    pub(crate) fn leaf(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into(), ..Self::default() }
    }

    /// `<entry name="…"/>`.
    pub(crate) fn entry(name: &str) -> Self {
        Self::new("entry").with_attr("name", name)
    }

    pub(crate) fn with(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    pub(crate) fn with_all(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    pub(crate) fn with_attr(mut self, key: &str, value: &str) -> Self {
        self.set_attr(key, value);
        self
    }

    pub(crate) fn attr(&self, key: &str) -> Option<&str> {
        self.attrs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn set_attr(&mut self, key: &str, value: &str) {
        match self.attrs.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.attrs.push((key.to_owned(), value.to_owned())),
        }
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The node below a chain of names, e.g. `["rulebase", "security", "rules"]`.
    pub(crate) fn descend(&self, names: &[&str]) -> Option<&Element> {
        names.iter().try_fold(self, |node, name| node.child(name))
    }

    /// The text of a child, if it has that child.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The `<entry>` children with their names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Element)> {
        self.children
            .iter()
            .filter(|child| child.name == "entry")
            .filter_map(|child| child.attr("name").map(|name| (name, child)))
    }

    /// The texts of the `<member>` children of the child `name`.
    pub(crate) fn members_of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.child(name)
            .into_iter()
            .flat_map(|list| list.children.iter())
            .filter(|child| child.name == "member")
            .map(|child| child.text.as_str())
    }
}
