//! Published versions: which one is the newest, whether `$LATEST` has been published, and which ones go.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::types::{AliasConfiguration, FunctionConfiguration};
use tap_engine::{Context, KindResult};

use super::LambdaFunction;
use crate::aws::call;

/// How many of the newest versions stay, besides those that an alias points at: the one just published, the one
/// before, and one more to go back to. Every version keeps its own copy of the code, and an account has 75 GB of
/// code storage per region (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const KEPT: usize = 3;

/// What `ListVersionsByFunction` says.
pub(super) struct Versions {
    /// `$LATEST`: what the next version will be.
    latest: Option<FunctionConfiguration>,
    published: BTreeMap<u64, FunctionConfiguration>,
}

impl Versions {
    pub(super) fn of(all: Vec<FunctionConfiguration>) -> Self {
        let mut versions = Self {
            latest: None,
            published: BTreeMap::new(),
        };
        for configuration in all {
            match configuration.version().map(str::parse) {
                Some(Ok(number)) => drop(versions.published.insert(number, configuration)),
                _ => versions.latest = Some(configuration),
            }
        }
        versions
    }

    /// The number of the newest version.
    pub(super) fn newest(&self) -> Option<u64> {
        self.published.last_key_value().map(|(number, _)| *number)
    }

    /// Whether the newest version is what `$LATEST` is now. It is not after a run that died between the update and the
    /// publishing, nor after somebody changed the function by hand.
    pub(super) fn up_to_date(&self) -> bool {
        match (&self.latest, self.published.values().next_back()) {
            (Some(latest), Some(newest)) => same(latest, newest),
            _ => false,
        }
    }

    /// Old versions that nothing of ours needs any more.
    fn superseded(&self, aliases: &[AliasConfiguration]) -> Vec<u64> {
        let in_use: BTreeSet<u64> = aliases
            .iter()
            .flat_map(targets)
            .filter_map(|v| v.parse().ok())
            .collect();
        let old = self.published.keys().rev().skip(KEPT);
        old.filter(|number| !in_use.contains(number)).copied().collect()
    }
}

/// The versions that an alias sends traffic to.
fn targets(alias: &AliasConfiguration) -> impl Iterator<Item = &str> {
    let weighted = alias.routing_config().and_then(|r| r.additional_version_weights());
    alias
        .function_version()
        .into_iter()
        .chain(weighted.into_iter().flatten().map(|(version, _)| version.as_str()))
}

/// Equal in all that a version takes along. The description is left out: a version can have its own.
fn same(a: &FunctionConfiguration, b: &FunctionConfiguration) -> bool {
    let sets = |c: &FunctionConfiguration| {
        let vpc = c.vpc_config();
        let subnets: BTreeSet<String> = vpc.iter().flat_map(|v| v.subnet_ids()).cloned().collect();
        let groups: BTreeSet<String> = vpc.iter().flat_map(|v| v.security_group_ids()).cloned().collect();
        (subnets, groups)
    };
    let layers = |c: &FunctionConfiguration| -> Vec<Option<String>> {
        c.layers()
            .iter()
            .map(|layer| layer.arn().map(ToOwned::to_owned))
            .collect()
    };
    let variables =
        |c: &FunctionConfiguration| c.environment().and_then(|e| e.variables()).cloned().unwrap_or_default();
    let text = |t: Option<&str>| t.unwrap_or_default().to_owned();
    a.code_sha256() == b.code_sha256()
        && a.runtime() == b.runtime()
        && text(a.handler()) == text(b.handler())
        && a.role() == b.role()
        && a.memory_size() == b.memory_size()
        && a.timeout() == b.timeout()
        && a.architectures() == b.architectures()
        && variables(a) == variables(b)
        && text(a.kms_key_arn()) == text(b.kms_key_arn())
        && a.tracing_config() == b.tracing_config()
        && a.logging_config() == b.logging_config()
        && a.dead_letter_config() == b.dead_letter_config()
        && a.ephemeral_storage() == b.ephemeral_storage()
        && a.image_config_response().and_then(|r| r.image_config())
            == b.image_config_response().and_then(|r| r.image_config())
        && layers(a) == layers(b)
        && sets(a) == sets(b)
}

impl LambdaFunction {
    pub(super) async fn versions(&self, cx: &Context, name: &str) -> KindResult<Versions> {
        let client = self.0.lambda(&cx.region);
        let all = call(cx, "lambda:ListVersionsByFunction", || {
            let pages = client.list_versions_by_function().function_name(name).into_paginator();
            pages.items().send().try_collect()
        })
        .await?;
        Ok(Versions::of(all))
    }

    /// Deletes the versions that are superseded. What cannot be deleted stays until the next time: new code must not
    /// fail because of old code.
    pub(super) async fn prune(&self, cx: &Context, name: &str) {
        if let Err(error) = self.try_prune(cx, name).await {
            tracing::warn!(component = %cx.key, %error, "old versions could not be removed");
        }
    }

    async fn try_prune(&self, cx: &Context, name: &str) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let versions = self.versions(cx, name).await?;
        if versions.published.len() <= KEPT {
            return Ok(());
        }
        let aliases = call(cx, "lambda:ListAliases", || {
            let pages = client.list_aliases().function_name(name).into_paginator();
            pages.items().send().try_collect()
        })
        .await?;
        for number in versions.superseded(&aliases) {
            call(cx, "lambda:DeleteFunction", || {
                client
                    .delete_function()
                    .function_name(name)
                    .qualifier(number.to_string())
                    .send()
            })
            .await?;
            tracing::debug!(component = %cx.key, version = number, "old version removed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_lambda::types::{AliasRoutingConfiguration, EnvironmentResponse};

    fn version(version: &str, code: &str) -> FunctionConfiguration {
        FunctionConfiguration::builder()
            .version(version)
            .code_sha256(code)
            .build()
    }

    fn alias(version: &str) -> AliasConfiguration {
        AliasConfiguration::builder().function_version(version).build()
    }

    #[test]
    fn an_update_that_was_never_published_shows() {
        let half_done = Versions::of(vec![
            version("$LATEST", "new"),
            version("1", "older"),
            version("2", "old"),
        ]);
        assert_eq!(half_done.newest(), Some(2));
        assert!(!half_done.up_to_date());
        assert!(Versions::of(vec![version("$LATEST", "a"), version("10", "a"), version("9", "b")]).up_to_date());
        assert!(!Versions::of(vec![version("$LATEST", "a")]).up_to_date());
        let variables = EnvironmentResponse::builder().variables("A", "1").build();
        let other = FunctionConfiguration::builder()
            .version("1")
            .code_sha256("a")
            .environment(variables);
        assert!(!Versions::of(vec![version("$LATEST", "a"), other.build()]).up_to_date());
    }

    #[test]
    fn the_newest_versions_and_those_an_alias_uses_stay() {
        let all: Vec<FunctionConfiguration> = (1..=9).map(|n| version(&n.to_string(), "x")).collect();
        let versions = Versions::of(all);
        let weighted = AliasRoutingConfiguration::builder().additional_version_weights("3", 0.1);
        let canary = AliasConfiguration::builder()
            .function_version("9")
            .routing_config(weighted.build());
        let mut gone = versions.superseded(&[alias("1"), canary.build(), alias("$LATEST")]);
        gone.sort_unstable();
        assert_eq!(gone, [2, 4, 5, 6]);
        assert!(
            Versions::of(vec![version("1", "x"), version("2", "x")])
                .superseded(&[])
                .is_empty()
        );
    }
}
