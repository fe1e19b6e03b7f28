//! The AWS WAF kinds on the sandbox; its logging calls, which the sandbox lacks, against a stand-in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::wafv2_association::Wafv2Association;
use tap_resources::aws::wafv2_logging::Wafv2Logging;
use tap_resources::aws::wafv2_web_acl::Wafv2WebAcl;
use tap_resources::aws::{Aws, AwsOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Life, aws, context, settings};

const STAGE: &str = "arn:aws:apigateway:us-east-1::/restapis/abc/stages/v1";

fn visible(name: &str) -> Value {
    json!({"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": name})
}

fn rate_rule(limit: u32) -> Value {
    json!({
        "Name": "rate", "Priority": 1, "Action": {"Block": {"CustomResponse": {"ResponseCode": 429}}},
        "Statement": {"RateBasedStatement": {"Limit": limit, "AggregateKeyType": "IP"}}, "VisibilityConfig": visible("rate")
    })
}

fn managed_rule() -> Value {
    json!({
        "Name": "common", "Priority": 0, "OverrideAction": {"None": {}},
        "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet",
            "RuleActionOverrides": [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]}},
        "VisibilityConfig": visible("common")
    })
}

fn web_acl(name: &str) -> Value {
    json!({
        "name": name, "scope": "REGIONAL", "description": "in front of the API", "default_action": "allow",
        "rules": [rate_rule(2000)], "visibility_config": visible("acl")
    })
}

fn web_acl_life(kind: &Wafv2WebAcl) -> Life<'_> {
    Life {
        kind,
        key: "wafv2_web_acl.api",
        desired: web_acl("api"),
        edits: vec![
            json!({"rules": [rate_rule(500), managed_rule()]}),
            json!({"default_action": "block", "visibility_config": visible("other")}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "wafv2_web_acl.api"}}),
            json!({"rules": null}),
        ],
        not_shown: &[],
    }
}

#[tokio::test]
async fn wafv2_web_acl() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = Wafv2WebAcl(aws(&sandbox));
    web_acl_life(&kind).lived().await;
}

#[tokio::test]
async fn wafv2_web_acl_of_somebody_else_is_not_taken_over_and_a_known_one_is_passed_over() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = Wafv2WebAcl(aws(&sandbox));
    let (id, wanted) = web_acl_life(&kind).born().await;
    let mut replacing = context("wafv2_web_acl.api");
    replacing.known_ids.push(id);
    assert_eq!(kind.find(&replacing, &wanted).await.unwrap(), None);
    let other = context("wafv2_web_acl.other");
    assert!(matches!(
        kind.find(&other, &wanted).await,
        Err(KindError::NotOwned { .. })
    ));
}

#[tokio::test]
async fn wafv2_association() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let acls = Wafv2WebAcl(aws.clone());
    let mut arns = Vec::new();
    for name in ["one", "two"] {
        let made = acls
            .create(&context("wafv2_web_acl.x"), &settings(web_acl(name)))
            .await
            .unwrap();
        arns.push(made["arn"].clone());
    }
    let kind = Wafv2Association(aws);
    Life {
        kind: &kind,
        key: "wafv2_association.stage",
        desired: json!({"web_acl_arn": arns[0], "resource_arn": STAGE}),
        edits: vec![json!({"web_acl_arn": arns[1]})],
        not_shown: &[],
    }
    .lived()
    .await;
    // A web ACL that somebody else has put there stays.
    let cx = context("wafv2_association.stage");
    let theirs = settings(json!({"web_acl_arn": arns[0], "resource_arn": STAGE}));
    kind.create(&cx, &theirs).await.unwrap();
    let mine = settings(json!({"web_acl_arn": arns[1], "resource_arn": STAGE}));
    assert!(matches!(kind.create(&cx, &mine).await, Err(KindError::NotOwned { .. })));
}

/// What the stand-in keeps.
#[derive(Default)]
struct Waf {
    logging: Mutex<BTreeMap<String, Value>>,
    /// Web ACL answered by `GetWebACL`; its lock token changes after every read but the last.
    stale_reads: Mutex<u32>,
    updates: Mutex<Vec<Value>>,
}

impl Waf {
    /// Status and body, as the API reference has them.
    fn answer(&self, operation: &str, request: &Value) -> (u16, Value) {
        let missing = || {
            (
                400,
                json!({"__type": "WAFNonexistentItemException", "message": "AWS WAF couldn't perform it"}),
            )
        };
        let arn = request["ResourceArn"].as_str().unwrap_or_default();
        let mut logging = self.logging.lock().unwrap();
        match operation {
            "PutLoggingConfiguration" => {
                let config = request["LoggingConfiguration"].clone();
                logging.insert(config["ResourceArn"].as_str().unwrap().to_owned(), config.clone());
                (200, json!({"LoggingConfiguration": config}))
            }
            "GetLoggingConfiguration" => match logging.get(arn) {
                Some(config) => (200, json!({"LoggingConfiguration": config})),
                None => missing(),
            },
            "DeleteLoggingConfiguration" => logging.remove(arn).map_or_else(missing, |_| (200, json!({}))),
            "GetWebACL" => {
                let acl = json!({
                    "Id": "1", "Name": "api", "ARN": "arn:acl", "DefaultAction": {"Allow": {}},
                    "VisibilityConfig": visible("acl"), "TokenDomains": ["pay.example"],
                    "Rules": [{
                        "Name": "ShieldMitigationRuleGroup_1_2_3", "Priority": 10_000_000, "OverrideAction": {"None": {}},
                        "Statement": {"RuleGroupReferenceStatement": {"ARN": "arn:shield"}}, "VisibilityConfig": visible("shield")
                    }]
                });
                (200, json!({"WebACL": acl, "LockToken": "token"}))
            }
            "UpdateWebACL" | "DeleteWebACL" => {
                let mut stale = self.stale_reads.lock().unwrap();
                if *stale > 0 {
                    *stale -= 1;
                    return (
                        400,
                        json!({"__type": "WAFOptimisticLockException", "message": "changed meanwhile"}),
                    );
                }
                self.updates.lock().unwrap().push(request.clone());
                (200, json!({"NextLockToken": "next"}))
            }
            other => panic!("the stand-in does not know {other}"),
        }
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let header = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .trim()
        };
        let mut body = vec![0; header("content-length:").parse().unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let target = header("x-amz-target:")
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        let known = [
            "PutLoggingConfiguration",
            "GetLoggingConfiguration",
            "DeleteLoggingConfiguration",
            "GetWebACL",
            "UpdateWebACL",
            "DeleteWebACL",
        ];
        let operation = known
            .into_iter()
            .find(|name| name.to_lowercase() == target)
            .unwrap_or("unknown");
        let (status, answer) = self.answer(operation, &serde_json::from_slice(&body).unwrap());
        let answer = answer.to_string();
        let response = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        );
        stream.write_all(response.as_bytes()).await
    }
}

/// Clients whose WAF is the stand-in.
async fn stand_in(sandbox: &Sandbox, waf: &Arc<Waf>) -> Arc<Aws> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let waf = waf.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(waf.clone().serve(stream));
        }
    });
    let options = AwsOptions {
        endpoints: BTreeMap::from([("wafv2".to_owned(), url)]),
        ..AwsOptions::default()
    };
    let account = sandbox.aws();
    let config = account.sdk_config().clone();
    Arc::new(Aws::new(
        config,
        options,
        account.account().to_owned(),
        "aws".to_owned(),
    ))
}

#[tokio::test]
async fn wafv2_logging() {
    let sandbox = Sandbox::start().await.unwrap();
    let waf = Arc::new(Waf::default());
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:aws-waf-logs-api";
    Life {
        kind: &Wafv2Logging(stand_in(&sandbox, &waf).await),
        key: "wafv2_logging.api",
        desired: json!({"resource_arn": "arn:acl", "log_destination_arn": group, "redacted_headers": ["X-Api-Key", "authorization"]}),
        edits: vec![
            json!({"redacted_headers": ["cookie"]}),
            json!({"log_destination_arn": format!("{group}-2:*")}),
            json!({"redacted_headers": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn wafv2_web_acl_changed_meanwhile_is_written_with_a_fresh_lock_token() {
    let sandbox = Sandbox::start().await.unwrap();
    let waf = Arc::new(Waf::default());
    *waf.stale_reads.lock().unwrap() = 2;
    let kind = Wafv2WebAcl(stand_in(&sandbox, &waf).await);
    let before = settings(web_acl("api"));
    let after = settings(web_acl("api"));
    let change = tap_engine::Change {
        before: &before,
        after: &after,
        changed: &["rules".to_owned()],
        outputs: &tap_engine::Outputs::from([("arn".to_owned(), "arn:acl".to_owned())]),
    };
    kind.update(&context("wafv2_web_acl.api"), "1|api|REGIONAL", &change)
        .await
        .unwrap();
    let updates = waf.updates.lock().unwrap();
    assert_eq!(updates.len(), 1);
    let names: Vec<&str> = updates[0]["Rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["Name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["rate", "ShieldMitigationRuleGroup_1_2_3"],
        "AWS's own rule stays"
    );
    assert_eq!(
        updates[0]["TokenDomains"],
        json!(["pay.example"]),
        "what is not managed here stays"
    );
}
