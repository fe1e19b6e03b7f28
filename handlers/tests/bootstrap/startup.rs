//! A start that cannot succeed says why (REQUIREMENTS 6.5).

use serde_json::json;

use super::lambda::{Failure, Lambda};

async fn init_error(handler: &str, variables: &[(&str, &str)]) -> Failure {
    let lambda = Lambda::start(handler, variables).await;
    let (code, failure) = lambda.ended().await;
    assert_eq!(code, Some(1), "{}", lambda.output());
    let failure = failure.expect("the init error reaches the runtime API");
    assert!(lambda.output().contains(&failure.message), "and the log");
    failure
}

#[tokio::test]
async fn an_unknown_handler_is_refused() {
    let failure = init_error("app.lambda_handler", &[]).await;
    assert_eq!(failure.error_type, "Configuration.UnknownHandler");
    assert!(
        failure.message.contains("\"app.lambda_handler\""),
        "{}",
        failure.message
    );
    assert!(failure.message.contains("fraud_detector"), "{}", failure.message);
}

#[tokio::test]
async fn each_missing_variable_is_named() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case; 14] = [
        ("webhook_validator", &[], "AUTH_MODE"),
        ("webhook_validator", &[("AUTH_MODE", "hmac")], "HMAC_SECRET_PARAMETER"),
        (
            "webhook_validator",
            &[("AUTH_MODE", "none"), ("DYNAMODB_TABLE", "t")],
            "IDEMPOTENCY_TABLE",
        ),
        ("outbox_publisher", &[], "EVENT_BUS_NAME"),
        (
            "outbox_publisher",
            &[("EVENT_BUS_NAME", "b"), ("WORKFLOW_TRIGGER", "all")],
            "STATE_MACHINE_ARN",
        ),
        ("fraud_detector", &[("DYNAMODB_TABLE", "t")], "SNS_TOPIC_ARN"),
        ("transaction_archival", &[("DYNAMODB_TABLE", "t")], "S3_BUCKET"),
        ("transaction_archival", &[("S3_BUCKET", "b")], "DYNAMODB_TABLE"),
        ("payment_processor", &[], "TABLE_NAME"),
        (
            "payment_processor",
            &[("TABLE_NAME", "t"), ("AUTH_MODE", "none"), ("RESPONSE_MODE", "queue")],
            "QUEUE_URL",
        ),
        ("payment_processor", &[("TABLE_NAME", "t")], "AUTH_MODE"),
        ("process_accounting", &[], "TABLE_NAME"),
        ("notify_failures", &[], "SNS_TOPIC_ARN"),
        (
            "notify_failures",
            &[("SNS_TOPIC_ARN", "a"), ("KEEP_IN_DLQ", "archive")],
            "ARCHIVE_BUCKET",
        ),
    ];
    for (handler, variables, missing) in cases {
        let failure = init_error(handler, variables).await;
        assert_eq!(failure.error_type, "Configuration.MissingVariable");
        assert_eq!(
            failure.message,
            format!("missing environment variable {missing}"),
            "{handler}"
        );
    }
}

#[tokio::test]
async fn an_invalid_value_is_named_but_not_shown() {
    let variables = [("EVENT_BUS_NAME", "b"), ("LOG_LEVEL", "s3cret-in-the-wrong-place")];
    let failure = init_error("outbox_publisher", &variables).await;
    assert_eq!(failure.error_type, "Configuration.InvalidVariable");
    assert!(
        failure.message.contains("LOG_LEVEL") && !failure.message.contains("s3cret"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn client_errors_need_no_aws() {
    let variables = [
        ("AUTH_MODE", "none"),
        ("DYNAMODB_TABLE", "t"),
        ("IDEMPOTENCY_TABLE", "i"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ];
    let lambda = Lambda::start("webhook_validator", &variables).await;
    let large = "x".repeat(300 * 1024);
    for (body, status) in [
        (json!(null), 400),
        (json!("[]"), 400),
        (json!("5"), 400),
        (json!(large), 413),
    ] {
        let response = lambda.invoke(json!({"body": body})).await.unwrap();
        assert_eq!(response["statusCode"], json!(status));
        assert_eq!(response["headers"]["Cache-Control"], "no-store");
    }
    assert_eq!(lambda.metric("WebhookRejected"), 4);
}
