//! Terraform configurations with one composite resource.

use crate::PROVIDER_SOURCE;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One stack, small and easy to throw away; settings can be added and changed.
#[derive(Debug, Clone)]
pub struct Configuration {
    resource: &'static str,
    provider: String,
    settings: BTreeMap<String, String>,
    more: String,
}

impl Configuration {
    /// A `tap_webhook_pipeline` with this suffix, see [`Self::of`].
    pub fn new(suffix: &str) -> Self {
        Self::of("tap_webhook_pipeline", suffix)
    }

    /// A stack with this suffix for the machine's own architecture, that destroy takes along with its data.
    pub fn of(resource: &'static str, suffix: &str) -> Self {
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        let empty = Self {
            resource,
            provider: String::new(),
            settings: BTreeMap::new(),
            more: String::new(),
        };
        empty
            .with("environment_suffix", &format!("{suffix:?}"))
            .with("lambda_architecture", &format!("{architecture:?}"))
            .with("force_destroy", "true")
            .with("deletion_protection", "false")
    }

    /// Sets an attribute of the resource to an HCL expression.
    #[must_use]
    pub fn with(mut self, attribute: &str, expression: &str) -> Self {
        self.settings.insert(attribute.to_owned(), expression.to_owned());
        self
    }

    /// An attribute's expression, if it is set.
    pub fn setting(&self, attribute: &str) -> Option<&str> {
        self.settings.get(attribute).map(String::as_str)
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

    /// Adds other blocks.
    #[must_use]
    pub fn with_block(mut self, block: &str) -> Self {
        self.more.push_str(block);
        self.more.push('\n');
        self
    }

    /// The resource's block alone, to stand beside others.
    pub fn block(&self) -> String {
        let mut text = format!("resource {:?} \"this\" {{\n", self.resource);
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
             provider \"tap\" {{\n{}}}\n\n{}{}",
            self.provider,
            self.block(),
            self.more
        )
    }
}
