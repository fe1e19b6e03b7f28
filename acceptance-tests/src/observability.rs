//! Terraform configurations with one `tap_observability_stack`, and the deployed stack.

use crate::{Error, PROVIDER_SOURCE, Result, Terraform};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The address of the resource in every [`Configuration`].
pub const ADDRESS: &str = "tap_observability_stack.this";

/// One stack, small and easy to throw away; settings can be added and changed.
#[derive(Debug, Clone)]
pub struct Configuration {
    settings: BTreeMap<String, String>,
    provider: String,
}

impl Configuration {
    /// A stack with this suffix for the machine's own architecture, that destroy takes along with its data.
    pub fn new(suffix: &str) -> Self {
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        let empty = Self {
            settings: BTreeMap::new(),
            provider: String::new(),
        };
        empty
            .with("environment_suffix", &format!("{suffix:?}"))
            .with("lambda_architecture", &format!("{architecture:?}"))
            .with("force_destroy", "true")
    }

    /// Sets an attribute of the resource to an HCL expression.
    #[must_use]
    pub fn with(mut self, attribute: &str, expression: &str) -> Self {
        self.settings.insert(attribute.to_owned(), expression.to_owned());
        self
    }

    /// Goes back to an attribute's default.
    #[must_use]
    pub fn without(mut self, attribute: &str) -> Self {
        self.settings.remove(attribute);
        self
    }

    /// Sets the content of the provider's block.
    #[must_use]
    pub fn with_provider(mut self, content: &str) -> Self {
        content.clone_into(&mut self.provider);
        self
    }

    /// The resource's block alone, to stand beside others.
    pub fn block(&self) -> String {
        let mut text = "resource \"tap_observability_stack\" \"this\" {\n".to_owned();
        for (attribute, expression) in &self.settings {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {attribute} = {expression}");
        }
        text.push_str("}\n");
        text
    }

    /// The file.
    pub fn hcl(&self) -> String {
        format!(
            "terraform {{\n  required_providers {{\n    tap = {{ source = {PROVIDER_SOURCE:?} }}\n  }}\n}}\n\n\
             provider \"tap\" {{\n{}}}\n\n{}",
            self.provider,
            self.block()
        )
    }
}

/// A deployed stack, as the last apply recorded it.
#[derive(Debug, Clone)]
pub struct Watch(Value);

impl Watch {
    /// Reads what is recorded for the first resource of the type.
    ///
    /// # Errors
    /// [`Error::Expectation`] when the state has no such resource.
    pub async fn read(terraform: &Terraform) -> Result<Self> {
        let state = terraform.show().await?;
        let resources = state["values"]["root_module"]["resources"].as_array().cloned();
        let found = resources
            .unwrap_or_default()
            .into_iter()
            .find(|resource| resource["type"] == "tap_observability_stack");
        let resource = found.ok_or_else(|| Error::Expectation("no tap_observability_stack in the state".to_owned()))?;
        Ok(Self(resource["values"].clone()))
    }

    /// An attribute by its path, such as `canary_name` or `alarm_names.canary`.
    ///
    /// # Errors
    /// [`Error::Expectation`] when it is not there or no text.
    pub fn attribute(&self, path: &str) -> Result<&str> {
        let pointer = format!("/{}", path.replace('.', "/"));
        let value = self.0.pointer(&pointer).and_then(Value::as_str);
        value.ok_or_else(|| Error::Expectation(format!("the stack has no text at {path}")))
    }

    /// The `components` attribute: component key to `{kind, region, id, arn, settings}`.
    pub fn components(&self) -> &Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Default::default);
        self.0["components"].as_object().unwrap_or(&NONE)
    }
}
