//! The attributes that all composites share (requirements 6.1): schema and typed form.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tap_plugin::{Attribute, Attributes, Type, Validator, validators as check};

use super::build::json_object;
use super::ids;

/// The retention periods CloudWatch Logs accepts, in days
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
pub const RETENTION_DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/// What every composite's configuration holds, defaults filled in.
#[derive(Debug, Clone, Deserialize)]
pub struct Shared {
    /// Names the stack and everything in it.
    pub environment_suffix: String,
    /// `seed` or `prefixed`.
    pub name_style: String,
    /// Component key -> name.
    #[serde(default)]
    pub name_overrides: Option<BTreeMap<String, String>>,
    /// The user's tags.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Destroy takes data along.
    pub force_destroy: bool,
    /// Protects tables against deletion.
    pub deletion_protection: bool,
    /// Replacing or removing what holds data is allowed.
    pub allow_data_loss: bool,
    /// `keep`, `rollback` or `resume`.
    pub on_create_failure: String,
    /// Component keys to replace in this apply.
    #[serde(default)]
    pub replace_components: Option<Vec<String>>,
    /// Component key -> setting -> JSON text.
    #[serde(default)]
    pub overrides: Option<BTreeMap<String, BTreeMap<String, String>>>,
    /// Days.
    pub log_retention_in_days: i64,
    /// `STANDARD` or `INFREQUENT_ACCESS`.
    pub log_group_class: String,
    /// Take over log groups that Lambda made by itself.
    pub adopt_existing_log_groups: bool,
    /// The customer managed key.
    pub kms: Kms,
    /// `Active` or `PassThrough`.
    pub tracing_mode: String,
    /// Permissions boundary of all roles.
    #[serde(default)]
    pub permissions_boundary_arn: Option<String>,
    /// Path of all roles.
    pub iam_path: String,
    /// `arm64` or `x86_64`.
    pub lambda_architecture: String,
    /// The user's own code package.
    #[serde(default)]
    pub lambda_package: Option<LambdaPackage>,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG`.
    pub log_level: String,
}

/// `kms`.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs, reason = "described in the schema, next to their defaults")]
pub struct Kms {
    pub create: bool,
    #[serde(default)]
    pub key_arn: Option<String>,
    pub deletion_window_in_days: i64,
    pub enable_key_rotation: bool,
    pub rotation_period_in_days: i64,
    #[serde(default)]
    pub alias: Option<String>,
    #[serde(default)]
    pub additional_policy_statements: Option<Vec<String>>,
}

/// `lambda_package`.
#[derive(Debug, Clone, Default, Deserialize)]
#[allow(missing_docs, reason = "described in the schema")]
pub struct LambdaPackage {
    #[serde(default)]
    pub zip_path: Option<String>,
    #[serde(default)]
    pub source_hash: Option<String>,
    #[serde(default)]
    pub s3_bucket: Option<String>,
    #[serde(default)]
    pub s3_key: Option<String>,
    #[serde(default)]
    pub s3_object_version: Option<String>,
    #[serde(default)]
    pub image_uri: Option<String>,
    #[serde(default)]
    pub image_digest: Option<String>,
}

/// The members of `kms`, for composites that add to them.
pub fn kms() -> Attributes {
    Attributes::new()
        .attribute(
            "create",
            Attribute::bool().optional().default(json!(true)).description(
                "Create a customer managed key for the stack. With `false`, give `key_arn`, or AWS managed keys are used.",
            ),
        )
        .attribute(
            "key_arn",
            Attribute::string()
                .optional()
                .description("ARN of an existing key to use instead of creating one.")
                .validate(ids::kms_key_arn()),
        )
        .attribute(
            "deletion_window_in_days",
            Attribute::number()
                .optional()
                .default(json!(30))
                .description("Days that a deleted key can still be recovered.")
                .validate(check::between(7, 30)),
        )
        .attribute(
            "enable_key_rotation",
            Attribute::bool().optional().default(json!(true)).description("Rotate the key material regularly."),
        )
        .attribute(
            "rotation_period_in_days",
            Attribute::number()
                .optional()
                .default(json!(365))
                .description("Days between two rotations.")
                .validate(check::between(90, 2560)),
        )
        .attribute(
            "alias",
            Attribute::string()
                .optional()
                .description("Alias of the created key. Default: `alias/<stack>-<environment_suffix>`.")
                .validate(check::matches(
                    r"^alias/[A-Za-z0-9/_-]{1,250}$",
                    "an alias name such as `alias/payments` (letters, digits, `/`, `_`, `-`)",
                )),
        )
        .attribute(
            "additional_policy_statements",
            Attribute::list(Type::String)
                .optional()
                .description("Further statements for the key policy, each a JSON object as `jsonencode` makes it.")
                .validate(check::each(json_object())),
        )
}

fn lambda_package() -> Attributes {
    let text = |description: &str| Attribute::string().optional().description(description);
    Attributes::new()
        .attribute(
            "zip_path",
            text("Path of a zip with a `bootstrap` for `provided.al2023`. The file's hash is part of the plan."),
        )
        .attribute(
            "source_hash",
            text("Any text that changes when the code does; for `s3_*` packages, whose content the plan cannot see."),
        )
        .attribute("s3_bucket", text("Bucket of a zip in S3."))
        .attribute("s3_key", text("Key of a zip in S3."))
        .attribute("s3_object_version", text("Version of a zip in S3."))
        .attribute(
            "image_uri",
            text("URI of your own container image, without tag or digest."),
        )
        .attribute(
            "image_digest",
            text("Digest of that image. Tags are not accepted: a moved tag would go unnoticed.").validate(
                check::matches("^sha256:[0-9a-f]{64}$", "a digest such as `sha256:` and 64 hex digits"),
            ),
        )
}

fn behaviour() -> Attributes {
    Attributes::new()
        .attribute(
            "force_destroy",
            Attribute::bool().optional().default(json!(false)).description(
                "Let `terraform destroy` delete what still holds data: objects in buckets, images, protected tables. Takes effect once applied.",
            ),
        )
        .attribute(
            "deletion_protection",
            Attribute::bool()
                .optional()
                .default(json!(true))
                .description("DynamoDB deletion protection. `terraform destroy` needs it off, or `force_destroy` on."),
        )
        .attribute(
            "allow_data_loss",
            Attribute::bool().optional().default(json!(false)).description(
                "Allow this configuration to replace or remove a component that holds data (table, bucket, key, queue). Without it such a plan is an error that names component and setting.",
            ),
        )
        .attribute(
            "on_create_failure",
            Attribute::string()
                .optional()
                .default(json!("keep"))
                .description("What a failed create leaves: `keep` records all that exists in state; `rollback` deletes again what this apply made; `resume` records nothing, and the next apply adopts what exists and finishes.")
                .validate(check::one_of(["keep", "rollback", "resume"])),
        )
        .attribute(
            "replace_components",
            Attribute::list(Type::String)
                .optional()
                .description("Keys of single components to replace in the next apply, such as `lambda_function.validator`. Each key counts once: to replace a component again, take its key out, apply, and put it back."),
        )
        .attribute(
            "overrides",
            Attribute::map(Type::Map(Box::new(Type::String))).optional().description(
                "Escape hatch: component key -> setting -> value (JSON, or plain text), laid over what the stack computes. Names are checked at plan time.",
            ),
        )
        .attribute(
            "timeouts",
            Attribute::single(
                ["create", "update", "delete"].into_iter().fold(Attributes::new(), |all, name| {
                    all.attribute(
                        name,
                        Attribute::string()
                            .optional()
                            .default(json!("60m"))
                            .description(format!("How long the {name} may take; then nothing new is started and the state holds what exists."))
                            .validate(check::matches(r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "a duration such as `90m` or `1h30m`"))
                            .validate(check::matches("[1-9]", "longer than nothing")),
                    )
                }),
            )
            .optional()
            .description("Time limits per operation."),
        )
}

fn functions() -> Attributes {
    Attributes::new()
        .attribute(
            "tracing_mode",
            Attribute::string()
                .optional()
                .default(json!("Active"))
                .description("X-Ray tracing of the functions.")
                .validate(check::one_of(["Active", "PassThrough"])),
        )
        .attribute(
            "permissions_boundary_arn",
            Attribute::string()
                .optional()
                .description("ARN of the permissions boundary for every role.")
                .validate(ids::policy_arn()),
        )
        .attribute(
            "iam_path",
            Attribute::string()
                .optional()
                .default(json!("/"))
                .description("Path of every role.")
                .validate(check::matches("^/([!-~]{1,510}/)?$", "a path of 512 characters at most that begins and ends with `/`")),
        )
        .attribute(
            "lambda_architecture",
            Attribute::string()
                .optional()
                .default(json!("arm64"))
                .description("Instruction set of the functions.")
                .validate(check::one_of(["arm64", "x86_64"])),
        )
        .attribute(
            "lambda_package",
            Attribute::single(lambda_package())
                .optional()
                .description("Your own code instead of the bundled handlers: `zip_path`, or `s3_bucket` and `s3_key`, or `image_uri` and `image_digest`."),
        )
        .attribute(
            "log_level",
            Attribute::string()
                .optional()
                .default(json!("INFO"))
                .description("Log level of the handlers.")
                .validate(check::one_of(["ERROR", "WARN", "INFO", "DEBUG"])),
        )
}

/// What an `environment_suffix` may be: it is part of names of every service.
pub(crate) fn suffix_check() -> impl Validator + 'static {
    check::matches(
        "^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$",
        "1 to 24 lower-case letters, digits and hyphens, with no hyphen at either end",
    )
}

/// The shared attributes of table 6.1, `components` and `resource_arns` among the computed ones.
pub fn attributes() -> Attributes {
    let identity = Attributes::new()
        .attribute(
            "environment_suffix",
            Attribute::string()
                .required()
                .requires_replace()
                .description("Names the stack: part of every name, and what `terraform import` takes. No two stacks of this kind in one account may share it, in whatever regions: IAM roles and dashboards belong to all of them.")
                .validate(suffix_check()),
        )
        .attribute(
            "name_style",
            Attribute::string()
                .optional()
                .default(json!("seed"))
                .description("`seed`: `<type>-<suffix>`; `prefixed`: `payment-<suffix>-<type>`.")
                .validate(check::one_of(["seed", "prefixed"])),
        )
        .attribute(
            "name_overrides",
            Attribute::map(Type::String)
                .optional()
                .description("Component key -> the name AWS shall know it by. Wins over every other way to name it."),
        )
        .attribute(
            "tags",
            Attribute::map(Type::String)
                .optional()
                .description("Tags for everything that takes tags, over the provider's `default_tags`. Plans and states show them in clear text, under `components` even if the value is marked as sensitive: no secrets."),
        );
    let logs = Attributes::new()
        .attribute(
            "log_retention_in_days",
            Attribute::number()
                .optional()
                .default(json!(90))
                .description("Days that log groups keep events.")
                .validate(check::one_of_numbers(RETENTION_DAYS)),
        )
        .attribute(
            "log_group_class",
            Attribute::string()
                .optional()
                .default(json!("STANDARD"))
                .description("Class of the log groups. Metric filters need `STANDARD`, and so do alarms and dashboards on metrics that functions write to their logs.")
                .validate(check::one_of(["STANDARD", "INFREQUENT_ACCESS"])),
        )
        .attribute(
            "adopt_existing_log_groups",
            Attribute::bool()
                .optional()
                .default(json!(true))
                .description("Take over log groups of the same name, as Lambda makes them by itself."),
        )
        .attribute(
            "kms",
            Attribute::single(kms())
                .optional()
                .description("The customer managed key that encrypts the stack's data."),
        );
    identity
        .extend(logs)
        .extend(functions())
        .extend(behaviour())
        .extend(computed())
}

fn computed() -> Attributes {
    let component = Attributes::new()
        .attribute("kind", Attribute::string().computed().description("The AWS primitive."))
        .attribute("region", Attribute::string().computed().description("Its region."))
        .attribute("id", Attribute::string().computed().description("Its identifier in AWS."))
        .attribute("arn", Attribute::string().computed().description("Its ARN, where it has one."))
        .attribute(
            "settings",
            Attribute::map(Type::String).computed().description(
                "Its whole configuration, setting by setting; structured ones as JSON. References to other components stay symbolic.",
            ),
        );
    Attributes::new()
        .attribute(
            "components",
            Attribute::map_of(component).computed().description(
                "Everything the stack is made of, by component key. Plans show here what will change, setting by setting; drift shows as the value found in AWS.",
            ),
        )
        .attribute("account_id", Attribute::string().computed().description("The AWS account."))
        .attribute("partition", Attribute::string().computed().description("The AWS partition."))
        .attribute(
            "resource_arns",
            Attribute::map(Type::String).computed().description("Component key -> ARN."),
        )
        .attribute(
            "tags_all",
            Attribute::map(Type::String).computed().description("`tags` over the provider's `default_tags`."),
        )
}

/// Reads a duration such as `1h30m`.
pub fn seconds(text: &str) -> u64 {
    let mut total = 0;
    let mut number = 0;
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = number * 10 + u64::from(digit);
            continue;
        }
        total += number
            * match c {
                'h' => 3600,
                'm' => 60,
                _ => 1,
            };
        number = 0;
    }
    total
}

/// The text form of a value given in `overrides`: JSON where it parses, text otherwise.
pub fn override_value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_terraform_writes_them() {
        assert_eq!(seconds("60m"), 3600);
        assert_eq!(seconds("1h30m5s"), 5405);
    }
}
