//! What the workflows' notices have in common with the handlers' alerts.

use serde_json::{Value, json};

/// The attributes that subscriptions filter by (6.5), as a workflow's task `sns:publish` takes them
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-sns.html>). Handlers set the same two.
pub fn message_attributes(alert_type: &str, severity: &str) -> Value {
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    json!({"alert_type": text(alert_type), "severity": text(severity)})
}
