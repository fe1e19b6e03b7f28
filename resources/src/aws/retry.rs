//! The one table of errors that only time heals, and the pace limits AWS documents.
//!
//! Code AND message phrase are matched, inside a bounded budget, so that a really wrong trust
//! policy still fails soon. Sources: hashicorp/terraform-provider-aws (`aws:`), go-to-k/cdkd
//! (`cdkd:`) and the AWS documentation (`doc:`).

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use tap_engine::KindError;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// No pause between two tries is longer.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// AWS's own word for how long IAM may take to spread (aws: docs/retries-and-waiters.md).
const IAM: u64 = 120;

/// One condition under which a call is repeated.
#[derive(Debug)]
pub struct Rule {
    /// Service part of the operation (`lambda`), before the colon.
    service: &'static str,
    /// Error code.
    code: &'static str,
    /// Part of the message; empty for any.
    phrase: &'static str,
    /// How long it is worth trying.
    pub budget: Duration,
    /// Where this is known from.
    pub source: &'static str,
}

const fn rule(
    service: &'static str,
    code: &'static str,
    phrase: &'static str,
    seconds: u64,
    source: &'static str,
) -> Rule {
    Rule {
        service,
        code,
        phrase,
        budget: Duration::from_secs(seconds),
        source,
    }
}

/// The table.
pub static RULES: &[Rule] = &[
    rule(
        "lambda",
        "InvalidParameterValueException",
        "cannot be assumed by Lambda",
        IAM,
        "aws: lambda/function.go",
    ),
    rule(
        "lambda",
        "InvalidParameterValueException",
        "execution role does not have permissions",
        IAM,
        "aws: lambda/function.go",
    ),
    rule(
        "lambda",
        "InvalidParameterValueException",
        "KMS key is invalid for CreateGrant",
        IAM,
        "aws: lambda/function.go",
    ),
    rule(
        "lambda",
        "InvalidParameterValueException",
        "throttled by EC2",
        300,
        "aws: lambda/function.go",
    ),
    rule(
        "lambda",
        "InvalidParameterValueException",
        "Cannot access stream",
        IAM,
        "cdkd: retryable-errors",
    ),
    rule(
        "lambda",
        "InvalidParameterValueException",
        "ensure the role can perform",
        IAM,
        "cdkd: retryable-errors",
    ),
    rule(
        "lambda",
        "InvalidParameterValueException",
        "does not have permissions to call",
        IAM,
        "aws: lambda/event_source_mapping.go",
    ),
    rule(
        "lambda",
        "ResourceConflictException",
        "update is in progress",
        600,
        "aws: lambda/function.go",
    ),
    rule(
        "lambda",
        "ResourceConflictException",
        "in the following state: Pending",
        600,
        "aws: lambda/function.go",
    ),
    rule(
        "lambda",
        "ResourceConflictException",
        "concurrent update operation",
        120,
        "aws: issue 5154; sst: issue 6923 (AddPermission right after the function was made)",
    ),
    rule(
        "lambda",
        "ResourceNotFoundException",
        "Function not found",
        30,
        "aws: lambda/permission.go, resourcePermissionCreate",
    ),
    rule(
        "lambda",
        "ResourceNotFoundException",
        "Cannot find alias",
        30,
        "aws: lambda/permission.go, resourcePermissionCreate",
    ),
    rule(
        "lambda",
        "ResourceInUseException",
        "because it is in use",
        300,
        "cdkd: retryable-errors",
    ),
    rule("states", "StateMachineDeleting", "", 300, "aws: sfn/state_machine.go"),
    rule(
        "states",
        "AccessDeniedException",
        "is not authorized to access the Log Destination",
        IAM,
        "cdkd: issue 2783",
    ),
    rule(
        "states",
        "AccessDeniedException",
        "is authorized to assume the provided role",
        IAM,
        "cdkd: pull 950",
    ),
    rule(
        "kms",
        "MalformedPolicyDocumentException",
        "invalid principals",
        IAM,
        "aws: kms/key.go",
    ),
    rule("kms", "NotFoundException", "", 60, "aws: kms/key.go (a fresh key)"),
    rule(
        "kms",
        "DisabledException",
        "",
        60,
        "aws: kms/key.go (rotation of a fresh key)",
    ),
    rule(
        "dynamodb",
        "LimitExceededException",
        "can be created, updated, or deleted simultaneously",
        600,
        "aws: dynamodb/table.go",
    ),
    rule(
        "dynamodb",
        "LimitExceededException",
        "indexed tables that can be created simultaneously",
        600,
        "aws: dynamodb/table.go",
    ),
    rule(
        "dynamodb",
        "ResourceInUseException",
        "is being",
        600,
        "aws: dynamodb/table.go",
    ),
    rule(
        "dynamodb",
        "ResourceInUseException",
        "change is in use",
        600,
        "cdkd: issue 1442 (a global table that another region still changes)",
    ),
    rule(
        "dynamodb",
        "ResourceInUseException",
        "while indexes are being created",
        600,
        "cdkd: retryable-errors",
    ),
    rule(
        "dynamodb",
        "ContinuousBackupsUnavailableException",
        "",
        600,
        "aws: dynamodb/table.go",
    ),
    rule(
        "apigateway",
        "ConflictException",
        "due to concurrent modification",
        120,
        "aws: issues 776, 16439",
    ),
    rule(
        "apigateway",
        "ConflictException",
        "try again later",
        120,
        "aws: apigateway/",
    ),
    rule(
        "apigateway",
        "BadRequestException",
        "due to concurrent modification",
        120,
        "aws-api-gateway-for-cloudformation issue 27 (the same text under another code)",
    ),
    rule(
        "apigateway",
        "BadRequestException",
        "does not have required permissions",
        IAM,
        "aws: apigateway/account.go",
    ),
    rule(
        "apigateway",
        "BadRequestException",
        "could not successfully write to CloudWatch Logs",
        IAM,
        "aws: apigateway/account.go",
    ),
    rule(
        "apigateway",
        "BadRequestException",
        "Active stages pointing to this deployment",
        60,
        "aws: apigateway/deployment.go",
    ),
    rule(
        "apigateway",
        "BadRequestException",
        "Invalid stage identifier specified",
        30,
        "aws: apigateway/base_path_mapping.go, resourceBasePathMappingCreate",
    ),
    rule(
        "apigateway",
        "BadRequestException",
        "CloudWatch Logs role ARN must be set",
        30,
        "doc: API Gateway, logging of a stage right after the account's role was set",
    ),
    rule(
        "events",
        "ValidationException",
        "cannot be assumed by principal",
        IAM,
        "aws: events/rule.go, retryPutRule",
    ),
    rule(
        "events",
        "ValidationException",
        "can't be deleted since it has targets",
        300,
        "aws: events/rule.go, resourceRuleDelete",
    ),
    rule(
        "events",
        "ValidationException",
        "can't be deleted since it has rules",
        120,
        "sst: issue 4325 (the bus sees its deleted rules for a while; works at the second try)",
    ),
    rule(
        "events",
        "ConcurrentModificationException",
        "",
        60,
        "doc: EventBridge API reference, PutRule, PutTargets, DeleteEventBus, CreateArchive errors",
    ),
    rule(
        "scheduler",
        "ValidationException",
        "must allow AWS EventBridge Scheduler to assume the role",
        IAM,
        "aws: scheduler/retry.go; aws-sdk-js-v3 issue 6494",
    ),
    rule(
        "scheduler",
        "ConflictException",
        "",
        60,
        "doc: Scheduler UpdateSchedule errors",
    ),
    rule(
        "sqs",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "",
        75,
        "aws: sqs/queue.go",
    ),
    rule(
        "sqs",
        "QueueDeletedRecently",
        "",
        75,
        "aws: sqs/queue.go (JSON protocol)",
    ),
    rule(
        "sqs",
        "InvalidAttributeValue",
        "Invalid value for the parameter Policy",
        IAM,
        "aws: sqs/queue.go",
    ),
    rule(
        "sns",
        "InvalidParameter",
        "PrincipalNotFound",
        IAM,
        "cdkd: retryable-errors",
    ),
    rule(
        "wafv2",
        "WAFUnavailableEntityException",
        "",
        600,
        "aws: wafv2/web_acl_association.go; doc: changes take up to a number of minutes",
    ),
    rule(
        "wafv2",
        "WAFAssociatedItemException",
        "",
        300,
        "aws: wafv2/web_acl.go, resourceWebACLDelete",
    ),
    rule(
        "wafv2",
        "WAFNonexistentItemException",
        "",
        120,
        "doc: WAF API reference: a resource just created may need a few minutes",
    ),
    rule(
        "wafv2",
        "WAFServiceLinkedRoleErrorException",
        "",
        60,
        "doc: PutLoggingConfiguration: it locks the role for about 20 seconds",
    ),
    rule(
        "wafv2",
        "WAFTagOperationException",
        "",
        60,
        "doc: WAF API reference: retry your request",
    ),
    rule(
        "wafv2",
        "WAFTagOperationInternalErrorException",
        "",
        60,
        "doc: WAF API reference: retry your request",
    ),
    rule(
        "synthetics",
        "ConflictException",
        "not in a startable state",
        120,
        "aws: issue 20382",
    ),
    rule(
        "synthetics",
        "ConflictException",
        "a state that can't be modified",
        120,
        "aws: issue 18616",
    ),
    rule(
        "synthetics",
        "ConflictException",
        "operation is already in progress",
        120,
        "doc: ConflictException of StartCanary, StopCanary, UpdateCanary, DeleteCanary",
    ),
    rule(
        "cloudwatch",
        "ConcurrentModificationException",
        "",
        60,
        "doc: CloudWatch TagResource, UntagResource errors",
    ),
    rule(
        "s3",
        "MalformedPolicy",
        "Invalid principal in policy",
        IAM,
        "aws: s3/bucket_policy.go",
    ),
    rule(
        "s3",
        "InvalidRequest",
        "Versioning must be 'Enabled' on the bucket",
        60,
        "aws: s3/bucket_replication_configuration.go",
    ),
    rule(
        "s3",
        "InvalidRequest",
        "Destination bucket must have versioning enabled",
        60,
        "terraform-aws-s3-bucket: issue 172 (works at the second try)",
    ),
    rule("s3", "OperationAborted", "", 120, "aws: docs/retries-and-waiters.md"),
    rule("s3", "NoSuchBucket", "", 20, "aws: s3/bucket.go (a fresh bucket)"),
    rule(
        "logs",
        "OperationAbortedException",
        "",
        60,
        "doc: CreateLogGroup errors",
    ),
    rule(
        "logs",
        "InvalidParameterException",
        "not allowed to be used with LogGroup",
        30,
        "doc: CloudWatch Logs, a key policy that has not spread yet",
    ),
    rule(
        "route53",
        "PriorRequestNotComplete",
        "",
        120,
        "doc: Route 53 API reference: wait and try again",
    ),
    rule(
        "ec2",
        "OperationInProgress",
        "",
        300,
        "aws: pull 42884: ModifyVpcEndpoint takes one change of an endpoint at a time",
    ),
    rule(
        "ec2",
        "InvalidParameter",
        "idempotent operation going on",
        300,
        "mongodbatlas: issue 590: an endpoint that is still being made",
    ),
    rule(
        "ssm",
        "TooManyUpdates",
        "",
        60,
        "doc: PutParameter, AddTagsToResource errors: one update at a time",
    ),
    rule(
        "iam",
        "MalformedPolicyDocument",
        "Invalid principal in policy",
        IAM,
        "aws: iam/role.go; issues 8905, 16820",
    ),
    rule("iam", "ConcurrentModification", "", 60, "doc: IAM common errors"),
    rule("iam", "DeleteConflict", "", 60, "aws: iam/role.go"),
];

/// "Does not exist", where it may only mean "not yet".
const MAY_APPEAR: &[&str] = &[
    "NotFoundException",
    "NoSuchBucket",
    "ResourceNotFoundException",
    "WAFNonexistentItemException",
];

/// Operations for which "does not exist" is an answer and not a delay: reads and deletes.
fn answers_existence(operation: &str) -> bool {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    [
        "Get",
        "Describe",
        "List",
        "Head",
        "Delete",
        "Disassociate",
        "Remove",
        "Schedule",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// The rule under which this error is worth another try.
pub fn rule_for(operation: &str, error: &KindError) -> Option<&'static Rule> {
    let KindError::Service { code, message, .. } = error else {
        return None;
    };
    RULES.iter().find(|rule| rule.is_about(operation, code, message))
}

impl Rule {
    fn is_about(&self, operation: &str, code: &str, message: &str) -> bool {
        let service = operation.split_once(':').map_or(operation, |(service, _)| service);
        self.service == service
            && self.code == code
            && message.contains(self.phrase)
            && !(MAY_APPEAR.contains(&self.code) && answers_existence(operation))
    }
}

/// Operation -> shortest time between two calls in one account and region, where the quota is so low
/// that retries would only burn it (doc: Amazon API Gateway quotas, control-plane operations). The
/// page says "per account"; API Gateway is regional, and its account quotas are per region. Should
/// two regions share one after all, the second call is throttled, which the SDK tries again.
static PACE: &[(&str, Duration)] = &[
    ("apigateway:DeleteRestApi", Duration::from_secs(30)),
    ("apigateway:CreateRestApi", Duration::from_secs(3)),
    ("apigateway:CreateResource", Duration::from_millis(200)),
    ("apigateway:DeleteResource", Duration::from_millis(200)),
    ("apigateway:CreateDeployment", Duration::from_secs(5)),
];

/// Waits for this operation's turn in the region. The first call goes at once.
pub async fn pace(operation: &'static str, region: &str) {
    static LAST: OnceLock<Mutex<HashMap<(&'static str, String), Instant>>> = OnceLock::new();
    let Some((_, interval)) = PACE.iter().find(|(name, _)| *name == operation) else {
        return;
    };
    let mut last = LAST.get_or_init(Mutex::default).lock().await;
    let now = Instant::now();
    let line = (operation, region.to_owned());
    let turn = last.get(&line).map_or(now, |at| (*at + *interval).max(now));
    last.insert(line, turn);
    drop(last);
    tokio::time::sleep(turn - now).await;
}

#[cfg(test)]
mod tests;
