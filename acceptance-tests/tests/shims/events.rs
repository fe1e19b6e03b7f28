use crate::SOON;
use aws_sdk_eventbridge::types::{DeadLetterConfig, PutEventsRequestEntry, Target};
use aws_sdk_sqs::types::Message;
use tap_acceptance_tests::{Aws, Sandbox, eventually};

#[tokio::test]
async fn an_event_for_a_target_that_is_gone_lands_in_its_dead_letter_queue() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    let queue = aws
        .sqs()
        .create_queue()
        .queue_name("dlq")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    let arn = |queue: &str| format!("arn:aws:sqs:{}:{}:{queue}", aws.region(), aws.account());
    let events = aws.eventbridge();
    events
        .put_rule()
        .name("all")
        .event_pattern(r#"{"source": ["test"]}"#)
        .send()
        .await
        .unwrap();
    let dead_letters = DeadLetterConfig::builder().arn(arn("dlq")).build();
    let target = Target::builder()
        .id("1")
        .arn(arn("gone"))
        .dead_letter_config(dead_letters)
        .build()
        .unwrap();
    events.put_targets().rule("all").targets(target).send().await.unwrap();

    let entry = PutEventsRequestEntry::builder()
        .source("test")
        .detail_type("x")
        .detail(r#"{"amount": "10.10"}"#);
    events.put_events().entries(entry.build()).send().await.unwrap();

    let letter = eventually("a dead letter", SOON, || async { Ok(receive(&aws, &queue).await) })
        .await
        .unwrap();
    assert!(letter.body().unwrap().contains("10.10"), "{letter:?}");
    let attributes = letter.message_attributes.unwrap();
    assert_eq!(attributes["TARGET_ARN"].string_value(), Some(arn("gone").as_str()));
}

async fn receive(aws: &Aws, queue: &str) -> Option<Message> {
    let messages = aws
        .sqs()
        .receive_message()
        .queue_url(queue)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap();
    messages.messages.unwrap_or_default().pop()
}
