//! (g) Signed webhooks (W-33).

use crate::site::Site;
use aws_sdk_ssm::types::ParameterType;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};
use tap_acceptance_tests::Answer;
use tap_acceptance_tests::pipeline::{Configuration, Pipeline, payment};

const PARAMETER: &str = "/senders/webhook-secrets";

#[tokio::test]
async fn only_fresh_signatures_with_an_active_secret_get_in() {
    let api = format!("{{ authorization = \"hmac\", hmac = {{ secret_ssm_parameter = {PARAMETER:?} }} }}");
    let site = Site::new(&Configuration::new("hmac").with("api", &api)).await;
    let parameter = site
        .aws
        .ssm()
        .put_parameter()
        .name(PARAMETER)
        .value("new-secret\nold-secret");
    parameter.r#type(ParameterType::SecureString).send().await.unwrap();
    site.apply().await;
    site.must_be_settled().await;
    let pipeline = site.pipeline().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let body = payment("signed", "42", &json!({}));

    assert_eq!(
        post(&pipeline, &body, Some(&sign("new-secret", now, &body)))
            .await
            .status,
        200
    );
    let again = post(&pipeline, &body, Some(&sign("old-secret", now, &body))).await;
    assert!(
        again.status == 200 && again.headers.contains_key("idempotent-replay"),
        "{again:?}"
    );
    for (what, signature) in [
        ("no signature", None),
        ("an unknown secret", Some(sign("other-secret", now, &body))),
        ("an old signature", Some(sign("new-secret", now - 301, &body))),
        (
            "another body's",
            Some(sign("new-secret", now, &payment("signed", "43", &json!({})))),
        ),
        ("nonsense", Some("t=1".to_owned())),
    ] {
        let answer = post(&pipeline, &body, signature.as_deref()).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
    assert_eq!(pipeline.items().await.unwrap().len(), 1);
    let state = site.terraform.state().await.unwrap().to_string();
    assert!(
        !state.contains("new-secret") && !state.contains("old-secret"),
        "a secret is in the state"
    );

    site.aws.ssm().delete_parameter().name(PARAMETER).send().await.unwrap();
    site.destroy().await;
}

async fn post(pipeline: &Pipeline, body: &str, signature: Option<&str>) -> Answer {
    let request = pipeline.request().unwrap().body(body);
    let request = match signature {
        Some(signature) => request.header("X-Signature", signature),
        None => request,
    };
    request.send().await.unwrap()
}

fn sign(secret: &str, time: u64, body: &str) -> String {
    let mac = hmac_sha256(secret.as_bytes(), format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(mac))
}

/// RFC 2104, written out: the handlers' own signing code would only prove that it agrees with itself.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}
