//! Every kind's life on the sandbox: create, read without drift, every edit, delete.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

mod alarms;
mod apigateway;
mod canary;
mod dns;
mod dynamodb_table;
mod ecr;
mod edge;
mod events;
mod iam_role;
mod kms;
mod lambda;
mod logs_ssm;
mod metric_filter;
mod regions;
mod s3_bucket;
mod schedule;
mod sns;
mod sqs_queue;
mod state_machine;
mod vpc_endpoint;
mod waf;
