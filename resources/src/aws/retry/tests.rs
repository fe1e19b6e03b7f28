//! Answers of AWS against the table.

use super::*;

fn error(code: &str, message: &str) -> KindError {
    KindError::Service {
        operation: String::new(),
        code: code.into(),
        message: message.into(),
        request_id: None,
        status: Some(400),
    }
}

#[test]
fn a_role_that_lambda_cannot_assume_yet_is_retried_and_a_wrong_runtime_is_not() {
    let not_yet = error(
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    );
    let wrong = error(
        "InvalidParameterValueException",
        "Value basic at 'runtime' failed to satisfy constraint",
    );
    assert!(rule_for("lambda:CreateFunction", &not_yet).is_some());
    assert!(rule_for("lambda:CreateFunction", &wrong).is_none());
    assert!(rule_for("states:CreateStateMachine", &not_yet).is_none());
}

#[test]
fn not_found_is_an_answer_to_a_read_and_a_delay_to_a_write() {
    let gone = error("NotFoundException", "Key does not exist");
    assert!(rule_for("kms:DescribeKey", &gone).is_none());
    assert!(rule_for("kms:EnableKeyRotation", &gone).is_some());
}

/// Operation, code, a message that time heals, and one of the same code that no waiting heals (empty:
/// the code says it all).
const TABLE: &[(&str, &str, &str, &str)] = &[
    (
        "events:PutRule",
        "ValidationException",
        "Provided role 'arn:aws:iam::1:role/r' cannot be assumed by principal 'events.amazonaws.com'.",
        "Parameter ScheduleExpression is not valid.",
    ),
    (
        "events:DeleteRule",
        "ValidationException",
        "Rule can't be deleted since it has targets.",
        "EventBus can't be deleted since it has rules.",
    ),
    (
        "events:PutTargets",
        "ConcurrentModificationException",
        "Rule r on EventBus b is being modified.",
        "",
    ),
    (
        "scheduler:CreateSchedule",
        "ValidationException",
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        "Invalid Schedule Expression rate(x).",
    ),
    (
        "scheduler:UpdateSchedule",
        "ConflictException",
        "inconsistent state",
        "",
    ),
    (
        "wafv2:AssociateWebACL",
        "WAFUnavailableEntityException",
        "AWS WAF couldn't retrieve the resource that you requested. Retry your request.",
        "",
    ),
    ("wafv2:DeleteWebACL", "WAFAssociatedItemException", "in use", ""),
    (
        "wafv2:AssociateWebACL",
        "WAFNonexistentItemException",
        "doesn't exist",
        "",
    ),
    (
        "wafv2:PutLoggingConfiguration",
        "WAFServiceLinkedRoleErrorException",
        "locked",
        "",
    ),
    ("wafv2:TagResource", "WAFTagOperationException", "retry", ""),
    (
        "wafv2:TagResource",
        "WAFTagOperationInternalErrorException",
        "retry",
        "",
    ),
    (
        "synthetics:StartCanary",
        "ConflictException",
        "Canary is not in a startable state",
        "",
    ),
    (
        "synthetics:UpdateCanary",
        "ConflictException",
        "Canary in a state that can't be modified",
        "",
    ),
    (
        "synthetics:DeleteCanary",
        "ConflictException",
        "A conflicting operation is already in progress.",
        "Canary is not in a deletable state",
    ),
    (
        "cloudwatch:TagResource",
        "ConcurrentModificationException",
        "same time",
        "",
    ),
    (
        "apigateway:PutIntegrationResponse",
        "ConflictException",
        "Unable to complete operation due to concurrent modification. Please try again later.",
        "Method already exists for this resource",
    ),
    (
        "apigateway:CreateStage",
        "ConflictException",
        "Please try again later.",
        "",
    ),
    (
        "apigateway:PutMethod",
        "BadRequestException",
        "Unable to complete operation due to concurrent modification. Please try again later.",
        "Invalid mapping expression specified",
    ),
    (
        "apigateway:UpdateAccount",
        "BadRequestException",
        "The role ARN does not have required permissions configured. Please grant trust permission.",
        "Invalid ARN specified in the request",
    ),
    (
        "apigateway:UpdateAccount",
        "BadRequestException",
        "API Gateway could not successfully write to CloudWatch Logs using the ARN specified",
        "",
    ),
    (
        "apigateway:DeleteDeployment",
        "BadRequestException",
        "Active stages pointing to this deployment must be moved or deleted",
        "",
    ),
    (
        "apigateway:UpdateStage",
        "BadRequestException",
        "CloudWatch Logs role ARN must be set in account settings to enable logging",
        "",
    ),
    (
        "route53:ChangeResourceRecordSets",
        "PriorRequestNotComplete",
        "The request was rejected because Route 53 was still processing a prior request.",
        "",
    ),
    (
        "dynamodb:UpdateTable",
        "ResourceInUseException",
        "The resource which you are attempting to change is in use.",
        "",
    ),
    (
        "s3:PutReplicationConfiguration",
        "InvalidRequest",
        "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        "The Replication Time value must be 15 minutes",
    ),
    (
        "s3:PutReplicationConfiguration",
        "InvalidRequest",
        "Destination bucket must have versioning enabled.",
        "Destination bucket must exist.",
    ),
    ("states:CreateStateMachine", "StateMachineDeleting", "being deleted", ""),
    (
        "states:CreateStateMachine",
        "AccessDeniedException",
        "The state machine IAM Role is not authorized to access the Log Destination",
        "User: u is not authorized to perform: states:CreateStateMachine",
    ),
    (
        "states:CreateStateMachine",
        "AccessDeniedException",
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to \
         assume the provided role.",
        "",
    ),
];

/// Each row of these services has a case in [`TABLE`].
#[test]
fn answers_that_time_heals_are_repeated_and_the_others_are_not() {
    let mut proven = std::collections::HashSet::new();
    for (operation, code, heals, stays) in TABLE {
        let rule = rule_for(operation, &error(code, heals)).unwrap_or_else(|| panic!("{operation} {code}: {heals}"));
        proven.insert(std::ptr::from_ref(rule));
        assert!(
            stays.is_empty() || rule_for(operation, &error(code, stays)).is_none(),
            "{operation} {code}: {stays}"
        );
    }
    let services = [
        "events",
        "scheduler",
        "wafv2",
        "cloudwatch",
        "apigateway",
        "states",
        "route53",
        "synthetics",
    ];
    let unproven: Vec<_> = RULES
        .iter()
        .filter(|rule| services.contains(&rule.service) && !proven.contains(&std::ptr::from_ref(*rule)))
        .collect();
    assert!(unproven.is_empty(), "rows without a case: {unproven:?}");
}

#[test]
fn a_web_acl_that_does_not_exist_is_an_answer_to_reads_and_deletes() {
    let gone = error("WAFNonexistentItemException", "doesn't exist");
    for operation in ["wafv2:GetWebACL", "wafv2:DeleteWebACL", "wafv2:DisassociateWebACL"] {
        assert!(rule_for(operation, &gone).is_none(), "{operation}");
    }
    assert!(rule_for("wafv2:PutLoggingConfiguration", &gone).is_some());
}

#[test]
fn every_rule_names_its_source() {
    assert!(
        RULES
            .iter()
            .all(|rule| !rule.source.is_empty() && rule.budget.as_secs() > 0)
    );
}
