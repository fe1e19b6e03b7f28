//! `lambda_permission`: one statement of a function's resource policy.
//!
//! API: <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `function|statement id`, with a third part where there is a qualifier. A
/// statement carries no tags: its function and its id prove whose it is.
pub struct LambdaPermission(pub Arc<Aws>);

const GONE: &[&str] = &["ResourceNotFoundException"];

static SPEC: KindSpec = KindSpec {
    name: "lambda_permission",
    settings: &[
        Setting::replace("function_name"),
        Setting::replace("statement_id"),
        Setting::replace("action"),
        Setting::replace("principal"),
        Setting::replace("source_arn"),
        Setting::replace("source_account"),
        Setting::replace("qualifier"),
    ],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"],
};

/// Lambda loses statements that are written side by side to one function's policy: one writer at a
/// time per function.
async fn sole_writer(region: &str, function: &str) -> tokio::sync::OwnedMutexGuard<()> {
    type Writers = Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>;
    static WRITERS: LazyLock<Writers> = LazyLock::new(Mutex::default);
    let writer = {
        let mut writers = WRITERS.lock().unwrap_or_else(PoisonError::into_inner);
        writers.entry(format!("{region}/{function}")).or_default().clone()
    };
    writer.lock_owned().await
}

/// The parts of an id: function, statement id, qualifier.
fn parts(id: &str) -> (&str, &str, Option<&str>) {
    let mut parts = id.splitn(3, '|');
    let function = parts.next().unwrap_or_default();
    (function, parts.next().unwrap_or_default(), parts.next())
}

fn id_of(settings: &Settings) -> KindResult<String> {
    let mut id = format!("{}|{}", settings.text("function_name")?, settings.text("statement_id")?);
    if let Some(qualifier) = settings.opt_text("qualifier") {
        id.push('|');
        id.push_str(qualifier);
    }
    Ok(id)
}

fn outputs(id: &str) -> Outputs {
    Outputs::from([("id".into(), id.into())])
}

/// A condition's value, whatever its operator and spelling (`aws:SourceArn`, `AWS:SourceArn`).
fn condition<'a>(statement: &'a Value, key: &str) -> Option<&'a str> {
    let operators = statement.get("Condition")?.as_object()?;
    operators
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .and_then(|(_, value)| value.as_str())
}

fn principal(statement: &Value, recorded: &Settings) -> Option<String> {
    let value = match statement.get("Principal")? {
        Value::Object(members) => members.get("Service").or_else(|| members.get("AWS"))?.as_str()?,
        other => other.as_str()?,
    };
    // An account id comes back as the ARN of its root.
    let asked = recorded.opt_text("principal").unwrap_or_default();
    if value.ends_with(&format!("::{asked}:root")) {
        return Some(asked.to_owned());
    }
    Some(value.to_owned())
}

fn observed(statement: &Value, id: &str, recorded: &Settings) -> Settings {
    let (function, statement_id, qualifier) = parts(id);
    let mut seen = Seen::default();
    seen.put("function_name", Some(function))
        .put("statement_id", Some(statement_id))
        .put("action", statement.get("Action").cloned())
        .put("principal", principal(statement, recorded))
        .put("source_arn", condition(statement, "aws:SourceArn"))
        .put("source_account", condition(statement, "aws:SourceAccount"))
        .put("qualifier", qualifier);
    seen.done()
}

impl LambdaPermission {
    async fn statement(&self, cx: &Context, id: &str) -> KindResult<Option<Value>> {
        let client = self.0.lambda(&cx.region);
        let (function, statement_id, qualifier) = parts(id);
        let answer = call(cx, "lambda:GetPolicy", || {
            client
                .get_policy()
                .function_name(function)
                .set_qualifier(qualifier.map(ToOwned::to_owned))
                .send()
        })
        .await;
        let Some(text) = found(answer, GONE)?.and_then(|a| a.policy) else {
            return Ok(None);
        };
        let policy = parse_document(&text);
        let statements = policy.get("Statement").and_then(Value::as_array);
        Ok(statements
            .into_iter()
            .flatten()
            .find(|s| s.get("Sid").and_then(Value::as_str) == Some(statement_id))
            .cloned())
    }
}

#[async_trait]
impl Kind for LambdaPermission {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.lambda(&cx.region);
        let function = desired.text("function_name")?;
        let request = client
            .add_permission()
            .function_name(function)
            .statement_id(desired.text("statement_id")?)
            .action(desired.text("action")?)
            .principal(desired.text("principal")?)
            .set_source_arn(desired.opt_string("source_arn"))
            .set_source_account(desired.opt_string("source_account"))
            .set_qualifier(desired.opt_string("qualifier"));
        let writer = sole_writer(&cx.region, function).await;
        call(cx, "lambda:AddPermission", || request.clone().send()).await?;
        drop(writer);
        let outputs = outputs(&id_of(desired)?);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        Ok(self.statement(cx, id).await?.map(|statement| Observed {
            settings: observed(&statement, id, recorded),
            outputs: outputs(id),
        }))
    }

    /// Every setting replaces; there is nothing to update.
    async fn update(&self, _cx: &Context, id: &str, _change: &Change<'_>) -> KindResult<Outputs> {
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let (function, statement_id, qualifier) = parts(id);
        let _writer = sole_writer(&cx.region, function).await;
        let answer = call(cx, "lambda:RemovePermission", || {
            client
                .remove_permission()
                .function_name(function)
                .statement_id(statement_id)
                .set_qualifier(qualifier.map(ToOwned::to_owned))
                .send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let id = id_of(desired)?;
        Ok(self.statement(cx, &id).await?.map(|_| id))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["function_name", "statement_id", "action", "principal"]);
        checks.name("statement_id", 100, "-_");
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_statement_reads_back_as_the_settings_it_was_made_from() {
        let statement = json!({
            "Sid": "api",
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "Condition": {
                "StringEquals": {"AWS:SourceAccount": "123456789012"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:us-east-1:123456789012:a/*"},
            },
        });
        let settings = observed(&statement, "f|api", &Settings::new());
        assert_eq!(
            Value::Object(settings.into_iter().collect()),
            json!({
                "function_name": "f",
                "statement_id": "api",
                "action": "lambda:InvokeFunction",
                "principal": "apigateway.amazonaws.com",
                "source_arn": "arn:aws:execute-api:us-east-1:123456789012:a/*",
                "source_account": "123456789012",
            })
        );
    }

    #[test]
    fn an_account_comes_back_as_its_root() {
        let statement = json!({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}});
        let recorded = Settings::from([("principal".to_owned(), json!("123456789012"))]);
        assert_eq!(principal(&statement, &recorded).as_deref(), Some("123456789012"));
        assert_eq!(
            principal(&statement, &Settings::new()).as_deref(),
            Some("arn:aws:iam::123456789012:root")
        );
    }
}
