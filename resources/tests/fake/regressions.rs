//! Lives that once failed, as `lives` of the drills printed them: configurations and seed of the faults.

use tap_engine::fake::drill::lifecycle_of;

use crate::stacks::{Configurations, registry, subjects};

/// Lives a life again.
async fn again(composite: &str, seed: u64, lived: &str) {
    let mut known = subjects().into_iter();
    let subject = known.find(|subject| subject.name() == composite).expect("a composite");
    let mut configurations = Configurations::again(subject, lived);
    let life = lifecycle_of(&mut configurations, seed, 20, registry).await;
    life.unwrap_or_else(|error| panic!("{error}"));
}

/// `expiration_days = 0`, which the page says is "never", was handed to S3 as a rule that S3 refuses.
#[tokio::test(start_paused = true)]
async fn life_3_of_payment_stack() {
    let lived = r##"[
{"alarms":{"error_rate":{"threshold_percent":1},"waf_blocked":100},"api":{"access_log":{"enabled":true},"path":"webhooks"},"log_retention_in_days":365,"processor":{"environment":null,"memory_size":1024},"queue":{"max_receive_count":5,"sse":"kms"},"receipts_bucket":{"lifecycle":{"expiration_days":0},"sse":"aws:kms"},"ssm":{"enabled":true},"table":{"point_in_time_recovery":true,"sse":{"type":"customer"}},"workflow":{"retry":{"max_attempts":1}}}
]"##;
    again("payment_stack", 3, lived).await;
}

/// An A and an AAAA record of one name had one id: a fault of the fake cloud.
#[tokio::test(start_paused = true)]
async fn life_35_of_payment_stack() {
    let lived = r##"[
{"accounting":{"enabled":true},"api":{"access_log":{"enabled":true},"cors":{"allow_origins":null}},"dns":{"routing_policy":"failover"},"domain":{"certificate_arns":{"eu-central-1":"arn:aws:acm:eu-central-1:111122223333:certificate/1234","eu-north-1":"arn:aws:acm:eu-north-1:111122223333:certificate/1234","eu-west-1":"arn:aws:acm:eu-west-1:111122223333:certificate/1234"},"enabled":true,"hosted_zone_id":"Z0123456789ABC","name":"pay.example.com"},"failure_notifier":{"keep_in_dlq":true},"kms":{"keys":["dynamodb","s3"]},"kpi_filters":[],"log_level":"INFO","receipts_bucket":{"sse":"AES256"},"regions":null,"table":{"name":null,"point_in_time_recovery":false,"ttl_attribute":"expires"},"tags":{"team":"a"},"topics":{"notifications":{"email_endpoints":["a@example.com"]}},"workflow":{"enabled":false,"log_level":"OFF"}},
{"accounting":{"enabled":true},"api":{"access_log":{"enabled":true},"cors":{"allow_origins":["https://shop.example"]}},"audit":{"prefix":"trail/"},"dns":{"routing_policy":"failover"},"domain":{"certificate_arns":{"eu-central-1":"arn:aws:acm:eu-central-1:111122223333:certificate/1234","eu-north-1":"arn:aws:acm:eu-north-1:111122223333:certificate/1234","eu-west-1":"arn:aws:acm:eu-west-1:111122223333:certificate/1234"},"enabled":true,"hosted_zone_id":"Z0123456789ABC","name":"pay.example.com"},"failure_notifier":{"keep_in_dlq":true},"idempotency":{"ttl_hours":0},"kms":{"keys":["dynamodb","s3"]},"kpi_filters":[],"log_level":"INFO","receipts_bucket":{"sse":"AES256"},"regions":null,"table":{"name":null,"point_in_time_recovery":false,"ttl_attribute":"expires"},"tags":{"team":"a"},"topics":{"notifications":{"email_endpoints":["a@example.com"]}},"workflow":{"enabled":false,"log_level":"OFF"}}
]"##;
    again("payment_stack", 35, lived).await;
}

/// Metric filters of one log group were taken for one object, by the group's name: a fault of the fake cloud.
#[tokio::test(start_paused = true)]
async fn life_79_of_observability_stack() {
    let lived = r##"[
{"alarm_email_endpoints":["ops@acme.test"],"api":{"name":"payments","stage":"v1"},"canary":{"url":"https://pay.acme.test/health"}},
{"alarm_email_endpoints":["ops@acme.test"],"api":{"name":"payments","stage":"v1"},"canary":{"name":"mine","url":"https://pay.acme.test/health"},"canary_alarm":{"enabled":false},"lambda":{"role_name":null}},
{"alarm_email_endpoints":["ops@acme.test"],"api":{"name":"payments","stage":"v1"},"canary":{"name":"mine","url":"https://pay.acme.test/health"},"canary_alarm":{"enabled":false},"dashboard":{"enabled":true},"lambda":{"role_name":null},"latency_filter":{"legacy_metric_names":true,"log_group_name":"/theirs"},"log_groups":{"lambda":{"name":"/mine/lambda"}},"rds":{"db_cluster_identifier":"b","log_types":["error","audit"]}},
{"alarm_email_endpoints":["ops@acme.test"],"api":{"name":"payments","stage":"v1"},"api_error_alarm":{"period":60},"canary":{"delete_lambda":false,"name":"mine","timeout_in_seconds":60,"url":"https://pay.acme.test/health"},"canary_alarm":{"enabled":false},"dashboard":{"enabled":true},"lambda":{"role_name":null},"latency_filter":{"default_value":0,"legacy_metric_names":true,"log_group_name":"/theirs"},"log_groups":{"lambda":{"name":"/mine/lambda"}},"log_retention_in_days":365,"rds":{"db_cluster_identifier":"b","log_types":["error","audit"]}},
{"alarm_email_endpoints":["ops@acme.test"],"api":{"name":"payments","stage":"v1"},"api_error_alarm":{"period":60},"canary":{"delete_lambda":false,"name":"mine","timeout_in_seconds":60,"url":"https://pay.acme.test/health"},"canary_alarm":{"enabled":false},"composite_alarm":{"actions_suppressor":null,"enabled":true},"dashboard":{"enabled":true},"lambda":{"role_name":null},"latency_filter":{"default_value":0,"legacy_metric_names":true,"log_group_name":"/theirs"},"log_groups":{"lambda":{"name":"/mine/lambda"}},"log_level":"INFO","log_retention_in_days":365,"rds":{"db_cluster_identifier":"b","log_types":["error","audit"]}},
{"alarm_email_endpoints":["ops@acme.test"],"alarm_topic":{"existing_arn":null},"api":{"name":"payments","stage":"v1"},"api_error_alarm":{"period":60},"artifact_bucket":{"force_destroy":false,"kms":true},"canary":{"delete_lambda":false,"headers_ssm_parameter":null,"name":"mine","timeout_in_seconds":60,"url":"https://pay.acme.test/health"},"canary_alarm":{"enabled":false},"composite_alarm":{"actions_suppressor":null,"enabled":true},"dashboard":{"enabled":true},"lambda":{"role_name":null},"latency_filter":{"default_value":0,"legacy_metric_names":true,"log_group_name":"/theirs"},"log_groups":{"lambda":{"name":"/mine/lambda"}},"log_level":"INFO","log_retention_in_days":365,"rds":{"db_cluster_identifier":"b","log_types":["error","audit"]}},
{"alarm_email_endpoints":["ops@acme.test"],"alarm_topic":{"existing_arn":null},"api":{"name":"payments","stage":"v1"},"api_error_alarm":{"period":60},"artifact_bucket":{"force_destroy":false,"kms":true},"canary":{"delete_lambda":false,"headers_ssm_parameter":null,"name":"mine","start_canary":true,"timeout_in_seconds":60,"url":"https://pay.acme.test/health"},"canary_alarm":{"enabled":false},"composite_alarm":{"actions_suppressor":null,"enabled":true},"dashboard":{"enabled":true},"lambda":{"role_name":null},"lambda_error_alarm":{"function_names":{"a":"a-dev"}},"latency_filter":{"default_value":0,"format":"json","legacy_metric_names":true,"log_group_name":"/theirs"},"log_groups":{"lambda":{"name":"/mine/lambda"}},"log_level":"INFO","log_retention_in_days":365,"rds":{"db_cluster_identifier":"b","log_types":["error","audit"]}},
{"alarm_actions":null,"alarm_email_endpoints":["ops@acme.test"],"alarm_notification_mode":"all","alarm_topic":{"existing_arn":null},"api":{"name":"payments","stage":"v1"},"api_error_alarm":{"period":60},"artifact_bucket":{"force_destroy":false,"kms":true},"canary":{"delete_lambda":true,"headers_ssm_parameter":null,"name":"mine","start_canary":true,"timeout_in_seconds":60,"url":"https://pay.acme.test/health"},"canary_alarm":{"enabled":false},"composite_alarm":{"actions_suppressor":null,"enabled":true},"dashboard":{"enabled":true},"lambda":{"role_name":null},"lambda_error_alarm":{"function_names":{"a":"a-dev"}},"latency_filter":{"default_value":0,"format":"json","legacy_metric_names":true,"log_group_name":"/theirs"},"log_groups":{"api":{"enabled":true},"lambda":{"name":"/mine/lambda"}},"log_level":"INFO","log_retention_in_days":365,"rds":{"db_cluster_identifier":"b","log_types":["error","audit"]}}
]"##;
    again("observability_stack", 79, lived).await;
}
