//! Configuration -> component graph.
//!
//! What exists once per region has a key that begins with the region (`eu-west-1/sqs_queue.dlq`); what
//! exists once per stack has none: the tables (their replicas are regional), the DNS records, the
//! dashboard. No region's part depends on another's except where data or events go there, so a region
//! can be added, removed, or be out of reach without the others' noticing.

mod alarms;
mod api;
mod dashboard;
mod data;
mod dns;
mod edge;
mod endpoints;
mod events;
mod functions;
mod keys;
mod kpi;
mod names;
mod parameters;
mod queue;
mod reconciler;
mod site;
mod storage;
mod topics;
mod workflow;

use tap_engine::Graph;
use tap_plugin::Diagnostics;

pub(super) use functions::STACK_VARIABLES;

use super::config::Config;
use crate::composite::{Environment, check_name_overrides};
use site::{Place, Site, Stack};

/// Builds the stack.
pub(super) fn build(config: &Config, environment: &Environment) -> Result<Graph, Diagnostics> {
    super::validate::in_place(config, environment)?;
    let regions = config.regions(environment);
    let places: Vec<Place> = regions
        .iter()
        .map(|region| Place::new(config, environment, region))
        .collect();
    let mut stack = Stack::new(config, &places);
    data::tables(&mut stack);
    let mut apis = Vec::new();
    for place in &places {
        let mut site = Site::new(&stack, place);
        apis.extend(region(&mut site)?.map(|api| (place, api)));
        stack.take(site);
    }
    dns::records(&mut stack, &apis);
    dashboard::build(&mut stack);
    let graph = stack.done();
    check_name_overrides(&graph, &config.shared)?;
    Ok(graph)
}

/// All of one region.
fn region(s: &mut Site<'_>) -> Result<Option<api::Api>, Diagnostics> {
    keys::build(s);
    data::replicas(s);
    let topic = topics::build(s);
    let bucket = storage::build(s);
    let queues = queue::build(s);
    parameters::secrets(s);
    let functions = functions::build(s, &functions::Stores::of(&topic, bucket.as_ref(), &queues))?;
    endpoints::build(s, &functions)?;
    queue::sources(s, &queues, &functions);
    reconciler::triggers(s, &topic, &queues, &functions);
    let workflow = workflow::build(s, &topic, &queues, &functions);
    events::build(s, &queues, workflow.as_ref());
    let api = api::build(s, &functions);
    let web_acl = match &api {
        Some(api) => edge::build(s, api),
        None => None,
    };
    parameters::build(s, bucket.as_ref(), api.as_ref());
    kpi::build(s, &functions);
    alarms::build(
        s,
        &alarms::Watched {
            topic: &topic,
            queues: &queues,
            functions: &functions,
            workflow: workflow.is_some(),
            api: api.as_ref(),
            web_acl,
        },
    );
    Ok(api)
}

#[cfg(test)]
mod tests;
