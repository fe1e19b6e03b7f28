//! A stack as the last apply recorded it.

use crate::{Error, Result, Terraform};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The recorded attributes of one resource.
#[derive(Debug, Clone)]
pub struct Deployed {
    name: String,
    attributes: Value,
}

impl Deployed {
    /// Reads what is recorded for a resource of the root module; `name` is its address, or its type for the first of that type.
    ///
    /// # Errors
    /// [`Error::Expectation`] when the state has no such resource.
    pub async fn read(terraform: &Terraform, name: &str) -> Result<Self> {
        let state = terraform.show().await?;
        let resources = state["values"]["root_module"]["resources"].as_array();
        let found = resources
            .into_iter()
            .flatten()
            .find(|resource| resource["address"] == name || resource["type"] == name);
        let resource = found.ok_or_else(|| Error::Expectation(format!("no {name} in the state")))?;
        Ok(Self {
            name: name.to_owned(),
            attributes: resource["values"].clone(),
        })
    }

    /// An attribute by its path, such as `table_name`, `function_names.validator` or `log_names.us-east-1/api`.
    ///
    /// # Errors
    /// [`Error::Expectation`] when it is not there or no text.
    pub fn attribute(&self, path: &str) -> Result<&str> {
        // A map's key may hold a slash, which RFC 6901 writes as `~1`.
        let pointer = format!("/{}", path.replace('/', "~1").replace('.', "/"));
        let value = self.attributes.pointer(&pointer).and_then(Value::as_str);
        value.ok_or_else(|| Error::Expectation(format!("{} has no text at {path}", self.name)))
    }

    /// The `components` attribute: component key to `{kind, region, id, arn, settings}`.
    pub fn components(&self) -> &Map<String, Value> {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Default::default);
        self.attributes["components"].as_object().unwrap_or(&NONE)
    }

    /// Component key to AWS id.
    pub fn ids(&self) -> BTreeMap<String, Value> {
        let components = self.components().iter();
        components
            .map(|(key, component)| (key.clone(), component["id"].clone()))
            .collect()
    }
}
