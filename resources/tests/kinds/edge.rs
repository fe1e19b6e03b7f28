//! Address sets of the firewall, layers of functions.

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tap_acceptance_tests::Sandbox;
use tap_engine::Kind;
use tap_resources::aws::lambda_layer_version::LambdaLayerVersion;
use tap_resources::aws::wafv2_ip_set::Wafv2IpSet;

use crate::support::{Life, aws, context};

fn tags(key: &str) -> Value {
    json!({"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": key})
}

/// N-24
#[tokio::test]
async fn wafv2_ip_set() {
    let sandbox = Sandbox::start().await.unwrap();
    Life {
        kind: &Wafv2IpSet(aws(&sandbox)),
        key: "wafv2_ip_set.providers",
        desired: json!({
            "name": "providers-test", "scope": "REGIONAL", "ip_address_version": "IPV4",
            "addresses": ["192.0.2.0/24", "198.51.100.7/32"], "description": "payment providers",
        }),
        edits: vec![
            json!({"addresses": ["203.0.113.0/24"]}),
            json!({"tags": tags("wafv2_ip_set.providers"), "description": "others"}),
            json!({"addresses": []}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

fn layer_zip() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("lib/common.txt", options).unwrap();
    std::io::Write::write_all(&mut archive, b"common").unwrap();
    archive.finish().unwrap().into_inner()
}

/// N-29: a layer only where one is asked for; each change is a new version.
#[tokio::test]
async fn lambda_layer_version() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let path = std::env::temp_dir().join(format!("tap-kinds-layer-{}.zip", std::process::id()));
    let zip = layer_zip();
    std::fs::write(&path, &zip).unwrap();
    let sha = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&zip));
    let desired = json!({
        "layer_name": "libs-test", "zip_path": path, "code_sha256": sha, "description": "common libraries",
        "compatible_runtimes": ["provided.al2023"], "compatible_architectures": ["arm64", "x86_64"],
    });
    let kind = LambdaLayerVersion(aws);
    let life = Life {
        kind: &kind,
        key: "lambda_layer_version.libs",
        desired: desired.clone(),
        edits: vec![],
        not_shown: &[],
    };
    let (id, wanted) = life.born().await;
    assert!(id.ends_with(":layer:libs-test:1"), "{id}");
    // The new version is made before the old one goes.
    let mut cx = context("lambda_layer_version.libs");
    cx.known_ids = vec![id.clone()];
    assert_eq!(kind.find(&cx, &wanted).await.unwrap(), None);
    let second = kind.create(&cx, &wanted).await.unwrap();
    // Also where only the file tells the content, as in the payment stack's graph.
    let mut by_file = wanted.clone();
    by_file.remove("code_sha256");
    assert_eq!(kind.find(&cx, &by_file).await.unwrap(), Some(second["id"].clone()));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(second["version"], "2");
    life.dies(&id, &wanted).await;
    assert!(kind.read(&cx, &second["id"], &wanted).await.unwrap().is_some());
}
