//! Custom domain names, their paths, health checks and records.

use serde_json::{Value, json};
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::api_base_path_mapping::ApiBasePathMapping;
use tap_resources::aws::api_domain_name::ApiDomainName;
use tap_resources::aws::rest_api::RestApi;
use tap_resources::aws::route53_health_check::Route53HealthCheck;
use tap_resources::aws::route53_record::Route53Record;

use crate::support::{Life, REGION, aws, context, settings};

fn tags(key: &str) -> Value {
    json!({"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": key})
}

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:111122223333:certificate/1";
const OTHER_CERTIFICATE: &str = "arn:aws:acm:us-east-1:111122223333:certificate/2";

async fn zone(aws: &tap_resources::aws::Aws) -> String {
    let client = aws.route53(REGION);
    let made = client.create_hosted_zone().name("example.com").caller_reference("test");
    let zone = made.send().await.unwrap().hosted_zone.unwrap();
    zone.id.trim_start_matches("/hostedzone/").to_owned()
}

///
#[tokio::test]
async fn api_domain_name() {
    let sandbox = Sandbox::start().await.unwrap();
    Life {
        kind: &ApiDomainName(aws(&sandbox)),
        key: "api_domain_name.main",
        desired: json!({"domain_name": "pay.example.com", "regional_certificate_arn": CERTIFICATE}),
        edits: vec![
            json!({"regional_certificate_arn": OTHER_CERTIFICATE, "security_policy": "TLS_1_2"}),
            json!({"mutual_tls": {"truststore_uri": "s3://trust/store.pem", "truststore_version": "1"}}),
            json!({"tags": tags("api_domain_name.main"), "endpoint_types": ["REGIONAL"]}),
            json!({"mutual_tls": null, "security_policy": null, "endpoint_types": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn api_base_path_mapping() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let api = |name: &'static str| {
        let (kind, cx) = (RestApi(aws.clone()), context("rest_api.main"));
        async move { kind.create(&cx, &settings(json!({"name": name}))).await.unwrap()["id"].clone() }
    };
    let (first, second) = (api("first").await, api("second").await);
    let domain = settings(json!({"domain_name": "pay.example.com", "regional_certificate_arn": CERTIFICATE}));
    let cx = context("api_domain_name.main");
    ApiDomainName(aws.clone()).create(&cx, &domain).await.unwrap();
    for base_path in [json!(null), json!("v1")] {
        Life {
            kind: &ApiBasePathMapping(aws.clone()),
            key: "api_base_path_mapping.main",
            desired: json!({
                "domain_name": "pay.example.com", "base_path": base_path, "rest_api_id": first, "stage": "v1",
            }),
            edits: vec![json!({"stage": "v2"}), json!({"rest_api_id": second})],
            not_shown: &[],
        }
        .lived()
        .await;
    }
    // The domain has no owner's tags: a path that leads elsewhere is somebody else's.
    let kind = ApiBasePathMapping(aws);
    let cx = context("api_base_path_mapping.main");
    let theirs = settings(json!({"domain_name": "pay.example.com", "rest_api_id": first, "stage": "v1"}));
    kind.create(&cx, &theirs).await.unwrap();
    let ours = settings(json!({"domain_name": "pay.example.com", "rest_api_id": second, "stage": "v1"}));
    let error = kind.find(&cx, &ours).await.unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
}

/// the path that is checked is open.
#[tokio::test]
async fn route53_health_check() {
    let sandbox = Sandbox::start().await.unwrap();
    Life {
        kind: &Route53HealthCheck(aws(&sandbox)),
        key: "us-east-1/route53_health_check.api",
        desired: json!({"type": "HTTPS", "fqdn": "d-1.execute-api.us-east-1.amazonaws.com", "resource_path": "/v1/health"}),
        edits: vec![
            json!({"failure_threshold": 2, "port": 8443, "regions": ["us-east-1", "eu-west-1", "ap-southeast-1"]}),
            json!({"inverted": true, "disabled": true, "enable_sni": false}),
            json!({"tags": tags("us-east-1/route53_health_check.api")}),
            json!({
                "inverted": null, "disabled": null, "enable_sni": null, "regions": null, "port": null,
                "resource_path": null, "failure_threshold": null,
            }),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn a_calculated_check_and_one_of_an_alarm() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let kind = Route53HealthCheck(aws.clone());
    let child = settings(json!({"type": "HTTPS", "fqdn": "a.example.com", "request_interval": 10}));
    let child = kind
        .create(&context("route53_health_check.child"), &child)
        .await
        .unwrap();
    let alarm = json!({"region": "us-east-1", "name": "5xx"});
    for desired in [
        json!({"type": "CALCULATED", "child_health_checks": [child["id"]], "health_threshold": 1}),
        json!({"type": "CLOUDWATCH_METRIC", "alarm_identifier": alarm}),
    ] {
        Life {
            kind: &kind,
            key: "route53_health_check.all",
            desired,
            edits: vec![json!({"inverted": true})],
            not_shown: &[],
        }
        .lived()
        .await;
    }
}

/// Tags come after the check itself: one that was interrupted in between is known by its caller reference, an imported
/// one by its tags.
#[tokio::test]
async fn a_health_check_without_a_name_is_found_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let kind = Route53HealthCheck(aws.clone());
    let wanted = settings(json!({"type": "HTTPS", "fqdn": "a.example.com"}));
    let mut cx = context("route53_health_check.api");
    let untagged = kind.create(&cx, &wanted).await.unwrap()["id"].clone();
    assert_eq!(kind.find(&cx, &wanted).await.unwrap(), Some(untagged.clone()));
    let other = context("route53_health_check.other");
    assert_eq!(kind.find(&other, &wanted).await.unwrap(), None);
    cx.known_ids = vec![untagged.clone()];
    assert_eq!(kind.find(&cx, &wanted).await.unwrap(), None);

    let tagged = settings(json!({"tags": tags("route53_health_check.other")}));
    let (changed, outputs) = (["tags".to_owned()], tap_engine::Outputs::new());
    let change = tap_engine::Change {
        before: &wanted,
        after: &tagged,
        changed: &changed,
        outputs: &outputs,
    };
    kind.update(&cx, &untagged, &change).await.unwrap();
    assert_eq!(kind.find(&other, &wanted).await.unwrap(), Some(untagged));
}

///
#[tokio::test]
async fn route53_record() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let zone = zone(&aws).await;
    let alias =
        |dns: &str| json!({"dns_name": dns, "hosted_zone_id": "Z1UJRXOUMOOFQ8", "evaluate_target_health": true});
    let kind = Route53Record(aws.clone());
    let plain =
        json!({"hosted_zone_id": zone, "name": "*.Example.com", "type": "CNAME", "ttl": 60, "records": ["a.aws.com"]});
    let failover = json!({
        "hosted_zone_id": zone, "name": "pay.example.com", "type": "A", "set_identifier": "us-east-1",
        "failover": "PRIMARY", "alias": alias("d-1.execute-api.us-east-1.amazonaws.com"), "health_check_id": "hc-1",
    });
    let latency = json!({
        "hosted_zone_id": zone, "name": "latency.example.com", "type": "AAAA", "set_identifier": "eu-west-1",
        "latency_region": "eu-west-1", "alias": alias("d-2.execute-api.eu-west-1.amazonaws.com"),
    });
    let other = json!({"alias": alias("d-3.execute-api.us-east-1.amazonaws.com")});
    for (desired, edit) in [
        (plain, json!({"ttl": 300, "records": ["b.aws.com"]})),
        (failover, json!({"failover": "SECONDARY", "health_check_id": null})),
        (latency, other),
    ] {
        Life {
            kind: &kind,
            key: "route53_record.api",
            desired,
            edits: vec![edit],
            not_shown: &[],
        }
        .lived()
        .await;
    }
}

/// The zone is the user's: what is in it already stays as it is.
#[tokio::test]
async fn somebody_elses_record_is_not_overwritten() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let zone = zone(&aws).await;
    let kind = Route53Record(aws.clone());
    let cx = context("route53_record.api");
    let record = |target: &str| {
        settings(
            json!({"hosted_zone_id": zone, "name": "pay.example.com", "type": "CNAME", "ttl": 60, "records": [target]}),
        )
    };
    let id = kind.create(&cx, &record("theirs.example.net")).await.unwrap()["id"].clone();
    let error = kind.create(&cx, &record("ours.example.net")).await.unwrap_err();
    assert!(error.is_code(&["InvalidChangeBatch"]), "{error}");
    let error = kind.find(&cx, &record("ours.example.net")).await.unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
    let seen = kind
        .read(&cx, &id, &record("theirs.example.net"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.settings["records"], json!(["theirs.example.net"]));
    // What leads where ours leads was left by an interrupted run.
    let found = kind.find(&cx, &record("theirs.example.net")).await.unwrap();
    assert_eq!(found, Some(id));
}

/// Route 53 takes nothing beside a CNAME: where `dns.record_type` changes, the stack's old records go in the batch in which
/// the first of the new ones comes, there and back.
#[tokio::test]
async fn r_02_a_cname_takes_the_place_of_the_stacks_own_aliases_and_they_take_its() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let zone = zone(&aws).await;
    let checks = Route53HealthCheck(aws.clone());
    let check = json!({"type": "HTTPS", "fqdn": "a.example.com", "tags": tags("route53_health_check.api")});
    let cx = context("route53_health_check.api");
    let check = checks.create(&cx, &settings(check)).await.unwrap()["id"].clone();
    let record = |of_type: &str| {
        let mut record = json!({
            "hosted_zone_id": zone, "name": "pay.example.com", "type": of_type, "set_identifier": "primary",
            "failover": "PRIMARY", "health_check_id": check,
        });
        if of_type == "CNAME" {
            record["ttl"] = json!(60);
            record["records"] = json!(["d-1.aws.com"]);
        } else {
            record["alias"] = json!({"dns_name": "d-1.aws.com", "hosted_zone_id": "Z1UJRXOUMOOFQ8"});
        }
        settings(record)
    };
    let kind = Route53Record(aws.clone());
    let cx = context("route53_record.api");
    for new in [&["A", "AAAA"][..], &["CNAME"], &["AAAA", "A"]] {
        for of_type in new {
            kind.create(&cx, &record(of_type)).await.unwrap();
        }
        let mut left = Vec::new();
        for of_type in ["A", "AAAA", "CNAME"] {
            let id = format!("{zone}|pay.example.com|{of_type}|primary");
            if kind.read(&cx, &id, &record(of_type)).await.unwrap().is_some() {
                left.push(of_type);
            }
        }
        let mut wanted = new.to_vec();
        wanted.sort_unstable();
        assert_eq!(left, wanted);
    }
}

/// Route 53 takes one routing policy for a name and type, so another one comes in the batch in which the stack's
/// old records go. Somebody else's stay.
#[tokio::test]
async fn another_routing_policy_takes_the_place_of_the_stacks_own_records_only() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let zone = zone(&aws).await;
    let checks = Route53HealthCheck(aws.clone());
    let check = |tags: Value| settings(json!({"type": "HTTPS", "fqdn": "a.example.com", "tags": tags}));
    let cx = context("route53_health_check.api");
    let own = checks
        .create(&cx, &check(tags("route53_health_check.api")))
        .await
        .unwrap()["id"]
        .clone();
    let foreign = checks
        .create(&cx, &check(json!({"tap:stack": "other/one"})))
        .await
        .unwrap()["id"]
        .clone();
    let record = |name: &str, set: &str, more: Value| {
        let alias = json!({"dns_name": "d-1.aws.com", "hosted_zone_id": "Z1UJRXOUMOOFQ8"});
        let mut record = settings(json!({
            "hosted_zone_id": zone, "name": name, "type": "A", "set_identifier": set, "alias": alias,
        }));
        record.extend(settings(more));
        record
    };
    let kind = Route53Record(aws.clone());
    let cx = context("route53_record.api");
    for (name, check) in [("ours.example.com", &own), ("theirs.example.com", &foreign)] {
        let old = record(
            name,
            "primary",
            json!({"failover": "PRIMARY", "health_check_id": check}),
        );
        let old_id = kind.create(&cx, &old).await.unwrap()["id"].clone();
        let new = record(
            name,
            "us-east-1",
            json!({"latency_region": "us-east-1", "health_check_id": own}),
        );
        let made = kind.create(&cx, &new).await;
        let is_left = kind.read(&cx, &old_id, &old).await.unwrap().is_some();
        if name == "ours.example.com" {
            assert_eq!(made.unwrap()["fqdn"], name);
            assert!(!is_left);
            let second = record(
                name,
                "eu-west-1",
                json!({"latency_region": "eu-west-1", "health_check_id": own}),
            );
            kind.create(&cx, &second).await.unwrap();
        } else {
            assert!(made.unwrap_err().is_code(&["InvalidChangeBatch"]));
            assert!(is_left, "somebody else's record is gone");
        }
    }
}

/// `dns.health_check.enabled = false` leaves nothing in Route 53 that tells whose a record is. The state knows, and the
/// run says which records it is to delete: those go in the batch, and no others.
#[tokio::test]
async fn r_01_records_without_health_checks_make_way_when_the_run_deletes_them() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let zone = zone(&aws).await;
    let kind = Route53Record(aws.clone());
    let record = |set: &str, more: Value| {
        let alias = json!({"dns_name": "d-1.aws.com", "hosted_zone_id": "Z1UJRXOUMOOFQ8"});
        let mut record = settings(json!({
            "hosted_zone_id": zone, "name": "pay.example.com", "type": "A", "set_identifier": set, "alias": alias,
        }));
        record.extend(settings(more));
        record
    };
    let mut cx = context("route53_record.api");
    let old: Vec<_> = ["us-east-1", "eu-west-1"]
        .into_iter()
        .map(|region| record(region, json!({"latency_region": region})))
        .collect();
    let mut ids = Vec::new();
    for record in &old {
        ids.push(kind.create(&cx, record).await.unwrap()["id"].clone());
    }
    let new = record("primary", json!({"failover": "PRIMARY"}));

    for leaving in [&[][..], &ids[..1]] {
        cx.leaving = leaving.to_vec();
        let refused = kind.create(&cx, &new).await.unwrap_err();
        assert!(refused.is_code(&["InvalidChangeBatch"]), "{leaving:?}: {refused}");
        for (id, record) in ids.iter().zip(&old) {
            assert!(kind.read(&cx, id, record).await.unwrap().is_some(), "{id} is gone");
        }
    }
    cx.leaving.clone_from(&ids);
    kind.create(&cx, &new).await.unwrap();
    for (id, record) in ids.iter().zip(&old) {
        assert!(kind.read(&cx, id, record).await.unwrap().is_none(), "{id} is there");
        // Their own turn comes later in the same run.
        kind.delete(&cx, id, record).await.unwrap();
    }
}
