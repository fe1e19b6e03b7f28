//! The schema of `tap_payment_stack` (requirements 6.4). Defaults are in [`super::presets`]; the
//! descriptions quote them from there.

mod api;
mod data;
mod edge;
mod flow;
mod functions;
mod watch;

use tap_plugin::{Attribute, Attributes, Schema, Type, validators as check};

use super::presets;
use crate::composite::build::{all, group, out, out_map, text, texts};
use crate::composite::{ids, shared};

const OVERVIEW: &str = "A payment system in one or more AWS regions: REST APIs, processing functions with exactly-once storage in a \
DynamoDB (global) table, an accounting queue, workflows, receipts in S3 with replication, notification, keys, WAF, DNS failover, alarms \
and a dashboard.\n\n\
Every region has the whole of it; all regions are built side by side by one apply, and a region can be added to or removed from a living \
stack. `preset` chooses defaults; every attribute given wins over it.\n\n\
**One payment, two regions.** Conditions and transactions of an eventually consistent global table hold inside the region that runs them: a \
payment sent to two regions within the replication delay is accepted twice. Keep one writer (`dns.routing_policy = \"failover\"`), or use \
`table.consistency_mode = \"STRONG\"` where the regions permit. What happens all the same is counted: the metric `ReconciliationConflict`, an \
alarm, and a log line with id, regions and times, all in the region whose acceptance was overwritten.\n\n\
**Payments that are stuck.** With `processor.response_mode = \"queue\"` a process may die between storing a payment and queuing it, and the \
sender may never come again. `reconciliation` finds such payments by the index on the status, takes the missing steps, once, and counts them: \
`PaymentStuck`. Each region looks after the payments that it has accepted. For a region that does not come back, invoke another \
region's function with `{\"region\": \"<that region>\"}`.\n\n\
**Status shards.** `table.status_shards` spreads each status over several partitions of the index; who reads the index asks for each \
`<status>#<number>`. DynamoDB changes no index's key: a change between 1 and more takes the index away and builds it again, under its name, \
while payments are taken as ever; stuck payments are looked for when it is back; until then the function's alarms may go off. Every item has the attribute from the start, so the new \
index holds the old items too. A higher number is safe at any time; with a lower one, what older writes left under the numbers that are gone is no \
longer asked for: lower it while nothing is stuck. Items that something else wrote, or a version of this provider from before the attribute, need it \
once: `UpdateItem` with `SET status_shard = <status>#0`.\n\n\
**Residency.** Every region of `regions` holds a copy of all payments.\n\n\
**VPC.** `vpc` puts the functions into subnets of yours. Without a NAT gateway there they need `vpc.endpoints`. An endpoint belongs to the \
whole VPC: with private DNS there is one per service, which a second stack in the same VPC uses by leaving the service out of \
`vpc.endpoints.services`; the plan names such a conflict. Other workloads behind the same route tables or DNS names go through it too, and \
its policy lets in principals of this account only: no anonymous downloads from S3, no image layers. `overrides` changes an endpoint's `policy`.";

/// The schema.
pub(super) fn schema() -> Schema {
    let mut schema = Schema::new(0).description(OVERVIEW);
    let attributes = shared::attributes()
        .extend(general())
        .extend(data::attributes())
        .extend(functions::attributes())
        .extend(api::attributes())
        .extend(edge::attributes())
        .extend(flow::attributes())
        .extend(watch::attributes())
        .extend(outputs());
    for (name, attribute) in attributes.iter() {
        schema = schema.attribute(name, attribute.clone());
    }
    schema
}

/// Attributes whose descriptions end with their defaults. `path` is where they are; empty at the top.
fn noted<const N: usize>(path: &str, members: [(&str, Attribute); N]) -> Attributes {
    members.into_iter().fold(Attributes::new(), |all, (name, attribute)| {
        let full = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        let attribute = if attribute.nested().is_some_and(|(_, members)| !members.is_empty()) && !listed(&attribute) {
            attribute
        } else {
            let described = format!("{}{}", attribute.description_text(), presets::note(&full));
            attribute.description(described)
        };
        all.attribute(name, attribute)
    })
}

/// Lists of objects have defaults of their own.
fn listed(attribute: &Attribute) -> bool {
    attribute
        .nested()
        .is_some_and(|(nesting, _)| !matches!(nesting, tap_plugin::Nesting::Single))
}

/// One of a few texts; the default is the preset's.
fn choice(allowed: &[&str], description: &str) -> Attribute {
    text(description).validate(check::one_of(allowed.iter().copied()))
}

/// A switch; the default is the preset's.
fn flag(description: &str) -> Attribute {
    Attribute::bool().optional().description(description)
}

/// A region's name.
fn region() -> impl tap_plugin::Validator + 'static {
    check::matches(
        "^[a-z]{2,4}(-[a-z]+)+-[0-9]$",
        "the name of an AWS region, such as `eu-central-1`",
    )
}

/// Ids of subnets.
fn subnets(description: &str) -> Attribute {
    texts(description).validate(check::each(ids::subnet()))
}

/// Ids of security groups.
fn security_groups(description: &str) -> Attribute {
    texts(description).validate(check::each(ids::security_group()))
}

/// Ids of route tables.
fn route_tables(description: &str) -> Attribute {
    texts(description).validate(check::each(ids::route_table()))
}

/// What alarms do: five actions per state at most, each an ARN
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).
fn actions(description: &str) -> Attribute {
    texts(description)
        .validate(check::each(ids::arn()))
        .validate(check::count_between(0, 5))
}

/// An e-mail address, as far as one can see.
fn email() -> impl tap_plugin::Validator + 'static {
    check::matches("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", "an e-mail address")
}

/// Text -> text.
fn text_map(description: &str) -> Attribute {
    Attribute::map(Type::String).optional().description(description)
}

fn endpoints() -> Attributes {
    all([
        (
            "subnet_ids",
            subnets("Subnets of the interface endpoints, one per Availability Zone; default: the functions'."),
        ),
        (
            "security_group_ids",
            security_groups(
                "Security groups of the interface endpoints; they must let the functions in on TCP port 443.",
            ),
        ),
        (
            "route_table_ids",
            route_tables("Route tables of the functions' subnets, for the gateway endpoints."),
        ),
    ])
}

fn general() -> Attributes {
    let overrides = all([
        (
            "kms_key_arn",
            text("Key of the region, in place of created ones.").validate(ids::kms_key_arn()),
        ),
        ("subnet_ids", subnets("Subnets of the region's functions.")),
        (
            "security_group_ids",
            security_groups("Security groups of the region's functions."),
        ),
        (
            "email_endpoints",
            texts("Addresses that the region's topic writes to, in place of `topics.notifications.email_endpoints`.")
                .validate(check::each(email())),
        ),
        (
            "alarm_actions",
            actions(
                "What the region's alarms do, in place of telling the region's topic. ARNs of the same region (CloudWatch takes no others).",
            ),
        ),
        (
            "ok_actions",
            actions("What the region's alarms do when all is well again."),
        ),
        ("receipts_bucket_name", text("Name of the region's bucket.")),
        (
            "lambda_s3_bucket",
            text("Bucket of `lambda_package` in this region: Lambda takes code from its own region only."),
        ),
        (
            "vpc_endpoints",
            group(
                endpoints(),
                "Where the region's VPC endpoints are, see `vpc.endpoints`.",
            ),
        ),
    ]);
    let suffix = shared::attributes();
    let described = |name: &str| suffix.get(name).map_or("", Attribute::description_text).to_owned();
    noted(
        "",
        [
            (
                "preset",
                text("Set of defaults: `global` (two regions behind one domain), `notification` (one region, queue and accounting), `multi_region` (three regions, workflows, event failover).")
                    .validate(check::one_of(presets::PRESETS)),
            ),
            (
                "regions",
                Attribute::list(Type::String)
                    .optional()
                    .description("Regions of the stack, the primary first; by default the provider's alone. The primary cannot change without `allow_data_loss`.")
                    .validate(check::each(region()))
                    .validate(check::count_between(1, 10)),
            ),
            (
                "region_overrides",
                Attribute::map_of(overrides).optional().description("Region -> what differs there.").validate(check::each_key(region())),
            ),
            (
                "name_style",
                choice(&["seed", "prefixed"], &described("name_style")),
            ),
            (
                "log_retention_in_days",
                Attribute::number()
                    .optional()
                    .description(described("log_retention_in_days"))
                    .validate(check::one_of_numbers(shared::RETENTION_DAYS)),
            ),
        ],
    )
}

fn outputs() -> Attributes {
    all([
        (
            "api_endpoint",
            out("URL to POST payments to: the domain's if there is one, else the primary region's."),
        ),
        (
            "api_endpoint_urls",
            out_map(
                "Each API's own URL to POST payments to, by region. A domain closes it, unless health checks need it: `api_endpoint` is the URL to hand out.",
            ),
        ),
        ("api_id", out("Id of the primary region's REST API.")),
        ("api_ids", out_map("Ids of the REST APIs, by region.")),
        (
            "api_name",
            out("Name of the REST APIs, the `ApiName` dimension of their metrics."),
        ),
        ("api_stage", out("Name of the stage, the `Stage` dimension.")),
        (
            "api_key_id",
            out("Id of the primary region's API key. Its value is in `api_key_ssm_parameter`, never in state."),
        ),
        (
            "api_key_ssm_parameter",
            out(
                "Name of the SSM SecureString that holds the API key's value, in the primary region. `ephemeral \"tap_api_key\"` reads it.",
            ),
        ),
        ("api_key_ssm_parameters", out_map("The same, by region.")),
        (
            "table_name",
            out("Name of the payments table, the same in every region."),
        ),
        ("table_arn", out("ARN of the payments table in the primary region.")),
        ("replica_arns", out_map("ARNs of the table's replicas, by region.")),
        ("idempotency_table_name", out("Name of the table of guard records.")),
        (
            "lambda_function_names",
            out_map("Names of the functions, by `<region>/<processor | accounting | failure_notifier>`."),
        ),
        ("lambda_function_arns", out_map("ARNs of the functions, by the same.")),
        ("state_machine_arns", out_map("ARNs of the state machines, by region.")),
        ("event_bus_arns", out_map("ARNs of the event buses, by region.")),
        ("queue_url", out("URL of the primary region's queue.")),
        ("queue_urls", out_map("URLs of the queues, by region.")),
        ("dlq_url", out("URL of the primary region's dead-letter queue.")),
        ("dlq_urls", out_map("URLs of the dead-letter queues, by region.")),
        ("sns_topic_arns", out_map("ARNs of the topics, by region.")),
        ("s3_bucket_names", out_map("Names of the receipts buckets, by region.")),
        ("kms_key_ids", out_map("ARNs of the keys, by `<region>/<purpose>`.")),
        (
            "log_group_names",
            Attribute::list(Type::String)
                .computed()
                .description("Names of all log groups."),
        ),
        (
            "access_log_group_names",
            out_map(
                "Names of the APIs' access log groups, by region: what a `tap_observability_stack` reads latencies from.",
            ),
        ),
        ("domain_name", out("The custom domain name.")),
        (
            "health_check_ids",
            out_map("Ids of the Route 53 health checks, by region."),
        ),
        ("web_acl_arns", out_map("ARNs of the web ACLs, by region.")),
        (
            "vpc_endpoint_ids",
            out_map("Ids of the VPC endpoints, by `<region>/<service>`."),
        ),
        ("dashboard_name", out("Name of the dashboard.")),
        (
            "alarm_names",
            Attribute::list(Type::String)
                .computed()
                .description("Names of all alarms."),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_holds_no_contradiction() {
        assert_eq!(schema().problems(), Vec::<String>::new());
    }

    /// The paths of all that has a default: objects are looked into, lists are values.
    fn leaves(value: &serde_json::Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
        let Some(members) = value.as_object() else {
            found.insert(path.to_owned());
            return;
        };
        for (name, member) in members {
            let below = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            leaves(member, &below, found);
        }
    }

    /// 6.4: no default without its attribute, and none that the documents do not tell.
    #[test]
    fn every_default_is_an_attributes_and_stands_in_its_description() {
        let schema = schema();
        let mut paths = std::collections::BTreeSet::new();
        for preset in presets::PRESETS.into_iter().map(Some).chain([None]) {
            leaves(&presets::defaults(preset), "", &mut paths);
        }
        assert!(paths.len() > 120, "{}", paths.len());
        for path in paths {
            let mut names = path.split('.');
            let top = schema.attributes().get(names.next().unwrap());
            let attribute = names.fold(top, |found, name| found.and_then(|a| a.nested()?.1.get(name)));
            let attribute = attribute.unwrap_or_else(|| panic!("there is no attribute {path}"));
            let note = presets::note(&path);
            let text = attribute.description_text();
            assert!(
                !note.is_empty() && text.ends_with(&note),
                "{path}: no \"{note}\" in \"{text}\""
            );
        }
    }

    #[test]
    fn descriptions_name_the_defaults_and_where_presets_differ() {
        let schema = schema();
        let retention = schema
            .attributes()
            .get("log_retention_in_days")
            .unwrap()
            .description_text();
        assert!(retention.ends_with("Default: `90`; with `preset = \"global\"` `7`; with `preset = \"notification\"` `30`; with `preset = \"multi_region\"` `7`."), "{retention}");
    }
}
