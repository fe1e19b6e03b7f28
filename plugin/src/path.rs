//! Paths to a place inside a value, for diagnostics and replacements.

use std::fmt;

use crate::proto::tfplugin6 as wire;

/// One step of an [`AttributePath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// An attribute or block of an object.
    Attribute(String),
    /// An element of a map.
    Key(String),
    /// An element of a list or tuple, counted from zero.
    Index(i64),
}

/// Where in a configuration or state something is: `functions.validator`, `tags["Name"]`, `rule[0].port`.
///
/// Elements of a set have no path of their own in the protocol: use the path of the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributePath(Vec<Step>);

impl AttributePath {
    /// The path of a top-level attribute or block.
    pub fn root(name: impl Into<String>) -> Self {
        Self(vec![Step::Attribute(name.into())])
    }

    /// The path of the whole value.
    pub fn whole() -> Self {
        Self::default()
    }

    /// This path, one attribute further down.
    #[must_use]
    pub fn attribute(&self, name: impl Into<String>) -> Self {
        self.with(Step::Attribute(name.into()))
    }

    /// This path, at one key of a map.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Step::Key(key.into()))
    }

    /// This path, at one element of a list.
    #[must_use]
    pub fn index(&self, index: i64) -> Self {
        self.with(Step::Index(index))
    }

    /// This path and one more step.
    #[must_use]
    pub fn with(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }

    /// The steps from the top.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The names of its attributes from the top, elements of maps and lists left out: `["rule", "port"]` for
    /// `rule[0].port`.
    pub fn attribute_names(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter_map(|step| match step {
                Step::Attribute(name) => Some(name.as_str()),
                Step::Key(_) | Step::Index(_) => None,
            })
            .collect()
    }

    /// Whether this is the path of the whole value.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the plain dotted form, such as `image.uri`: attributes only.
    pub fn dotted(path: &str) -> Self {
        Self(
            path.split('.')
                .filter(|name| !name.is_empty())
                .map(|name| Step::Attribute(name.into()))
                .collect(),
        )
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    pub(crate) fn to_wire(&self) -> wire::AttributePath {
        use wire::attribute_path::step::Selector;
        let steps = self.0.iter().map(|step| {
            let selector = match step {
                Step::Attribute(name) => Selector::AttributeName(name.clone()),
                Step::Key(key) => Selector::ElementKeyString(key.clone()),
                Step::Index(index) => Selector::ElementKeyInt(*index),
            };
            wire::attribute_path::Step {
                selector: Some(selector),
            }
        });
        wire::AttributePath { steps: steps.collect() }
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_like_terraform_does() {
        let path = AttributePath::root("a").attribute("b").key("k").index(0);
        assert_eq!(path.to_string(), r#"a.b["k"][0]"#);
        assert_eq!(AttributePath::dotted("image.uri").to_string(), "image.uri");
        assert_eq!(AttributePath::whole().to_string(), "");
    }
}
