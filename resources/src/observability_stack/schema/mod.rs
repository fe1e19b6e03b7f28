//! The schema of `tap_observability_stack` (requirements 6.2).

mod alarms;
mod canary;
mod functions;
mod logs;

use tap_plugin::Schema;

use crate::composite::build::{all, out, out_map};
use crate::composite::shared;

/// The schema. Defaults are effective ones: they are not written to state, the resulting
/// configuration of every AWS object shows under `components`.
pub(super) fn schema() -> Schema {
    let mut schema = Schema::new(0).description(
        "Watches a payment system: encrypted log groups, latency as a metric, alarms on real error rates, one composite alarm \
         that tells people, a Lambda function that emits payment metrics, a Synthetics canary that asks the API from outside, \
         and a dashboard.\n\n\
         It can watch what it did not make: give names of an API and of Lambda functions, for instance those of a \
         `tap_webhook_pipeline`. They may be made in the same apply.",
    );
    let outputs = all([
        ("kms_key_id", out("Id of the stack's key, if it made one.")),
        (
            "kms_key_arn",
            out("ARN of the key that encrypts logs, topic and artifacts, if there is one."),
        ),
        ("sns_topic_arn", out("ARN of the topic that alarms go to.")),
        (
            "subscription_arns",
            out_map(
                "ARNs of the topic's subscriptions, by component key; `PendingConfirmation` until the receiver has confirmed.",
            ),
        ),
        ("lambda_function_name", out("Name of the metrics function.")),
        (
            "lambda_function_arn",
            out("ARN to invoke the metrics function by: its alias `live`."),
        ),
        ("metrics_namespace", out("Namespace of the payment metrics.")),
        ("canary_name", out("Name of the canary.")),
        ("dashboard_name", out("Name of the dashboard.")),
        (
            "log_group_names",
            out_map("Names of the log groups: `api`, `lambda`, `rds_...`, `api_execution`, `canary`."),
        ),
        (
            "alarm_names",
            out_map(
                "Names of the alarms: `api_errors`, `lambda_errors`, `handler_faults`, `latency`, `canary`, `critical`, and `lambda_errors_<label>` for each watched function.",
            ),
        ),
        (
            "artifact_bucket_name",
            out("Name of the bucket with the canary's results."),
        ),
        (
            "access_log_format",
            out(
                "The access log format that the latency filter reads, for an API Gateway stage (`access_log_settings`). The default one is also what `tap_webhook_pipeline` writes by default.",
            ),
        ),
    ]);
    let attributes = shared::attributes()
        .extend(logs::attributes())
        .extend(alarms::attributes())
        .extend(functions::attributes())
        .extend(canary::attributes())
        .extend(outputs);
    for (name, attribute) in attributes.iter() {
        schema = schema.attribute(name, attribute.clone());
    }
    schema
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_holds_no_contradiction() {
        assert_eq!(super::schema().problems(), Vec::<String>::new());
    }
}
