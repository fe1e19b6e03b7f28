use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_engine::record::{RecordStore, StackRecord, Status};
use tap_engine::{Kind, KindError};
use tap_resources::aws::kms_key::KmsKey;
use tap_resources::aws::log_group::LogGroup;
use tap_resources::aws::record::SsmRecords;
use tap_resources::aws::ssm_parameter::SsmParameter;

use crate::support::{Life, REGION, aws, context, settings};

#[tokio::test]
async fn log_group() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let key = KmsKey(aws.clone())
        .create(&context("kms_key.logs"), &settings(json!({})))
        .await
        .unwrap();
    Life {
        kind: &LogGroup(aws),
        key: "log_group.validator",
        desired: json!({
            "log_group_name": "/aws/lambda/validator-test", "retention_in_days": 30, "kms_key_id": key["arn"],
        }),
        // Changing the key is not here: the sandbox knows neither AssociateKmsKey nor its opposite.
        edits: vec![
            json!({"retention_in_days": 90}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "log_group.validator"}}),
            json!({"retention_in_days": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// O-29, X-04: a group that a function's late write has brought back is adopted where that was said.
#[tokio::test]
async fn a_log_group_without_tags_is_adopted_only_when_asked() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let name = "/aws/lambda/late-test";
    aws.logs(REGION)
        .create_log_group()
        .log_group_name(name)
        .send()
        .await
        .unwrap();
    let kind = LogGroup(aws);
    let cx = context("log_group.late");
    let mut wanted = settings(json!({"log_group_name": name}));
    let error = kind.find(&cx, &wanted).await.unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
    wanted.insert("adopt_existing".to_owned(), json!(true));
    assert_eq!(kind.find(&cx, &wanted).await.unwrap().as_deref(), Some(name));
    wanted.insert("log_group_class".to_owned(), json!("INFREQUENT_ACCESS"));
    let error = kind.find(&cx, &wanted).await.unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
}

#[tokio::test]
async fn ssm_parameter() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    Life {
        kind: &SsmParameter(aws.clone()),
        key: "ssm_parameter.table",
        desired: json!({"name": "/payment/test/table", "type": "String", "value": "transactions", "description": "Table"}),
        edits: vec![
            json!({"value": "transactions-2", "description": null}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "ssm_parameter.table"}}),
            json!({"tier": "Advanced"}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
    let key = KmsKey(aws.clone())
        .create(&context("kms_key.ssm"), &settings(json!({})))
        .await
        .unwrap();
    Life {
        kind: &SsmParameter(aws),
        key: "ssm_parameter.secure",
        desired: json!({"name": "secure-test", "type": "SecureString", "value": "hidden", "key_id": key["id"]}),
        edits: vec![json!({"value": "hidden too"}), json!({"key_id": null})],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// Somebody else's change of a plain value is seen; each write is a new version.
#[tokio::test]
async fn a_changed_value_is_drift_and_a_new_version() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let client = aws.ssm(REGION);
    let kind = SsmParameter(aws);
    let cx = context("ssm_parameter.table");
    let wanted = settings(json!({"name": "/p/t", "type": "String", "value": "a"}));
    assert_eq!(kind.create(&cx, &wanted).await.unwrap()["version"], "1");
    client
        .put_parameter()
        .name("/p/t")
        .value("b")
        .overwrite(true)
        .send()
        .await
        .unwrap();
    let observed = kind.read(&cx, "/p/t", &wanted).await.unwrap().unwrap();
    assert_eq!(observed.settings["value"], json!("b"));
    assert_eq!(observed.outputs["version"], "2");
}

fn record(token: &str) -> StackRecord {
    StackRecord {
        format: 1,
        status: Status::Creating,
        token: token.to_owned(),
        heartbeat: 1_795_000_000,
        provider_version: "0.1.0".to_owned(),
        intents: vec![json!({"suffix": "test", "amount": 10.50})],
    }
}

#[tokio::test]
async fn a_record_is_created_once_replaced_by_version_and_deleted() {
    let sandbox = Sandbox::start().await.unwrap();
    let records = SsmRecords::new(aws(&sandbox), REGION);
    let stack = "webhook_pipeline/test";
    assert_eq!(records.read(stack).await.unwrap(), None);
    assert_eq!(records.create_if_absent(stack, &record("a")).await.unwrap(), Some(1));
    assert_eq!(records.create_if_absent(stack, &record("b")).await.unwrap(), None);
    let stored = records.read(stack).await.unwrap().unwrap();
    assert_eq!((stored.record, stored.version), (record("a"), 1));
    assert_eq!(records.replace(stack, &record("b"), 1).await.unwrap(), Some(2));
    assert_eq!(
        records.replace(stack, &record("a"), 1).await.unwrap(),
        None,
        "an old version"
    );
    assert_eq!(records.read(stack).await.unwrap().unwrap().record, record("b"));
    records.delete(stack).await.unwrap();
    records.delete(stack).await.unwrap();
    assert_eq!(records.read(stack).await.unwrap(), None);
    assert_eq!(records.replace(stack, &record("a"), 2).await.unwrap(), None, "gone");
    assert_eq!(records.read(stack).await.unwrap(), None);
}

/// Many runs want one record: one gets it, and whatever they write at the same time, the record
/// that stands in the end is one that its writer was told is there.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_runs_one_gets_the_record() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let stack = "webhook_pipeline/contended";
    let create = |token: String| {
        let records = SsmRecords::new(aws.clone(), REGION);
        async move {
            records
                .create_if_absent(stack, &record(&token))
                .await
                .unwrap()
                .is_some()
        }
    };
    let made = futures::future::join_all((0..10).map(|n| create(format!("create-{n}")))).await;
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    let replace = |token: String| {
        let records = SsmRecords::new(aws.clone(), REGION);
        async move { records.replace(stack, &record(&token), 1).await.unwrap() }
    };
    let won = futures::future::join_all((0..10).map(|n| replace(format!("replace-{n}")))).await;
    assert!(won.iter().filter(|version| version.is_some()).count() <= 1, "{won:?}");
}
