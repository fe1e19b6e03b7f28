//! Terraform configurations with one `tap_observability_stack`, and the deployed stack.

use crate::{Configuration, Deployed, Result, Terraform};
use std::ops::Deref;

const RESOURCE: &str = "tap_observability_stack";

/// The address of the resource in every [`configuration`].
pub const ADDRESS: &str = "tap_observability_stack.this";

/// A stack with this suffix, see [`Configuration::of`]; it holds no data that could be protected.
pub fn configuration(suffix: &str) -> Configuration {
    Configuration::of(RESOURCE, suffix).without("deletion_protection")
}

/// A deployed stack, as the last apply recorded it.
#[derive(Debug, Clone)]
pub struct Watch(Deployed);

impl Deref for Watch {
    type Target = Deployed;

    fn deref(&self) -> &Deployed {
        &self.0
    }
}

impl Watch {
    /// Reads what is recorded for the first resource of the type: examples name theirs as they like.
    ///
    /// # Errors
    /// [`crate::Error::Expectation`] when the state has no such resource.
    pub async fn read(terraform: &Terraform) -> Result<Self> {
        Ok(Self(Deployed::read(terraform, RESOURCE).await?))
    }
}
