//! The words in which the schema is written.

use super::names::NameRule;

/// What may stand below a node.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Exactly these children, each at most once.
    Container(&'static [&'static [Field]]),
    /// `<entry name="…">` items.
    Entries(&'static Entries),
    /// `<member>` items.
    Members(&'static Members),
    /// Text.
    Text(&'static Text),
    /// Nothing: the element itself is the value.
    Empty,
    /// Not modelled: anything is taken.
    Open,
    /// Belongs to the device (`predefined`, pushed policy): nothing is taken.
    ReadOnly,
}

/// A child of a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Of the fields with one number, only one can be there; a later `set` replaces the earlier choice.
    pub(crate) choice: Option<u8>,
    /// The object is not valid without it.
    pub(crate) required: bool,
}

/// A list of named items.
#[derive(Debug)]
pub(crate) struct Entries {
    pub(crate) max_name: usize,
    pub(crate) rule: NameRule,
    /// Items are objects or rules of their own: messages and ownership begin with their names.
    pub(crate) object: bool,
    pub(crate) kind: Kind,
}

/// A list of texts.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) max: usize,
    pub(crate) refers: Refers,
    /// Words that stand alone or not at all.
    pub(crate) lonely: &'static [&'static str],
}

/// A text value.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) max: usize,
    pub(crate) form: Form,
    pub(crate) refers: Refers,
}

/// What a text must look like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Any,
    OneOf(&'static [&'static str]),
    Number(u64, u64),
    /// `color1` to `color42` without `color18`.
    Color,
    Address,
    Fqdn,
    Ports,
    Pattern,
    Context,
    /// Of a dynamic address group.
    TagFilter,
    /// How long it may be is open.
    ApplicationDescription,
}

/// What a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refers {
    Nothing,
    Application,
    ApplicationOfGroup,
    ParentApp,
    Service,
    Address,
    AddressOfGroup,
    Zone,
    Tag,
    LogSetting,
    ProfileGroup,
}

pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, choice: None, required: false }
}

pub(crate) const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, choice: None, required: true }
}

pub(crate) const fn choice(group: u8, name: &'static str, kind: Kind) -> Field {
    Field { name, kind, choice: Some(group), required: false }
}

pub(crate) const fn text(max: usize) -> Text {
    Text { max, form: Form::Any, refers: Refers::Nothing }
}

pub(crate) const fn formed(form: Form) -> Text {
    Text { max: 4096, form, refers: Refers::Nothing }
}

pub(crate) const fn members(max: usize, refers: Refers, lonely: &'static [&'static str]) -> Members {
    Members { max, refers, lonely }
}

/// In a container: what else may stand there is not modelled.
pub(crate) const ANYTHING: Field = field("*", Kind::Open);

/// `yes` or `no`.
pub(crate) static YES_NO: Text = formed(Form::OneOf(&["yes", "no"]));
pub(crate) const FLAG: Kind = Kind::Text(&YES_NO);

impl Kind {
    /// The field of that name, if this is a container that has it.
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        match self {
            Kind::Container(groups) => {
                let mut fields = groups.iter().flat_map(|group| group.iter());
                fields.clone().find(|f| f.name == name).or_else(|| fields.find(|f| f.name == ANYTHING.name))
            }
            Kind::Entries(_)
            | Kind::Members(_)
            | Kind::Text(_)
            | Kind::Empty
            | Kind::Open
            | Kind::ReadOnly => None,
        }
    }

    /// The words of which this text is one.
    pub(crate) fn words(&self) -> &'static [&'static str] {
        match self {
            Kind::Text(Text { form: Form::OneOf(words), .. }) => words,
            Kind::Text(_)
            | Kind::Container(_)
            | Kind::Entries(_)
            | Kind::Members(_)
            | Kind::Empty
            | Kind::Open
            | Kind::ReadOnly => &[],
        }
    }

    /// What stands below a child of that element name.
    pub(crate) fn below(&self, name: &str) -> Option<Kind> {
        match self {
            Kind::Container(_) => self.field(name).map(|field| field.kind),
            Kind::Entries(entries) => (name == "entry").then_some(entries.kind),
            Kind::Members(_) => (name == "member").then_some(Kind::Empty),
            Kind::Open => Some(Kind::Open),
            Kind::ReadOnly => Some(Kind::ReadOnly),
            Kind::Text(_) | Kind::Empty => None,
        }
    }
}
