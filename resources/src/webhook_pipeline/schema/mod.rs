//! The schema of `tap_webhook_pipeline` (requirements 6.3).

mod api;
mod data;
mod flow;

use tap_plugin::Schema;

use crate::composite::build::{all, out, out_map};
use crate::composite::shared;

/// The schema. Defaults are effective ones: they are not written to state, the resulting
/// configuration of every AWS object shows under `components`.
pub(super) fn schema() -> Schema {
    let mut schema = Schema::new(0).description(
        "A serverless webhook pipeline: REST API, validation, exactly-once storage in DynamoDB, routing by amount through \
         EventBridge, fraud analysis in Step Functions, notification, and an audit archive in S3, with alarms and a dashboard.\n\n\
         A webhook is stored first; the table's stream publishes it (transactional outbox). Nothing that was answered with \
         success can be lost, and the same webhook sent again gets the same answer and has no second effect.",
    );
    let outputs = all([
        ("webhook_url", out("URL to POST webhooks to.")),
        ("api_id", out("Id of the REST API.")),
        (
            "api_name",
            out("Name of the REST API, the `ApiName` dimension of its metrics."),
        ),
        (
            "api_stage",
            out("Name of the stage, the `Stage` dimension of its metrics."),
        ),
        (
            "api_key_id",
            out("Id of the API key. Its value is in the parameter `api_key_ssm_parameter`, never in state."),
        ),
        (
            "api_key_ssm_parameter",
            out("Name of the SSM SecureString that holds the API key's value."),
        ),
        ("table_name", out("Name of the transactions table.")),
        ("table_arn", out("ARN of the transactions table.")),
        ("idempotency_table_name", out("Name of the table of guard records.")),
        ("event_bus_arn", out("ARN of the event bus.")),
        ("event_bus_name", out("Name of the event bus.")),
        ("state_machine_arn", out("ARN of the state machine.")),
        ("dlq_url", out("URL of the dead-letter queue.")),
        (
            "low_value_queue_url",
            out("URL of the queue of low-value transactions, if there is one."),
        ),
        ("audit_bucket_name", out("Name of the audit bucket.")),
        (
            "sns_topic_arns",
            out_map(
                "ARNs of the topics: `alerts` (medium-value transactions), and, if separate, `alarms`, `notices` and `fraud`.",
            ),
        ),
        (
            "function_names",
            out_map("Names of the functions: `validator`, `publisher`, `fraud`, `archival`."),
        ),
        (
            "function_arns",
            out_map(
                "ARNs to call them by, under the same names: each the alias `live`, which moves to every new version.",
            ),
        ),
        (
            "ecr_repository_urls",
            out_map("URLs of the image repositories, by function, with `package_type = \"Image\"`."),
        ),
        (
            "log_group_names",
            out_map("Names of the log groups: the functions', `api` and `workflow`."),
        ),
        (
            "kms_key_arn",
            out("ARN of the key that encrypts the stack's data, if there is one."),
        ),
        ("dashboard_name", out("Name of the dashboard.")),
    ]);
    let attributes = shared::attributes()
        .extend(data::attributes())
        .extend(flow::attributes())
        .extend(api::attributes())
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
