//! The checks that a schema makes on configured values.

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::value::Value;

/// A check of one attribute's value.
pub trait Validator: Send + Sync {
    /// What is allowed, as the end of the sentence "Must be ...". Shown in the registry docs.
    fn description(&self) -> String;

    /// Reports what is wrong. Never called for null or unknown; parts of a collection may be unknown.
    fn validate(&self, value: &Value, path: &AttributePath, diagnostics: &mut Diagnostics);
}

/// A check across several attributes of one configuration.
pub trait Rule: Send + Sync {
    /// What is allowed, as a whole sentence. Shown in the registry docs.
    fn description(&self) -> String;

    /// Reports what is wrong. Anything in the configuration may be null or unknown.
    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics);
}

/// How many of a rule's attributes may be set together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    AtMostOne,
    ExactlyOne,
    AtLeastOne,
    AllOrNone,
}

/// A rule on which of some attributes may be set together. Paths are dotted: `image.uri`.
#[derive(Clone, Debug)]
pub struct Together {
    paths: Vec<AttributePath>,
    count: Count,
}

impl Together {
    fn new<'a>(paths: impl IntoIterator<Item = &'a str>, count: Count) -> Self {
        Self {
            paths: paths.into_iter().map(AttributePath::dotted).collect(),
            count,
        }
    }

    /// No two of them.
    pub fn conflicting<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(paths, Count::AtMostOne)
    }

    /// One of them and no other.
    pub fn exactly_one_of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(paths, Count::ExactlyOne)
    }

    /// One of them or more.
    pub fn at_least_one_of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(paths, Count::AtLeastOne)
    }

    /// All of them or none.
    pub fn required_together<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(paths, Count::AllOrNone)
    }

    fn names(&self) -> String {
        self.paths
            .iter()
            .map(|path| format!("`{path}`"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Rule for Together {
    fn description(&self) -> String {
        let names = self.names();
        match self.count {
            Count::AtMostOne => format!("At most one of {names} can be set."),
            Count::ExactlyOne => format!("Exactly one of {names} must be set."),
            Count::AtLeastOne => format!("At least one of {names} must be set."),
            Count::AllOrNone => format!("{names} must be set together."),
        }
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        // Unknown may turn out to be null: it neither breaks a rule nor fulfils it for sure.
        let (mut set, mut unknown) = (Vec::new(), 0_usize);
        for path in &self.paths {
            match lookup(config, path) {
                Value::Null => {}
                Value::Unknown => unknown += 1,
                _ => set.push(path),
            }
        }
        let too_many = set.len() > 1 && matches!(self.count, Count::AtMostOne | Count::ExactlyOne);
        let too_few = set.is_empty() && unknown == 0 && matches!(self.count, Count::ExactlyOne | Count::AtLeastOne);
        let partly = self.count == Count::AllOrNone && !set.is_empty() && set.len() + unknown < self.paths.len();
        if too_many || too_few || partly {
            let mut diagnostic = Diagnostic::error("Invalid attribute combination", self.description());
            if let Some(path) = set.last() {
                diagnostic = diagnostic.at((*path).clone());
            }
            diagnostics.push(diagnostic);
        }
    }
}

/// The value at a path; unknown where something on the way is unknown.
fn lookup<'v>(config: &'v Value, path: &AttributePath) -> &'v Value {
    let mut value = config;
    for step in path.steps() {
        if value.is_unknown() {
            return value;
        }
        match value.at(&AttributePath::whole().with(step.clone())) {
            Some(next) => value = next,
            None => return &Value::Null,
        }
    }
    value
}
