//! Functions, events, schedules and workflows.

use super::{Object, said};
use crate::Result;
use aws_sdk_eventbridge::types::{RetryPolicy, Tag, Target};

const OTHER_MACHINE: &str = r#"{"StartAt":"Nothing","States":{"Nothing":{"Type":"Succeed"}}}"#;
/// MiB; no stack's default.
const OTHER_MEMORY: i32 = 300;

pub(super) async fn change(object: &Object) -> Result<()> {
    let lambda = object.aws.lambda();
    match object.kind.as_str() {
        "lambda_alias" => {
            let update = lambda.update_alias().function_name(object.part(0)?);
            let update = update.name(object.part(1)?).description("by hand");
            said("lambda:UpdateAlias", update.send().await).map(drop)
        }
        "lambda_event_source_mapping" => {
            let update = lambda.update_event_source_mapping().uuid(&object.id);
            said("lambda:UpdateEventSourceMapping", update.batch_size(7).send().await).map(drop)
        }
        "lambda_function" => {
            let update = lambda.update_function_configuration().function_name(&object.id);
            let update = update.memory_size(OTHER_MEMORY);
            said("lambda:UpdateFunctionConfiguration", update.send().await).map(drop)
        }
        "schedule" => change_schedule(object).await,
        "state_machine" => {
            let update = object.aws.step_functions().update_state_machine();
            let update = update.state_machine_arn(&object.id).definition(OTHER_MACHINE);
            said("states:UpdateStateMachine", update.send().await).map(drop)
        }
        _ => change_events(object).await,
    }
}

async fn change_events(object: &Object) -> Result<()> {
    let events = object.aws.eventbridge();
    match object.kind.as_str() {
        "event_archive" => {
            let update = events.update_archive().archive_name(&object.id).retention_days(7);
            said("events:UpdateArchive", update.send().await).map(drop)
        }
        "event_bus" => {
            let found = events.describe_event_bus().name(&object.id).send().await;
            let found = said("events:DescribeEventBus", found)?;
            let tag = Tag::builder().key("ByHand").value("yes");
            let tag = said("events:TagResource", tag.build())?;
            let add = events.tag_resource().set_resource_arn(found.arn).tags(tag);
            said("events:TagResource", add.send().await).map(drop)
        }
        "event_rule" => {
            let (bus, rule) = (object.part(0)?, object.part(1)?);
            let found = events.describe_rule().event_bus_name(bus).name(rule).send().await;
            let found = said("events:DescribeRule", found)?;
            let put = events.put_rule().event_bus_name(bus).name(rule).description("by hand");
            let put = put.set_event_pattern(found.event_pattern).set_state(found.state);
            said("events:PutRule", put.send().await).map(drop)
        }
        "event_target" => {
            let mut target = target(object).await?;
            target.retry_policy = Some(RetryPolicy::builder().maximum_retry_attempts(1).build());
            let put = events.put_targets().event_bus_name(object.part(0)?);
            let put = put.rule(object.part(1)?).targets(target);
            said("events:PutTargets", put.send().await).map(drop)
        }
        _ => Err(object.unknown()),
    }
}

async fn target(object: &Object) -> Result<Target> {
    let list = object.aws.eventbridge().list_targets_by_rule();
    let list = list.event_bus_name(object.part(0)?).rule(object.part(1)?);
    let found = said("events:ListTargetsByRule", list.send().await)?;
    let id = object.part(2)?;
    let mut targets = found.targets.unwrap_or_default().into_iter();
    targets.find(|target| target.id == id).ok_or_else(|| object.missing())
}

async fn change_schedule(object: &Object) -> Result<()> {
    let scheduler = object.aws.scheduler();
    let (group, name) = (object.part(0)?, object.part(1)?);
    let found = scheduler.get_schedule().group_name(group).name(name).send().await;
    let found = said("scheduler:GetSchedule", found)?;
    let update = scheduler.update_schedule().group_name(group).name(name);
    let update = update
        .schedule_expression("rate(7 days)")
        .set_flexible_time_window(found.flexible_time_window)
        .set_target(found.target)
        .set_description(found.description)
        .set_kms_key_arn(found.kms_key_arn)
        .set_schedule_expression_timezone(found.schedule_expression_timezone)
        .set_state(found.state);
    said("scheduler:UpdateSchedule", update.send().await).map(drop)
}

pub(super) async fn delete(object: &Object) -> Result<()> {
    let lambda = object.aws.lambda();
    match object.kind.as_str() {
        "lambda_alias" => {
            let delete = lambda.delete_alias().function_name(object.part(0)?);
            said("lambda:DeleteAlias", delete.name(object.part(1)?).send().await).map(drop)
        }
        "lambda_event_source_mapping" => {
            let delete = lambda.delete_event_source_mapping().uuid(&object.id);
            said("lambda:DeleteEventSourceMapping", delete.send().await).map(drop)
        }
        "lambda_function" => {
            let delete = lambda.delete_function().function_name(&object.id);
            said("lambda:DeleteFunction", delete.send().await).map(drop)
        }
        "lambda_layer_version" => {
            let (layer, version) = object.id.rsplit_once(':').ok_or_else(|| object.missing())?;
            let name = layer.rsplit(':').next().unwrap_or_default();
            let version = said("lambda:DeleteLayerVersion", version.parse::<i64>())?;
            let delete = lambda.delete_layer_version().layer_name(name).version_number(version);
            said("lambda:DeleteLayerVersion", delete.send().await).map(drop)
        }
        "lambda_permission" => {
            let remove = lambda.remove_permission().function_name(object.part(0)?);
            let remove = remove.statement_id(object.part(1)?).qualifier(object.part(2)?);
            said("lambda:RemovePermission", remove.send().await).map(drop)
        }
        "state_machine" => {
            let delete = object.aws.step_functions().delete_state_machine();
            let delete = delete.state_machine_arn(&object.id);
            said("states:DeleteStateMachine", delete.send().await).map(drop)
        }
        "schedule" => {
            let delete = object.aws.scheduler().delete_schedule();
            let delete = delete.group_name(object.part(0)?).name(object.part(1)?);
            said("scheduler:DeleteSchedule", delete.send().await).map(drop)
        }
        _ => delete_events(object).await,
    }
}

async fn delete_events(object: &Object) -> Result<()> {
    let events = object.aws.eventbridge();
    match object.kind.as_str() {
        "event_archive" => {
            let delete = events.delete_archive().archive_name(&object.id);
            said("events:DeleteArchive", delete.send().await).map(drop)
        }
        "event_rule" => {
            let (bus, rule) = (object.part(0)?, object.part(1)?);
            let found = events
                .list_targets_by_rule()
                .event_bus_name(bus)
                .rule(rule)
                .send()
                .await;
            let found = said("events:ListTargetsByRule", found)?.targets.unwrap_or_default();
            // AWS refuses as long as the rule has targets.
            if !found.is_empty() {
                let ids = found.into_iter().map(|target| target.id).collect();
                let remove = events.remove_targets().event_bus_name(bus).rule(rule);
                said("events:RemoveTargets", remove.set_ids(Some(ids)).send().await)?;
            }
            let delete = events.delete_rule().event_bus_name(bus).name(rule);
            said("events:DeleteRule", delete.send().await).map(drop)
        }
        "event_target" => {
            let remove = events.remove_targets().event_bus_name(object.part(0)?);
            let remove = remove.rule(object.part(1)?).ids(object.part(2)?);
            said("events:RemoveTargets", remove.send().await).map(drop)
        }
        _ => Err(object.unknown()),
    }
}
