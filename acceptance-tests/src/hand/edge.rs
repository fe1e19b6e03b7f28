//! Route 53 and the web application firewall.

use super::{BY_HAND, Object, said};
use crate::{Aws, Result};
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use aws_sdk_wafv2::types::{AllowAction, DefaultAction, Scope, VisibilityConfig, WebAclSummary};

pub(super) async fn change(object: &Object) -> Result<()> {
    match object.kind.as_str() {
        "route53_health_check" => {
            let update = object.aws.route53().update_health_check();
            let update = update.health_check_id(&object.id).failure_threshold(7);
            said("route53:UpdateHealthCheck", update.send().await).map(drop)
        }
        "route53_record" => {
            let mut record = record(object).await?;
            if let Some(target) = record.alias_target.as_mut() {
                target.evaluate_target_health = false;
            }
            write(object, ChangeAction::Upsert, record).await
        }
        "wafv2_association" => put_another_web_acl_in_front(object).await,
        "wafv2_ip_set" => change_addresses(object).await,
        "wafv2_logging" => {
            let waf = object.aws.wafv2();
            let get = waf.get_logging_configuration().resource_arn(&object.id);
            let found = said("wafv2:GetLoggingConfiguration", get.send().await)?;
            let mut logging = found.logging_configuration.ok_or_else(|| object.missing())?;
            logging.redacted_fields = None;
            let put = waf.put_logging_configuration().logging_configuration(logging);
            said("wafv2:PutLoggingConfiguration", put.send().await).map(drop)
        }
        "wafv2_web_acl" => take_the_rules_out(object).await,
        _ => Err(object.unknown()),
    }
}

pub(super) async fn delete(object: &Object) -> Result<()> {
    match object.kind.as_str() {
        "route53_health_check" => {
            let delete = object.aws.route53().delete_health_check().health_check_id(&object.id);
            said("route53:DeleteHealthCheck", delete.send().await).map(drop)
        }
        "route53_record" => write(object, ChangeAction::Delete, record(object).await?).await,
        "wafv2_association" => {
            let delete = object.aws.wafv2().disassociate_web_acl().resource_arn(&object.id);
            said("wafv2:DisassociateWebACL", delete.send().await).map(drop)
        }
        "wafv2_logging" => {
            let delete = object.aws.wafv2().delete_logging_configuration();
            let delete = delete.resource_arn(&object.id);
            said("wafv2:DeleteLoggingConfiguration", delete.send().await).map(drop)
        }
        _ => Err(object.unknown()),
    }
}

/// The record set of an id such as `<zone>|<name>|<type>|<set>`; a name has one per type and routing policy.
async fn record(object: &Object) -> Result<ResourceRecordSet> {
    let (name, kind, set) = (object.part(1)?, RrType::from(object.part(2)?), object.part(3)?);
    let list = object.aws.route53().list_resource_record_sets();
    let list = list.hosted_zone_id(object.part(0)?);
    let found = said("route53:ListResourceRecordSets", list.send().await)?;
    let ours = |record: &ResourceRecordSet| {
        record.name().trim_end_matches('.') == name.trim_end_matches('.')
            && *record.r#type() == kind
            && record.set_identifier().unwrap_or_default() == set
    };
    let mut records = found.resource_record_sets.into_iter();
    records.find(ours).ok_or_else(|| object.missing())
}

async fn write(object: &Object, action: ChangeAction, record: ResourceRecordSet) -> Result<()> {
    const WRITE: &str = "route53:ChangeResourceRecordSets";
    let change = Change::builder().action(action).resource_record_set(record);
    let batch = ChangeBatch::builder().changes(said(WRITE, change.build())?);
    let write = object.aws.route53().change_resource_record_sets();
    let write = write.hosted_zone_id(object.part(0)?);
    let write = write.change_batch(said(WRITE, batch.build())?);
    said(WRITE, write.send().await).map(drop)
}

async fn put_another_web_acl_in_front(object: &Object) -> Result<()> {
    const CREATE: &str = "wafv2:CreateWebACL";
    let waf = object.aws.wafv2();
    let visibility = VisibilityConfig::builder()
        .sampled_requests_enabled(false)
        .cloud_watch_metrics_enabled(false)
        .metric_name(BY_HAND);
    let allow = DefaultAction::builder().allow(AllowAction::builder().build()).build();
    let create = waf.create_web_acl().name(BY_HAND).scope(Scope::Regional);
    let create = create
        .default_action(allow)
        .visibility_config(said(CREATE, visibility.build())?);
    let made = said(CREATE, create.send().await)?.summary;
    let arn = made.and_then(|made| made.arn);
    let associate = waf.associate_web_acl().set_web_acl_arn(arn).resource_arn(&object.id);
    said("wafv2:AssociateWebACL", associate.send().await).map(drop)
}

/// Deletes the web ACL that a stage was bent to, if it is there.
pub(super) async fn forget_the_other_web_acl(aws: &Aws) -> Result<()> {
    let waf = aws.wafv2();
    let list = waf.list_web_acls().scope(Scope::Regional);
    let listed = said("wafv2:ListWebACLs", list.send().await)?;
    let ours = |acl: &&WebAclSummary| acl.name() == Some(BY_HAND);
    for acl in listed.web_acls().iter().filter(ours) {
        let delete = waf.delete_web_acl().scope(Scope::Regional).name(BY_HAND);
        let delete = delete.set_id(acl.id.clone()).set_lock_token(acl.lock_token.clone());
        said("wafv2:DeleteWebACL", delete.send().await)?;
    }
    Ok(())
}

async fn change_addresses(object: &Object) -> Result<()> {
    let waf = object.aws.wafv2();
    let (id, name) = (object.part(0)?, object.part(1)?);
    let get = waf.get_ip_set().id(id).name(name).scope(Scope::Regional);
    let found = said("wafv2:GetIPSet", get.send().await)?;
    let update = waf.update_ip_set().id(id).name(name).scope(Scope::Regional);
    let update = update.addresses("198.51.100.0/24").set_lock_token(found.lock_token);
    said("wafv2:UpdateIPSet", update.send().await).map(drop)
}

async fn take_the_rules_out(object: &Object) -> Result<()> {
    let waf = object.aws.wafv2();
    let (id, name) = (object.part(0)?, object.part(1)?);
    let get = waf.get_web_acl().id(id).name(name).scope(Scope::Regional);
    let found = said("wafv2:GetWebACL", get.send().await)?;
    let acl = found.web_acl.ok_or_else(|| object.missing())?;
    let update = waf.update_web_acl().id(id).name(name).scope(Scope::Regional);
    let update = update
        .set_lock_token(found.lock_token)
        .set_default_action(acl.default_action)
        .set_visibility_config(acl.visibility_config)
        .set_description(acl.description)
        .set_custom_response_bodies(acl.custom_response_bodies)
        .set_rules(Some(Vec::new()));
    said("wafv2:UpdateWebACL", update.send().await).map(drop)
}
