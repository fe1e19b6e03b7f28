//! The life of a function whose update failed, against scripted answers.

use serde_json::json;

use super::*;
use crate::aws::scripted::{Asked, Scripted, context};

const FUNCTION: &str = "/2015-03-31/functions/f";

fn settings(value: Value) -> Settings {
    serde_json::from_value(value).unwrap()
}

fn wanted() -> Settings {
    settings(json!({
        "function_name": "f",
        "package_type": "Zip",
        "role": "arn:aws:iam::111122223333:role/r",
        "handler": "h",
        "runtime": "provided.al2023",
        "memory_size": 512,
        "code": {"s3_bucket": "b", "s3_key": "k"},
    }))
}

/// A function with this state until it is written for the first time.
fn lambda(state: &'static str) -> Scripted {
    let is_write = |asked: &Asked| asked.method == "PUT";
    let written = std::sync::atomic::AtomicBool::new(false);
    Scripted::new(move |asked, _| {
        use std::sync::atomic::Ordering::Relaxed;
        written.fetch_or(is_write(asked), Relaxed);
        let fine = r#"{"State": "Active", "LastUpdateStatus": "Successful"}"#;
        let body = if written.load(Relaxed) { fine } else { state };
        (200, body.to_owned())
    })
}

async fn update(lambda: &Scripted, changed: &[&str]) -> KindResult<Outputs> {
    let (before, after) = (wanted(), wanted());
    let changed: Vec<String> = changed.iter().map(|name| (*name).to_owned()).collect();
    let change = Change {
        before: &before,
        after: &after,
        changed: &changed,
        outputs: &Outputs::new(),
    };
    LambdaFunction(lambda.aws())
        .update(&context("lambda_function.f"), "f", &change)
        .await
}

fn writes(lambda: &Scripted) -> Vec<(String, String)> {
    let asked = lambda.asked().into_iter().filter(|asked| asked.method == "PUT");
    asked.map(|asked| (asked.path, asked.body)).collect()
}

/// doc: "Lambda function states": a function in this state takes a new configuration and new code, nothing else mends it.
#[tokio::test(start_paused = true)]
async fn a_function_that_failed_is_written_anew() {
    let after_create = r#"{"State": "Failed", "StateReason": "The subnet has no free addresses"}"#;
    let after_update =
        r#"{"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no access to the key"}"#;
    for state in [after_create, after_update] {
        let lambda = lambda(state);
        update(&lambda, &["publish"]).await.unwrap();
        let writes = writes(&lambda);
        let [(configuration, written), (code, _)] = writes.as_slice() else {
            panic!("{writes:?}")
        };
        assert_eq!(configuration, &format!("{FUNCTION}/configuration"));
        assert!(
            written.contains(r#""MemorySize":512"#) && written.contains(r#""Role""#),
            "{written}"
        );
        assert!(!written.contains("Layers"), "what is not set stays out: {written}");
        assert_eq!(code, &format!("{FUNCTION}/code"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_well_gets_what_has_changed() {
    let lambda = lambda(r#"{"State": "Active", "LastUpdateStatus": "Successful"}"#);
    update(&lambda, &["memory_size"]).await.unwrap();
    let writes = writes(&lambda);
    assert_eq!(
        writes,
        [(format!("{FUNCTION}/configuration"), r#"{"MemorySize":512}"#.to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_again_says_why() {
    let broken =
        r#"{"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no access to the key"}"#;
    let lambda = Scripted::new(move |_, _| (200, broken.to_owned()));
    let error = update(&lambda, &["memory_size"]).await.unwrap_err();
    assert!(
        error.to_string().contains("function f failed: no access to the key"),
        "{error}"
    );
}
