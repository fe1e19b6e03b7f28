//! One domain over two regions: custom domain names, health checks, records.

use crate::site::{Site, new_zone, stack};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, HealthCheckType, ResourceRecord, ResourceRecordSet, ResourceRecordSetFailover,
    ResourceRecordSetRegion, RrType,
};
use std::collections::{BTreeMap, BTreeSet};
use tap_acceptance_tests::Aws;
use tap_acceptance_tests::pipeline::Configuration;

const PRIMARY: &str = "us-east-1";
const SECOND: &str = "eu-west-1";
const BOTH: [&str; 2] = [PRIMARY, SECOND];
const DOMAIN: &str = "pay.example.com";

fn configuration(aws: &Aws, zone: &str, policy: &str) -> Configuration {
    let certificate = |region: &str| {
        let account = aws.account();
        format!("{region:?} = \"arn:aws:acm:{region}:{account}:certificate/{region}\"")
    };
    let certificates = BOTH.map(certificate).join(", ");
    stack("dns", &BOTH)
        .with(
            "domain",
            &format!(
                "{{ enabled = true, name = {DOMAIN:?}, hosted_zone_id = {zone:?}, certificate_arns = {{ {certificates} }} }}"
            ),
        )
        .with("dns", &format!("{{ routing_policy = {policy:?} }}"))
}

/// The zone's records, without those that every zone has.
async fn records(aws: &Aws, zone: &str) -> Vec<ResourceRecordSet> {
    let list = aws.route53().list_resource_record_sets().hosted_zone_id(zone);
    let all = list.send().await.unwrap().resource_record_sets;
    all.into_iter()
        .filter(|record| !matches!(record.r#type, RrType::Ns | RrType::Soa))
        .collect()
}

/// A folder whose account has a zone already.
async fn site_with_zone(policy: &str) -> (Site, String) {
    let site = Site::new(&stack("dns", &BOTH)).await;
    let zone = new_zone(&site.aws, "example.com").await;
    site.configure(&configuration(&site.aws, &zone, policy));
    (site, zone)
}

#[tokio::test]
async fn a_domain_fails_over_and_its_policy_can_be_changed() {
    let (site, zone) = site_with_zone("failover").await;
    site.apply().await;
    site.must_be_settled().await;

    let mut targets = BTreeMap::new();
    for region in BOTH {
        let api = site.aws.in_region(region).api_gateway();
        let domain = api.get_domain_name().domain_name(DOMAIN).send().await.unwrap();
        targets.insert(region, domain.regional_domain_name().unwrap().to_owned());
        let mapped = api.get_base_path_mappings().domain_name(DOMAIN).send().await.unwrap();
        assert_eq!(mapped.items().len(), 1, "R-21: {mapped:?}");
    }
    let failover = records(&site.aws, &zone).await;
    // A and AAAA, primary and secondary.
    assert_eq!(failover.len(), 4, "{failover:#?}");
    for record in &failover {
        assert_eq!(record.name.trim_end_matches('.'), DOMAIN);
        assert_eq!(record.ttl, None, "R-02");
        assert!(record.health_check_id.is_some(), "R-01: {record:?}");
        let region = match record.failover {
            Some(ResourceRecordSetFailover::Primary) => PRIMARY,
            Some(ResourceRecordSetFailover::Secondary) => SECOND,
            ref other => panic!("{other:?}"),
        };
        let alias = record.alias_target.as_ref().unwrap();
        assert_eq!(alias.dns_name.trim_end_matches('.'), targets[region]);
    }

    let checks = site
        .aws
        .route53()
        .list_health_checks()
        .send()
        .await
        .unwrap()
        .health_checks;
    assert_eq!(checks.len(), 2, "one per region");
    let asked: BTreeSet<String> = checks
        .iter()
        .map(|check| {
            let config = check.health_check_config.as_ref().unwrap();
            assert_eq!(config.r#type, HealthCheckType::Https);
            assert!(config.resource_path().unwrap().ends_with("/health"), "R-04: {config:?}");
            config.fully_qualified_domain_name().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        asked.len(),
        2,
        "each asks its own region, not the name that it decides about"
    );
    // The path that is asked is open: no key.
    let payments = site.payments().await;
    for region in BOTH {
        assert_eq!(
            payments.in_region(region).health().await.unwrap().status,
            200,
            "{region}"
        );
    }

    // Another policy: other records, the same checks and domain names.
    site.configure(&configuration(&site.aws, &zone, "latency"));
    site.apply().await;
    site.must_be_settled().await;
    let latency = records(&site.aws, &zone).await;
    let regions: BTreeSet<&str> = latency
        .iter()
        .filter_map(|r| r.region.as_ref())
        .map(ResourceRecordSetRegion::as_str)
        .collect();
    assert_eq!(regions, BTreeSet::from(BOTH));
    assert!(latency.iter().all(|record| record.failover.is_none()), "{latency:#?}");

    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    for region in BOTH {
        assert_eq!(site.left_in(region).await, Vec::<String>::new(), "{region}");
    }
    assert_eq!(records(&site.aws, &zone).await, []);
}

/// without health checks nothing in Route 53 tells whose a record is. The records of the old policy make way all the
/// same, for others of the stack's and nothing else, and back again.
#[tokio::test]
async fn r_01_a_policy_without_health_checks_can_be_changed_there_and_back() {
    let (site, zone) = site_with_zone("latency").await;
    let unwatched = configuration(&site.aws, &zone, "latency").with(
        "dns",
        "{ routing_policy = \"latency\", health_check = { enabled = false } }",
    );
    site.configure(&unwatched);
    site.apply().await;
    site.must_be_settled().await;
    for (configuration, is_failover) in [
        (&configuration(&site.aws, &zone, "failover"), true),
        (&unwatched, false),
    ] {
        site.configure(configuration);
        site.apply().await;
        site.must_be_settled().await;
        let there = records(&site.aws, &zone).await;
        assert_eq!(there.len(), 4, "{there:#?}");
        for record in &there {
            assert_eq!(record.failover.is_some(), is_failover, "{there:#?}");
            assert_eq!(record.health_check_id.is_some(), is_failover, "{there:#?}");
        }
    }
    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(records(&site.aws, &zone).await, []);
}

/// The zone is the user's: a record that is there already is not overwritten.
#[tokio::test]
async fn a_record_of_somebody_else_stays_as_it_is() {
    let (site, zone) = site_with_zone("latency").await;
    let value = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
    let record = ResourceRecordSet::builder()
        .name(DOMAIN)
        .r#type(RrType::A)
        .set_identifier(PRIMARY)
        .region(PRIMARY.into())
        .ttl(60)
        .resource_records(value);
    let change = Change::builder()
        .action(ChangeAction::Create)
        .resource_record_set(record.build().unwrap());
    let batch = ChangeBatch::builder().changes(change.build().unwrap()).build().unwrap();
    let put = site.aws.route53().change_resource_record_sets().hosted_zone_id(&zone);
    put.change_batch(batch).send().await.unwrap();

    let failure = site.terraform.apply().await.unwrap_err().to_string();
    let failure: String = failure.split_whitespace().collect::<Vec<_>>().join(" ");
    for needle in ["route53_record", DOMAIN, "not overwritten"] {
        assert!(failure.contains(needle), "no {needle} in {failure}");
    }
    let theirs = records(&site.aws, &zone).await;
    let theirs = theirs.iter().find(|record| record.ttl == Some(60)).expect("it is gone");
    assert_eq!(theirs.resource_records()[0].value, "192.0.2.1");
    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(records(&site.aws, &zone).await.len(), 1);
}
