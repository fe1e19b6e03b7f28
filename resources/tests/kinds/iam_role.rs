use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_resources::aws::iam_role::IamRole;

use crate::support::{Life, aws};

fn trust(service: &str) -> serde_json::Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    })
}

#[tokio::test]
async fn iam_role() {
    let sandbox = Sandbox::start().await.unwrap();
    let allow = |action: &str, resource: &str| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [action], "Resource": resource}]});
    let read_table = allow("dynamodb:GetItem", "arn:aws:dynamodb:*:*:table/t+1%");
    let read_index = allow("dynamodb:Query", "arn:aws:dynamodb:*:*:table/t/index/*");
    Life {
        kind: &IamRole(aws(&sandbox)),
        key: "iam_role.validator",
        desired: json!({
            "role_name": "validator-test",
            "path": "/tap/",
            "assume_role_policy": trust("lambda.amazonaws.com"),
            "inline_policies": {"table": read_table, "traces": allow("xray:PutTraceSegments", "*")},
        }),
        edits: vec![
            json!({"description": "Stores webhooks", "max_session_duration": 7200}),
            json!({"assume_role_policy": trust("states.amazonaws.com")}),
            json!({"managed_policy_arns": [
                "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess",
                "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
            ]}),
            json!({"inline_policies": {"table": read_index}}),
            json!({"managed_policy_arns": ["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"]}),
            json!({"permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess"}),
            json!({"tags": {"tap:stack": "webhook_pipeline/test", "tap:component": "iam_role.validator", "a": "b"}}),
            // `description` stays: the sandbox drops empty members of a query request, which is how AWS
            // is told to clear it.
            json!({"permissions_boundary": null, "inline_policies": null, "max_session_duration": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// Two stacks with the same role name: the second is told, and nothing of the first is touched.
#[tokio::test]
async fn a_role_of_another_stack_is_not_taken() {
    use crate::support::{context, settings};
    use tap_engine::{Kind, KindError};

    let sandbox = Sandbox::start().await.unwrap();
    let kind = IamRole(aws(&sandbox));
    let desired = settings(json!({
        "role_name": "shared",
        "assume_role_policy": trust("lambda.amazonaws.com"),
        "tags": {"tap:stack": "webhook_pipeline/other", "tap:component": "iam_role.a"},
    }));
    kind.create(&context("iam_role.a"), &desired).await.unwrap();
    let error = kind.find(&context("iam_role.a"), &desired).await.unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
}

/// Roles are of all regions: a stack of the same suffix elsewhere does not take them, and its plan says so.
#[tokio::test]
async fn a_role_of_the_same_stack_in_another_region_is_not_taken() {
    use crate::support::{context, settings};
    use tap_engine::{Context, Kind, Prospect};

    let sandbox = Sandbox::start().await.unwrap();
    let kind = IamRole(aws(&sandbox));
    let here = context("iam_role.a");
    let there = Context {
        region: "ap-south-1".to_owned(),
        ..context("iam_role.a")
    };
    let desired = settings(json!({
        "role_name": "shared",
        "assume_role_policy": trust("lambda.amazonaws.com"),
        "tags": {"tap:stack": here.stack, "tap:component": "iam_role.a"},
    }));
    assert!(kind.check(&there, &desired, Prospect::Made).await.is_empty());
    kind.create(&here, &desired).await.unwrap();

    let error = kind.find(&there, &desired).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("in {}", here.region)) && error.contains("environment_suffix"),
        "{error}"
    );
    let findings = kind.check(&there, &desired, Prospect::Made).await;
    assert!(
        findings.len() == 1 && findings[0].fatal && findings[0].setting == "role_name",
        "{findings:?}"
    );
    assert_eq!(kind.find(&here, &desired).await.unwrap().as_deref(), Some("shared"));
    assert!(kind.check(&here, &desired, Prospect::Made).await.is_empty());
    let seen = kind.read(&here, "shared", &desired).await.unwrap().unwrap();
    assert_eq!(seen.settings["tags"], desired["tags"], "the region is no setting");
}
