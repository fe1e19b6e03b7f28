//! (j) `kill -9` at random calls of create, update and destroy: nothing orphaned, nothing doubled, nothing lost.
//!
//! How: [`tap_acceptance_tests::killed`]. Here the points are chosen by hand, and what must exist follows from the state.

use crate::expected::{expected_inventory, listed_twice, without_arns};
use crate::site::Site;
use tap_acceptance_tests::killed::{STALE_AFTER, kill};
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::proxy::Stop;
use tap_acceptance_tests::{Error, Result};

/// Each life is killed once in its create, its update and its destroy.
const LIVES: [Life; 5] = [
    Life {
        suffix: "k1",
        points: [1, 1, 1],
        stop: Stop::After,
    },
    Life {
        suffix: "k2",
        points: [34, 4, 50],
        stop: Stop::Before,
    },
    Life {
        suffix: "k3",
        points: [61, 7, 19],
        stop: Stop::After,
    },
    Life {
        suffix: "k4",
        points: [88, 10, 70],
        stop: Stop::Before,
    },
    Life {
        suffix: "k5",
        points: [105, 13, 83],
        stop: Stop::After,
    },
];

#[derive(Clone, Copy)]
struct Life {
    suffix: &'static str,
    points: [usize; 3],
    stop: Stop,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_killed_at_any_call_loses_nothing() {
    let lives = futures::future::join_all(LIVES.map(|life| tokio::spawn(live(life)))).await;
    let (mut points, mut failures) = (0, Vec::new());
    for (life, ended) in LIVES.iter().zip(lives) {
        match ended.unwrap() {
            Ok(killed) => points += killed,
            Err(error) => failures.push(format!("{}: {error}", life.suffix)),
        }
    }
    println!(
        "killed at {points} points of create, update and destroy: {} failures",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(points >= 12, "only {points} points were reached");
}

/// How often the provider was killed in this life.
async fn live(life: Life) -> Result<usize> {
    let Life { suffix, points, stop } = life;
    let configuration = Configuration::new(suffix);
    let (site, proxy) = Site::behind_proxy(&configuration).await;
    let site = site.with_env("TAP_STALE_AFTER_SECONDS", &STALE_AFTER.as_secs().to_string());
    let mut killed = 0;

    killed += usize::from(kill(&site.terraform, &proxy, "apply", points[0], stop).await?);
    site.terraform.apply().await?;
    must_be_whole(&site, suffix).await?;

    site.configure(&edited(configuration));
    killed += usize::from(kill(&site.terraform, &proxy, "apply", points[1], stop).await?);
    site.terraform.apply().await?;
    must_be_whole(&site, suffix).await?;

    killed += usize::from(kill(&site.terraform, &proxy, "destroy", points[2], stop).await?);
    site.terraform.destroy().await?;
    let left = site.left().await;
    if left.is_empty() {
        Ok(killed)
    } else {
        Err(Error::Expectation(format!("left after destroy: {left:?}")))
    }
}

/// An update of every sort: in place, replaced, added, removed.
fn edited(configuration: Configuration) -> Configuration {
    configuration
        .with(
            "functions",
            "{ validator = { memory_size = 1769 }, fraud = { memory_size = 768 } }",
        )
        .with("dlq", "{ message_retention_seconds = 86400 }")
        .with("log_retention_in_days", "400")
        .with("dashboard", "{ enabled = false }")
        .with(
            "alerts_topic",
            "{ display_name = \"Payments\", email_endpoints = [\"oncall@example.com\"] }",
        )
        .with("api", "{ path = \"v2/payments\" }")
}

/// Nothing to plan, nothing orphaned, doubled or lost, and the record says that the stack is complete.
async fn must_be_whole(site: &Site, suffix: &str) -> Result<()> {
    site.terraform.plan().await?.must_be_empty()?;
    let exists: Vec<String> = site.left().await.into_iter().map(without_arns).collect();
    let expected = expected_inventory(site.pipeline().await.components(), suffix);
    if exists != expected || !listed_twice(&exists).is_empty() {
        let orphaned: Vec<_> = exists.iter().filter(|line| !expected.contains(line)).collect();
        let lost: Vec<_> = expected.iter().filter(|line| !exists.contains(line)).collect();
        let doubled = listed_twice(&exists);
        let text = format!("orphaned: {orphaned:?}, lost: {lost:?}, doubled: {doubled:?}");
        return Err(Error::Expectation(text));
    }
    let name = format!("/tap/webhook_pipeline/{suffix}");
    let record = site.aws.ssm().get_parameter().name(name).send().await;
    let record = record.map_err(|error| Error::aws("ssm:GetParameter", &error))?;
    let text = record
        .parameter
        .and_then(|parameter| parameter.value)
        .unwrap_or_default();
    if text.contains("\"status\":\"complete\"") {
        Ok(())
    } else {
        Err(Error::Expectation(format!("the record is not complete: {text}")))
    }
}
