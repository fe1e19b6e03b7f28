//! Values that keep null, unknown and known apart.

use std::collections::BTreeMap;

use serde_json::{Number, Value as Json};

use crate::number::Decimal;
use crate::path::{AttributePath, Step};
use crate::types::Type;

/// A value of any Terraform type. Which type it is, the schema says.
///
/// `Debug` shows the contents: never log a value that may hold something sensitive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// Not set.
    #[default]
    Null,
    /// Known only after apply.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A number, kept as decimal text. `==` compares the text; [`Value::same`] compares the value.
    Number(Number),
    /// Text.
    String(String),
    /// A list, set or tuple.
    List(Vec<Value>),
    /// A map or object.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// An object or map from its members.
    pub fn map<N: Into<String>>(members: impl IntoIterator<Item = (N, Value)>) -> Self {
        Self::Map(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// A list, set or tuple from its elements.
    pub fn list(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::List(elements.into_iter().collect())
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether this itself is unknown. See [`Value::is_wholly_known`] for what is inside.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether neither this nor anything inside is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::List(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Map(members) => members.values().all(Self::is_wholly_known),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
        }
    }

    /// The member of an object or map; `None` when this is neither or has no such member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_map()?.get(name)
    }

    /// The value at a path, as far as there is one.
    pub fn at(&self, path: &AttributePath) -> Option<&Value> {
        path.steps().iter().try_fold(self, |value, step| match step {
            Step::Attribute(name) | Step::Key(name) => value.get(name),
            Step::Index(index) => value.as_list()?.get(usize::try_from(*index).ok()?),
        })
    }

    /// Sets a member, turning null into an object first. Does nothing to a value that is neither.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        if self.is_null() {
            *self = Self::Map(BTreeMap::new());
        }
        if let Self::Map(members) = self {
            members.insert(name.into(), value.into());
        }
    }

    /// The text, where this is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The truth value, where this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(bool) = self { Some(*bool) } else { None }
    }

    /// The number, where this is one.
    pub fn as_number(&self) -> Option<&Number> {
        if let Self::Number(number) = self {
            Some(number)
        } else {
            None
        }
    }

    /// The number as an integer, where it is one that fits; `1.0` and `1e0` count.
    pub fn as_i64(&self) -> Option<i64> {
        Decimal::of(self.as_number()?).to_i64()
    }

    /// The elements of a list, set or tuple.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(elements) = self {
            Some(elements)
        } else {
            None
        }
    }

    /// The members of a map or object.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        if let Self::Map(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// JSON, with the caller's choice in place of every unknown. Without a schema at hand, members whose
    /// name is an identifier count as attributes in the path and others as map keys.
    pub fn to_json(&self, unknown: &dyn Fn(&AttributePath) -> Json) -> Json {
        self.json_at(&mut AttributePath::whole(), unknown)
    }

    fn json_at(&self, path: &mut AttributePath, unknown: &dyn Fn(&AttributePath) -> Json) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Unknown => unknown(path),
            Self::Bool(bool) => Json::Bool(*bool),
            Self::Number(number) => Json::Number(number.clone()),
            Self::String(text) => Json::String(text.clone()),
            Self::List(elements) => {
                let mut array = Vec::with_capacity(elements.len());
                for (index, element) in (0..).zip(elements) {
                    path.push(Step::Index(index));
                    array.push(element.json_at(path, unknown));
                    path.pop();
                }
                Json::Array(array)
            }
            Self::Map(members) => {
                let mut object = serde_json::Map::new();
                for (name, member) in members {
                    path.push(member_step(name));
                    object.insert(name.clone(), member.json_at(path, unknown));
                    path.pop();
                }
                Json::Object(object)
            }
        }
    }

    /// The value of a piece of JSON.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(bool) => Self::Bool(*bool),
            Json::Number(number) => Self::Number(number.clone()),
            Json::String(text) => Self::String(text.clone()),
            Json::Array(elements) => Self::List(elements.iter().map(Self::from_json).collect()),
            Json::Object(members) => Self::Map(
                members
                    .iter()
                    .map(|(name, member)| (name.clone(), Self::from_json(member)))
                    .collect(),
            ),
        }
    }

    /// The paths of everything unknown inside, named as in [`Value::to_json`].
    pub fn unknown_paths(&self) -> Vec<AttributePath> {
        let mut found = Vec::new();
        self.collect_unknown(&mut AttributePath::whole(), &mut found);
        found
    }

    fn collect_unknown(&self, path: &mut AttributePath, found: &mut Vec<AttributePath>) {
        match self {
            Self::Unknown => found.push(path.clone()),
            Self::List(elements) => {
                for (index, element) in (0..).zip(elements) {
                    path.push(Step::Index(index));
                    element.collect_unknown(path, found);
                    path.pop();
                }
            }
            Self::Map(members) => {
                for (name, member) in members {
                    path.push(member_step(name));
                    member.collect_unknown(path, found);
                    path.pop();
                }
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
        }
    }

    /// Whether both mean the same in type `ty`: numbers by value, sets without order, a missing attribute
    /// of an object as null.
    pub fn same(&self, other: &Value, ty: &Type) -> bool {
        self.canonical_text(ty) == other.canonical_text(ty)
    }

    /// One text per meaning: JSON-like, numbers in canonical form, set elements sorted.
    pub(crate) fn canonical_text(&self, ty: &Type) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Unknown => "?".to_owned(),
            Self::Bool(bool) => bool.to_string(),
            Self::Number(number) => Decimal::of(number).canonical(),
            Self::String(text) => format!("{text:?}"),
            Self::List(elements) => {
                let texts = elements.iter().enumerate();
                let mut texts: Vec<_> = texts
                    .map(|(index, element)| element.canonical_text(element_type(ty, index)))
                    .collect();
                if matches!(ty, Type::Set(_)) {
                    texts.sort_unstable();
                }
                format!("[{}]", texts.join(","))
            }
            Self::Map(members) => {
                // A missing object attribute and a null one are the same.
                let null_counts = !matches!(ty, Type::Object(_));
                let present = members.iter().filter(|(_, member)| null_counts || !member.is_null());
                let texts = present.map(|(name, member)| {
                    let text = member.canonical_text(member_type(ty, name));
                    format!("{name:?}:{text}")
                });
                format!("{{{}}}", texts.collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn element_type(ty: &Type, index: usize) -> &Type {
    match ty {
        Type::List(element) | Type::Set(element) => element,
        Type::Tuple(types) => types.get(index).unwrap_or(&Type::Dynamic),
        _ => &Type::Dynamic,
    }
}

fn member_type<'t>(ty: &'t Type, name: &str) -> &'t Type {
    match ty {
        Type::Map(element) => element,
        Type::Object(attributes) => attributes.get(name).unwrap_or(&Type::Dynamic),
        _ => &Type::Dynamic,
    }
}

fn member_step(name: &str) -> Step {
    let mut letters = name.chars();
    let identifier = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-');
    if identifier {
        Step::Attribute(name.into())
    } else {
        Step::Key(name.into())
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Number(integer.into())
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(elements: Vec<T>) -> Self {
        Self::List(elements.into_iter().map(Into::into).collect())
    }
}

impl From<BTreeMap<String, Value>> for Value {
    fn from(members: BTreeMap<String, Value>) -> Self {
        Self::Map(members)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_names_what_is_unknown() {
        let value = Value::map([
            ("a", Value::list([Value::Unknown])),
            ("b c", Value::Unknown),
            ("n", Value::from(1)),
        ]);
        let json = value.to_json(&|path| json!(format!("<{path}>")));
        assert_eq!(json, json!({"a": ["<a[0]>"], "b c": "<[\"b c\"]>", "n": 1}));
        assert_eq!(value.unknown_paths().len(), 2);
        assert!(!value.is_wholly_known() && !value.is_unknown());
    }

    #[test]
    fn sameness_is_by_meaning() {
        let number = |text: &str| Value::Number(serde_json::from_str(text).unwrap());
        assert!(number("1.0").same(&number("1"), &Type::Number));
        let (ab, ba) = (Value::from(vec!["a", "b"]), Value::from(vec!["b", "a"]));
        assert!(ab.same(&ba, &Type::set(Type::String)));
        assert!(!ab.same(&ba, &Type::list(Type::String)));
        let object = Type::object([("x", Type::String)]);
        assert!(Value::map([("x", Value::Null)]).same(&Value::map::<&str>([]), &object));
    }

    #[test]
    fn looks_up_by_path() {
        let value = Value::from_json(&json!({"a": [{"b": "x"}]}));
        let path = AttributePath::root("a").index(0).attribute("b");
        assert_eq!(value.at(&path).and_then(Value::as_str), Some("x"));
        assert_eq!(value.at(&AttributePath::root("a").index(7)), None);
    }
}
