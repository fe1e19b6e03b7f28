//! Repeats, budgets, cancellation and waits, against scripted answers in virtual time.
#![allow(clippy::result_large_err, reason = "scripted answers have the type of the SDK's own")]

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use tap_engine::Key;
use tokio_util::sync::CancellationToken;

use super::*;

type Answer = Result<&'static str, SdkError<ErrorMetadata, HttpResponse>>;

const UPDATE: &str = "lambda:UpdateFunctionCode";

fn cx() -> Context {
    Context {
        key: Key::new("lambda_function", "f"),
        region: "us-east-1".to_owned(),
        stack: "webhook_pipeline/dev".to_owned(),
        cancel: CancellationToken::new(),
        force_destroy: false,
        known_ids: Vec::new(),
        leaving: Vec::new(),
        journal: tap_engine::Created::default(),
    }
}

fn refusal(code: &str, message: &str) -> Answer {
    let error = ErrorMetadata::builder().code(code).message(message).build();
    let raw = HttpResponse::new(StatusCode::try_from(409).unwrap(), SdkBody::empty());
    Err(SdkError::service_error(error, raw))
}

fn in_progress() -> Answer {
    refusal(
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: f",
    )
}

/// Makes the call; the n-th try (from 0) gets `answer(n)`. The result, how often it was tried and how long it took.
async fn scripted(
    cx: &Context,
    answer: impl Fn(usize) -> Answer + Send + Sync,
) -> (KindResult<&'static str>, usize, Duration) {
    let tries = AtomicUsize::new(0);
    let started = Instant::now();
    let result = call(cx, UPDATE, || {
        let answer = answer(tries.fetch_add(1, Ordering::SeqCst));
        async move { answer }
    })
    .await;
    (result, tries.into_inner(), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn what_time_heals_is_repeated_until_it_works() {
    let (result, tries, time) = scripted(&cx(), |n| if n < 4 { in_progress() } else { Ok("done") }).await;
    assert_eq!((result.unwrap(), tries), ("done", 5));
    // 0.25 s, doubled each time, 2 s at most.
    assert_eq!(time.as_millis(), 250 + 500 + 1000 + 2000);
}

#[tokio::test(start_paused = true)]
async fn what_time_does_not_heal_is_said_at_once_with_code_and_operation() {
    let (result, tries, time) = scripted(&cx(), |_| {
        refusal("ResourceConflictException", "Function already exist: f")
    })
    .await;
    let error = result.unwrap_err();
    assert_eq!((tries, time), (1, Duration::ZERO));
    assert_eq!(error.code(), Some("ResourceConflictException"));
    assert!(error.to_string().contains(UPDATE), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_budget_ends_the_repeats_with_the_last_answer() {
    let (result, _, time) = scripted(&cx(), |_| in_progress()).await;
    assert_eq!(result.unwrap_err().code(), Some("ResourceConflictException"));
    let budget = Duration::from_mins(10);
    assert!(time <= budget && time + retry::LONGEST_PAUSE >= budget, "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_starts_no_call_and_repeats_none() {
    let cancelled = cx();
    cancelled.cancel.cancel();
    let (result, tries, _) = scripted(&cancelled, |_| Ok("done")).await;
    assert!(matches!(result, Err(KindError::Cancelled { .. })), "{result:?}");
    assert_eq!(tries, 0);

    let during = cx();
    let (result, tries, _) = scripted(&during, |_| {
        during.cancel.cancel();
        in_progress()
    })
    .await;
    assert_eq!(result.unwrap_err().code(), Some("ResourceConflictException"));
    assert_eq!(tries, 1, "the running call finishes, and is not made again");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_state_it_saw_last() {
    let polls = AtomicUsize::new(0);
    let result: KindResult<()> = wait_until(UPDATE, "Active", Duration::from_secs(30), || {
        let n = polls.fetch_add(1, Ordering::SeqCst);
        async move { Ok(Poll::Pending(format!("Pending {n}"))) }
    })
    .await;
    let last = polls.into_inner() - 1;
    match result {
        Err(KindError::WaitTimeout {
            waited_for,
            seconds,
            last: seen,
            ..
        }) => {
            assert_eq!(
                (waited_for.as_str(), seconds, seen),
                ("Active", 30, format!("Pending {last}"))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn operations_with_a_low_quota_wait_for_their_turn() {
    let started = Instant::now();
    for _ in 0..3 {
        retry::pace("apigateway:CreateDeployment", "us-east-1").await;
    }
    assert_eq!(
        started.elapsed().as_secs(),
        10,
        "one every five seconds, the first at once"
    );
    retry::pace("apigateway:CreateDeployment", "eu-west-1").await;
    assert_eq!(started.elapsed().as_secs(), 10, "another region has its own quota");
}

#[tokio::test]
async fn an_error_that_keeps_its_reasons_in_a_list_says_them() {
    use crate::aws::scripted::Scripted;
    let refusal = r#"<InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages>
        <Message>Tried to delete resource record set [name='a.test.', type='A'] but it was not found</Message>
        </Messages><RequestId>1</RequestId></InvalidChangeBatch>"#;
    let route53 = Scripted::new(move |_, _| (400, refusal.to_owned()));
    let client = route53.aws().route53("us-east-1");
    let error = call(&cx(), "route53:GetChange", || client.get_change().id("1").send()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("but it was not found"), "{error}");
}
