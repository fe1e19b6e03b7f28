//! `data "tap_stack"`: whether a stack exists, how far it is, and what it is made of, read from its record
//! ([`tap_engine::record`]) and from AWS. It needs no Terraform state, so it works across workspaces and for stacks that
//! somebody else manages. Nothing secret is in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tap_engine::StackState;
use tap_engine::record::{self, Status, Stored};
use tap_plugin::{
    Attribute, Attributes, CallContext, DataReadResponse, DataSource, Diagnostic, Diagnostics, Schema, Type, Value,
    validators as check,
};

use crate::composite::Stacks;
use crate::composite::session::{Session, SessionSlot};
use crate::composite::shared;

/// The data source.
pub struct StackData {
    composites: Vec<Arc<dyn Stacks>>,
    slot: SessionSlot,
}

impl StackData {
    /// Knows the stacks of these composites.
    pub fn new(composites: Vec<Arc<dyn Stacks>>, slot: SessionSlot) -> Self {
        Self { composites, slot }
    }

    async fn find(&self, cx: &CallContext, config: &Value) -> Result<Value, Diagnostics> {
        let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, suffix) = (text("kind"), text("environment_suffix"));
        let session = self.slot.get().ok_or_else(|| {
            Diagnostic::error(
                "The provider is not configured",
                "Its configuration holds values that are still unknown. Let the data source depend on what makes them known.",
            )
        })?;
        let composite = self.composites.iter().find(|composite| composite.stack_kind() == kind);
        let composite = composite.ok_or_else(|| Diagnostic::error("No such kind of stack", kind))?;
        let name = format!("{kind}/{suffix}");
        let stored = session.records.read(&name).await;
        let stored =
            stored.map_err(|error| Diagnostic::error("The stack's record cannot be read", error.to_string()))?;
        let Some(stored) = stored else {
            return Ok(described(config, &session, None, &StackState::default()));
        };
        record::check_format(&name, &stored.record)
            .map_err(|error| Diagnostic::error("The stack's record cannot be read", error.to_string()))?;
        let state = composite.existing(cx, session.clone(), &stored.record).await?;
        Ok(described(config, &session, Some(&stored), &state))
    }
}

#[async_trait]
impl DataSource for StackData {
    fn type_name(&self) -> &'static str {
        "tap_stack"
    }

    fn schema(&self) -> Schema {
        let kinds: Vec<String> = self.composites.iter().map(|c| c.stack_kind().to_owned()).collect();
        inputs(kinds)
            .extend(of_the_record())
            .extend(of_the_components())
            .iter()
            .fold(Schema::new(0), |schema, (name, attribute)| schema.attribute(name, attribute.clone()))
            .description(
                "A stack of this account and region as it is now: whether it exists, how far it is, and what it is made of. It needs no \
                 Terraform state, so it also shows stacks of other workspaces.",
            )
    }

    async fn read(&self, cx: &CallContext, config: Value) -> DataReadResponse {
        match self.find(cx, &config).await {
            Ok(state) => DataReadResponse {
                state,
                ..DataReadResponse::default()
            },
            Err(diagnostics) => DataReadResponse {
                diagnostics,
                ..DataReadResponse::default()
            },
        }
    }
}

fn inputs(kinds: Vec<String>) -> Attributes {
    Attributes::new()
        .attribute(
            "kind",
            Attribute::string()
                .required()
                .description("What sort of stack: the resource's type without `tap_`.")
                .validate(check::one_of(kinds)),
        )
        .attribute(
            "environment_suffix",
            Attribute::string()
                .required()
                .description("The stack's `environment_suffix`.")
                .validate(shared::suffix_check()),
        )
}

fn of_the_record() -> Attributes {
    let text = |description: &str| Attribute::string().computed().description(description);
    Attributes::new()
        .attribute(
            "exists",
            Attribute::bool()
                .computed()
                .description("Whether there is such a stack. Without one, everything below is null or empty."),
        )
        .attribute(
            "status",
            text(
                "`complete`; `creating`, `updating` or `destroying` while a run is at work (or has died, see `heartbeat`); `unfinished` \
                 after a run that did not do everything.",
            ),
        )
        .attribute("provider_version", text("Version of the provider that last worked on it."))
        .attribute("token", text("Names the last run on the stack: another value means that somebody has run since. No secret."))
        .attribute("heartbeat", text("When that run last said that it lives (RFC 3339, UTC)."))
        .attribute("account_id", text("The AWS account."))
        .attribute("region", text("The region that holds the stack's record."))
}

fn of_the_components() -> Attributes {
    let text = |description: &str| Attribute::string().computed().description(description);
    let component = Attributes::new()
        .attribute("kind", text("The AWS primitive."))
        .attribute("region", text("Its region."))
        .attribute("id", text("Its identifier in AWS."))
        .attribute("arn", text("Its ARN, where it has one."));
    Attributes::new()
        .attribute(
            "components",
            Attribute::map_of(component)
                .computed()
                .description("What exists of it now, by component key."),
        )
        .attribute(
            "resource_arns",
            Attribute::map(Type::String)
                .computed()
                .description("Component key -> ARN."),
        )
}

fn described(config: &Value, session: &Session, stored: Option<&Stored>, state: &StackState) -> Value {
    let record = stored.map(|stored| &stored.record);
    let text = |value: Option<String>| value.map_or(Value::Null, Value::String);
    let heartbeat = record.and_then(|record| Timestamp::from_second(record.heartbeat).ok());
    let mut arns = BTreeMap::new();
    let mut components = BTreeMap::new();
    for (key, component) in &state.components {
        let output = |name: &str| component.outputs.get(name).cloned();
        if let Some(arn) = output("arn") {
            arns.insert(key.to_string(), Value::String(arn));
        }
        let shown = Value::map([
            ("kind", Value::String(component.kind.clone())),
            ("region", Value::String(component.region.clone())),
            ("id", text(output("id"))),
            ("arn", text(output("arn"))),
        ]);
        components.insert(key.to_string(), shown);
    }
    let mut data = config.clone();
    data.set("exists", Value::Bool(record.is_some()));
    data.set("status", text(record.map(|record| status(record.status))));
    data.set(
        "provider_version",
        text(record.map(|record| record.provider_version.clone())),
    );
    data.set("token", text(record.map(|record| record.token.clone())));
    data.set("heartbeat", text(heartbeat.map(|time| time.to_string())));
    data.set("account_id", Value::String(session.environment.account_id.clone()));
    data.set("region", Value::String(session.environment.region.clone()));
    data.set("components", Value::map(components));
    data.set("resource_arns", Value::map(arns));
    data
}

/// As the record writes it.
fn status(status: Status) -> String {
    let json = serde_json::to_value(status).unwrap_or_default();
    json.as_str().map(ToOwned::to_owned).unwrap_or_default()
}
