//! One change of the candidate configuration, and how a batch of them is written.

use sallyport_contract::DnsName;

use crate::{
    member::Site,
    xml::{self, Element, NotALiteral, literal},
};

/// One change, and whose fault it is if the device refuses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What the change is for.
    pub subject: Subject,
    /// The change.
    pub change: Change,
}

/// What a change is for: what is held back if the device refuses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One DNS name.
    Name(DnsName),
    /// All names of a rule.
    Rule(String),
    /// A service or the tag, by name.
    Object(String),
}

/// The change itself. There is no edit above an entry of ours: an edit takes over everything under its
/// path, other administrators' pending work included. What is written stands here as text, for there may be thousands, and as
/// trees they would take three times the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds children to the node; nothing is taken away.
    Set(Node, Box<str>),
    /// Replaces the node.
    Edit(Node, Box<str>),
    /// Removes the node.
    Delete(Node),
    /// Places a rule.
    Move(String, Place),
}

/// A node of a virtual system that we may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A tag.
    Tag(String),
    /// A service object.
    Service(String),
    /// A custom App-ID.
    Application(String),
    /// A security rule.
    Rule(String),
    /// A child of a security rule: rule, tag of the child.
    Field(String, String),
    /// A member of a rule's list: rule, list, member.
    Member(String, &'static str, String),
}

impl Change {
    /// Adds the element's children to a node.
    #[must_use]
    pub fn set(node: Node, element: &Element) -> Self {
        Self::Set(node, element.print_children().into())
    }

    /// Replaces a node by an element.
    #[must_use]
    pub fn edit(node: Node, element: &Element) -> Self {
        Self::Edit(node, element.print().into())
    }
}

/// Where a rule goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first.
    Top,
    /// The last.
    Bottom,
    /// Before this rule.
    Before(String),
    /// After this rule.
    After(String),
}

impl Place {
    /// The place in the device's words, and the rule that it is relative to.
    #[must_use]
    pub fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Top => ("top", None),
            Self::Bottom => ("bottom", None),
            Self::Before(sibling) => ("before", Some(sibling)),
            Self::After(sibling) => ("after", Some(sibling)),
        }
    }
}

impl Node {
    /// The node's full path. Writing to the parent with an `<entry>` inside loses its owner on 11.x, and
    /// partial commits then skip it: <https://github.com/PaloAltoNetworks/pan-os-codegen/issues/119>.
    ///
    /// # Errors
    /// A name cannot stand in a path.
    pub fn xpath(&self, site: &Site) -> Result<String, NotALiteral> {
        let base = site.base()?;
        let entry = |list: &str, name: &str| Ok(format!("{base}/{list}/entry[@name={}]", literal(name)?));
        let rule = |name: &str| entry(site.rules(), name);
        match self {
            Self::Tag(name) => entry("tag", name),
            Self::Service(name) => entry("service", name),
            Self::Application(name) => entry("application", name),
            Self::Rule(name) => rule(name),
            Self::Field(name, field) => Ok(format!("{}/{field}", rule(name)?)),
            Self::Member(name, list, member) => {
                Ok(format!("{}/{list}/member[text()={}]", rule(name)?, literal(member)?))
            }
        }
    }
}

impl Operation {
    /// The full path of the node that it changes.
    ///
    /// # Errors
    /// A name cannot stand in a path.
    pub fn xpath(&self, site: &Site) -> Result<String, NotALiteral> {
        match &self.change {
            Change::Set(node, _) | Change::Edit(node, _) | Change::Delete(node) => node.xpath(site),
            Change::Move(rule, _) => Node::Rule(rule.clone()).xpath(site),
        }
    }

    /// The rule that it changes and that stays.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        let node = match &self.change {
            Change::Move(rule, _) => return Some(rule),
            Change::Set(node, _) | Change::Edit(node, _) | Change::Delete(node) => node,
        };
        match node {
            Node::Rule(rule) | Node::Field(rule, _) | Node::Member(rule, ..) => Some(rule),
            Node::Tag(_) | Node::Service(_) | Node::Application(_) => None,
        }
    }

    /// Whether it adds, removes or moves a rule.
    #[must_use]
    pub const fn changes_rules(&self) -> bool {
        match &self.change {
            // A new rule is placed right after it is set.
            Change::Move(..) | Change::Delete(Node::Rule(_)) => true,
            Change::Set(..) | Change::Edit(..) | Change::Delete(_) => false,
        }
    }

    /// The change as a call of its own.
    ///
    /// # Errors
    /// A name cannot stand in a path.
    pub fn call(&self, site: &Site) -> Result<Call, NotALiteral> {
        let call = |action, node: &Node, element| {
            Ok(Call { action, xpath: node.xpath(site)?, element, place: None, sibling: None })
        };
        match &self.change {
            Change::Set(node, element) => call("set", node, Some(element.to_string())),
            Change::Edit(node, element) => call("edit", node, Some(element.to_string())),
            Change::Delete(node) => call("delete", node, None),
            Change::Move(rule, place) => {
                let (place, sibling) = place.words();
                let sibling = sibling.map(ToOwned::to_owned);
                Ok(Call { place: Some(place), sibling, ..call("move", &Node::Rule(rule.clone()), None)? })
            }
        }
    }

    /// The change as one element of a multi-config body:
    /// <https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-panorama-api/pan-os-xml-api-request-types/configuration-api/multi-config-request-api>.
    ///
    /// # Errors
    /// A name cannot stand in a path.
    pub fn print(&self, site: &Site) -> Result<String, NotALiteral> {
        let Call { action, xpath, element, place, sibling } = self.call(site)?;
        let place = place.map(|place| format!(" where=\"{place}\"")).unwrap_or_default();
        let sibling = sibling.map(|name| format!(" dst=\"{}\"", xml::attribute(&name))).unwrap_or_default();
        let head = format!("{action} xpath=\"{}\"{place}{sibling}", xml::attribute(&xpath));
        Ok(match element {
            Some(element) => format!("<{head}>{element}</{action}>"),
            None => format!("<{head}/>"),
        })
    }
}

/// One change as the device is asked for it:
/// <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/configuration-api>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `set`, `edit`, `delete` or `move`.
    pub action: &'static str,
    /// The node.
    pub xpath: String,
    /// The XML to write.
    pub element: Option<String>,
    /// Where a rule goes.
    pub place: Option<&'static str>,
    /// The rule that it goes before or after.
    pub sibling: Option<String>,
}

/// Most operations of one multi-config request, as the vendor's own Terraform provider sends them:
/// <https://github.com/PaloAltoNetworks/terraform-provider-panos/blob/main/docs/index.md>.
pub const BATCH_OPERATIONS: usize = 500;
/// Most bytes of one request, form encoding included:
/// <https://docs.paloaltonetworks.com/ngfw/api/getting-started/structure-of-a-pan-os-xml-api-request>.
pub const BATCH_BYTES: usize = 5_000_000;

/// One multi-config body and the operations in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The operations in their order.
    pub operations: Vec<Operation>,
    /// The request's element.
    pub body: String,
}

/// Cuts operations into batches, in order; each is printed when its turn comes, for of thousands of operations the text is
/// several megabytes. Each batch is atomic on the device. An item is an error where a name cannot stand in a path.
pub fn batches(
    operations: Vec<Operation>,
    site: &Site,
) -> impl Iterator<Item = Result<Batch, NotALiteral>> + Send + '_ {
    let printed = operations.into_iter().map(|operation| {
        let text = operation.print(site)?;
        Ok((operation, text))
    });
    let mut printed = printed.peekable();
    std::iter::from_fn(move || {
        let mut batch = Batch { operations: Vec::new(), body: "<multi-config>".to_owned() };
        while let Some(next) = printed.next_if(|next| next.as_ref().is_ok_and(|(_, text)| batch.takes(text)))
        {
            let (operation, text) = next.ok()?;
            batch.operations.push(operation);
            batch.body.push_str(&text);
        }
        if batch.operations.is_empty() {
            return printed.next()?.err().map(Err);
        }
        batch.body.push_str("</multi-config>");
        Some(Ok(batch))
    })
}

impl Batch {
    /// Whether one more operation fits. An operation that is too long for any batch has one to itself.
    fn takes(&self, text: &str) -> bool {
        // Percent-encoding makes three bytes of one at worst.
        const ROOM: usize = BATCH_BYTES / 3;
        self.operations.is_empty()
            || (self.operations.len() < BATCH_OPERATIONS && self.body.len() + text.len() <= ROOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::Vsys("vsys1".into())
    }

    fn delete(n: usize) -> Operation {
        let name = format!("sp-{n}");
        Operation { subject: Subject::Object(name.clone()), change: Change::Delete(Node::Application(name)) }
    }

    fn cut(operations: Vec<Operation>) -> Vec<Batch> {
        batches(operations, &site()).map(Result::unwrap).collect()
    }

    #[test]
    fn one_that_cannot_be_said_is_told_in_its_place() {
        let mut some: Vec<_> = (0..3).map(delete).collect();
        some[1].change = Change::Delete(Node::Rule("a'b\"c".into()));
        let told: Vec<_> =
            batches(some, &site()).map(|batch| batch.map(|batch| batch.operations.len())).collect();
        assert!(matches!(told[..], [Ok(1), Err(_), Ok(1)]), "{told:?}");
    }

    #[test]
    fn batches_are_cut_by_number_and_size_and_keep_the_order() {
        let many: Vec<_> = (0..1001).map(delete).collect();
        let some = cut(many.clone());
        assert_eq!(some.iter().map(|batch| batch.operations.len()).collect::<Vec<_>>(), [500, 500, 1]);
        assert_eq!(some.into_iter().flat_map(|batch| batch.operations).collect::<Vec<_>>(), many);

        let big = Element::entry("x").with(Element::leaf("comments", &"a".repeat(900_000)));
        let big = Operation {
            subject: Subject::Object("x".into()),
            change: Change::set(Node::Tag("x".into()), &big),
        };
        let cut = cut(vec![big.clone(), big.clone(), big]);
        assert_eq!(cut.len(), 3);
        assert!(cut.iter().all(|batch| batch.body.len() * 3 <= BATCH_BYTES));
    }

    #[test]
    fn paths_lead_to_the_entry_itself() {
        let node = Node::Member("sp-shop".into(), "application", "sp-web".into());
        assert_eq!(
            node.xpath(&site()).unwrap(),
            "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/rulebase/security/rules/entry[@name='sp-shop']/application/member[text()='sp-web']"
        );
        assert_eq!(
            delete(1).print(&site()).unwrap(),
            "<delete xpath=\"/config/devices/entry[@name=&apos;localhost.localdomain&apos;]/vsys/entry[@name=&apos;vsys1&apos;]/application/entry[@name=&apos;sp-1&apos;]\"/>"
        );
        assert!(Node::Rule("a'b\"c".into()).xpath(&site()).is_err());
    }
}
