use serde_json::{Value, json};
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::ecr_image::EcrImage;
use tap_resources::aws::ecr_repository::EcrRepository;
use tap_resources::bundle;

use crate::support::{Life, aws, context, settings};

fn expiry(days: u32) -> Value {
    json!({"rules": [{
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days},
        "action": {"type": "expire"},
    }]})
}

#[tokio::test]
async fn ecr_repository() {
    let sandbox = Sandbox::start().await.unwrap();
    let pull = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Lambda", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}]});
    Life {
        kind: &EcrRepository(aws(&sandbox)),
        key: "ecr_repository.handlers",
        desired: json!({"repository_name": "tap/handlers-test", "scan_on_push": true, "lifecycle_policy": expiry(7)}),
        edits: vec![
            json!({"image_tag_mutability": "IMMUTABLE", "scan_on_push": false}),
            json!({"lifecycle_policy": expiry(14), "policy": pull}),
            json!({"tags": {"tap:stack": "webhook_pipeline/test", "tap:component": "ecr_repository.handlers"}}),
            json!({"lifecycle_policy": null, "policy": null, "image_tag_mutability": null, "scan_on_push": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// Pushes the bundled image layer by layer. Needs a build with handlers (`make handlers`): without
/// them the very same test proves that the provider says so, at plan time and at apply time.
#[tokio::test]
async fn ecr_image() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let repository = EcrRepository(aws.clone());
    let mut named = settings(json!({"repository_name": "handlers"}));
    let owner = json!({"tap:stack": "webhook_pipeline/test", "tap:component": "ecr_repository.handlers"});
    named.insert("tags".into(), owner);
    let owner = context("ecr_repository.handlers");
    repository.create(&owner, &named).await.unwrap();

    let kind = EcrImage(aws);
    let Some(image) = bundle::ARCHITECTURES
        .iter()
        .find_map(|a| bundle::image(a).ok().map(|i| (*a, i)))
    else {
        let desired = settings(json!({"repository_name": "handlers", "source": {"bundle": "arm64"}, "tag": "v1"}));
        let error = kind.create(&context("ecr_image.handlers"), &desired).await.unwrap_err();
        assert!(error.to_string().contains("this build of the provider"), "{error}");
        assert_eq!(kind.validate(&desired).len(), 1);
        return;
    };
    let (architecture, image) = image;
    let life = Life {
        kind: &kind,
        key: "ecr_image.handlers",
        desired: json!({
            "repository_name": "handlers",
            "source": {"bundle": architecture},
            "tag": "v1",
            "digest": image.digest,
        }),
        edits: vec![],
        not_shown: &[],
    };
    let (id, wanted) = life.born().await;
    let seen = kind.read(&context(life.key), &id, &wanted).await.unwrap().unwrap();
    assert!(
        seen.outputs["uri"].ends_with(&format!("/handlers@{}", image.digest)),
        "{:?}",
        seen.outputs
    );
    // Pushing the same again changes nothing (an interrupted create is repeated).
    kind.create(&context(life.key), &wanted).await.unwrap();
    // Without force the repository is kept, and the message says what to do.
    let mut gentle = context("ecr_repository.handlers");
    gentle.force_destroy = false;
    let error = repository.delete(&gentle, "handlers", &named).await.unwrap_err();
    assert!(error.to_string().contains("force_destroy = true"), "{error}");
    assert!(matches!(error, KindError::Service { .. }));
    life.dies(&id, &wanted).await;
}
