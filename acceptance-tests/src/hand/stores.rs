//! Tables, buckets, topics, queues, parameters, and who may use them: keys and roles.

use super::{BY_HAND, Object, said};
use crate::{Aws, Result};
use aws_sdk_dynamodb::types::{DeleteReplicationGroupMemberAction, ReplicationGroupUpdate};
use aws_sdk_kms::types::OriginType;
use aws_sdk_s3::types::ReplicationRuleStatus;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::{ParameterType, ResourceTypeForTagging, Tag};

const OTHER_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const OTHER_FILTER: &str = r#"{"alert_type":["OTHER"]}"#;

pub(super) async fn change(object: &Object) -> Result<()> {
    match object.kind.as_str() {
        "dynamodb_table" | "dynamodb_table_replica" => {
            let update = object.aws.dynamodb().update_table().table_name(object.part(0)?);
            let update = update.deletion_protection_enabled(true);
            said("dynamodb:UpdateTable", update.send().await).map(drop)
        }
        // Not its versioning: AWS refuses to suspend it while objects are replicated.
        "s3_bucket" => {
            let delete = object.aws.s3().delete_public_access_block().bucket(&object.id);
            said("s3:DeletePublicAccessBlock", delete.send().await).map(drop)
        }
        "s3_bucket_replication" => switch_replication_off(object).await,
        "sns_subscription" => {
            let set = object.aws.sns().set_subscription_attributes();
            let set = set.subscription_arn(subscription(object).await?);
            let set = set.attribute_name("FilterPolicy").attribute_value(OTHER_FILTER);
            said("sns:SetSubscriptionAttributes", set.send().await).map(drop)
        }
        "sns_topic" => {
            let set = object.aws.sns().set_topic_attributes().topic_arn(&object.id);
            let set = set.attribute_name("DisplayName").attribute_value("by hand");
            said("sns:SetTopicAttributes", set.send().await).map(drop)
        }
        "sqs_queue" => {
            let set = object.aws.sqs().set_queue_attributes().queue_url(&object.id);
            let set = set.attributes(QueueAttributeName::MessageRetentionPeriod, "60");
            said("sqs:SetQueueAttributes", set.send().await).map(drop)
        }
        // The value is a SecureString's: not read, so that drift of it does not show.
        "ssm_parameter" => {
            let tag = said(
                "ssm:AddTagsToResource",
                Tag::builder().key("ByHand").value("yes").build(),
            )?;
            let add = object.aws.ssm().add_tags_to_resource().resource_id(&object.id);
            let add = add.resource_type(ResourceTypeForTagging::Parameter).tags(tag);
            said("ssm:AddTagsToResource", add.send().await).map(drop)
        }
        _ => change_access(object).await,
    }
}

async fn change_access(object: &Object) -> Result<()> {
    let kms = object.aws.kms();
    match object.kind.as_str() {
        "api_key_parameter" => use_another_key(object).await,
        "iam_role" => {
            let update = object.aws.iam().update_assume_role_policy();
            let update = update.role_name(&object.id).policy_document(OTHER_TRUST);
            said("iam:UpdateAssumeRolePolicy", update.send().await).map(drop)
        }
        "kms_alias" => {
            let create = kms.create_key().description(BY_HAND).origin(OriginType::AwsKms);
            let other = said("kms:CreateKey", create.send().await)?.key_metadata;
            let update = kms.update_alias().alias_name(&object.id);
            let update = update.set_target_key_id(other.map(|key| key.key_id));
            said("kms:UpdateAlias", update.send().await).map(drop)
        }
        "kms_key" | "kms_replica_key" => {
            let update = kms.update_key_description().key_id(&object.id).description("mine");
            said("kms:UpdateKeyDescription", update.send().await).map(drop)
        }
        _ => Err(object.unknown()),
    }
}

async fn switch_replication_off(object: &Object) -> Result<()> {
    let s3 = object.aws.s3();
    let get = s3.get_bucket_replication().bucket(&object.id);
    let found = said("s3:GetBucketReplication", get.send().await)?;
    let mut replication = found.replication_configuration.ok_or_else(|| object.missing())?;
    for rule in &mut replication.rules {
        rule.status = ReplicationRuleStatus::Disabled;
    }
    let put = s3.put_bucket_replication().bucket(&object.id);
    let put = put.replication_configuration(replication);
    said("s3:PutBucketReplication", put.send().await).map(drop)
}

async fn use_another_key(object: &Object) -> Result<()> {
    let ssm = object.aws.ssm();
    let get = ssm.get_parameter().name(&object.id).with_decryption(true);
    let found = said("ssm:GetParameter", get.send().await)?.parameter;
    let put = ssm.put_parameter().name(&object.id).overwrite(true);
    let put = put.r#type(ParameterType::SecureString).key_id("alias/aws/ssm");
    let put = put.set_value(found.and_then(|parameter| parameter.value));
    said("ssm:PutParameter", put.send().await).map(drop)
}

/// The ARN of the subscription of an id such as `<topic>|<protocol>|<endpoint>`.
async fn subscription(object: &Object) -> Result<String> {
    let list = object.aws.sns().list_subscriptions_by_topic();
    let found = said(
        "sns:ListSubscriptionsByTopic",
        list.topic_arn(object.part(0)?).send().await,
    )?;
    let endpoint = object.part(2)?;
    let mut all = found.subscriptions.unwrap_or_default().into_iter();
    let ours = all.find(|known| known.endpoint() == Some(endpoint));
    ours.and_then(|known| known.subscription_arn)
        .ok_or_else(|| object.missing())
}

/// Deletes the key that an alias was bent to, if it is there.
pub(super) async fn forget_the_other_key(aws: &Aws) -> Result<()> {
    let kms = aws.kms();
    let listed = said("kms:ListKeys", kms.list_keys().send().await)?;
    for id in listed.keys.unwrap_or_default().into_iter().filter_map(|key| key.key_id) {
        let found = said("kms:DescribeKey", kms.describe_key().key_id(&id).send().await)?;
        let description = found.key_metadata.and_then(|key| key.description);
        if description.as_deref() == Some(BY_HAND) {
            let end = kms.schedule_key_deletion().key_id(&id);
            said("kms:ScheduleKeyDeletion", end.send().await)?;
        }
    }
    Ok(())
}

pub(super) async fn delete(object: &Object) -> Result<()> {
    match object.kind.as_str() {
        "api_key_parameter" | "ssm_parameter" => {
            let delete = object.aws.ssm().delete_parameter().name(&object.id);
            said("ssm:DeleteParameter", delete.send().await).map(drop)
        }
        "dynamodb_table" => {
            let delete = object.aws.dynamodb().delete_table().table_name(&object.id);
            said("dynamodb:DeleteTable", delete.send().await).map(drop)
        }
        "dynamodb_table_replica" => delete_replica(object).await,
        "iam_role" => delete_role(object).await,
        "kms_alias" => {
            let delete = object.aws.kms().delete_alias().alias_name(&object.id);
            said("kms:DeleteAlias", delete.send().await).map(drop)
        }
        "s3_bucket" => {
            let delete = object.aws.s3().delete_bucket().bucket(&object.id);
            said("s3:DeleteBucket", delete.send().await).map(drop)
        }
        "s3_bucket_replication" => {
            let delete = object.aws.s3().delete_bucket_replication().bucket(&object.id);
            said("s3:DeleteBucketReplication", delete.send().await).map(drop)
        }
        "sns_subscription" => {
            let arn = subscription(object).await?;
            let delete = object.aws.sns().unsubscribe().subscription_arn(arn);
            said("sns:Unsubscribe", delete.send().await).map(drop)
        }
        "sns_topic" => {
            let delete = object.aws.sns().delete_topic().topic_arn(&object.id);
            said("sns:DeleteTopic", delete.send().await).map(drop)
        }
        "sqs_queue" => {
            let delete = object.aws.sqs().delete_queue().queue_url(&object.id);
            said("sqs:DeleteQueue", delete.send().await).map(drop)
        }
        _ => Err(object.unknown()),
    }
}

async fn delete_replica(object: &Object) -> Result<()> {
    const DELETE: &str = "dynamodb:UpdateTable";
    let delete = DeleteReplicationGroupMemberAction::builder().region_name(object.part(1)?);
    let delete = ReplicationGroupUpdate::builder().delete(said(DELETE, delete.build())?);
    let update = object.home.dynamodb().update_table().table_name(object.part(0)?);
    said(DELETE, update.replica_updates(delete.build()).send().await).map(drop)
}

/// AWS refuses as long as the role has policies.
async fn delete_role(object: &Object) -> Result<()> {
    let iam = object.aws.iam();
    let list = iam.list_role_policies().role_name(&object.id);
    let policies = said("iam:ListRolePolicies", list.send().await)?;
    for policy in policies.policy_names() {
        let delete = iam.delete_role_policy().role_name(&object.id).policy_name(policy);
        said("iam:DeleteRolePolicy", delete.send().await)?;
    }
    let list = iam.list_attached_role_policies().role_name(&object.id);
    let attached = said("iam:ListAttachedRolePolicies", list.send().await)?;
    for policy in attached.attached_policies() {
        let detach = iam.detach_role_policy().role_name(&object.id);
        let detach = detach.set_policy_arn(policy.policy_arn.clone());
        said("iam:DetachRolePolicy", detach.send().await)?;
    }
    let delete = iam.delete_role().role_name(&object.id);
    said("iam:DeleteRole", delete.send().await).map(drop)
}
