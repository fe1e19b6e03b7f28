//! Safe change of functions (issue 3): code or configuration is published as a version, then the alias `live` moves to it;
//! whatever calls the function calls the alias, and never finds it missing.

use crate::changes::changes;
use crate::site::Site;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tap_acceptance_tests::pipeline::{Configuration, payment};

/// The version that the validator's alias points at.
async fn live(site: &Site, function: &str) -> String {
    let alias = site.aws.lambda().get_alias().function_name(function).name("live");
    let version = alias.send().await.unwrap().function_version;
    version.unwrap()
}

async fn versions(site: &Site, function: &str) -> Vec<String> {
    let answer = site.aws.lambda().list_versions_by_function().function_name(function);
    let answer = answer.send().await.unwrap();
    let all = answer.versions().iter().filter_map(|v| v.version());
    all.filter(|v| *v != "$LATEST").map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_change_of_the_environment_publishes_a_version_and_moves_the_alias() {
    // Some lifetime from the beginning: the first one would bring the table its TTL attribute too.
    let mut configuration = Configuration::new("versions").with("idempotency", "{ ttl_hours = 48 }");
    let site = Site::applied(&configuration).await;
    let name = site
        .pipeline()
        .await
        .attribute("function_names.validator")
        .unwrap()
        .to_owned();
    assert_eq!(live(&site, &name).await, "1");
    let arn = site
        .pipeline()
        .await
        .attribute("function_arns.validator")
        .unwrap()
        .to_owned();
    assert!(arn.ends_with(&format!(":function:{name}:live")), "{arn}");

    // Webhooks keep coming while versions change: each one is answered.
    let changing = Arc::new(AtomicBool::new(true));
    let pipeline = site.pipeline().await;
    let sender = tokio::spawn({
        let changing = changing.clone();
        async move {
            let key = pipeline.api_key().await.unwrap();
            let mut sent = 0;
            while changing.load(Ordering::Relaxed) {
                let body = payment(&format!("during-{sent}"), "5", &serde_json::json!({}));
                let answer = pipeline.send(&key, &body).await.unwrap();
                assert_eq!(answer.status, 200, "webhook {sent}: {answer:?}");
                sent += 1;
            }
            sent
        }
    });
    for (hours, version) in [(1, "2"), (2, "3"), (3, "4"), (4, "5")] {
        configuration = configuration.with("idempotency", &format!("{{ ttl_hours = {hours} }}"));
        site.configure(&configuration);
        let plan = changes(&site.plan().await);
        let expected = [
            "lambda_alias.validator.function_version",
            "lambda_function.validator.environment",
        ];
        assert_eq!(plan, BTreeSet::from(expected.map(ToOwned::to_owned)));
        site.apply_plan().await;
        site.must_be_settled().await;
        assert_eq!(live(&site, &name).await, version);
    }
    changing.store(false, Ordering::Relaxed);
    let sent = sender.await.unwrap();
    println!("{sent} webhooks were answered while four versions went live");
    assert!(sent > 3, "{sent}");
    assert_eq!(
        versions(&site, &name).await,
        ["3", "4", "5"],
        "old versions are removed"
    );

    // An edit that no version takes along publishes none.
    configuration = configuration.with("tags", "{ Team = \"payments\" }");
    site.configure(&configuration);
    site.apply().await;
    site.must_be_settled().await;
    assert_eq!(live(&site, &name).await, "5");
    site.destroy().await;
}

/// A run that dies after the update and before the publishing: the next plan says so, the next apply publishes.
#[tokio::test]
async fn what_was_never_published_is_published_by_the_next_apply() {
    let configuration = Configuration::new("half");
    let site = Site::applied(&configuration).await;
    let name = site
        .pipeline()
        .await
        .attribute("function_names.fraud")
        .unwrap()
        .to_owned();
    let lambda = site.aws.lambda();
    let half_done = lambda
        .update_function_configuration()
        .function_name(&name)
        .memory_size(640);
    half_done.send().await.unwrap();

    // The new configuration wants exactly what $LATEST has already.
    let configuration = configuration.with("functions", "{ fraud = { memory_size = 640 } }");
    site.configure(&configuration);
    let plan = changes(&site.plan().await);
    assert!(plan.contains("lambda_function.fraud.publish"), "{plan:?}");
    site.apply_plan().await;
    site.must_be_settled().await;

    assert_eq!(live(&site, &name).await, "2");
    let served = lambda
        .get_function_configuration()
        .function_name(&name)
        .qualifier("live");
    assert_eq!(served.send().await.unwrap().memory_size(), Some(640));
    site.destroy().await;
}
