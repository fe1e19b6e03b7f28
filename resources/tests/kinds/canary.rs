//! The canary on the sandbox's Synthetics (docs/sandbox.md: its states are written after the documentation).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tap_acceptance_tests::{Aws as Account, Sandbox};
use tap_engine::{Kind, KindError, Prospect};
use tap_resources::aws::canary::Canary;
use tap_resources::aws::{Aws, AwsOptions};

use crate::support::{Life, REGION, context, settings};

const SCRIPT: &str = "exports.handler = async () => 'fine';\n";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

struct Place {
    account: Account,
    aws: Arc<Aws>,
    role: String,
    /// Declared last, so that it ends last.
    _sandbox: Sandbox,
}

impl Place {
    async fn new() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let account = sandbox.aws();
        let role = account
            .iam()
            .create_role()
            .role_name("canary")
            .assume_role_policy_document(TRUST)
            .send()
            .await
            .unwrap();
        // As a user does it who has Synthetics somewhere else: by the provider's `endpoints`.
        let endpoint = ("synthetics".to_owned(), sandbox.endpoint().to_owned());
        let options = AwsOptions {
            endpoints: BTreeMap::from([endpoint]),
            ..AwsOptions::default()
        };
        let config = account.sdk_config().clone();
        let aws = Arc::new(Aws::new(
            config,
            options,
            account.account().to_owned(),
            "aws".to_owned(),
        ));
        Self {
            role: role.role.unwrap().arn,
            account,
            aws,
            _sandbox: sandbox,
        }
    }

    fn desired(&self) -> Value {
        json!({
            "name": "health-check-test", "artifact_s3_location": "s3://canary-artifacts/canary-results", "script": SCRIPT,
            "execution_role_arn": self.role, "runtime_version": "syn-nodejs-puppeteer-15.0", "handler": "health.handler",
            "schedule": {"expression": "rate(5 minutes)"}, "start": true, "delete_lambda": true,
            "run_config": {"timeout_in_seconds": 60, "active_tracing": true, "environment_variables": {"LEVEL": "info"}},
        })
    }

    async fn state(&self) -> String {
        let answer = self
            .account
            .synthetics()
            .get_canary()
            .name("health-check-test")
            .send()
            .await;
        let status = answer.unwrap().canary.unwrap().status.unwrap();
        status.state.unwrap().as_str().to_owned()
    }

    async fn inventory(&self) -> Vec<String> {
        self.account.inventory().await.unwrap()
    }
}

#[tokio::test]
async fn canary() {
    let place = Place::new().await;
    let kind = Canary(place.aws.clone());
    let life = Life {
        kind: &kind,
        key: "canary.health",
        desired: place.desired(),
        edits: vec![
            json!({"script": "exports.handler = async () => 'changed';\n", "handler": "check.handler"}),
            json!({"schedule": {"expression": "rate(10 minutes)", "max_retries": 1, "duration_in_seconds": 3600}}),
            json!({"schedule": {"expression": "cron(0 10 * * ? *)"}}),
            json!({"run_config": {"timeout_in_seconds": 30, "memory_in_mb": 1536, "ephemeral_storage": 2048}}),
            json!({"success_retention_period_in_days": 7, "failure_retention_period_in_days": 90}),
            json!({"artifact_s3_location": "s3://other-bucket/results"}),
            json!({"artifact_encryption": {"mode": "SSE_KMS", "kms_key_arn": "arn:aws:kms:us-east-1:111122223333:key/1234"}}),
            json!({"artifact_encryption": {"mode": "SSE_S3"}}),
            json!({"vpc_config": {"subnet_ids": ["subnet-b", "subnet-a"], "security_group_ids": ["sg-1"]}}),
            json!({"runtime_version": "syn-nodejs-puppeteer-10.0"}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "canary.health"}}),
            json!({"start": false}),
            json!({"vpc_config": null, "run_config": null, "success_retention_period_in_days": null}),
            json!({"start": true}),
            json!({"delete_lambda": false, "provisioned_resource_cleanup": "OFF"}),
            json!({"delete_lambda": true}),
        ],
        not_shown: &[],
    };
    life.lived().await;
    assert_eq!(place.inventory().await, ["iam_role canary"], "nothing is left of it");
}

/// O-11: function, layer and log group go with the canary, also where Synthetics was told to leave them.
#[tokio::test]
async fn what_synthetics_made_goes_with_the_canary_where_that_is_wanted() {
    let place = Place::new().await;
    let kind = Canary(place.aws.clone());
    let cx = context("canary.health");
    for (keep, left) in [(false, 0), (true, 3)] {
        let mut desired = place.desired();
        desired["delete_lambda"] = json!(!keep);
        desired["provisioned_resource_cleanup"] = json!("OFF");
        let desired = settings(desired);
        let outputs = kind.create(&cx, &desired).await.unwrap();
        let group = &outputs["log_group_name"];
        assert_eq!(
            *group,
            format!("/aws/lambda/cwsyn-health-check-test-{}", outputs["canary_id"])
        );
        let made = place.inventory().await;
        assert!(made.contains(&format!("log_group {group}")), "{made:?}");
        kind.delete(&cx, "health-check-test", &desired).await.unwrap();
        let rest = place.inventory().await;
        assert_eq!(rest.len(), 1 + left, "{rest:#?}");
    }
}

#[tokio::test]
async fn it_starts_stops_and_is_stopped_before_it_is_deleted() {
    let place = Place::new().await;
    let kind = Canary(place.aws.clone());
    let life = Life {
        kind: &kind,
        key: "canary.health",
        desired: place.desired(),
        edits: vec![],
        not_shown: &[],
    };
    let (id, wanted) = life.born().await;
    assert_eq!(place.state().await, "RUNNING");

    // Somebody stops it: drift, and put right.
    place.account.synthetics().stop_canary().name(&id).send().await.unwrap();
    let seen = kind
        .read(&context("canary.health"), &id, &wanted)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.settings["start"], json!(false));
    let change = tap_engine::Change {
        before: &seen.settings,
        after: &wanted,
        changed: &["start".to_owned()],
        outputs: &seen.outputs,
    };
    kind.update(&context("canary.health"), &id, &change).await.unwrap();
    assert_eq!(place.state().await, "RUNNING");
    life.dies(&id, &wanted).await;
}

/// A canary whose creation fails cannot be mended: it is deleted, and the error says Synthetics' reason.
#[tokio::test]
async fn a_canary_that_cannot_be_made_leaves_nothing_and_says_why() {
    let place = Place::new().await;
    let kind = Canary(place.aws.clone());
    let mut desired = place.desired();
    desired["execution_role_arn"] = json!(place.role.replace("role/canary", "role/other"));
    let cx = context("canary.health");
    let cancel = cx.cancel.clone();
    // As when the user loses patience: a role that does not exist looks like one that has not spread yet.
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        cancel.cancel();
    });
    let error = kind.create(&cx, &settings(desired)).await.unwrap_err();
    assert!(!matches!(error, KindError::Service { .. }), "{error}");
}

/// A role that comes a little later: the canary is made again until Lambda can assume it.
#[tokio::test]
async fn a_canary_is_made_again_until_its_role_has_spread() {
    let place = Place::new().await;
    let kind = Canary(place.aws.clone());
    let mut desired = place.desired();
    desired["execution_role_arn"] = json!(place.role.replace("role/canary", "role/late"));
    let late = place.account.iam();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        let role = late.create_role().role_name("late").assume_role_policy_document(TRUST);
        role.send().await.unwrap();
    });
    kind.create(&context("canary.health"), &settings(desired))
        .await
        .unwrap();
    assert_eq!(place.state().await, "RUNNING");
}

/// What an interrupted run left in error is made anew by the next.
#[tokio::test]
async fn a_canary_in_error_is_made_anew() {
    let place = Place::new().await;
    let kind = Canary(place.aws.clone());
    let cx = context("canary.health");
    let tags = json!({"tap:stack": "webhook_pipeline/test", "tap:component": "canary.health"});
    let mut broken = place.desired();
    broken["execution_role_arn"] = json!(place.role.replace("role/canary", "role/other"));
    broken["tags"] = tags.clone();
    let broken = settings(broken);
    // A run that is killed as soon as the canary is there.
    let soon = std::time::Duration::from_secs(20);
    let state = async || {
        let answer = place.account.synthetics().get_canary().name("health-check-test").send();
        Some(answer.await.ok()?.canary?.status?.state?.as_str().to_owned())
    };
    tokio::select! {
        _ = kind.create(&cx, &broken) => panic!("it should have gone on waiting"),
        there = tap_acceptance_tests::eventually("a canary", soon, async || Ok(state().await)) => there.unwrap(),
    };
    let in_error = async || Ok(state().await.filter(|state| state == "ERROR"));
    tap_acceptance_tests::eventually("the state ERROR", soon, in_error)
        .await
        .unwrap();

    let mut wanted = place.desired();
    wanted["tags"] = tags;
    let wanted = settings(wanted);
    let id = kind
        .find(&cx, &wanted)
        .await
        .unwrap()
        .expect("found by its name and tags");
    let seen = kind.read(&cx, &id, &wanted).await.unwrap().unwrap();
    let said = seen.settings["start"].as_str().unwrap();
    assert!(said.contains("cannot be assumed by Lambda"), "{said}");
    let changed = ["start".to_owned(), "execution_role_arn".to_owned()];
    let change = tap_engine::Change {
        before: &seen.settings,
        after: &wanted,
        changed: &changed,
        outputs: &seen.outputs,
    };
    kind.update(&cx, &id, &change).await.unwrap();
    assert_eq!(place.state().await, "RUNNING");
}

#[tokio::test]
async fn a_canary_of_somebody_else_is_not_taken_over() {
    let place = Place::new().await;
    let kind = Canary(place.aws.clone());
    let wanted = settings(place.desired());
    kind.create(&context("canary.health"), &wanted).await.unwrap();
    let found = kind.find(&context("canary.health"), &wanted).await;
    assert!(matches!(found, Err(KindError::NotOwned { .. })), "{found:?}");
}

/// O-04: asked of the cloud at plan time; all pages of the list are read.
#[tokio::test]
async fn an_unsupported_runtime_is_known_before_apply() {
    let place = Place::new().await;
    let kind = Canary(place.aws.clone());
    let cx = context("canary.health");
    let asked = async |runtime: &str, prospect: Prospect<'_>| {
        let mut desired = place.desired();
        desired["runtime_version"] = json!(runtime);
        let found = kind.check(&cx, &settings(desired), prospect).await;
        found.into_iter().map(|f| (f.fatal, f.message)).collect::<Vec<_>>()
    };
    assert_eq!(asked("syn-nodejs-puppeteer-15.0", Prospect::Made).await, []);
    let deprecated = "syn-nodejs-puppeteer-7.0 was deprecated on 2026-01-22; use syn-nodejs-puppeteer-15.0".to_owned();
    assert_eq!(
        asked("syn-nodejs-puppeteer-7.0", Prospect::Made).await,
        [(true, deprecated.clone())]
    );
    for harmless in [Prospect::Kept, Prospect::Changed(&["tags"])] {
        assert_eq!(
            asked("syn-nodejs-puppeteer-7.0", harmless).await,
            [(false, deprecated.clone())]
        );
    }
    let unknown = asked("syn-nodejs-puppeteer-99.0", Prospect::Changed(&["runtime_version"])).await;
    assert!(unknown[0].0 && unknown[0].1.contains("no runtime"), "{unknown:?}");

    // A cloud that does not answer is no reason to stop a plan.
    let nowhere = BTreeMap::from([("synthetics".to_owned(), "http://127.0.0.1:9".to_owned())]);
    let options = AwsOptions {
        endpoints: nowhere,
        ..AwsOptions::default()
    };
    let config = place.account.sdk_config().clone();
    let unreachable = Canary(Arc::new(Aws::new(
        config,
        options,
        place.account.account().to_owned(),
        "aws".to_owned(),
    )));
    let found = unreachable
        .check(&context("canary.health"), &settings(place.desired()), Prospect::Made)
        .await;
    assert_eq!(found.len(), 1);
    assert!(
        !found[0].fatal && found[0].message.contains("could not be checked"),
        "{found:?}"
    );
    assert_eq!(context("canary.health").region, REGION);
}
