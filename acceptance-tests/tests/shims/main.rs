//! The shims of `acceptance-tests/sandbox`: each gap of ministack that they close, seen closed (docs/sandbox.md).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod events;
mod images;
mod logs;
mod names;
mod read_backs;
mod regions;
mod streams;
mod vpc_endpoints;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use std::io::Write;
use std::time::Duration;
use tap_acceptance_tests::Aws;

const BOOTSTRAP: &[u8] = include_bytes!("bootstrap.py");
const SOON: Duration = Duration::from_secs(20);

fn role(aws: &Aws) -> String {
    format!("arn:aws:iam::{}:role/test", aws.account())
}

fn zipped_bootstrap() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let executable = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    archive.start_file("bootstrap", executable).unwrap();
    archive.write_all(BOOTSTRAP).unwrap();
    archive.finish().unwrap().into_inner()
}

async fn create_function(aws: &Aws, name: &str) {
    let code = FunctionCode::builder().zip_file(zipped_bootstrap().into()).build();
    let function = aws
        .lambda()
        .create_function()
        .function_name(name)
        .runtime(Runtime::Providedal2023);
    function
        .handler("echo")
        .role(role(aws))
        .timeout(20)
        .code(code)
        .send()
        .await
        .unwrap();
}

fn new_table(aws: &Aws, name: &str) -> aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder {
    let key = KeySchemaElement::builder()
        .attribute_name("id")
        .key_type(KeyType::Hash)
        .build()
        .unwrap();
    let id = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let table = aws
        .dynamodb()
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    table.key_schema(key).attribute_definitions(id)
}
