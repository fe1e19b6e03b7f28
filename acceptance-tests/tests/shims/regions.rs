use crate::{SOON, new_table};
use aws_sdk_dynamodb::types::{
    CreateGlobalTableWitnessGroupMemberAction, CreateReplicationGroupMemberAction, DeleteReplicationGroupMemberAction,
    GlobalTableWitnessGroupUpdate, MultiRegionConsistency, ReplicationGroupUpdate,
};
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, Target};
use serde_json::Value;
use tap_acceptance_tests::{Aws, Sandbox, eventually};

const FAR: &str = "eu-west-1";
const KEY: &str = "arn:aws:kms:eu-west-1:1:key/k";

fn replica(region: &str) -> ReplicationGroupUpdate {
    let create = CreateReplicationGroupMemberAction::builder()
        .region_name(region)
        .kms_master_key_id(KEY);
    ReplicationGroupUpdate::builder()
        .create(create.build().unwrap())
        .build()
}

#[tokio::test]
async fn a_replica_has_a_key_of_its_own_and_is_protected() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    new_table(&aws, "payments").send().await.unwrap();
    let add = aws.dynamodb().update_table().table_name("payments");
    add.replica_updates(replica(FAR)).send().await.unwrap();

    let there = aws.in_region(FAR).dynamodb();
    let table = there
        .describe_table()
        .table_name("payments")
        .send()
        .await
        .unwrap()
        .table
        .unwrap();
    assert_eq!(table.sse_description().unwrap().kms_master_key_arn(), Some(KEY));
    let here = aws
        .dynamodb()
        .describe_table()
        .table_name("payments")
        .send()
        .await
        .unwrap();
    let listed = &here.table().unwrap().replicas()[0];
    assert_eq!(
        (listed.region_name(), listed.kms_master_key_id()),
        (Some(FAR), Some(KEY))
    );

    let protect = there
        .update_table()
        .table_name("payments")
        .deletion_protection_enabled(true);
    protect.send().await.unwrap();
    let delete = DeleteReplicationGroupMemberAction::builder()
        .region_name(FAR)
        .build()
        .unwrap();
    let update = ReplicationGroupUpdate::builder().delete(delete).build();
    let remove = aws
        .dynamodb()
        .update_table()
        .table_name("payments")
        .replica_updates(update);
    let refused = format!("{:?}", remove.send().await.unwrap_err());
    assert!(refused.contains("protected against deletion"), "{refused}");
}

#[tokio::test]
async fn strong_consistency_takes_three_regions() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    new_table(&aws, "payments").send().await.unwrap();
    let strong = |updates: Vec<ReplicationGroupUpdate>| {
        let witness = CreateGlobalTableWitnessGroupMemberAction::builder().region_name("us-east-2");
        let witness = GlobalTableWitnessGroupUpdate::builder().create(witness.build().unwrap());
        aws.dynamodb()
            .update_table()
            .table_name("payments")
            .multi_region_consistency(MultiRegionConsistency::Strong)
            .set_replica_updates(Some(updates))
            .global_table_witness_updates(witness.build())
    };
    assert!(
        strong(vec![replica("us-west-1"), replica("us-west-2")])
            .send()
            .await
            .is_err()
    );
    strong(vec![replica("us-west-2")]).send().await.unwrap();
    let table = aws
        .dynamodb()
        .describe_table()
        .table_name("payments")
        .send()
        .await
        .unwrap();
    let table = table.table().unwrap();
    assert_eq!(table.multi_region_consistency(), Some(&MultiRegionConsistency::Strong));
    assert_eq!(table.global_table_witnesses()[0].region_name(), Some("us-east-2"));
    assert!(
        table.stream_specification().is_none(),
        "strong consistency needs no stream"
    );
}

async fn queue_with_rule(aws: &Aws) -> String {
    let queue = aws.sqs().create_queue().queue_name("seen").send().await.unwrap();
    let events = aws.eventbridge();
    events.create_event_bus().name("there").send().await.unwrap();
    let rule = events.put_rule().name("all").event_bus_name("there");
    rule.event_pattern(r#"{"source": ["payments"]}"#).send().await.unwrap();
    let arn = format!("arn:aws:sqs:{}:{}:seen", aws.region(), aws.account());
    let target = Target::builder().id("1").arn(arn).build().unwrap();
    let targets = events.put_targets().rule("all").event_bus_name("there");
    targets.targets(target).send().await.unwrap();
    queue.queue_url.unwrap()
}

#[tokio::test]
async fn a_rule_reaches_the_bus_of_another_region_and_the_event_keeps_its_own() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    let far = aws.in_region(FAR);
    let queue = queue_with_rule(&far).await;
    let events = aws.eventbridge();
    let rule = events
        .put_rule()
        .name("over")
        .event_pattern(r#"{"source": ["payments"]}"#);
    rule.send().await.unwrap();
    let arn = format!("arn:aws:events:{FAR}:{}:event-bus/there", aws.account());
    let target = Target::builder().id("1").arn(arn).role_arn("arn:aws:iam::1:role/r");
    let targets = events.put_targets().rule("over").targets(target.build().unwrap());
    targets.send().await.unwrap();

    let entry = PutEventsRequestEntry::builder()
        .source("payments")
        .detail_type("x")
        .detail("{}");
    events.put_events().entries(entry.build()).send().await.unwrap();
    let message = eventually("the event in the other region", SOON, || async {
        let answer = far.sqs().receive_message().queue_url(&queue).send().await.unwrap();
        Ok(answer.messages.unwrap_or_default().pop())
    })
    .await
    .unwrap();
    let event: Value = serde_json::from_str(message.body().unwrap()).unwrap();
    assert_eq!(event["region"], aws.region());
}

#[tokio::test]
async fn a_replica_key_that_is_pending_deletion_keeps_its_place() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    let (here, there) = (aws.kms(), aws.in_region(FAR).kms());
    let key = here.create_key().multi_region(true).send().await.unwrap();
    let id = key.key_metadata.unwrap().key_id;
    let replicate = || here.replicate_key().key_id(&id).replica_region(FAR).send();
    replicate().await.unwrap();
    there.schedule_key_deletion().key_id(&id).send().await.unwrap();
    let refused = replicate().await.unwrap_err().into_service_error();
    assert!(refused.is_already_exists_exception(), "{refused:?}");
    there.cancel_key_deletion().key_id(&id).send().await.unwrap();
    let primary = here
        .describe_key()
        .key_id(&id)
        .send()
        .await
        .unwrap()
        .key_metadata
        .unwrap();
    let replicas = primary.multi_region_configuration.unwrap().replica_keys.unwrap();
    assert_eq!(replicas[0].region(), Some(FAR));
}
