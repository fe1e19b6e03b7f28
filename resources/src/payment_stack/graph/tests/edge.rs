//! What is open in front of the APIs, with a domain and without one.

use super::*;

const TWO: [&str; 2] = ["us-east-1", "us-west-2"];

fn with_domain(more: Value) -> Graph {
    let mut written = more;
    written["regions"] = json!(TWO);
    written["domain"] = domain(&TWO);
    graph(written)
}

/// The names of the web ACL's rules of ours, in order.
fn rules(graph: &Graph) -> Vec<String> {
    let rules = setting(graph, "us-west-2/wafv2_web_acl.api", "rules")
        .as_array()
        .unwrap();
    let ours = rules.iter().filter(|rule| rule["OverrideAction"].is_null());
    ours.map(|rule| rule["Name"].as_str().unwrap().to_owned()).collect()
}

fn is_closed(graph: &Graph) -> bool {
    let apis = of_kind(graph, "rest_api");
    let closed = |api: &&tap_engine::Component| api.settings.get("disable_execute_api_endpoint") == Some(&json!(true));
    let count = apis.iter().copied().filter(|api| closed(api)).count();
    assert!(count == 0 || count == apis.len(), "all of them or none");
    count > 0
}

#[test]
fn r03_r04_r23_every_region_has_an_api_with_an_open_health_path() {
    let graph = preset("global", json!({}));
    for region in ["us-east-1", "us-west-2"] {
        let health = &graph.components[format!("{region}/api_method.health").as_str()].settings;
        assert_eq!(health["api_key_required"], false);
        let check = &graph.components[format!("{region}/route53_health_check.api").as_str()].settings;
        assert_eq!(check["resource_path"], "/v1/health");
        assert_eq!(
            check["fqdn"],
            format!("${{{region}/rest_api.payments.id}}.execute-api.{region}.amazonaws.com")
        );
        let first = &setting(&graph, &format!("{region}/wafv2_web_acl.api"), "rules")[0];
        assert_eq!(
            first["Name"], "DefaultEndpoint",
            "R-23: nothing but the health path at the API's own endpoint"
        );
        let text = first.to_string();
        assert!(text.contains("/v1/health") && text.contains(".execute-api."), "{text}");
    }
    let closed = preset(
        "global",
        json!({"dns": {"health_check": {"enabled": false}, "routing_policy": "latency"}}),
    );
    assert_eq!(
        setting(&closed, "us-east-1/rest_api.payments", "disable_execute_api_endpoint"),
        true
    );
}

#[test]
fn r23_without_a_domain_the_apis_own_endpoint_is_the_way_in() {
    let graph = graph(json!({"regions": TWO}));
    assert!(!is_closed(&graph));
    assert_eq!(rules(&graph), ["RateLimit"]);
    assert!(of_kind(&graph, "route53_health_check").is_empty());
}

#[test]
fn r23_with_a_domain_it_is_closed_or_answers_health_checks_alone() {
    let asked = with_domain(json!({}));
    assert!(!is_closed(&asked));
    assert_eq!(rules(&asked), ["DefaultEndpoint", "RateLimit"]);
    // What only connects can do so at a closed endpoint, which needs no web ACL.
    let tcp = json!({"dns": {"health_check": {"type": "TCP"}}, "waf": {"enabled": false}});
    let connected = with_domain(tcp);
    assert!(is_closed(&connected));
    assert_eq!(of_kind(&connected, "route53_health_check").len(), 2);
    let unchecked = json!({"dns": {"health_check": {"enabled": false}, "routing_policy": "latency"}});
    assert!(is_closed(&with_domain(unchecked)));
}

/// A closed endpoint is closed with the next deployment only.
#[test]
fn r23_closing_the_endpoint_is_deployed() {
    let hash = |written: Value| {
        setting(
            &with_domain(written),
            "us-west-2/api_deployment.current",
            "content_hash",
        )
        .clone()
    };
    let open = hash(json!({}));
    assert_eq!(open, hash(json!({"dns": {"routing_policy": "latency"}})));
    assert_ne!(open, hash(json!({"dns": {"health_check": {"type": "TCP"}}})));
}

/// a check that is blocked counts as unhealthy for ever.
#[test]
fn r04_r23_health_checks_pass_where_only_listed_addresses_may() {
    let graph = with_domain(json!({"waf": {"default_action": "block", "allow_ip_cidrs": ["192.0.2.0/24"]}}));
    assert_eq!(
        rules(&graph),
        ["DefaultEndpoint", "HealthChecks", "AllowedAddresses", "RateLimit"]
    );
    let allowed = &setting(&graph, "us-west-2/wafv2_web_acl.api", "rules")[1];
    assert!(allowed["Action"]["Allow"].is_object());
    let both = allowed["Statement"]["AndStatement"]["Statements"].as_array().unwrap();
    let sought: Vec<&Value> = both.iter().map(|s| &s["ByteMatchStatement"]["SearchString"]).collect();
    assert_eq!(sought, [".execute-api.", "/v1/health"]);
    plans(&graph);
}

/// 002 wants the endpoint in SSM for other systems: one that lets them in.
#[test]
fn r23_the_parameter_with_the_endpoint_names_the_one_that_is_open() {
    let url = |graph: &Graph, region: &str| {
        setting(graph, &format!("{region}/ssm_parameter.api_endpoint"), "value")
            .as_str()
            .unwrap()
            .to_owned()
    };
    let graph = with_domain(json!({}));
    for region in TWO {
        assert_eq!(url(&graph, region), "https://pay.example.com/webhooks");
    }
    let without = super::graph(json!({"regions": TWO}));
    for region in TWO {
        assert!(
            url(&without, region).contains(&format!("{region}/api_stage.live.invoke_url")),
            "{}",
            url(&without, region)
        );
    }
}
