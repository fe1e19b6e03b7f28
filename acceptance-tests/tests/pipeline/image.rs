//! (e) The handlers as container images, pushed without Docker (W-36 to W-38).

use crate::site::Site;
use tap_acceptance_tests::pipeline::{Configuration, payment, suspicious};

#[tokio::test]
async fn functions_from_images_work_like_those_from_zips() {
    let configuration = Configuration::new("img")
        .with("package_type", "\"Image\"")
        .with("archival", "{ min_age_hours = 0 }");
    let site = Site::applied(&configuration).await;
    let pipeline = site.pipeline().await;
    let repositories: Vec<_> = site.aws.inventory().await.unwrap();
    let repositories = repositories
        .iter()
        .filter(|what| what.starts_with("ecr_repository "))
        .count();
    assert_eq!(repositories, 4);

    let key = pipeline.api_key().await.unwrap();
    let answer = pipeline
        .send(&key, &payment("boxed", "15000", &suspicious()))
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let item = pipeline.item_when("boxed", "analyzed").await.unwrap();
    assert_eq!(item["fraud_analysis"]["fraud_status"], "high_risk");
    pipeline.executions_ended(1).await.unwrap();
    assert_eq!(pipeline.archive_now().await.unwrap()["archived_count"].to_string(), "1");

    site.must_be_settled().await;
    site.destroy().await;
}
