//! Everything that exists in an account, to prove "nothing is left" and "nothing else was made".

use crate::{Aws, Error, Result};
use aws_sdk_kms::types::{KeyManagerType, KeyState};
use futures::future::BoxFuture;
use std::future::Future;

type Names = Result<Vec<String>>;

/// Lists each service: AWS's tag search does not know all kinds, and untagged leftovers are what we look for.
pub(crate) async fn list(aws: &Aws) -> Names {
    let listings: Vec<BoxFuture<'_, Names>> = vec![
        Box::pin(kind("kms_key", kms_keys(aws))),
        Box::pin(kind("kms_alias", kms_aliases(aws))),
        Box::pin(kind("s3_bucket", s3_buckets(aws))),
        Box::pin(kind("dynamodb_table", dynamodb_tables(aws))),
        Box::pin(kind("sns_topic", sns_topics(aws))),
        Box::pin(kind("sns_subscription", sns_subscriptions(aws))),
        Box::pin(kind("sqs_queue", sqs_queues(aws))),
        Box::pin(event_buses_and_rules(aws)),
        Box::pin(kind("event_archive", event_archives(aws))),
        Box::pin(kind("ecr_repository", ecr_repositories(aws))),
        Box::pin(kind("log_group", log_groups(aws))),
        Box::pin(kind("metric_filter", metric_filters(aws))),
        Box::pin(kind("log_resource_policy", log_resource_policies(aws))),
        Box::pin(kind("iam_role", iam_roles(aws))),
        Box::pin(kind("iam_policy", iam_policies(aws))),
        Box::pin(kind("lambda_function", lambda_functions(aws))),
        Box::pin(kind("lambda_layer", lambda_layers(aws))),
        Box::pin(kind("canary", canaries(aws))),
        Box::pin(kind("lambda_event_source_mapping", event_source_mappings(aws))),
        Box::pin(kind("rest_api", rest_apis(aws))),
        Box::pin(kind("api_key", api_keys(aws))),
        Box::pin(kind("usage_plan", usage_plans(aws))),
        Box::pin(kind("state_machine", state_machines(aws))),
        Box::pin(kind("alarm", alarms(aws))),
        Box::pin(kind("dashboard", dashboards(aws))),
        Box::pin(kind("schedule", schedules(aws))),
        Box::pin(kind("schedule_group", schedule_groups(aws))),
        Box::pin(kind("ssm_parameter", ssm_parameters(aws))),
        Box::pin(kind("web_acl", web_acls(aws))),
        Box::pin(kind("ip_set", ip_sets(aws))),
        Box::pin(domains_and_paths(aws)),
        Box::pin(kind("health_check", health_checks(aws))),
        Box::pin(kind("dns_record", dns_records(aws))),
        Box::pin(kind("vpc_endpoint", vpc_endpoints(aws))),
    ];
    let mut all = futures::future::try_join_all(listings).await?.concat();
    all.sort();
    Ok(all)
}

async fn kind(kind: &str, names: impl Future<Output = Names>) -> Names {
    Ok(names.await?.into_iter().map(|name| format!("{kind} {name}")).collect())
}

/// Collects all pages of a paginated listing and takes the names.
macro_rules! pages {
    ($operation:literal, $request:expr, $name:expr) => {{
        let items: std::result::Result<Vec<_>, _> = $request.into_paginator().items().send().collect().await;
        Ok::<Vec<String>, Error>(
            items
                .map_err(|e| Error::aws($operation, &e))?
                .into_iter()
                .filter_map($name)
                .collect(),
        )
    }};
}

async fn kms_keys(aws: &Aws) -> Names {
    let kms = aws.kms();
    let ids: Vec<String> = pages!("kms:ListKeys", kms.list_keys(), |key| key.key_id)?;
    let mut live = Vec::new();
    for id in ids {
        let answer = kms
            .describe_key()
            .key_id(&id)
            .send()
            .await
            .map_err(|e| Error::aws("kms:DescribeKey", &e))?;
        let ours = answer.key_metadata.as_ref().is_some_and(|key| {
            key.key_manager != Some(KeyManagerType::Aws) && key.key_state != Some(KeyState::PendingDeletion)
        });
        if ours {
            live.push(id);
        }
    }
    Ok(live)
}

async fn kms_aliases(aws: &Aws) -> Names {
    let aliases = pages!("kms:ListAliases", aws.kms().list_aliases(), |alias| alias.alias_name)?;
    Ok(aliases
        .into_iter()
        .filter(|name| !name.starts_with("alias/aws/"))
        .collect())
}

async fn s3_buckets(aws: &Aws) -> Names {
    let answer = aws
        .s3()
        .list_buckets()
        .send()
        .await
        .map_err(|e| Error::aws("s3:ListBuckets", &e))?;
    Ok(answer
        .buckets
        .unwrap_or_default()
        .into_iter()
        .filter_map(|bucket| bucket.name)
        .collect())
}

async fn dynamodb_tables(aws: &Aws) -> Names {
    pages!("dynamodb:ListTables", aws.dynamodb().list_tables(), Some)
}

async fn sns_topics(aws: &Aws) -> Names {
    pages!("sns:ListTopics", aws.sns().list_topics(), |topic| topic.topic_arn)
}

async fn sns_subscriptions(aws: &Aws) -> Names {
    pages!("sns:ListSubscriptions", aws.sns().list_subscriptions(), |s| {
        Some(format!("{} {} {}", s.topic_arn?, s.protocol?, s.endpoint?))
    })
}

async fn sqs_queues(aws: &Aws) -> Names {
    pages!("sqs:ListQueues", aws.sqs().list_queues().max_results(1000), Some)
}

async fn event_buses_and_rules(aws: &Aws) -> Names {
    let events = aws.eventbridge();
    let answer = events
        .list_event_buses()
        .send()
        .await
        .map_err(|e| Error::aws("events:ListEventBuses", &e))?;
    let mut all = Vec::new();
    for bus in answer
        .event_buses
        .unwrap_or_default()
        .into_iter()
        .filter_map(|bus| bus.name)
    {
        let rules = events
            .list_rules()
            .event_bus_name(&bus)
            .send()
            .await
            .map_err(|e| Error::aws("events:ListRules", &e))?;
        let rules = rules.rules.unwrap_or_default().into_iter().filter_map(|rule| rule.name);
        all.extend(rules.map(|rule| format!("event_rule {bus}/{rule}")));
        if bus != "default" {
            all.push(format!("event_bus {bus}"));
        }
    }
    Ok(all)
}

async fn event_archives(aws: &Aws) -> Names {
    let answer = aws
        .eventbridge()
        .list_archives()
        .send()
        .await
        .map_err(|e| Error::aws("events:ListArchives", &e))?;
    Ok(answer
        .archives
        .unwrap_or_default()
        .into_iter()
        .filter_map(|archive| archive.archive_name)
        .collect())
}

async fn ecr_repositories(aws: &Aws) -> Names {
    pages!(
        "ecr:DescribeRepositories",
        aws.ecr().describe_repositories(),
        |repository| repository.repository_name
    )
}

async fn log_groups(aws: &Aws) -> Names {
    pages!("logs:DescribeLogGroups", aws.logs().describe_log_groups(), |group| {
        group.log_group_name
    })
}

async fn metric_filters(aws: &Aws) -> Names {
    pages!(
        "logs:DescribeMetricFilters",
        aws.logs().describe_metric_filters(),
        |filter| Some(format!("{} {}", filter.log_group_name?, filter.filter_name?))
    )
}

async fn log_resource_policies(aws: &Aws) -> Names {
    let answer = aws.logs().describe_resource_policies().send().await;
    let answer = answer.map_err(|e| Error::aws("logs:DescribeResourcePolicies", &e))?;
    Ok(answer
        .resource_policies
        .unwrap_or_default()
        .into_iter()
        .filter_map(|policy| policy.policy_name)
        .collect())
}

async fn iam_roles(aws: &Aws) -> Names {
    pages!("iam:ListRoles", aws.iam().list_roles(), |role| {
        (!role.path.starts_with("/aws-service-role/")).then_some(role.role_name)
    })
}

async fn iam_policies(aws: &Aws) -> Names {
    let local = aws_sdk_iam::types::PolicyScopeType::Local;
    pages!("iam:ListPolicies", aws.iam().list_policies().scope(local), |policy| {
        policy.policy_name
    })
}

async fn lambda_functions(aws: &Aws) -> Names {
    pages!("lambda:ListFunctions", aws.lambda().list_functions(), |function| {
        function.function_name
    })
}

async fn lambda_layers(aws: &Aws) -> Names {
    pages!("lambda:ListLayers", aws.lambda().list_layers(), |layer| layer
        .layer_name)
}

async fn canaries(aws: &Aws) -> Names {
    let mut pages = aws.synthetics().describe_canaries().into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| Error::aws("synthetics:DescribeCanaries", &e))?;
        let canaries = page.canaries.unwrap_or_default().into_iter();
        all.extend(canaries.filter_map(|canary| canary.name));
    }
    Ok(all)
}

async fn event_source_mappings(aws: &Aws) -> Names {
    pages!(
        "lambda:ListEventSourceMappings",
        aws.lambda().list_event_source_mappings(),
        |mapping| { Some(format!("{} -> {}", mapping.event_source_arn?, mapping.function_arn?)) }
    )
}

async fn rest_apis(aws: &Aws) -> Names {
    pages!("apigateway:GetRestApis", aws.api_gateway().get_rest_apis(), |api| Some(
        format!("{} {}", api.name?, api.id?)
    ))
}

async fn api_keys(aws: &Aws) -> Names {
    pages!("apigateway:GetApiKeys", aws.api_gateway().get_api_keys(), |key| Some(
        format!("{} {}", key.name?, key.id?)
    ))
}

async fn usage_plans(aws: &Aws) -> Names {
    pages!(
        "apigateway:GetUsagePlans",
        aws.api_gateway().get_usage_plans(),
        |plan| Some(format!("{} {}", plan.name?, plan.id?))
    )
}

async fn state_machines(aws: &Aws) -> Names {
    pages!(
        "states:ListStateMachines",
        aws.step_functions().list_state_machines(),
        |machine| Some(machine.name)
    )
}

async fn alarms(aws: &Aws) -> Names {
    use aws_sdk_cloudwatch::types::AlarmType::{CompositeAlarm, MetricAlarm};
    let request = aws
        .cloudwatch()
        .describe_alarms()
        .alarm_types(MetricAlarm)
        .alarm_types(CompositeAlarm);
    let mut pages = request.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| Error::aws("cloudwatch:DescribeAlarms", &e))?;
        all.extend(
            page.metric_alarms
                .unwrap_or_default()
                .into_iter()
                .filter_map(|alarm| alarm.alarm_name),
        );
        all.extend(
            page.composite_alarms
                .unwrap_or_default()
                .into_iter()
                .filter_map(|alarm| alarm.alarm_name),
        );
    }
    Ok(all)
}

async fn dashboards(aws: &Aws) -> Names {
    pages!(
        "cloudwatch:ListDashboards",
        aws.cloudwatch().list_dashboards(),
        |dashboard| dashboard.dashboard_name
    )
}

async fn schedules(aws: &Aws) -> Names {
    pages!(
        "scheduler:ListSchedules",
        aws.scheduler().list_schedules(),
        |schedule| { Some(format!("{}/{}", schedule.group_name?, schedule.name?)) }
    )
}

async fn schedule_groups(aws: &Aws) -> Names {
    pages!(
        "scheduler:ListScheduleGroups",
        aws.scheduler().list_schedule_groups(),
        |group| { group.name.filter(|name| name != "default") }
    )
}

async fn ssm_parameters(aws: &Aws) -> Names {
    let mut pages = aws.ssm().describe_parameters().into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| Error::aws("ssm:DescribeParameters", &e))?;
        all.extend(
            page.parameters
                .unwrap_or_default()
                .into_iter()
                .filter_map(|parameter| parameter.name),
        );
    }
    Ok(all)
}

async fn web_acls(aws: &Aws) -> Names {
    let regional = aws_sdk_wafv2::types::Scope::Regional;
    let answer = aws.wafv2().list_web_acls().scope(regional).send().await;
    let answer = answer.map_err(|e| Error::aws("wafv2:ListWebACLs", &e))?;
    Ok(answer
        .web_acls
        .unwrap_or_default()
        .into_iter()
        .filter_map(|acl| acl.name)
        .collect())
}

async fn ip_sets(aws: &Aws) -> Names {
    let regional = aws_sdk_wafv2::types::Scope::Regional;
    let answer = aws.wafv2().list_ip_sets().scope(regional).send().await;
    let answer = answer.map_err(|e| Error::aws("wafv2:ListIPSets", &e))?;
    let sets = answer.ip_sets.unwrap_or_default().into_iter();
    Ok(sets.filter_map(|set| set.name).collect())
}

async fn domains_and_paths(aws: &Aws) -> Names {
    let api = aws.api_gateway();
    let domains = pages!("apigateway:GetDomainNames", api.get_domain_names(), |domain| {
        domain.domain_name
    })?;
    let mut all = Vec::new();
    for domain in domains {
        all.extend(pages!(
            "apigateway:GetBasePathMappings",
            api.get_base_path_mappings().domain_name(&domain),
            |mapping| Some(format!("api_base_path_mapping {domain}/{}", mapping.base_path?))
        )?);
        all.push(format!("api_domain_name {domain}"));
    }
    Ok(all)
}

async fn health_checks(aws: &Aws) -> Names {
    pages!(
        "route53:ListHealthChecks",
        aws.route53().list_health_checks(),
        |check| { Some(check.id) }
    )
}

/// Records besides those that make a zone one.
async fn dns_records(aws: &Aws) -> Names {
    use aws_sdk_route53::types::RrType::{Ns, Soa};
    let route53 = aws.route53();
    let zones = pages!("route53:ListHostedZones", route53.list_hosted_zones(), |zone| Some(
        zone.id
    ))?;
    let mut all = Vec::new();
    for zone in zones {
        let id = zone.trim_start_matches("/hostedzone/");
        let answer = route53.list_resource_record_sets().hosted_zone_id(id).send().await;
        let answer = answer.map_err(|e| Error::aws("route53:ListResourceRecordSets", &e))?;
        let own = answer
            .resource_record_sets
            .into_iter()
            .filter(|record| !matches!(record.r#type, Ns | Soa));
        all.extend(own.map(|record| {
            let set = record.set_identifier.unwrap_or_default();
            format!("{id}|{}|{}|{set}", record.name.trim_end_matches('.'), record.r#type)
        }));
    }
    Ok(all)
}

async fn vpc_endpoints(aws: &Aws) -> Names {
    pages!(
        "ec2:DescribeVpcEndpoints",
        aws.ec2().describe_vpc_endpoints(),
        |endpoint| { Some(format!("{} {}", endpoint.service_name?, endpoint.vpc_endpoint_id?)) }
    )
}

/// Kinds that an account has once, whichever region is asked.
const GLOBAL: &[&str] = &["s3_bucket", "iam_role", "iam_policy", "health_check", "dns_record"];

/// [`list`] of several regions: `<region> <kind> <name>`, and `global <kind> <name>` once for what has no region.
pub(crate) async fn list_regions(aws: &Aws, regions: &[&str]) -> Names {
    let mut all = std::collections::BTreeSet::new();
    for region in regions {
        for line in list(&aws.in_region(region)).await? {
            let kind = line.split(' ').next().unwrap_or_default();
            let place = if GLOBAL.contains(&kind) { "global" } else { region };
            all.insert(format!("{place} {line}"));
        }
    }
    Ok(all.into_iter().collect())
}
