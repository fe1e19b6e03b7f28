//! A deployed `tap_webhook_pipeline`, as its senders and its operators see it.
//!
//! Everything here is read back from AWS: nothing is concluded from what the provider says it did, except the names and
//! addresses that it gives as outputs.

mod listener;
mod stores;

pub use crate::Configuration;
pub use listener::Listener;
pub use stores::Execution;

use crate::{Answer, Aws, Deployed, Error, Result, Terraform};
use serde_json::{Value, json};
use std::ops::Deref;

/// The address of the resource in every [`Configuration`].
pub const ADDRESS: &str = "tap_webhook_pipeline.this";

/// A deployed stack.
#[derive(Debug, Clone)]
pub struct Pipeline {
    aws: Aws,
    recorded: Deployed,
}

impl Deref for Pipeline {
    type Target = Deployed;

    fn deref(&self) -> &Deployed {
        &self.recorded
    }
}

impl Pipeline {
    /// Reads what the last apply recorded for [`ADDRESS`].
    ///
    /// # Errors
    /// [`Error::Expectation`] when the state has no such resource.
    pub async fn read(aws: &Aws, terraform: &Terraform) -> Result<Self> {
        Ok(Self {
            aws: aws.clone(),
            recorded: Deployed::read(terraform, ADDRESS).await?,
        })
    }

    /// The API key, read as its holder would: from the SSM parameter that the stack names.
    ///
    /// # Errors
    /// [`Error::Aws`], or [`Error::Expectation`] for a stack without an API key.
    pub async fn api_key(&self) -> Result<String> {
        let name = self.attribute("api_key_ssm_parameter")?;
        let request = self.aws.ssm().get_parameter().name(name).with_decryption(true);
        let answer = request.send().await.map_err(|e| Error::aws("ssm:GetParameter", &e))?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| Error::Expectation(format!("the parameter {name} is empty")))
    }

    /// Sends a webhook with the API key.
    pub async fn send(&self, key: &str, body: &str) -> Result<Answer> {
        self.request()?.api_key(key).body(body).send().await
    }

    /// A webhook without headers for authorization and without a body.
    pub fn request(&self) -> Result<crate::Request> {
        self.aws.webhook(self.attribute("webhook_url")?)
    }

    /// The account and region that the stack is in.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }
}

/// The body of a webhook; `amount` is written as it stands.
pub fn payment(id: &str, amount: &str, metadata: &Value) -> String {
    let fields = json!({
        "transaction_id": id, "currency": "USD", "provider": "stripe", "customer_id": "customer-7", "metadata": metadata,
    });
    let rest = fields.to_string();
    format!("{{\"amount\": {amount}, {}", rest.trim_start_matches('{'))
}

/// What makes any amount above the fraud threshold a `high_risk` one (handlers/README.md, the fraud score).
pub fn suspicious() -> Value {
    json!({"ip_country": "US", "card_country": "BR", "attempts": 4})
}
