//! The `provider` block (requirements 6.0).

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use tap_plugin::{Attribute, Attributes, Diagnostic, Diagnostics, Schema, Together, Type, Value, validators as check};
use tap_resources::aws::connect::{AssumeRole, Connection, SERVICES};

/// The schema.
pub(crate) fn schema() -> Schema {
    let text = |description: &str| Attribute::string().optional().description(description);
    let role = Attributes::new()
        .attribute(
            "role_arn",
            Attribute::string()
                .required()
                .description("ARN of the role.")
                .validate(check::matches(
                    r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$",
                    "the ARN of an IAM role",
                )),
        )
        // doc: STS `AssumeRole`, parameters RoleSessionName and ExternalId.
        .attribute(
            "session_name",
            text("Session name. Default: `terraform-provider-tap`.").validate(check::matches(
                r"^[A-Za-z0-9_+=,.@-]{2,64}$",
                "2 to 64 letters, digits and `_+=,.@-`",
            )),
        )
        .attribute(
            "external_id",
            text("External id that the role's trust policy asks for.").validate(check::matches(
                r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$",
                "2 to 1224 letters, digits and `_+=,.@:/-`",
            )),
        );
    let tags = Attributes::new().attribute("tags", Attribute::map(Type::String).optional().description("The tags."));
    let url = || check::matches("^https?://[^ ]+$", "a URL");
    let endpoints = SERVICES.iter().fold(Attributes::new(), |all, service| {
        all.attribute(*service, text(&format!("Endpoint URL of `{service}`.")).validate(url()))
    });
    Schema::new(0)
        .description(
            "Complete payment systems on AWS as single resources. Credentials, region and endpoints come from AWS's usual places \
             (environment, shared files, SSO, instance metadata) unless set here.\n\n\
             Needs Terraform 1.11 or OpenTofu 1.11, as secrets are write-only arguments and ephemeral resources.\n\n\
             Guides: [operations](guides/operations.md), [regions and failover](guides/failover.md), \
             [security and costs](guides/security-and-costs.md), [troubleshooting](guides/troubleshooting.md).",
        )
        .attribute("region", text("AWS region. Default: `AWS_REGION`, else the profile's."))
        .attribute(
            "skip_region_validation",
            Attribute::bool()
                .optional()
                .description("Take regions as they are, of the provider and of stacks, that this version of the provider does not know, because AWS has opened them since. Default: `false`, as most of those are misspelt."),
        )
        .attribute("profile", text("Profile in the shared configuration files. Default: `AWS_PROFILE`."))
        .attribute("access_key", text("Access key id. Better left to the environment.").sensitive())
        .attribute("secret_key", text("Secret access key.").sensitive())
        .attribute("token", text("Session token of temporary credentials.").sensitive())
        .attribute("assume_role", Attribute::single(role).optional().description("Role to assume with the credentials found."))
        .attribute("default_tags", Attribute::single(tags).optional().description("Tags for everything that the provider makes."))
        .attribute(
            "endpoints",
            Attribute::single(endpoints)
                .optional()
                .description("Endpoint URLs by service, over `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL`."),
        )
        .attribute(
            "s3_use_path_style",
            Attribute::bool().optional().description("Address buckets by path. Default: only where S3's endpoint is not AWS's own."),
        )
        .attribute(
            "allowed_account_ids",
            Attribute::list(Type::String)
                .optional()
                .description("The only accounts that may be touched.")
                .validate(check::each(check::matches("^[0-9]{12}$", "a 12-digit account id"))),
        )
        .attribute(
            "max_retries",
            Attribute::number()
                .optional()
                .description(
                    "Attempts per call, the first included. Default: 25. A region that gives no answer at all is given up \
                     sooner: after 10 seconds, or 45 where it has answered before in the same run.",
                )
                .validate(check::between(1, 100)),
        )
        .attribute(
            "retry_mode",
            Attribute::string()
                .optional()
                .description("`standard` (default), or `adaptive`, which also slows down when AWS throttles.")
                .validate(check::one_of(["standard", "adaptive"])),
        )
        .attribute(
            "parallelism",
            Attribute::number()
                .optional()
                .description("Components of a stack that are worked on side by side. Default: 32.")
                .validate(check::between(1, 256)),
        )
        .rule(Together::required_together(["access_key", "secret_key"]))
}

/// The configuration in typed form.
#[derive(Default)]
pub(crate) struct Config {
    pub(crate) connection: Connection,
    pub(crate) default_tags: BTreeMap<String, String>,
    pub(crate) parallelism: Option<NonZeroUsize>,
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
}

fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_map);
    members
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

/// Reads the configuration; `None` when a part that decides where to connect is not known yet.
pub(crate) fn read(config: &Value, terraform_version: &str) -> Result<Option<Config>, Diagnostics> {
    if !config.is_wholly_known() {
        return Ok(None);
    }
    let number = |name: &str| config.get(name).and_then(Value::as_i64);
    let role = config
        .get("assume_role")
        .filter(|role| !role.is_null())
        .map(|role| AssumeRole {
            role_arn: text(role, "role_arn").unwrap_or_default(),
            session_name: text(role, "session_name"),
            external_id: text(role, "external_id"),
        });
    let accounts = config
        .get("allowed_account_ids")
        .and_then(Value::as_list)
        .unwrap_or_default();
    let connection = Connection {
        region: text(config, "region"),
        skip_region_validation: config.get("skip_region_validation").and_then(Value::as_bool) == Some(true),
        profile: text(config, "profile"),
        keys: text(config, "access_key").zip(text(config, "secret_key")),
        token: text(config, "token"),
        assume_role: role,
        allowed_account_ids: accounts
            .iter()
            .filter_map(|id| id.as_str().map(ToOwned::to_owned))
            .collect(),
        max_retries: number("max_retries").and_then(|n| u32::try_from(n).ok()),
        adaptive: text(config, "retry_mode").as_deref() == Some("adaptive"),
        endpoints: texts(config.get("endpoints")),
        s3_use_path_style: config.get("s3_use_path_style").and_then(Value::as_bool),
        terraform_version: terraform_version.to_owned(),
    };
    let default_tags = texts(config.get("default_tags").and_then(|tags| tags.get("tags")));
    if let Some(name) = default_tags
        .keys()
        .find(|name| name.starts_with("aws:") || name.starts_with("tap:"))
    {
        let detail = format!("{name}: names that begin with aws: or tap: are reserved.");
        return Err(Diagnostic::error("Reserved tag", detail).into());
    }
    let parallelism = number("parallelism")
        .and_then(|n| usize::try_from(n).ok())
        .and_then(NonZeroUsize::new);
    Ok(Some(Config {
        connection,
        default_tags,
        parallelism,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_holds_no_contradiction() {
        assert_eq!(schema().problems(), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_value_means_later_and_a_known_configuration_is_read() {
        let unknown = Value::map([("region", Value::Unknown)]);
        assert!(read(&unknown, "1.11.4").ok().flatten().is_none());
        let known = Value::map([
            ("region", Value::from("eu-central-1")),
            ("max_retries", Value::from_json(&5.into())),
        ]);
        let config = read(&known, "1.11.4").ok().flatten().unwrap_or_default();
        assert_eq!(config.connection.region.as_deref(), Some("eu-central-1"));
        assert_eq!(config.connection.max_retries, Some(5));
    }
}
