use crate::{new_table, role};
use aws_sdk_cloudwatch::types::{ComparisonOperator, Metric, MetricDataQuery, MetricStat};
use aws_sdk_dynamodb::types::PointInTimeRecoverySpecification;
use aws_sdk_sfn::types::TracingConfiguration;
use tap_acceptance_tests::Sandbox;

#[tokio::test]
async fn the_recovery_period_of_a_table() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    let dynamodb = aws.dynamodb();
    new_table(&aws, "transactions").send().await.unwrap();
    let days = PointInTimeRecoverySpecification::builder()
        .point_in_time_recovery_enabled(true)
        .recovery_period_in_days(20);
    let update = dynamodb.update_continuous_backups().table_name("transactions");
    update
        .point_in_time_recovery_specification(days.build().unwrap())
        .send()
        .await
        .unwrap();

    let backups = dynamodb
        .describe_continuous_backups()
        .table_name("transactions")
        .send()
        .await
        .unwrap();
    let recovery = backups
        .continuous_backups_description
        .unwrap()
        .point_in_time_recovery_description
        .unwrap();
    assert_eq!(recovery.recovery_period_in_days, Some(20));
}

#[tokio::test]
async fn the_tracing_of_a_state_machine() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    let states = aws.step_functions();
    let machine = states.create_state_machine().name("workflow").role_arn(role(&aws));
    let machine = machine.definition(r#"{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}"#);
    let traced = TracingConfiguration::builder().enabled(true).build();
    let arn = machine
        .tracing_configuration(traced)
        .send()
        .await
        .unwrap()
        .state_machine_arn;

    let seen = states
        .describe_state_machine()
        .state_machine_arn(&arn)
        .send()
        .await
        .unwrap();
    assert!(seen.tracing_configuration.unwrap().enabled);

    let untraced = TracingConfiguration::builder().enabled(false).build();
    states
        .update_state_machine()
        .state_machine_arn(&arn)
        .tracing_configuration(untraced)
        .send()
        .await
        .unwrap();
    let seen = states
        .describe_state_machine()
        .state_machine_arn(&arn)
        .send()
        .await
        .unwrap();
    assert!(!seen.tracing_configuration.unwrap().enabled);
}

#[tokio::test]
async fn the_metric_math_of_an_alarm() {
    let sandbox = Sandbox::start().await.unwrap();
    let cloudwatch = sandbox.aws().cloudwatch();
    let metric = Metric::builder()
        .namespace("AWS/ApiGateway")
        .metric_name("5XXError")
        .build();
    let errors = MetricStat::builder().metric(metric).period(300).stat("Sum").build();
    let queries = [
        MetricDataQuery::builder()
            .id("rate")
            .expression("100*errors")
            .return_data(true)
            .build(),
        MetricDataQuery::builder()
            .id("errors")
            .metric_stat(errors)
            .return_data(false)
            .build(),
    ];
    let alarm = cloudwatch
        .put_metric_alarm()
        .alarm_name("5xx")
        .set_metrics(Some(queries.to_vec()))
        .evaluation_periods(1);
    let alarm = alarm
        .threshold(5.0)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold);
    alarm.send().await.unwrap();

    let seen = cloudwatch
        .describe_alarms()
        .alarm_names("5xx")
        .send()
        .await
        .unwrap()
        .metric_alarms
        .unwrap()
        .remove(0);
    assert_eq!(seen.metrics(), queries);
    assert_eq!((seen.metric_name, seen.statistic, seen.period), (None, None, None));
}

#[tokio::test]
async fn the_key_of_a_log_group() {
    let sandbox = Sandbox::start().await.unwrap();
    let logs = sandbox.aws().logs();
    logs.create_log_group().log_group_name("/tap/x").send().await.unwrap();
    let key = "arn:aws:kms:us-east-1:200000000001:key/k";

    logs.associate_kms_key()
        .log_group_name("/tap/x")
        .kms_key_id(key)
        .send()
        .await
        .unwrap();
    let seen = logs
        .describe_log_groups()
        .send()
        .await
        .unwrap()
        .log_groups
        .unwrap()
        .remove(0);
    assert_eq!(seen.kms_key_id.as_deref(), Some(key));

    logs.disassociate_kms_key()
        .log_group_name("/tap/x")
        .send()
        .await
        .unwrap();
    let seen = logs
        .describe_log_groups()
        .send()
        .await
        .unwrap()
        .log_groups
        .unwrap()
        .remove(0);
    assert_eq!(seen.kms_key_id, None);
    let missing = logs
        .associate_kms_key()
        .log_group_name("/none")
        .kms_key_id(key)
        .send()
        .await
        .unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
}
