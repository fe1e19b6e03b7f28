use crate::{SOON, create_function, new_table};
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType};
use aws_sdk_lambda::types::{EventSourcePosition, FunctionResponseType};
use tap_acceptance_tests::{Aws, Sandbox, eventually};

#[tokio::test]
async fn a_failed_record_is_retried_and_those_before_it_are_not() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewImage);
    let table = new_table(&aws, "events")
        .stream_specification(stream.build().unwrap())
        .send()
        .await
        .unwrap();
    let stream_arn = table.table_description.unwrap().latest_stream_arn.unwrap();
    for id in ["one", "two", "poison", "four"] {
        let item = aws
            .dynamodb()
            .put_item()
            .table_name("events")
            .item("id", AttributeValue::S(id.into()));
        item.send().await.unwrap();
    }
    create_function(&aws, "publisher").await;
    let mapping = aws
        .lambda()
        .create_event_source_mapping()
        .function_name("publisher")
        .event_source_arn(stream_arn);
    let mapping = mapping
        .starting_position(EventSourcePosition::TrimHorizon)
        .batch_size(10);
    mapping
        .function_response_types(FunctionResponseType::ReportBatchItemFailures)
        .send()
        .await
        .unwrap();

    let batches = eventually("two batches", SOON, || async {
        let batches = batches(&aws).await;
        Ok((batches.len() >= 2).then_some(batches))
    });
    assert_eq!(
        batches.await.unwrap()[..2],
        ["RECORDS one two poison four", "RECORDS poison four"]
    );
}

async fn batches(aws: &Aws) -> Vec<String> {
    let events = aws
        .logs()
        .filter_log_events()
        .log_group_name("/aws/lambda/publisher")
        .send()
        .await;
    let events = events
        .map(|answer| answer.events.unwrap_or_default())
        .unwrap_or_default();
    events
        .into_iter()
        .filter_map(|event| event.message)
        .filter(|line| line.starts_with("RECORDS"))
        .collect()
}
