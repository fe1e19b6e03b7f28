//! A Lambda function as every composite deploys it: log group, role, code, and the alias `live` that everything calls.
//!
//! New code or configuration is published as a version, and then the alias moves to it. Routes, mappings, schedules and
//! policies name the alias, whose ARN never changes: there is no moment at which a live route points at nothing (issue 3).

use serde_json::{Value, json};
use tap_engine::{Component, Key};
use tap_plugin::{Diagnostic, Diagnostics};

use super::Builder;
use super::iam::{POLICY, allow, role_with_policy, trust_lambda, write_logs, xray};
use super::shared::LambdaPackage;
use crate::bundle;

/// Name of the alias.
pub const LIVE: &str = "live";

/// What makes one function differ from another.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Second half of its components' keys: `lambda_function.<key>`, `lambda_alias.<key>`, `iam_role.<key>`,
    /// `log_group.<key>`.
    pub key: &'a str,
    /// The function's name in AWS.
    pub name: &'a str,
    /// The role's name in AWS.
    pub role_name: &'a str,
    /// Name of the role's inline policy.
    pub policy_name: &'a str,
    /// The handler in the bundle (`webhook_validator`): Lambda's `_HANDLER`, or the image's command.
    pub handler: &'a str,
    /// For people.
    pub description: Option<&'a str>,
    /// Megabytes.
    pub memory_size: i64,
    /// Seconds.
    pub timeout: i64,
    /// Instances kept for this function alone; negative means none are.
    pub reserved_concurrent_executions: i64,
    /// Variables: text -> text. `ENVIRONMENT` and `LOG_LEVEL` are added.
    pub environment: Value,
    /// The customer managed key that encrypts the variables; `None`: the key that AWS manages.
    pub environment_key_arn: Option<String>,
    /// What the handler may do, besides writing its log and its traces.
    pub statements: Vec<Value>,
    /// Queue or topic for events of asynchronous invocations that failed for good. The right to send is added for a
    /// queue.
    pub dead_letter_arn: Option<String>,
    /// The log group's name; `None`: `/aws/lambda/<name>`.
    pub log_group_name: Option<&'a str>,
    /// The key that encrypts the log group.
    pub log_group_key_arn: Option<String>,
    /// Private subnets to run in.
    pub vpc: Option<Vpc>,
    /// ARNs of layer versions.
    pub layers: Vec<String>,
    /// Where the code comes from when the user gives no package of their own.
    pub package: Package<'a>,
}

impl<'a> Plan<'a> {
    /// A function with Lambda's defaults, without rights, variables and network.
    pub fn new(key: &'a str, name: &'a str, handler: &'a str) -> Self {
        Self {
            key,
            name,
            role_name: name,
            policy_name: POLICY,
            handler,
            description: None,
            memory_size: 128,
            timeout: 3,
            reserved_concurrent_executions: -1,
            environment: json!({}),
            environment_key_arn: None,
            statements: Vec::new(),
            dead_letter_arn: None,
            log_group_name: None,
            log_group_key_arn: None,
            vpc: None,
            layers: Vec::new(),
            package: Package::Zip,
        }
    }
}

/// Subnets and security groups.
#[derive(Debug, Clone)]
pub struct Vpc {
    /// Private subnets.
    pub subnet_ids: Vec<String>,
    /// Security groups of the function's network interfaces.
    pub security_group_ids: Vec<String>,
}

/// The form in which the bundled handlers are deployed.
#[derive(Debug, Clone, Copy)]
pub enum Package<'a> {
    /// A zip for `provided.al2023`.
    Zip,
    /// An image in a repository of the function's own.
    Image(&'a Repository),
}

/// Settings of the repositories (W-37, W-38).
#[derive(Debug, Clone)]
pub struct Repository {
    /// `IMMUTABLE` or `MUTABLE`.
    pub image_tag_mutability: String,
    /// Look for vulnerabilities on push.
    pub scan_on_push: bool,
    /// Delete the repository with its images.
    pub force_delete: bool,
    /// How many images stay.
    pub keep_last_images: i64,
}

/// A deployed function.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The function: what alarms and concurrency are about.
    pub function: Key,
    /// The alias: what is called.
    pub alias: Key,
    /// Its role.
    pub role: Key,
    /// Its log group.
    pub log_group: Key,
    /// Its repository, where it is deployed as an image that the provider pushes.
    pub repository: Option<Key>,
    /// The function's name in AWS.
    pub name: String,
    /// Seconds.
    pub timeout: i64,
}

impl Deployed {
    /// ARN of the alias: for policies, mappings, schedules, workflow tasks, other functions.
    pub fn arn(&self) -> String {
        self.alias.arn()
    }

    /// For an API's integration.
    pub fn invoke_arn(&self) -> String {
        self.alias.output("invoke_arn")
    }

    /// The right of an AWS service of this account to call the alias (`aws:SourceArn` and `aws:SourceAccount`).
    pub fn permission(
        &self,
        b: &Builder<'_>,
        key: &str,
        statement_id: &str,
        service: &str,
        source_arn: impl Into<Value>,
    ) -> Component {
        b.component("lambda_permission", key)
            .set("function_name", self.function.output("name"))
            .set("qualifier", self.alias.output("name"))
            .set("statement_id", statement_id)
            .set("action", "lambda:InvokeFunction")
            .set("principal", service)
            .set("source_arn", source_arn)
            .set("source_account", b.environment.account_id.as_str())
    }
}

/// The alias' ARN by name, for a function that has to know itself: a reference would be a circle.
pub fn live_arn(b: &Builder<'_>, key: &str, function_name: &str) -> String {
    b.arn("lambda", &format!("function:{function_name}:{}", alias_name(b, key)))
}

fn alias_name(b: &Builder<'_>, key: &str) -> String {
    b.name(&format!("lambda_alias.{key}"), Some(&LIVE.to_owned()), "")
}

/// A log group of the stack; it is made before whatever writes to it, so that it has its retention and its key (W-40).
pub fn log_group(b: &mut Builder<'_>, key: &str, name: &str, key_arn: impl Into<Value>) -> Key {
    let name = b
        .overridden(&format!("log_group.{key}"))
        .map_or(name, String::as_str)
        .to_owned();
    let group = b
        .component("log_group", key)
        .set("log_group_name", name)
        .set("retention_in_days", b.shared.log_retention_in_days)
        .set("log_group_class", b.shared.log_group_class.as_str())
        .set("kms_key_id", key_arn)
        .set("adopt_existing", b.shared.adopt_existing_log_groups);
    b.add(group)
}

/// Adds the function with all that belongs to it. The error names the attribute whose package cannot be used.
#[expect(clippy::needless_pass_by_value, reason = "a plan is for one function")]
pub fn deploy(b: &mut Builder<'_>, plan: Plan<'_>) -> Result<Deployed, Diagnostics> {
    let log_group_name = plan
        .log_group_name
        .map_or_else(|| format!("/aws/lambda/{}", plan.name), ToOwned::to_owned);
    let log_group = log_group(b, plan.key, &log_group_name, plan.log_group_key_arn.clone());
    let statements = statements(b, &plan, &log_group);
    let role = role_with_policy(
        b,
        plan.key,
        plan.role_name,
        trust_lambda(),
        plan.policy_name,
        statements,
    );
    let role = b.add(role);
    let code = code(b, &plan)?;
    let function = configured(b, &plan, &role, &log_group);
    let function = code
        .settings
        .into_iter()
        .fold(function, |f, (name, value)| f.set(name, value));
    let function = b.add(function);
    let alias = b
        .component("lambda_alias", plan.key)
        .set("name", alias_name(b, plan.key))
        .set("function_name", function.output("name"))
        .set("function_version", function.output("version"))
        .set("description", "What everything calls: moves to each new version");
    // The image that the alias still serves must outlive the move.
    let alias = code.image.iter().fold(alias, Component::after);
    let alias = b.add(alias);
    Ok(Deployed {
        function,
        alias,
        role,
        log_group,
        repository: code.repository,
        name: plan.name.to_owned(),
        timeout: plan.timeout,
    })
}

fn configured(b: &Builder<'_>, plan: &Plan<'_>, role: &Key, log_group: &Key) -> Component {
    let mut environment = plan.environment.clone();
    environment["ENVIRONMENT"] = b.shared.environment_suffix.as_str().into();
    environment["LOG_LEVEL"] = b.shared.log_level.as_str().into();
    let reserved = Some(plan.reserved_concurrent_executions).filter(|n| *n >= 0);
    let vpc = plan
        .vpc
        .as_ref()
        .map(|vpc| json!({"subnet_ids": vpc.subnet_ids, "security_group_ids": vpc.security_group_ids}));
    let layers = Some(&plan.layers)
        .filter(|arns| !arns.is_empty())
        .map(|arns| json!(arns));
    b.component("lambda_function", plan.key)
        .set("function_name", plan.name)
        .set("description", plan.description)
        .set("role", role.arn())
        .set("architectures", json!([b.shared.lambda_architecture]))
        .set("memory_size", plan.memory_size)
        .set("timeout", plan.timeout)
        .set("environment", environment)
        .set("kms_key_arn", plan.environment_key_arn.clone())
        .set("tracing_mode", b.shared.tracing_mode.as_str())
        .set("log_group", log_group.output("name"))
        .set("log_format", "JSON")
        .set("dead_letter_target_arn", plan.dead_letter_arn.clone())
        .set("reserved_concurrent_executions", reserved)
        .set("vpc_config", vpc)
        .set("layers", layers)
        .set("publish", true)
}

/// The plan's rights, and those that follow from its settings.
fn statements(b: &Builder<'_>, plan: &Plan<'_>, log_group: &Key) -> Vec<Value> {
    let mut statements = plan.statements.clone();
    statements.push(write_logs(log_group));
    if b.shared.tracing_mode == "Active" {
        statements.push(xray());
    }
    if let Some(queue) = plan.dead_letter_arn.as_ref().filter(|arn| arn.contains("sqs")) {
        statements.push(allow(&["sqs:SendMessage"], queue.as_str()));
    }
    if let Some(key) = &plan.environment_key_arn {
        statements.push(allow(&["kms:Decrypt"], key.as_str()));
    }
    if plan.vpc.is_some() {
        statements.extend(network_interfaces(b, plan.name));
    }
    statements
}

/// What Lambda does with the execution role to run a function in a VPC
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>): describing takes no resource, the rest is
/// bound to this account and region. The function's own code may do none of it.
fn network_interfaces(b: &Builder<'_>, function_name: &str) -> [Value; 3] {
    let managing = [
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ];
    let describing = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"];
    let itself = b.arn("lambda", &format!("function:{function_name}"));
    let all = [managing.as_slice(), describing.as_slice()].concat();
    let not_by_code = json!({
        "Effect": "Deny", "Action": all, "Resource": "*",
        "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": itself}},
    });
    [
        allow(&managing, b.arn("ec2", "*/*")),
        allow(&describing, "*"),
        not_by_code,
    ]
}

/// The settings that say what runs.
struct Code {
    settings: Vec<(&'static str, Value)>,
    repository: Option<Key>,
    image: Option<Key>,
}

impl Code {
    fn of(settings: Vec<(&'static str, Value)>) -> Self {
        Self {
            settings,
            repository: None,
            image: None,
        }
    }
}

/// A package of the user's, or the bundled handlers as zip or image.
fn code(b: &mut Builder<'_>, plan: &Plan<'_>) -> Result<Code, Diagnostics> {
    let own = b.shared.lambda_package.clone().unwrap_or_default();
    let own_image = own.image_uri.as_ref().zip(own.image_digest.as_ref());
    let (mut code, image) = match (own_image, plan.package) {
        (Some((uri, digest)), _) => {
            let uri = format!("{uri}@{digest}");
            (Code::of(vec![("code", json!({"image_uri": uri}))]), true)
        }
        (None, Package::Image(repository)) => (image(b, plan, repository)?, true),
        (None, Package::Zip) => (zip(b, &own)?, false),
    };
    code.settings.extend(if image {
        vec![
            ("package_type", "Image".into()),
            ("image_config", json!({"command": [plan.handler]})),
        ]
    } else {
        vec![
            ("package_type", "Zip".into()),
            ("runtime", "provided.al2023".into()),
            ("handler", plan.handler.into()),
        ]
    });
    Ok(code)
}

fn unusable(error: &dyn std::fmt::Display, path: &str) -> Diagnostics {
    Diagnostic::error("The code package cannot be used", error.to_string())
        .at(tap_plugin::AttributePath::dotted(path))
        .into()
}

fn zip(b: &Builder<'_>, package: &LambdaPackage) -> Result<Code, Diagnostics> {
    if let Some(path) = &package.zip_path {
        let sha = super::hash::sha256_of_file(path).map_err(|error| unusable(&error, "lambda_package.zip_path"))?;
        let code = json!({"zip_path": path, "source_hash": package.source_hash});
        return Ok(Code::of(vec![("code", code), ("code_sha256", sha.into())]));
    }
    if let (Some(bucket), Some(object)) = (&package.s3_bucket, &package.s3_key) {
        let code = json!({"s3_bucket": bucket, "s3_key": object, "s3_object_version": package.s3_object_version, "source_hash": package.source_hash});
        return Ok(Code::of(vec![("code", tap_engine::json::normalise(&code, false))]));
    }
    let arch = &b.shared.lambda_architecture;
    let artifact = bundle::zip(arch).map_err(|error| unusable(&error, "lambda_architecture"))?;
    let code = json!({"bundle": arch});
    Ok(Code::of(vec![
        ("code", code),
        ("code_sha256", artifact.code_sha256.into()),
    ]))
}

fn image(b: &mut Builder<'_>, plan: &Plan<'_>, settings: &Repository) -> Result<Code, Diagnostics> {
    let arch = b.shared.lambda_architecture.clone();
    let bundled = bundle::image(&arch).map_err(|error| unusable(&error, "lambda_architecture"))?;
    let (repository, image) = pushed_image(b, plan, settings, &arch, &bundled.digest);
    Ok(Code {
        settings: vec![("code", json!({"image_uri": image.output("uri")}))],
        repository: Some(repository),
        image: Some(image),
    })
}

/// Repository and image of one function (W-36, W-37, W-38).
fn pushed_image(b: &mut Builder<'_>, plan: &Plan<'_>, settings: &Repository, arch: &str, digest: &str) -> (Key, Key) {
    let name = b.name(&format!("ecr_repository.{}", plan.key), Some(&plan.name.to_owned()), "");
    let keep = json!({"rules": [{
        "rulePriority": 1, "description": "Keep the last images",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": settings.keep_last_images},
        "action": {"type": "expire"},
    }]});
    let repository = b
        .component("ecr_repository", plan.key)
        .set("repository_name", name)
        .set("image_tag_mutability", settings.image_tag_mutability.as_str())
        .set("scan_on_push", settings.scan_on_push)
        .set("force_delete", settings.force_delete)
        .set("lifecycle_policy", keep);
    let repository = b.add(repository);
    let image = b
        .component("ecr_image", plan.key)
        .set("repository_name", repository.output("name"))
        .set("source", json!({"bundle": arch}))
        .set("digest", digest)
        .set("tag", digest.trim_start_matches("sha256:").get(..12).unwrap_or(digest));
    (repository, b.add(image))
}

#[cfg(test)]
mod tests;
