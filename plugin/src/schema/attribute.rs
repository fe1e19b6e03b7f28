//! Attributes of a schema, and the builder for them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::validator::Validator;
use crate::types::Type;

/// How a nested attribute or block holds its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One object.
    Single,
    /// Objects in order.
    List,
    /// Objects without order.
    Set,
    /// Objects under string keys.
    Map,
}

impl Nesting {
    pub(crate) fn wrap(self, object: Type) -> Type {
        match self {
            Self::Single => object,
            Self::List => Type::list(object),
            Self::Set => Type::set(object),
            Self::Map => Type::map(object),
        }
    }
}

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum AttributeKind {
    /// A value of a type.
    Plain(Type),
    /// Objects whose attributes have a schema of their own.
    Nested(Nesting, Attributes),
}

/// Who may set an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The configuration must.
    Required,
    /// The configuration may.
    Optional,
    /// Only the provider does.
    Computed,
    /// The provider does where the configuration does not.
    OptionalComputed,
}

/// One attribute. Optional unless said otherwise.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks, as in the protocol")]
pub struct Attribute {
    kind: AttributeKind,
    presence: Presence,
    description: String,
    sensitive: bool,
    write_only: bool,
    deprecated: Option<String>,
    default: Option<Json>,
    requires_replace: bool,
    use_state_for_unknown: bool,
    validators: Vec<Arc<dyn Validator>>,
}

impl Attribute {
    fn new(kind: AttributeKind) -> Self {
        Self {
            kind,
            presence: Presence::Optional,
            description: String::new(),
            sensitive: false,
            write_only: false,
            deprecated: None,
            default: None,
            requires_replace: false,
            use_state_for_unknown: false,
            validators: Vec::new(),
        }
    }

    /// An attribute of any type.
    pub fn of(ty: Type) -> Self {
        Self::new(AttributeKind::Plain(ty))
    }

    /// A string.
    pub fn string() -> Self {
        Self::of(Type::String)
    }

    /// A number.
    pub fn number() -> Self {
        Self::of(Type::Number)
    }

    /// A bool.
    pub fn bool() -> Self {
        Self::of(Type::Bool)
    }

    /// A value of any type.
    pub fn dynamic() -> Self {
        Self::of(Type::Dynamic)
    }

    /// A list of `element`.
    pub fn list(element: Type) -> Self {
        Self::of(Type::list(element))
    }

    /// A set of `element`.
    pub fn set(element: Type) -> Self {
        Self::of(Type::set(element))
    }

    /// A map of `element`.
    pub fn map(element: Type) -> Self {
        Self::of(Type::map(element))
    }

    /// One nested object.
    pub fn single(attributes: Attributes) -> Self {
        Self::new(AttributeKind::Nested(Nesting::Single, attributes))
    }

    /// A list of nested objects.
    pub fn list_of(attributes: Attributes) -> Self {
        Self::new(AttributeKind::Nested(Nesting::List, attributes))
    }

    /// A set of nested objects.
    pub fn set_of(attributes: Attributes) -> Self {
        Self::new(AttributeKind::Nested(Nesting::Set, attributes))
    }

    /// A map of nested objects.
    pub fn map_of(attributes: Attributes) -> Self {
        Self::new(AttributeKind::Nested(Nesting::Map, attributes))
    }

    /// The configuration must set it.
    #[must_use]
    pub fn required(self) -> Self {
        Self {
            presence: Presence::Required,
            ..self
        }
    }

    /// The configuration may set it; this is how attributes start.
    #[must_use]
    pub fn optional(self) -> Self {
        Self {
            presence: Presence::Optional,
            ..self
        }
    }

    /// Only the provider sets it.
    #[must_use]
    pub fn computed(self) -> Self {
        Self {
            presence: Presence::Computed,
            ..self
        }
    }

    /// The provider sets it where the configuration does not.
    #[must_use]
    pub fn optional_computed(self) -> Self {
        Self {
            presence: Presence::OptionalComputed,
            ..self
        }
    }

    /// Terraform hides its value, and diagnostics of this crate do not show it.
    #[must_use]
    pub fn sensitive(self) -> Self {
        Self {
            sensitive: true,
            ..self
        }
    }

    /// Reaches the provider from the configuration only, never plan or state (Terraform 1.11 and later).
    #[must_use]
    pub fn write_only(self) -> Self {
        Self {
            write_only: true,
            ..self
        }
    }

    /// Using it gives a warning with this message.
    #[must_use]
    pub fn deprecated(self, message: impl Into<String>) -> Self {
        Self {
            deprecated: Some(message.into()),
            ..self
        }
    }

    /// Markdown for the registry.
    #[must_use]
    pub fn description(self, markdown: impl Into<String>) -> Self {
        Self {
            description: markdown.into(),
            ..self
        }
    }

    /// The effective value where the configuration sets none. Plan and state keep null;
    /// [`Schema::with_defaults`](super::Schema::with_defaults) fills it in.
    #[must_use]
    pub fn default(self, value: impl Into<Json>) -> Self {
        Self {
            default: Some(value.into()),
            ..self
        }
    }

    /// Changing it replaces the resource.
    #[must_use]
    pub fn requires_replace(self) -> Self {
        Self {
            requires_replace: true,
            ..self
        }
    }

    /// Where a plan says "known after apply", an existing resource keeps its value.
    #[must_use]
    pub fn use_state_for_unknown(self) -> Self {
        Self {
            use_state_for_unknown: true,
            ..self
        }
    }

    /// Adds a check of configured values.
    #[must_use]
    pub fn validate(mut self, validator: impl Validator + 'static) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }

    /// What it holds.
    pub fn kind(&self) -> &AttributeKind {
        &self.kind
    }

    /// The nested attributes, where it has any.
    pub fn nested(&self) -> Option<(Nesting, &Attributes)> {
        match &self.kind {
            AttributeKind::Plain(_) => None,
            AttributeKind::Nested(nesting, attributes) => Some((*nesting, attributes)),
        }
    }

    /// Its whole type.
    pub fn ty(&self) -> Type {
        match &self.kind {
            AttributeKind::Plain(ty) => ty.clone(),
            AttributeKind::Nested(nesting, attributes) => nesting.wrap(Type::Object(attributes.types())),
        }
    }

    /// Who may set it.
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// Whether the configuration must set it.
    pub fn is_required(&self) -> bool {
        self.presence == Presence::Required
    }

    /// Whether the configuration may leave it out.
    pub fn is_optional(&self) -> bool {
        matches!(self.presence, Presence::Optional | Presence::OptionalComputed)
    }

    /// Whether the provider may set it.
    pub fn is_computed(&self) -> bool {
        matches!(self.presence, Presence::Computed | Presence::OptionalComputed)
    }

    /// Whether Terraform hides it.
    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// Whether it stays out of plan and state.
    pub fn is_write_only(&self) -> bool {
        self.write_only
    }

    /// Why it is deprecated, where it is.
    pub fn deprecation(&self) -> Option<&str> {
        self.deprecated.as_deref()
    }

    /// Its description in markdown.
    pub fn description_text(&self) -> &str {
        &self.description
    }

    /// Its effective default.
    pub fn default_value(&self) -> Option<&Json> {
        self.default.as_ref()
    }

    /// Whether changing it replaces the resource.
    pub fn replaces(&self) -> bool {
        self.requires_replace
    }

    /// Whether unknown means unchanged.
    pub fn keeps_state(&self) -> bool {
        self.use_state_for_unknown
    }

    /// Its checks.
    pub fn validators(&self) -> &[Arc<dyn Validator>] {
        &self.validators
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute")
            .field("kind", &self.kind)
            .field("presence", &self.presence)
            .field("default", &self.default)
            .finish_non_exhaustive()
    }
}

/// Attributes by name, in the order in which they were declared.
#[derive(Clone, Debug, Default)]
pub struct Attributes(IndexMap<String, Attribute>);

impl Attributes {
    /// No attributes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; a second one of the same name takes the place of the first.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.insert(name, attribute);
        self
    }

    /// Adds all of `others`.
    #[must_use]
    pub fn extend(mut self, others: Attributes) -> Self {
        self.0.extend(others.0);
        self
    }

    pub(crate) fn insert(&mut self, name: impl Into<String>, attribute: Attribute) {
        self.0.insert(name.into(), attribute);
    }

    /// The attribute of this name.
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.0.get(name)
    }

    /// All of them, in order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.0.iter().map(|(name, attribute)| (name.as_str(), attribute))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn types(&self) -> BTreeMap<String, Type> {
        self.iter()
            .map(|(name, attribute)| (name.to_owned(), attribute.ty()))
            .collect()
    }
}

impl<N: Into<String>> FromIterator<(N, Attribute)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, Attribute)>>(attributes: I) -> Self {
        Self(
            attributes
                .into_iter()
                .map(|(name, attribute)| (name.into(), attribute))
                .collect(),
        )
    }
}
