//! The life of resources over the wire, with the provider as a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::{Value as Json, json};
use support::values::{UNKNOWN, malformed, packed, path_text, summaries, thing, unpacked};
use support::{LIMIT, Provider};
use tap_plugin::proto::tfplugin6 as wire;
use tap_plugin::proto::tfplugin6::provider_client::ProviderClient;
use tonic::Code;
use tonic::transport::Channel;

type Client = ProviderClient<Channel>;

async fn plan(client: &mut Client, prior: Json, proposed: Json, config: Json) -> wire::plan_resource_change::Response {
    let request = wire::plan_resource_change::Request {
        type_name: "taptest_thing".into(),
        prior_state: packed(prior),
        proposed_new_state: packed(proposed),
        config: packed(config),
        prior_private: b"before".to_vec(),
        ..Default::default()
    };
    client.plan_resource_change(request).await.unwrap().into_inner()
}

fn apply_request(prior: Json, planned: Json, config: Json) -> wire::apply_resource_change::Request {
    wire::apply_resource_change::Request {
        type_name: "taptest_thing".into(),
        prior_state: packed(prior),
        planned_state: packed(planned),
        config: packed(config),
        planned_private: b"planned".to_vec(),
        ..Default::default()
    }
}

async fn apply(client: &mut Client, prior: Json, planned: Json, config: Json) -> wire::apply_resource_change::Response {
    client
        .apply_resource_change(apply_request(prior, planned, config))
        .await
        .unwrap()
        .into_inner()
}

/// Creates a thing that behaves in a way.
async fn create(client: &mut Client, behaviour: &str) -> wire::apply_resource_change::Response {
    let config = thing(json!({"name": "x", "behaviour": behaviour, "secret": "hunter2"}));
    let planned = thing(json!({
        "name": "x", "behaviour": behaviour, "id": UNKNOWN, "effective_size": UNKNOWN, "secret_length": UNKNOWN
    }));
    apply(client, Json::Null, planned, config).await
}

fn existing(behaviour: &str) -> Json {
    thing(json!({"name": "x", "behaviour": behaviour, "id": "thing-x", "effective_size": 3, "tags": {"a": "1"}}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_create_from_plan_to_state() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let config = thing(json!({"name": "x", "secret": "hunter2", "price": "0.10", "zones": ["b", "a"]}));
    let planned = plan(&mut client, Json::Null, config.clone(), config.clone()).await;
    assert!(planned.diagnostics.is_empty(), "{planned:?}");
    assert!(planned.requires_replace.is_empty() && planned.planned_private == b"planned x");
    let planned = unpacked(planned.planned_state.as_ref());
    assert_eq!(planned["secret"], Json::Null, "write-only values stay out of plans");
    assert_eq!((&planned["id"], &planned["size"]), (&json!(UNKNOWN), &Json::Null));

    let applied = apply(&mut client, Json::Null, planned, config).await;
    assert!(applied.diagnostics.is_empty(), "{applied:?}");
    assert_eq!(applied.private, b"created");
    let state = unpacked(applied.new_state.as_ref());
    let expected = thing(json!({
        "name": "x", "price": "0.10", "zones": ["b", "a"], "id": "thing-x", "effective_size": 3, "secret_length": 7
    }));
    assert_eq!(state, expected, "the default is effective, but not stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_says_what_a_change_means() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let prior = existing("");
    let change = |name: &str, value: Json| {
        let mut changed = prior.clone();
        changed[name] = value;
        changed
    };

    let tags = change("tags", json!({"a": "2"}));
    let planned = plan(&mut client, prior.clone(), tags.clone(), tags).await;
    assert!(planned.requires_replace.is_empty());
    let planned = unpacked(planned.planned_state.as_ref());
    assert_eq!(planned["id"], "thing-x", "the prior id stands in for unknown");
    assert_eq!(planned["effective_size"], UNKNOWN);

    let name = change("name", json!("y"));
    let planned = plan(&mut client, prior.clone(), name.clone(), name).await;
    assert_eq!(
        planned.requires_replace.iter().map(path_text).collect::<Vec<_>>(),
        ["name"]
    );

    let planned = plan(&mut client, prior.clone(), prior.clone(), prior.clone()).await;
    assert_eq!(unpacked(planned.planned_state.as_ref()), prior, "no change, no diff");

    let destroyed = plan(&mut client, prior, Json::Null, Json::Null).await;
    assert_eq!(unpacked(destroyed.planned_state.as_ref()), Json::Null);
    assert_eq!(destroyed.planned_private, b"before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_failed_create_keeps_what_exists() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let half = create(&mut client, "fail_create").await;
    assert_eq!(summaries(&half.diagnostics), ["Create failed half-way"]);
    assert_eq!(unpacked(half.new_state.as_ref())["id"], "thing-x");
    assert_eq!(half.private, b"created");

    let early = create(&mut client, "fail_create_early").await;
    assert_eq!(
        unpacked(early.new_state.as_ref()),
        Json::Null,
        "nothing exists, nothing is recorded"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn failed_updates_and_deletes_keep_what_exists() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    for (behaviour, tags) in [
        ("fail_update", json!({"b": "2"})),
        ("fail_update_early", json!({"a": "1"})),
    ] {
        let prior = existing(behaviour);
        let mut planned = prior.clone();
        planned["tags"] = json!({"b": "2"});
        let applied = apply(&mut client, prior, planned.clone(), planned).await;
        assert_eq!(applied.diagnostics.len(), 1);
        let state = unpacked(applied.new_state.as_ref());
        assert_eq!(
            (&state["id"], &state["tags"]),
            (&json!("thing-x"), &tags),
            "{behaviour}"
        );
        assert_eq!(applied.private, b"planned");
    }
    for (behaviour, tags) in [("fail_delete", Json::Null), ("fail_delete_early", json!({"a": "1"}))] {
        let applied = apply(&mut client, existing(behaviour), Json::Null, Json::Null).await;
        assert_eq!(applied.diagnostics.len(), 1);
        let state = unpacked(applied.new_state.as_ref());
        assert_eq!(
            (&state["id"], &state["tags"]),
            (&json!("thing-x"), &tags),
            "{behaviour}"
        );
    }
    let gone = apply(&mut client, existing(""), Json::Null, Json::Null).await;
    assert!(gone.diagnostics.is_empty());
    assert_eq!(unpacked(gone.new_state.as_ref()), Json::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn panics_become_diagnostics_and_lose_nothing() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;

    let created = create(&mut client, "panic_create").await;
    assert_eq!(summaries(&created.diagnostics), ["The provider panicked"]);
    assert!(created.diagnostics[0].detail.contains("provider.rs:"), "{created:?}");
    assert_eq!(
        unpacked(created.new_state.as_ref())["id"],
        "thing-x",
        "its checkpoint is recorded"
    );
    assert_eq!(created.private, b"created");

    let updated = apply(
        &mut client,
        existing("panic_update"),
        existing("panic_update"),
        existing("panic_update"),
    )
    .await;
    assert!(updated.diagnostics[0].detail.contains("a fixed text"), "{updated:?}");
    assert_eq!(unpacked(updated.new_state.as_ref()), existing("panic_update"));
    let deleted = apply(&mut client, existing("panic_delete"), Json::Null, Json::Null).await;
    assert_eq!(unpacked(deleted.new_state.as_ref()), existing("panic_delete"));

    for behaviour in ["panic_read", "fail_read"] {
        let request = wire::read_resource::Request {
            type_name: "taptest_thing".into(),
            current_state: packed(existing(behaviour)),
            private: b"kept".to_vec(),
            ..Default::default()
        };
        let read = client.read_resource(request).await.unwrap().into_inner();
        assert_eq!(read.diagnostics.len(), 1);
        assert_eq!(unpacked(read.new_state.as_ref()), existing(behaviour));
        assert_eq!(read.private, b"kept");
    }

    // The message of the first panic quoted the secret: it must be nowhere.
    let everything = format!("{created:?}{}", provider.stderr());
    assert!(
        everything.contains("panicked") && !everything.contains("hunter2"),
        "{everything}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stop_interrupts_a_running_apply() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let mut second = client.clone();
    let running = tokio::spawn(async move { create(&mut second, "hang").await });
    provider.wait_for_log("hanging").await;
    assert!(!running.is_finished());
    let stopped = client
        .stop_provider(wire::stop_provider::Request {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(stopped.error, "");
    let applied = tokio::time::timeout(LIMIT, running).await.unwrap().unwrap();
    assert_eq!(summaries(&applied.diagnostics), ["Interrupted"]);
    assert_eq!(unpacked(applied.new_state.as_ref())["id"], "thing-x");
    // Later calls work as before: Terraform may still read.
    let later = create(&mut client, "").await;
    assert!(later.diagnostics.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_call_does_not_outlive_the_shutdown() {
    use tap_plugin::proto::plugin::Empty;
    use tap_plugin::proto::plugin::grpc_controller_client::GrpcControllerClient;
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let channel = provider.channel().await;
    let running = tokio::spawn(async move { create(&mut client, "slow").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    let started = std::time::Instant::now();
    assert_eq!(provider.ended().await.0, Some(0));
    assert!(started.elapsed() < Duration::from_secs(10));
    running.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn values_outside_the_schema_are_reported_and_the_rest_is_kept() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let unknown = create(&mut client, "unknown").await;
    assert_eq!(summaries(&unknown.diagnostics), ["id: Value still unknown after apply"]);
    assert_eq!(unpacked(unknown.new_state.as_ref())["name"], "x");

    let misfit = create(&mut client, "misfit").await;
    assert_eq!(misfit.diagnostics.len(), 2, "{misfit:?}");
    let state = unpacked(misfit.new_state.as_ref());
    assert_eq!(
        (&state["id"], &state["effective_size"]),
        (&json!("thing-x"), &Json::Null)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn malformed_requests_change_nothing() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let mut request = apply_request(existing(""), Json::Null, Json::Null);
    request.config = malformed();
    let applied = client.apply_resource_change(request).await.unwrap().into_inner();
    assert_eq!(summaries(&applied.diagnostics), ["Malformed request"]);
    assert_eq!(unpacked(applied.new_state.as_ref()), existing(""));

    let unknown = wire::read_resource::Request {
        type_name: "taptest_other".into(),
        current_state: packed(existing("")),
        ..Default::default()
    };
    let read = client.read_resource(unknown).await.unwrap().into_inner();
    assert_eq!(summaries(&read.diagnostics), ["Unknown resource type"]);
    assert_eq!(unpacked(read.new_state.as_ref()), existing(""));

    let nothing = apply(&mut client, Json::Null, Json::Null, Json::Null).await;
    assert_eq!(summaries(&nothing.diagnostics), ["Malformed request"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn configurations_are_checked_with_paths() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let config = thing(json!({
        "size": 0, "secret": "x".repeat(21), "rules": [{"port": 1, "protocol": null}, {"port": 70000, "protocol": null}]
    }));
    let mut request = wire::validate_resource_config::Request {
        type_name: "taptest_thing".into(),
        config: packed(config),
        client_capabilities: Some(wire::ClientCapabilities {
            write_only_attributes_allowed: true,
            ..Default::default()
        }),
    };
    let found = client
        .validate_resource_config(request.clone())
        .await
        .unwrap()
        .into_inner()
        .diagnostics;
    let expected = [
        "name: Missing required argument",
        "size: Invalid attribute value",
        "rules.[1]: Invalid attribute value",
        "secret: Invalid sensitive value",
    ];
    assert_eq!(summaries(&found), expected);
    let port = found
        .iter()
        .find(|told| told.summary.starts_with("Invalid attribute value") && told.detail.contains("port"));
    let detail = &port.unwrap_or_else(|| panic!("{found:?}")).detail;
    assert!(
        detail.contains("rules[1].port"),
        "Terraform points at the element, the text names the rest: {detail}"
    );
    request.config = packed(thing(json!({"name": UNKNOWN, "secret": "fine"})));
    request.client_capabilities = None;
    let old = client
        .validate_resource_config(request)
        .await
        .unwrap()
        .into_inner()
        .diagnostics;
    assert_eq!(summaries(&old), ["secret: Write-only attribute not allowed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stored_states_of_any_version() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let mut upgrade = async |version: i64, state: Json| {
        let request = wire::upgrade_resource_state::Request {
            type_name: "taptest_thing".into(),
            version,
            raw_state: Some(wire::RawState {
                json: state.to_string().into_bytes(),
                ..Default::default()
            }),
        };
        client.upgrade_resource_state(request).await.unwrap().into_inner()
    };
    let current = upgrade(2, json!({"name": "x", "dropped_long_ago": {"a": 1}, "price": 0.1})).await;
    let state = unpacked(current.upgraded_state.as_ref());
    assert_eq!(
        state,
        thing(json!({"name": "x", "price": "0.1"})),
        "decimals keep their digits"
    );
    let old = upgrade(0, json!({"title": "y", "id": "thing-y"})).await;
    assert_eq!(
        unpacked(old.upgraded_state.as_ref()),
        thing(json!({"name": "y", "id": "thing-y"}))
    );
    assert_eq!(
        summaries(&upgrade(3, json!({})).await.diagnostics),
        ["State from a newer provider"]
    );
    assert_eq!(summaries(&upgrade(1, json!([])).await.diagnostics), ["No object"]);
    assert_eq!(
        summaries(&upgrade(2, json!({"name": {}})).await.diagnostics),
        ["name: Unreadable state"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn import_finds_or_explains() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let mut import = async |id: &str| {
        let request = wire::import_resource_state::Request {
            type_name: "taptest_thing".into(),
            id: id.into(),
            ..Default::default()
        };
        client.import_resource_state(request).await.unwrap().into_inner()
    };
    let found = import("thing-x").await;
    let imported = &found.imported_resources[0];
    assert_eq!(
        unpacked(imported.state.as_ref()),
        thing(json!({"name": "x", "id": "thing-x"}))
    );
    assert_eq!(imported.private, b"imported");
    let missing = import("x").await;
    assert_eq!(
        (summaries(&missing.diagnostics), missing.imported_resources.len()),
        (vec!["No such thing".into()], 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn data_sources_functions_and_ephemeral_resources() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;

    let input = json!([r#"["list","string"]"#, ["a", "b"]]);
    let config = packed(json!({"input": input, "length": null}));
    let request = wire::read_data_source::Request {
        type_name: "taptest_echo".into(),
        config,
        ..Default::default()
    };
    let read = client.read_data_source(request).await.unwrap().into_inner();
    let expected = json!({"input": input, "length": 2});
    assert_eq!(
        unpacked(read.state.as_ref()),
        expected,
        "a list comes back as a list, not a tuple"
    );

    let mut call = async |words: &[&str]| {
        let arguments = words.iter().map(|word| packed(json!(word)).unwrap()).collect();
        let request = wire::call_function::Request {
            name: "shout".into(),
            arguments,
        };
        client.call_function(request).await.unwrap().into_inner()
    };
    assert_eq!(unpacked(call(&["a", "b", "c"]).await.result.as_ref()), "A B C");
    assert_eq!(call(&["a", ""]).await.error.unwrap().function_argument, Some(1));
    assert!(call(&[]).await.error.unwrap().text.contains("Expected 1 arguments"));
    let panicked = call(&["panic"]).await.error.unwrap().text;
    assert!(
        panicked.contains("panicked") && !panicked.contains("cannot shout"),
        "{panicked}"
    );

    let type_name = String::from("taptest_token");
    let open = wire::open_ephemeral_resource::Request {
        type_name: type_name.clone(),
        config: packed(json!({"token": null})),
        client_capabilities: None,
    };
    let opened = client.open_ephemeral_resource(open).await.unwrap().into_inner();
    assert_eq!(unpacked(opened.result.as_ref()), json!({"token": "t-1"}));
    assert!(opened.renew_at.unwrap().seconds > 1_700_000_000);
    let renew = wire::renew_ephemeral_resource::Request {
        type_name: type_name.clone(),
        private: opened.private,
    };
    let renewed = client.renew_ephemeral_resource(renew).await.unwrap().into_inner();
    assert_eq!(renewed.private.as_deref(), Some(&b"lease+"[..]));
    let close = wire::close_ephemeral_resource::Request {
        type_name,
        private: renewed.private,
    };
    assert!(
        client
            .close_ephemeral_resource(close)
            .await
            .unwrap()
            .into_inner()
            .diagnostics
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_not_served_says_so() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let metadata = client
        .get_metadata(wire::get_metadata::Request {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(metadata.resources.len(), 1);
    assert!(metadata.list_resources.is_empty() && metadata.actions.is_empty() && metadata.state_stores.is_empty());
    let capabilities = metadata.server_capabilities.unwrap();
    assert!(capabilities.plan_destroy && !capabilities.move_resource_state && !capabilities.generate_resource_config);

    let listed = client.list_resource(wire::list_resource::Request::default()).await;
    assert_eq!(listed.unwrap_err().code(), Code::Unimplemented);
    let invoked = client.invoke_action(wire::invoke_action::Request::default()).await;
    assert_eq!(invoked.unwrap_err().code(), Code::Unimplemented);
    let locked = client.lock_state(wire::lock_state::Request::default()).await;
    assert_eq!(locked.unwrap_err().code(), Code::Unimplemented);
    let moved = client
        .move_resource_state(wire::move_resource_state::Request::default())
        .await;
    assert_eq!(moved.unwrap_err().code(), Code::Unimplemented);
    let identities = client
        .get_resource_identity_schemas(wire::get_resource_identity_schemas::Request {})
        .await;
    assert!(identities.unwrap().into_inner().identity_schemas.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_that_hangs_up_interrupts_its_call() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    let hung_up = tokio::time::timeout(Duration::from_millis(500), create(&mut client, "hang")).await;
    assert!(hung_up.is_err());
    provider.wait_for_log("interrupted while hanging").await;
    // The provider is still there for the next one.
    let next = create(&mut client, "").await;
    assert!(next.diagnostics.is_empty());
}
