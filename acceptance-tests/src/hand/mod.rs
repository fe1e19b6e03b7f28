//! Somebody who changes and deletes a stack's objects by hand, behind Terraform's back: for each kind one call that changes
//! a setting, and one that deletes an object (9.2, item 15).

mod api;
mod edge;
mod flow;
mod stores;
mod watching;

use crate::{Aws, Deployed, Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// What the hand makes itself, to bend the stack's objects to it, is described so.
const BY_HAND: &str = "by-hand";

/// Somebody with every right in the account of a stack.
#[derive(Debug)]
pub struct Hand {
    objects: BTreeMap<String, Object>,
}

/// One component, as AWS knows it.
#[derive(Debug)]
struct Object {
    kind: String,
    /// Such as `<rest api>|<stage>`.
    id: String,
    /// The account in the object's region.
    aws: Aws,
    /// The account in the stack's first region.
    home: Aws,
}

impl Hand {
    /// The hand at what the last apply recorded; `aws` is the account in the stack's first region.
    pub fn new(aws: &Aws, stack: &Deployed) -> Self {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let objects = stack.components().iter().map(|(key, component)| {
            let object = Object {
                kind: text(&component["kind"]),
                id: text(&component["id"]),
                aws: aws.in_region(&text(&component["region"])),
                home: aws.clone(),
            };
            (key.clone(), object)
        });
        Self {
            objects: objects.collect(),
        }
    }

    /// Every kind that the stack has.
    pub fn kinds(&self) -> BTreeSet<&str> {
        self.objects.values().map(|object| object.kind.as_str()).collect()
    }

    /// Every component that the stack has.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.objects.keys().map(String::as_str).collect()
    }

    /// Changes the one setting of a component that its kind's arm below names.
    ///
    /// # Errors
    /// [`Error::Aws`]; [`Error::Expectation`] without such a component, and for a kind of which nothing can be changed.
    pub async fn change(&self, key: &str) -> Result<()> {
        let object = self.object(key)?;
        match object.kind.as_str() {
            "api_key_parameter" => stores::change(object).await,
            "rest_api" => api::change(object).await,
            kind if kind.starts_with("api_") => api::change(object).await,
            kind if is_at_the_edge(kind) => edge::change(object).await,
            kind if is_in_the_flow(kind) => flow::change(object).await,
            kind if is_watching(kind) => watching::change(object).await,
            _ => stores::change(object).await,
        }
    }

    /// Deletes a component, and what AWS wants out of its way first.
    ///
    /// # Errors
    /// [`Error::Aws`]; [`Error::Expectation`] without such a component, and for a kind that cannot be deleted alone.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let object = self.object(key)?;
        match object.kind.as_str() {
            "api_key_parameter" => stores::delete(object).await,
            kind if kind.starts_with("api_") => api::delete(object).await,
            kind if is_at_the_edge(kind) => edge::delete(object).await,
            kind if is_in_the_flow(kind) => flow::delete(object).await,
            kind if is_watching(kind) => watching::delete(object).await,
            _ => stores::delete(object).await,
        }
    }

    /// Deletes what the hand made itself: the key and the web ACL that objects were bent to.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn tidy_up(&self) -> Result<()> {
        let regions: BTreeMap<&str, &Aws> = self.objects.values().map(|o| (o.aws.region(), &o.aws)).collect();
        for aws in regions.into_values() {
            stores::forget_the_other_key(aws).await?;
            edge::forget_the_other_web_acl(aws).await?;
        }
        Ok(())
    }

    fn object(&self, key: &str) -> Result<&Object> {
        let missing = || Error::Expectation(format!("the stack has no {key}"));
        self.objects.get(key).ok_or_else(missing)
    }
}

impl Object {
    /// The `n`-th part of the id.
    fn part(&self, n: usize) -> Result<&str> {
        let missing = || Error::Expectation(format!("{} {} has no part {n}", self.kind, self.id));
        self.id.split('|').nth(n).ok_or_else(missing)
    }

    /// For a kind that has no arm.
    fn unknown(&self) -> Error {
        Error::Expectation(format!("nothing known about {}", self.kind))
    }

    /// For what AWS does not show although the stack has recorded it.
    fn missing(&self) -> Error {
        Error::Expectation(format!("AWS has no {} {}", self.kind, self.id))
    }
}

fn is_at_the_edge(kind: &str) -> bool {
    kind.starts_with("wafv2_") || kind.starts_with("route53_")
}

fn is_in_the_flow(kind: &str) -> bool {
    kind.starts_with("lambda_") || kind.starts_with("event_") || ["schedule", "state_machine"].contains(&kind)
}

fn is_watching(kind: &str) -> bool {
    kind.starts_with("log_") || kind.starts_with("metric_") || kind == "dashboard"
}

/// The answer of a call, or what went wrong with it.
fn said<T, E: std::error::Error>(operation: &'static str, answer: std::result::Result<T, E>) -> Result<T> {
    answer.map_err(|error| Error::aws(operation, &error))
}
