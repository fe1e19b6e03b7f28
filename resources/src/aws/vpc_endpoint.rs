//! `vpc_endpoint`: a way from a VPC to an AWS service that does not go through the internet: network interfaces in
//! subnets (`Interface`), or routes in route tables (`Gateway`: `DynamoDB` and S3).
//!
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>. Endpoints have no name; an
//! interrupted create is found again by the ownership tags, which are given with it. The VPC is the one of the subnets
//! or route tables. Waits and codes are those of hashicorp/terraform-provider-aws, `internal/service/ec2/vpc_endpoint.go`.
//! Requirement: R-16.

mod check;
mod observed;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification, VpcEndpoint as Endpoint, VpcEndpointType};
use serde_json::{Value, json};
use tap_engine::{
    Change, Context, Finding, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Prospect, Setting, Settings,
};

use super::call::Poll;
use super::checks::{Checks, literal};
use super::fields::Fields;
use super::{Aws, call, found, policy, retry, tags, wait_until};
use observed::{is_broken, is_going, observed, said, state_of};

/// The kind; `id` is the endpoint's id.
pub struct VpcEndpoint(pub Arc<Aws>);

/// The second is what `DeleteVpcEndpoints` says.
const GONE: &[&str] = &["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];
/// As long as hashicorp/aws waits for an endpoint to come or to go.
const LIMIT: Duration = Duration::from_mins(10);

static SPEC: KindSpec = KindSpec {
    name: "vpc_endpoint",
    settings: &[
        Setting::replace("service_name"),
        Setting::replace("vpc_endpoint_type"),
        Setting::new("subnet_ids").unordered(),
        Setting::new("security_group_ids").unordered(),
        Setting::new("route_table_ids").unordered(),
        Setting::new("private_dns_enabled"),
        Setting::new("policy"),
        // Only ever read, and only where the endpoint is broken for good: then a new one is made.
        Setting::replace("state"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    // Two with private DNS, or in one route table, would be in each other's way.
    create_before_delete: false,
    iam_actions: &[
        "ec2:CreateTags",
        "ec2:CreateVpcEndpoint",
        "ec2:DeleteTags",
        "ec2:DeleteVpcEndpoints",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
        "ec2:ModifyVpcEndpoint",
        // doc: asked of whoever enables private DNS.
        "route53:AssociateVPCWithHostedZone",
    ],
};

fn tag_list(tags: tags::Tags) -> Vec<Tag> {
    let pairs = tags.into_iter();
    pairs
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// A list for a request: `None` where there is nothing to say.
type Ids = Option<Vec<String>>;

fn some(list: Vec<String>) -> Ids {
    Some(list).filter(|list| !list.is_empty())
}

/// What is added to a set, and what is taken out of it.
fn moves(change: &Change<'_>, name: &str) -> KindResult<(Ids, Ids)> {
    if !change.has(name) {
        return Ok((None, None));
    }
    let before: BTreeSet<String> = change.before.texts(name)?.into_iter().collect();
    let after: BTreeSet<String> = change.after.texts(name)?.into_iter().collect();
    Ok((
        some(after.difference(&before).cloned().collect()),
        some(before.difference(&after).cloned().collect()),
    ))
}

impl VpcEndpoint {
    fn outputs(&self, cx: &Context, id: &str) -> Outputs {
        let arn = self.0.arn("ec2", &cx.region, &format!("vpc-endpoint/{id}"));
        Outputs::from([("id".into(), id.into()), ("arn".into(), arn)])
    }

    async fn endpoint(&self, cx: &Context, id: &str) -> KindResult<Option<Endpoint>> {
        let client = self.0.ec2(&cx.region);
        let answer = call(cx, "ec2:DescribeVpcEndpoints", || {
            client.describe_vpc_endpoints().vpc_endpoint_ids(id).send()
        })
        .await;
        let endpoints = found(answer, GONE)?.and_then(|a| a.vpc_endpoints);
        let endpoint = endpoints.unwrap_or_default().into_iter().next();
        // For some time after its end an endpoint is still listed, as deleted.
        Ok(endpoint.filter(|endpoint| state_of(endpoint) != "deleted"))
    }

    /// Those that match all of the filters, without those that are on their way out.
    async fn endpoints(&self, cx: &Context, filters: &[Filter]) -> KindResult<Vec<Endpoint>> {
        let client = self.0.ec2(&cx.region);
        let all: Vec<Endpoint> = call(cx, "ec2:DescribeVpcEndpoints", || {
            let request = client.describe_vpc_endpoints().set_filters(Some(filters.to_vec()));
            request.into_paginator().items().send().try_collect()
        })
        .await?;
        Ok(all.into_iter().filter(|e| !is_going(&state_of(e))).collect())
    }

    /// Waits until it can be used.
    async fn available(&self, cx: &Context, id: &str) -> KindResult<()> {
        const OPERATION: &str = "ec2:DescribeVpcEndpoints";
        wait_until(OPERATION, "available", LIMIT, || async {
            // Describing may not know yet what creating has just answered.
            let Some(endpoint) = self.endpoint(cx, id).await? else {
                return Ok(Poll::Pending("not to be seen yet".to_owned()));
            };
            let state = state_of(&endpoint);
            if is_broken(&state) || is_going(&state) {
                return Err(KindError::Failed {
                    operation: OPERATION.to_owned(),
                    message: said(&endpoint),
                });
            }
            Ok(match state.as_str() {
                "available" => Poll::Ready(()),
                _ => Poll::Pending(state),
            })
        })
        .await
    }

    /// The one VPC that the subnets or route tables are in.
    async fn vpc_of(&self, cx: &Context, settings: &Settings) -> KindResult<String> {
        let subnets = settings.texts("subnet_ids")?;
        let (setting, vpcs) = if subnets.is_empty() {
            let tables = settings.texts("route_table_ids")?;
            ("route_table_ids", self.vpcs_of_tables(cx, tables).await?)
        } else {
            let subnets = self.subnets(cx, subnets).await?;
            ("subnet_ids", subnets.into_iter().map(|subnet| subnet.vpc).collect())
        };
        let mut vpcs = vpcs.into_iter();
        match (vpcs.next(), vpcs.next()) {
            (Some(vpc), None) => Ok(vpc),
            (None, _) => Err(KindError::invalid(setting, "none of them was found, and so no VPC")),
            (Some(one), Some(other)) => {
                let message = format!("are in several VPCs ({one}, {other}); an endpoint is in one");
                Err(KindError::invalid(setting, message))
            }
        }
    }

    async fn subnets(&self, cx: &Context, ids: Vec<String>) -> KindResult<Vec<Subnet>> {
        let client = self.0.ec2(&cx.region);
        let all: Vec<aws_sdk_ec2::types::Subnet> = call(cx, "ec2:DescribeSubnets", || {
            let request = client.describe_subnets().set_subnet_ids(Some(ids.clone()));
            request.into_paginator().items().send().try_collect()
        })
        .await?;
        let parts = |subnet: aws_sdk_ec2::types::Subnet| {
            Some(Subnet {
                id: subnet.subnet_id?,
                vpc: subnet.vpc_id?,
                zone: subnet.availability_zone.unwrap_or_default(),
            })
        };
        Ok(all.into_iter().filter_map(parts).collect())
    }

    async fn vpcs_of_tables(&self, cx: &Context, ids: Vec<String>) -> KindResult<BTreeSet<String>> {
        let client = self.0.ec2(&cx.region);
        let tables: Vec<aws_sdk_ec2::types::RouteTable> = call(cx, "ec2:DescribeRouteTables", || {
            let request = client.describe_route_tables().set_route_table_ids(Some(ids.clone()));
            request.into_paginator().items().send().try_collect()
        })
        .await?;
        Ok(tables.into_iter().filter_map(|table| table.vpc_id).collect())
    }

    async fn modify(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<()> {
        let (subnets, groups) = (moves(change, "subnet_ids")?, moves(change, "security_group_ids")?);
        let tables = moves(change, "route_table_ids")?;
        let document = change.after.document("policy").filter(|_| change.has("policy"));
        let reset = change.has("policy") && document.is_none();
        let private_dns = change.after.opt_bool("private_dns_enabled")?.unwrap_or(false);
        let request = self
            .0
            .ec2(&cx.region)
            .modify_vpc_endpoint()
            .vpc_endpoint_id(id)
            .set_add_subnet_ids(subnets.0)
            .set_remove_subnet_ids(subnets.1)
            .set_add_security_group_ids(groups.0)
            .set_remove_security_group_ids(groups.1)
            .set_add_route_table_ids(tables.0)
            .set_remove_route_table_ids(tables.1)
            .set_policy_document(document)
            .set_reset_policy(reset.then_some(true))
            .set_private_dns_enabled(change.has("private_dns_enabled").then_some(private_dns));
        call(cx, "ec2:ModifyVpcEndpoint", || request.clone().send()).await?;
        self.available(cx, id).await
    }

    async fn retag(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<()> {
        let (put, gone) = tags::delta(change);
        let client = self.0.ec2(&cx.region);
        if !put.is_empty() {
            let put = tag_list(put);
            call(cx, "ec2:CreateTags", || {
                client.create_tags().resources(id).set_tags(Some(put.clone())).send()
            })
            .await?;
        }
        if !gone.is_empty() {
            let names = gone.iter().map(|name| Tag::builder().key(name).build());
            let names: Vec<Tag> = names.collect();
            call(cx, "ec2:DeleteTags", || {
                client.delete_tags().resources(id).set_tags(Some(names.clone())).send()
            })
            .await?;
        }
        Ok(())
    }

    /// Asks for the deletion; false where it has to be asked for again.
    async fn remove(&self, cx: &Context, id: &str) -> KindResult<bool> {
        const OPERATION: &str = "ec2:DeleteVpcEndpoints";
        let client = self.0.ec2(&cx.region);
        let answer = call(cx, OPERATION, || {
            client.delete_vpc_endpoints().vpc_endpoint_ids(id).send()
        })
        .await;
        let Some(answer) = found(answer, GONE)? else {
            return Ok(true);
        };
        // What could not be deleted comes with a good answer.
        let Some(error) = answer.unsuccessful().iter().find_map(|item| item.error()) else {
            return Ok(true);
        };
        let error = KindError::Service {
            operation: OPERATION.to_owned(),
            code: error.code().unwrap_or("Unknown").to_owned(),
            message: error.message().unwrap_or("the service gave no message").to_owned(),
            request_id: None,
            status: None,
        };
        if error.is_code(GONE) {
            return Ok(true);
        }
        match retry::rule_for(OPERATION, &error) {
            Some(_) => Ok(false),
            None => Err(error),
        }
    }
}

/// Where a subnet is.
struct Subnet {
    id: String,
    vpc: String,
    zone: String,
}

#[async_trait]
impl Kind for VpcEndpoint {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let vpc = self.vpc_of(cx, desired).await?;
        let of_type = VpcEndpointType::from(desired.text("vpc_endpoint_type")?);
        // Left open, interface endpoints get private DNS.
        let private_dns = desired.opt_bool("private_dns_enabled")?;
        let private_dns = private_dns.or((of_type == VpcEndpointType::Interface).then_some(false));
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::VpcEndpoint)
            .set_tags(Some(tag_list(tags::wanted(desired))))
            .build();
        // One for all attempts of this call: the SDK's repetition makes no second endpoint. Not the same for the next
        // run, whose settings may differ; that one finds the endpoint by its tags.
        let token = uuid::Uuid::new_v4().simple().to_string();
        let request = self
            .0
            .ec2(&cx.region)
            .create_vpc_endpoint()
            .client_token(token)
            .vpc_id(vpc)
            .vpc_endpoint_type(of_type)
            .service_name(desired.text("service_name")?)
            .set_subnet_ids(some(desired.texts("subnet_ids")?))
            .set_security_group_ids(some(desired.texts("security_group_ids")?))
            .set_route_table_ids(some(desired.texts("route_table_ids")?))
            .set_policy_document(desired.document("policy"))
            .set_private_dns_enabled(private_dns)
            // EC2 takes a specification only where it has tags.
            .set_tag_specifications(Some(vec![tags]).filter(|_| !tags::wanted(desired).is_empty()));
        let answer = call(cx, "ec2:CreateVpcEndpoint", || request.clone().send()).await?;
        let id = answer.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        let id = id.ok_or_else(|| KindError::Failed {
            operation: "ec2:CreateVpcEndpoint".into(),
            message: "the answer names no endpoint".into(),
        })?;
        let outputs = self.outputs(cx, &id);
        cx.created(&outputs);
        self.available(cx, &id).await?;
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let endpoint = self.endpoint(cx, id).await?;
        Ok(endpoint.filter(|e| !is_going(&state_of(e))).map(|endpoint| Observed {
            settings: observed(&endpoint, recorded),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if change.changed.iter().any(|name| name != "tags") {
            self.modify(cx, id, change).await?;
        }
        if change.has("tags") {
            self.retag(cx, id, change).await?;
        }
        Ok(self.outputs(cx, id))
    }

    /// Waits until its network interfaces are gone too: subnets and security groups cannot go before them.
    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        wait_until("ec2:DescribeVpcEndpoints", "deleted", LIMIT, || async {
            let Some(endpoint) = self.endpoint(cx, id).await? else {
                return Ok(Poll::Ready(()));
            };
            let state = state_of(&endpoint);
            if is_going(&state) || self.remove(cx, id).await? {
                return Ok(Poll::Pending(state));
            }
            Ok(Poll::Pending(format!("{state}, deleting is refused for now")))
        })
        .await
    }

    async fn find(&self, cx: &Context, _desired: &Settings) -> KindResult<Option<String>> {
        let owner = [
            filter(&format!("tag:{}", tags::STACK_TAG), &cx.stack),
            filter(&format!("tag:{}", tags::COMPONENT_TAG), cx.key.as_str()),
        ];
        let ours = self.endpoints(cx, &owner).await?;
        let mut ids = ours.into_iter().filter_map(|endpoint| endpoint.vpc_endpoint_id);
        Ok(ids.find(|id| !cx.known_ids.contains(id)))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        if setting == "policy" {
            return policy::normalise(value);
        }
        let unordered = SPEC.setting(setting).is_some_and(|s| s.unordered);
        tap_engine::json::normalise(value, unordered)
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["service_name", "vpc_endpoint_type"])
            .one_of("vpc_endpoint_type", &["Interface", "Gateway"])
            .object("policy");
        if settings.value("state").is_some() {
            checks.wrong("state", "cannot be set: it is only shown, where an endpoint is broken");
        }
        let (needed, others): (&[&str], &[&str]) = match literal(settings, "vpc_endpoint_type") {
            Some("Gateway") => (
                &["route_table_ids"],
                &["subnet_ids", "security_group_ids", "private_dns_enabled"],
            ),
            Some("Interface") => (&["subnet_ids", "security_group_ids"], &["route_table_ids"]),
            _ => (&[], &[]),
        };
        let given = |name: &&&str| settings.value(name).is_some_and(|value| *value != json!([]));
        for name in needed.iter().filter(|name| !given(name)) {
            checks.wrong(name, "needs one or more");
        }
        for name in others.iter().filter(given) {
            checks.wrong(name, "is for the other type of endpoint");
        }
        checks.done()
    }

    async fn check(&self, cx: &Context, settings: &Settings, prospect: Prospect<'_>) -> Vec<Finding> {
        check::check(self, cx, settings, prospect).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(settings: Value) -> Vec<String> {
        let settings = serde_json::from_value(settings).unwrap();
        let kind = VpcEndpoint(crate::aws::testing::aws());
        kind.validate(&settings).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn each_type_has_settings_of_its_own() {
        let gateway = json!({"service_name": "s", "vpc_endpoint_type": "Gateway", "route_table_ids": ["rtb-1"]});
        let interface = json!({
            "service_name": "s", "vpc_endpoint_type": "Interface",
            "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"], "private_dns_enabled": false,
        });
        assert_eq!(wrong(gateway.clone()), [""; 0]);
        assert_eq!(wrong(interface.clone()), [""; 0]);
        let swapped = |mut settings: Value, of_type: &str| {
            settings["vpc_endpoint_type"] = of_type.into();
            wrong(settings)
        };
        assert_eq!(
            swapped(gateway, "Interface"),
            ["subnet_ids", "security_group_ids", "route_table_ids"]
        );
        assert_eq!(
            swapped(interface, "Gateway"),
            [
                "route_table_ids",
                "subnet_ids",
                "security_group_ids",
                "private_dns_enabled"
            ]
        );
        assert_eq!(wrong(json!({"vpc_endpoint_type": "x", "state": "failed"})).len(), 3);
    }
}
