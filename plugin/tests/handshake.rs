//! The handshake and the transport, with the provider as a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use std::time::Duration;

use support::values::{malformed, packed, summaries};
use support::{Identity, LIMIT, Process, Provider, command, connect_plain, first_line, plugin_command};
use tap_plugin::proto::google::protobuf::Empty;
use tap_plugin::proto::grpc::health::v1::HealthCheckRequest;
use tap_plugin::proto::grpc::health::v1::health_client::HealthClient;
use tap_plugin::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use tap_plugin::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tap_plugin::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use tap_plugin::proto::plugin::{ConnInfo, Empty as PluginEmpty};
use tap_plugin::proto::tfplugin6 as wire;
use tap_plugin::proto::tfplugin6::provider_client::ProviderClient;
use tonic::Code;

async fn refused(mut command: Command) -> String {
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(LIMIT, output).await.unwrap().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "stdout belongs to the handshake");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn started_by_hand_it_says_what_to_do() {
    for cookie in [None, Some("wrong")] {
        let mut command = command();
        command.envs(cookie.map(|cookie| ("TF_PLUGIN_MAGIC_COOKIE", cookie)));
        let message = refused(command).await;
        assert!(message.contains("This program is a Terraform provider"), "{message}");
        assert!(message.contains("terraform init"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_host_without_protocol_six_is_refused() {
    let mut command = plugin_command(None);
    command.env("PLUGIN_PROTOCOL_VERSIONS", "4,5");
    assert!(refused(command).await.contains("\"4,5\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_unreadable_certificate_is_refused() {
    assert!(
        refused(plugin_command(Some("no certificate")))
            .await
            .contains("PLUGIN_CLIENT_CERT")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_pinned_certificate_gets_in() {
    let provider = Provider::start().await;
    let request = HealthCheckRequest {
        service: "plugin".into(),
    };
    let health = HealthClient::new(provider.channel().await)
        .check(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(health.status, 1, "SERVING");
    let other = HealthCheckRequest {
        service: "other".into(),
    };
    let status = HealthClient::new(provider.channel().await)
        .check(other)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let schema = provider
        .client()
        .await
        .get_provider_schema(wire::get_provider_schema::Request {})
        .await
        .unwrap();
    assert!(schema.into_inner().resource_schemas.contains_key("taptest_thing"));
}

/// With TLS 1.3 the client learns of the refusal only when it reads: the first call fails.
async fn first_call_fails(provider: &Provider, identity: Option<Identity>) {
    let identity = identity.map(|identity| (identity.certificate, identity.key));
    let Ok(channel) = provider.channel_as(identity).await else {
        return;
    };
    let request = HealthCheckRequest {
        service: "plugin".into(),
    };
    let answer = HealthClient::new(channel).check(request).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_else_gets_in() {
    let provider = Provider::start().await;
    first_call_fails(&provider, None).await;
    first_call_fails(&provider, Some(Identity::new())).await;
    provider.wait_for_log("refused a connection").await;

    // The right certificate without its key.
    let (pinned, foreign) = (provider.identity.certificate.clone(), Identity::new());
    first_call_fails(
        &provider,
        Some(Identity {
            certificate: pinned,
            ..foreign
        }),
    )
    .await;

    // And without TLS at all.
    let plain = connect_plain(&provider.greeting.socket).await;
    let request = HealthCheckRequest {
        service: "plugin".into(),
    };
    let answer = tokio::time::timeout(LIMIT, HealthClient::new(plain).check(request)).await;
    assert!(answer.unwrap().is_err());

    // The rightful client is not disturbed by any of this.
    provider
        .client()
        .await
        .get_metadata(wire::get_metadata::Request {})
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_that_never_shakes_hands_blocks_nobody() {
    let provider = Provider::start().await;
    let _idle = tokio::net::UnixStream::connect(&provider.greeting.socket)
        .await
        .unwrap();
    let mut client = provider.client().await;
    let metadata = client.get_metadata(wire::get_metadata::Request {});
    tokio::time::timeout(Duration::from_secs(5), metadata)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_a_client_certificate_it_serves_plainly() {
    let provider = Provider::spawn(plugin_command(None), Identity::new()).await;
    assert!(provider.greeting.certificate.is_none());
    let mut client = ProviderClient::new(connect_plain(&provider.greeting.socket).await);
    client.get_metadata(wire::get_metadata::Request {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn oversized_messages_are_refused_and_malformed_ones_explained() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;

    let msgpack = vec![0xc0; (256 << 20) + 1];
    let config = Some(wire::DynamicValue {
        msgpack,
        json: Vec::new(),
    });
    let status = client
        .validate_provider_config(wire::validate_provider_config::Request { config })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");

    let request = wire::validate_provider_config::Request { config: malformed() };
    let response = client.validate_provider_config(request).await.unwrap().into_inner();
    assert_eq!(summaries(&response.diagnostics), ["Malformed request"]);

    let wrong_type = wire::validate_provider_config::Request {
        config: packed(serde_json::json!({"token": [1]})),
    };
    let response = client.validate_provider_config(wrong_type).await.unwrap().into_inner();
    assert!(
        response.diagnostics[0].detail.contains("token: expected string"),
        "{response:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_below_the_limit_passes() {
    let provider = Provider::start().await;
    let token = "x".repeat(20 << 20);
    let request = wire::validate_provider_config::Request {
        config: packed(serde_json::json!({"token": token})),
    };
    let response = provider
        .client()
        .await
        .validate_provider_config(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(summaries(&response.diagnostics), ["token: Invalid sensitive value"]);
    assert!(
        response.diagnostics[0].detail.len() < 200,
        "a sensitive value is not quoted"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn shutdown_ends_the_process_in_good_order() {
    let provider = Provider::start().await;
    let directory = provider.greeting.socket.parent().unwrap().to_owned();
    assert!(directory.exists());
    // The streams that go-plugin keeps open must not hold it up.
    let channel = provider.channel().await;
    let _stdio = GrpcStdioClient::new(channel.clone())
        .stream_stdio(Empty {})
        .await
        .unwrap();
    let (_send, receive) = tokio::sync::mpsc::channel::<ConnInfo>(1);
    let knocks = futures::stream::unfold(
        receive,
        |mut receive| async move { Some((receive.recv().await?, receive)) },
    );
    let _broker = GrpcBrokerClient::new(channel.clone())
        .start_stream(knocks)
        .await
        .unwrap();

    let started = std::time::Instant::now();
    GrpcControllerClient::new(channel)
        .shutdown(PluginEmpty {})
        .await
        .unwrap();
    let (code, rest) = provider.ended().await;
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "go-plugin kills after two seconds"
    );
    assert!(!directory.exists(), "the socket is removed");
}

fn send_signal(provider: &Provider, signal: &str) {
    let pid = provider.process.0.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_interrupt_is_terraforms_business_and_a_sigterm_ends_it() {
    let provider = Provider::start().await;
    let mut client = provider.client().await;
    send_signal(&provider, "-INT");
    tokio::time::sleep(Duration::from_millis(200)).await;
    client.get_metadata(wire::get_metadata::Request {}).await.unwrap();

    let directory = provider.greeting.socket.parent().unwrap().to_owned();
    send_signal(&provider, "-TERM");
    assert_eq!(provider.ended().await.0, Some(0));
    assert!(!directory.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn debug_mode_prints_what_to_export() {
    let mut command = command();
    command.arg("-debug");
    let mut process = Process(command.spawn().unwrap());
    let (line, _) = first_line(&mut process.0).await;
    let json = line
        .strip_prefix("TF_REATTACH_PROVIDERS='")
        .unwrap()
        .strip_suffix('\'')
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let entry = &json["registry.terraform.io/tap/taptest"];
    assert_eq!(entry["Pid"].as_u64(), Some(process.0.id().into()));
    assert_eq!(
        (entry["Protocol"].as_str(), entry["Test"].as_bool()),
        (Some("grpc"), Some(true))
    );
    let socket = entry["Addr"]["String"].as_str().unwrap();
    let mut client = ProviderClient::new(connect_plain(socket.as_ref()).await);
    client.get_metadata(wire::get_metadata::Request {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn logs_are_hclog_lines() {
    let provider = Provider::start().await;
    let config = packed(serde_json::json!({"token": "s3cr3t-token"}));
    let request = wire::configure_provider::Request {
        terraform_version: "1.11.4".into(),
        config,
        client_capabilities: None,
    };
    provider.client().await.configure_provider(request).await.unwrap();
    provider.wait_for_log("configured").await;
    let stderr = provider.stderr();
    for line in stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["@module"], "provider.taptest");
    }
    assert!(stderr.contains(r#""terraform_version":"1.11.4""#), "{stderr}");
    assert!(!stderr.contains("s3cr3t"), "{stderr}");
}
