//! Every kind's life on the sandbox: create, read without drift, every edit, delete.
#![allow(clippy::unwrap_used, clippy::expect_used)] // in the helpers too, not only in functions marked as tests

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
mod waf;
