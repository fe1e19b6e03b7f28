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
        "Rule name is not valid.",
    ),
    (
        "events:DeleteEventBus",
        "ValidationException",
        "EventBus can't be deleted since it has rules.",
        "Cannot delete event bus default.",
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
        "apigateway:CreateBasePathMapping",
        "BadRequestException",
        "Invalid stage identifier specified",
        "Invalid domain name identifier specified",
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
    (
        "ec2:ModifyVpcEndpoint",
        "OperationInProgress",
        "VpcEndpoint modify operation in progress",
        "",
    ),
    (
        "ec2:ModifyVpcEndpoint",
        "InvalidParameter",
        "Cannot modify VPC Endpoint vpce-1 at this time because there is an idempotent operation going on",
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for sqs.us-east-1.amazonaws.com",
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
    (
        "lambda:CreateFunction",
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
        "Value basic at 'runtime' failed to satisfy constraint",
    ),
    (
        "lambda:UpdateFunctionConfiguration",
        "InvalidParameterValueException",
        "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
        "",
    ),
    (
        "lambda:CreateEventSourceMapping",
        "InvalidParameterValueException",
        "The function execution role does not have permissions to call ReceiveMessage on SQS",
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    ),
    (
        "lambda:CreateFunction",
        "InvalidParameterValueException",
        "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. \
         Please check your KMS key settings.",
        "",
    ),
    (
        "lambda:CreateFunction",
        "InvalidParameterValueException",
        "Your request has been throttled by EC2, please make sure you have enough API rate limit.",
        "",
    ),
    (
        "lambda:CreateEventSourceMapping",
        "InvalidParameterValueException",
        "Cannot access stream arn:aws:dynamodb:us-east-1:1:table/t/stream/s. Please ensure the role can perform the \
         GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.",
        "",
    ),
    (
        "lambda:UpdateFunctionCode",
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:us-east-1:1:function:f",
        "Function already exist: f",
    ),
    (
        "lambda:PublishVersion",
        "ResourceConflictException",
        "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        "",
    ),
    (
        "lambda:AddPermission",
        "ResourceConflictException",
        "The function could not be updated due to a concurrent update operation.",
        "The statement id (live) provided already exists.",
    ),
    (
        "lambda:AddPermission",
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:us-east-1:1:function:f",
        "The resource you requested does not exist.",
    ),
    (
        "lambda:AddPermission",
        "ResourceNotFoundException",
        "Cannot find alias arn: arn:aws:lambda:us-east-1:1:function:f:live",
        "",
    ),
    (
        "lambda:DeleteEventSourceMapping",
        "ResourceInUseException",
        "Cannot delete the event source mapping because it is in use.",
        "",
    ),
    (
        "kms:CreateKey",
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals.",
        "The new key policy will not allow you to update the key policy in the future.",
    ),
    ("kms:EnableKeyRotation", "NotFoundException", "Key does not exist", ""),
    ("kms:EnableKeyRotation", "DisabledException", "key is disabled", ""),
    (
        "dynamodb:CreateTable",
        "LimitExceededException",
        "Subscriber limit exceeded: Only 50 tables can be created, updated, or deleted simultaneously",
        "Subscriber limit exceeded: Tables are limited to 2500 per account",
    ),
    (
        "dynamodb:CreateTable",
        "LimitExceededException",
        "Subscriber limit exceeded: There is a limit of 5 indexed tables that can be created simultaneously",
        "",
    ),
    (
        "dynamodb:UpdateTable",
        "ResourceInUseException",
        "Attempt to change a resource which is still in use: Table is being updated: t",
        "Table already exists: t",
    ),
    (
        "dynamodb:DeleteTable",
        "ResourceInUseException",
        "Attempting to delete table while indexes are being created",
        "",
    ),
    (
        "dynamodb:UpdateContinuousBackups",
        "ContinuousBackupsUnavailableException",
        "Backups are being enabled for the table: t. Please retry later",
        "",
    ),
    (
        "sqs:CreateQueue",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        "",
    ),
    (
        "sqs:CreateQueue",
        "QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        "",
    ),
    (
        "sqs:SetQueueAttributes",
        "InvalidAttributeValue",
        "Invalid value for the parameter Policy.",
        "Invalid value for the parameter VisibilityTimeout.",
    ),
    (
        "sns:SetTopicAttributes",
        "InvalidParameter",
        "Invalid parameter: Policy Error: PrincipalNotFound",
        "Invalid parameter: TopicArn",
    ),
    (
        "s3:PutBucketPolicy",
        "MalformedPolicy",
        "Invalid principal in policy",
        "Policy has invalid resource",
    ),
    (
        "s3:CreateBucket",
        "OperationAborted",
        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
        "",
    ),
    (
        "s3:PutBucketPolicy",
        "NoSuchBucket",
        "The specified bucket does not exist",
        "",
    ),
    (
        "logs:CreateLogGroup",
        "OperationAbortedException",
        "Multiple concurrent requests to update the same resource were in conflict.",
        "",
    ),
    (
        "logs:CreateLogGroup",
        "InvalidParameterException",
        "The KMS Key Id could not be found or is not allowed to be used with LogGroup 'arn:aws:logs:us-east-1:1:log-group:g'",
        "Log group name prefix 'aws' is reserved",
    ),
    (
        "ssm:PutParameter",
        "TooManyUpdates",
        "There are concurrent updates for a resource that supports one update at a time.",
        "",
    ),
    (
        "iam:CreateRole",
        "MalformedPolicyDocument",
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:role/r\"",
        "Syntax errors in policy.",
    ),
    ("iam:DeleteRole", "ConcurrentModification", "being modified", ""),
    (
        "iam:DeleteRole",
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
        "",
    ),
];

#[test]
fn answers_that_time_heals_are_repeated_and_the_others_are_not() {
    for (operation, code, heals, stays) in TABLE {
        assert!(
            rule_for(operation, &error(code, heals)).is_some(),
            "{operation} {code}: {heals}"
        );
        assert!(
            stays.is_empty() || rule_for(operation, &error(code, stays)).is_none(),
            "{operation} {code}: {stays}"
        );
    }
}

#[test]
fn every_rule_has_a_case() {
    let proven = |rule: &&Rule| {
        TABLE
            .iter()
            .any(|(operation, code, heals, _)| rule.is_about(operation, code, heals))
    };
    let unproven: Vec<_> = RULES.iter().filter(|rule| !proven(rule)).collect();
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
fn a_function_that_does_not_exist_is_an_answer_to_reads_and_deletes() {
    let gone = error("ResourceNotFoundException", "Function not found: f");
    for operation in [
        "lambda:GetPolicy",
        "lambda:DeleteFunctionConcurrency",
        "lambda:RemovePermission",
    ] {
        assert!(rule_for(operation, &gone).is_none(), "{operation}");
    }
    assert!(rule_for("lambda:CreateAlias", &gone).is_some());
}

#[test]
fn every_rule_names_its_source() {
    assert!(
        RULES
            .iter()
            .all(|rule| !rule.source.is_empty() && rule.budget.as_secs() > 0)
    );
}
