//! (b) The two handles for single components: `replace_components` and `overrides`.

use crate::changes::changes;
use crate::site::Site;
use std::collections::BTreeSet;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::proxy::Proxy;

#[tokio::test]
async fn single_components_are_replaced_and_overridden() {
    let configuration = Configuration::new("part");
    let (site, proxy) = Site::behind_proxy(&configuration).await;
    site.apply().await;
    site.must_be_settled().await;
    replaces_one(&site, &proxy, &configuration).await;
    overrides(&site, &configuration).await;
    refuses_mistakes(&site, &configuration).await;
    site.configure(&configuration);
    site.must_be_settled().await;
    site.destroy().await;
}

async fn replaces_one(site: &Site, proxy: &Proxy, configuration: &Configuration) {
    let before = site.ids().await;
    let replaced = ["api_usage_plan.sender", "lambda_function.fraud"];
    site.configure(
        &configuration
            .clone()
            .with("replace_components", &format!("{replaced:?}")),
    );
    let plan = site.plan().await;
    let shown = changes(&plan);
    for key in replaced {
        assert!(shown.contains(&format!("!{key}")), "{shown:?}");
    }
    proxy.forget();
    site.apply_plan().await;

    let calls: Vec<String> = proxy.calls().into_iter().map(|call| call.operation).collect();
    let deleted = |what: &str| calls.iter().any(|call| call == what);
    assert!(
        deleted("lambda:DELETE /2015-03-31/functions/fraud-detector-part"),
        "{calls:?}"
    );
    assert!(
        !deleted("lambda:DELETE /2015-03-31/functions/webhook-validator-part"),
        "{calls:?}"
    );
    let after = site.ids().await;
    let other: BTreeSet<&str> = after
        .keys()
        .filter(|key| before[*key] != after[*key])
        .map(String::as_str)
        .collect();
    // The function's name is its id; the key's place in the plan hangs on the plan.
    assert_eq!(
        other,
        BTreeSet::from(["api_usage_plan.sender", "api_usage_plan_key.sender"])
    );
    // Each key counts once; taking it out changes nothing in the stack.
    site.must_be_settled().await;
    site.configure(configuration);
    let plan = site.plan().await;
    assert_eq!(changes(&plan), BTreeSet::new(), "{}", plan.text);
    site.apply_plan().await;
    site.must_be_settled().await;
}

async fn overrides(site: &Site, configuration: &Configuration) {
    let overridden = "{ \"lambda_function.validator\" = { memory_size = \"1536\" }, \
                      \"sqs_queue.dlq\" = { visibility_timeout_seconds = \"45\" } }";
    site.configure(&configuration.clone().with("overrides", overridden));
    let plan = site.plan().await;
    let expected = [
        "lambda_alias.validator.function_version",
        "lambda_function.validator.memory_size",
        "sqs_queue.dlq.visibility_timeout_seconds",
    ];
    assert_eq!(
        changes(&plan),
        BTreeSet::from(expected.map(str::to_owned)),
        "{}",
        plan.text
    );
    site.apply_plan().await;
    site.must_be_settled().await;
    let function = site.aws.lambda().get_function_configuration();
    let function = function.function_name("webhook-validator-part").send().await.unwrap();
    assert_eq!(function.memory_size(), Some(1536));

    site.configure(configuration);
    assert_eq!(changes(&site.plan().await), BTreeSet::from(expected.map(str::to_owned)));
    site.apply_plan().await;
    site.must_be_settled().await;
}

/// Attribute, expression, what the refusal says.
const MISTAKES: [(&str, &str, &[&str]); 5] = [
    (
        "replace_components",
        "[\"lambda_function.frodo\"]",
        &["lambda_function.frodo"],
    ),
    (
        "replace_components",
        "[\"dynamodb_table.transactions\"]",
        &["dynamodb_table.transactions", "allow_data_loss"],
    ),
    (
        "overrides",
        "{ \"sqs_queue.nothing\" = { x = \"1\" } }",
        &["sqs_queue.nothing"],
    ),
    (
        "overrides",
        "{ \"sqs_queue.dlq\" = { visibility = \"45\" } }",
        &["sqs_queue.dlq", "visibility"],
    ),
    (
        "overrides",
        "{ \"sqs_queue.dlq\" = { visibility_timeout_seconds = \"much\" } }",
        &["sqs_queue.dlq", "visibility_timeout_seconds"],
    ),
];

async fn refuses_mistakes(site: &Site, configuration: &Configuration) {
    let mut wrong = Vec::new();
    for (attribute, expression, needles) in MISTAKES {
        let refusal = site.refusal(&configuration.clone().with(attribute, expression)).await;
        let missing: Vec<_> = needles.iter().filter(|needle| !refusal.contains(**needle)).collect();
        if !missing.is_empty() {
            wrong.push(format!("{attribute} = {expression}: no {missing:?} in {refusal}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
