//! Users' environment variables never take the place of the stack's: what decides about authentication, tables and queues
//! among them (P-03, O-05, R-06).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tap_engine::Graph;

use crate::stacks::{Subject, subjects, write};

/// Variables of all functions.
fn variables(graph: &Graph) -> BTreeSet<String> {
    let functions = graph.components.values().filter(|c| c.kind == "lambda_function");
    let all = functions.flat_map(|function| {
        function.settings["environment"]
            .as_object()
            .cloned()
            .unwrap_or_default()
    });
    all.map(|(name, _)| name).collect()
}

/// Variables that the stack sets under any of the variants, or with any choice in the default one.
fn all_variables(subject: &Subject) -> BTreeSet<String> {
    let variants = (subject.variants)();
    let mut all: BTreeSet<String> = variants
        .iter()
        .flat_map(|(_, variant)| variables(&subject.graph(variant)))
        .collect();
    for (path, values) in (subject.choices)() {
        if path.ends_with(".environment") {
            continue;
        }
        for value in values {
            let mut changed = variants[0].1.clone();
            write(&mut changed, path, value);
            all.extend(subject.try_graph(&changed).iter().flat_map(variables));
        }
    }
    all
}

/// Attributes in which users give variables.
fn given_in(subject: &Subject) -> Vec<String> {
    let schema = subject.composite.schema();
    let attributes = schema.attributes().iter();
    let with_environment = attributes.filter(|(_, attribute)| {
        let members = attribute.nested().map(|(_, members)| members);
        members.is_some_and(|members| members.get("environment").is_some())
    });
    with_environment
        .map(|(name, _)| format!("{name}.environment"))
        .collect()
}

#[test]
fn every_variable_that_a_stack_sets_is_refused_at_plan_time() {
    let mut tried = 0;
    for subject in subjects() {
        let places = given_in(subject);
        if places.is_empty() {
            continue;
        }
        let names = all_variables(subject);
        if subject.name() == "payment_stack" {
            for name in [
                "AUTH_MODE",
                "HMAC_SECRET_PARAMETER",
                "CORS_ALLOW_ORIGINS",
                "FAILOVER_EVENT_SOURCE",
            ] {
                assert!(names.contains(name), "no configuration sets {name}: {names:?}");
            }
        }
        for place in &places {
            let mut accepted = Vec::new();
            for name in &names {
                let mut config = json!({});
                write(&mut config, place, json!({name: "x"}));
                tried += 1;
                match subject.try_graph(&config) {
                    Ok(_) => accepted.push(name),
                    Err(errors) => assert!(errors.contains(name.as_str()), "{place}: {errors}"),
                }
            }
            assert!(accepted.is_empty(), "{}: {place} accepts {accepted:?}", subject.name());
        }
    }
    assert!(tried > 100, "{tried}");
}

/// Should a check ever miss one, the stack's value is what the function gets.
#[test]
fn the_stacks_variables_lie_over_the_users() {
    for (subject, function, place, name) in [
        (
            &crate::payment_stack::SUBJECT,
            "eu-central-1/lambda_function.processor",
            "processor.environment",
            "AUTH_MODE",
        ),
        (
            &crate::observability::SUBJECT,
            "lambda_function.metrics",
            "lambda.environment",
            "METRICS_MODE",
        ),
    ] {
        let environment = |given: Value| {
            let mut config = json!({});
            write(&mut config, place, given);
            let graph = subject.unchecked_graph(&config);
            graph.components[function].settings["environment"].clone()
        };
        let usual = environment(Value::Null);
        assert!(usual[name].is_string(), "{usual}");
        let given = environment(json!({name: "none", "PARTNER": "x"}));
        assert_eq!(given[name], usual[name]);
        assert_eq!(given["PARTNER"], "x");
    }
}
