//! Runtime versions: their families, how each wants its script packed, and which of them AWS still takes (O-04).
//!
//! doc: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_Library.html>

use std::time::{Duration, SystemTime};

use aws_sdk_synthetics::types::RuntimeVersion;
use aws_smithy_types::DateTime;
use tap_engine::{Context, Finding, KindResult, Prospect, Settings};

use crate::aws::checks::literal;
use crate::aws::{Aws, call};

/// A plan does not wait longer for the list of runtimes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What runs the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `syn-nodejs-puppeteer-*`: Chrome or Firefox.
    Puppeteer,
    /// `syn-nodejs-playwright-*`.
    Playwright,
    /// `syn-nodejs-*`: no browser.
    Node,
    /// `syn-python-selenium-*`.
    Selenium,
}

/// A runtime's name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runtime {
    /// What runs the script.
    pub family: Family,
    /// Major and minor version.
    pub version: (u32, u32),
}

impl Runtime {
    /// Reads `syn-nodejs-puppeteer-13.1`; `None` when it is no name of a runtime.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix("-beta").unwrap_or(name);
        let (family, version) = name.rsplit_once('-')?;
        let family = match family {
            "syn-nodejs-puppeteer" => Family::Puppeteer,
            "syn-nodejs-playwright" => Family::Playwright,
            "syn-nodejs" => Family::Node,
            "syn-python-selenium" => Family::Selenium,
            _ => return None,
        };
        let (major, minor) = version.split_once('.')?;
        Some(Self {
            family,
            version: (major.parse().ok()?, minor.parse().ok()?),
        })
    }

    /// Where in the zip the script goes. Puppeteer before 11.0 reads `nodejs/node_modules`, later ones take the root too
    /// (doc: Packaging your Node.js canary files); selenium reads `python` (O-03).
    pub fn folder(self) -> &'static str {
        match self.family {
            Family::Puppeteer if self.version < (11, 0) => "nodejs/node_modules/",
            Family::Selenium => "python/",
            _ => "",
        }
    }
}

/// What AWS says of the runtime. A deprecated one cannot be created, nor can anything be changed but the runtime itself;
/// a canary that has it goes on (doc: Runtime versions support policy).
pub(super) async fn check(aws: &Aws, cx: &Context, settings: &Settings, prospect: Prospect<'_>) -> Vec<Finding> {
    let Some(wanted) = literal(settings, "runtime_version") else {
        return Vec::new();
    };
    let versions = match tokio::time::timeout(PATIENCE, list(aws, cx)).await {
        Ok(Ok(versions)) => versions,
        Ok(Err(error)) => return vec![unchecked(&error.to_string())],
        Err(_) => return vec![unchecked(&format!("no answer within {} s", PATIENCE.as_secs()))],
    };
    let changes = match prospect {
        Prospect::Made => true,
        Prospect::Changed(names) => names.iter().any(|name| !matches!(*name, "start" | "tags")),
        Prospect::Kept => false,
    };
    judge(wanted, &versions, DateTime::from(SystemTime::now()), changes)
        .into_iter()
        .collect()
}

fn unchecked(why: &str) -> Finding {
    Finding::warning(
        "runtime_version",
        format!("whether AWS still takes this runtime could not be checked: {why}"),
    )
}

async fn list(aws: &Aws, cx: &Context) -> KindResult<Vec<RuntimeVersion>> {
    let client = aws.synthetics(&cx.region);
    call(cx, "synthetics:DescribeRuntimeVersions", || {
        let pages = client.describe_runtime_versions().into_paginator().send();
        async move {
            let pages: Vec<_> = pages.try_collect().await?;
            Ok(pages
                .into_iter()
                .flat_map(|page| page.runtime_versions.unwrap_or_default())
                .collect())
        }
    })
    .await
}

/// `changes`: the canary is made, or changed in more than its tags and whether it runs.
fn judge(wanted: &str, versions: &[RuntimeVersion], now: DateTime, changes: bool) -> Option<Finding> {
    let finding = |fatal: bool, message: String| Finding {
        setting: "runtime_version".to_owned(),
        message,
        fatal,
    };
    let Some(version) = versions.iter().find(|v| v.version_name() == Some(wanted)) else {
        let message = format!("AWS has no runtime {wanted}{}", instead(wanted, versions, now));
        return Some(finding(changes, message));
    };
    let ends = version.deprecation_date()?;
    let date = ends.to_string();
    let date = date.split('T').next().unwrap_or_default();
    let (fatal, verb) = if *ends <= now {
        (changes, "was deprecated on")
    } else {
        (false, "will be deprecated on")
    };
    Some(finding(
        fatal,
        format!("{wanted} {verb} {date}{}", instead(wanted, versions, now)),
    ))
}

/// "; use ...": the newest runtime of the same family that is not on its way out.
fn instead(wanted: &str, versions: &[RuntimeVersion], now: DateTime) -> String {
    let family = Runtime::parse(wanted).map(|runtime| runtime.family);
    let supported = versions
        .iter()
        .filter(|version| version.deprecation_date().is_none_or(|ends| *ends > now));
    let named = supported.filter_map(|version| {
        let name = version.version_name()?;
        let runtime = Runtime::parse(name).filter(|_| !name.ends_with("-beta"))?;
        (family.is_none() || family == Some(runtime.family)).then_some((runtime.version, name))
    });
    named
        .max()
        .map_or_else(String::new, |(_, name)| format!("; use {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000; // 2026-11-18

    fn versions() -> Vec<RuntimeVersion> {
        let version = |name: &str, ends: Option<i64>| {
            RuntimeVersion::builder()
                .version_name(name)
                .set_deprecation_date(ends.map(DateTime::from_secs))
                .build()
        };
        vec![
            version("syn-nodejs-puppeteer-7.0", Some(1_769_040_000)), // 2026-01-22
            version("syn-nodejs-puppeteer-9.1", None),
            version("syn-nodejs-puppeteer-10.0", None),
            version("syn-nodejs-puppeteer-9.0", Some(NOW + 1)),
            version("syn-python-selenium-6.0", None),
        ]
    }

    fn verdict(wanted: &str, changes: bool) -> Option<(bool, String)> {
        let finding = judge(wanted, &versions(), DateTime::from_secs(NOW), changes)?;
        Some((finding.fatal, finding.message))
    }

    /// O-04: a deprecated runtime is an error where the canary is made or changed, and a warning where it stays.
    #[test]
    fn a_deprecated_runtime_is_refused_and_the_newest_named() {
        let message = "syn-nodejs-puppeteer-7.0 was deprecated on 2026-01-22; use syn-nodejs-puppeteer-10.0";
        assert_eq!(
            verdict("syn-nodejs-puppeteer-7.0", true),
            Some((true, message.to_owned()))
        );
        assert_eq!(
            verdict("syn-nodejs-puppeteer-7.0", false),
            Some((false, message.to_owned()))
        );
        assert_eq!(verdict("syn-nodejs-puppeteer-10.0", true), None);
        let (fatal, message) = verdict("syn-nodejs-puppeteer-9.0", true).unwrap();
        assert!(!fatal && message.contains("will be deprecated"), "{message}");
        let (fatal, message) = verdict("syn-python-selenium-9.9", true).unwrap();
        assert!(fatal && message.ends_with("use syn-python-selenium-6.0"), "{message}");
    }

    /// O-03: where the script goes depends on the runtime.
    #[test]
    fn each_runtime_has_its_folder() {
        let folder = |name: &str| Runtime::parse(name).unwrap().folder();
        assert_eq!(folder("syn-nodejs-puppeteer-10.0"), "nodejs/node_modules/");
        assert_eq!(folder("syn-nodejs-puppeteer-11.0"), "");
        assert_eq!(folder("syn-nodejs-puppeteer-9.1"), "nodejs/node_modules/");
        assert_eq!(folder("syn-nodejs-playwright-2.0"), "");
        assert_eq!(folder("syn-nodejs-3.1"), "");
        assert_eq!(folder("syn-python-selenium-6.0"), "python/");
        for wrong in ["syn-nodejs-puppeteer", "nodejs20.x", "syn-nodejs-puppeteer-x.1", ""] {
            assert_eq!(Runtime::parse(wrong), None, "{wrong}");
        }
    }
}
