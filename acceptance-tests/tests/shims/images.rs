use crate::{BOOTSTRAP, role};
use aws_sdk_ecr::types::LayerAvailability;
use aws_sdk_lambda::types::{FunctionCode, PackageType};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tap_acceptance_tests::{Aws, Sandbox};

const REPOSITORY: &str = "validator";

fn digest(blob: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(blob)))
}

fn layer() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(BOOTSTRAP.len() as u64);
    tar.append_data(&mut header, "var/runtime/bootstrap", BOOTSTRAP)
        .unwrap();
    tar.into_inner().unwrap()
}

async fn upload(aws: &Aws, blob: &[u8], claimed_digest: &str) -> Result<(), String> {
    let ecr = aws.ecr();
    let upload = ecr
        .initiate_layer_upload()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    let id = upload.upload_id().unwrap();
    let part = ecr
        .upload_layer_part()
        .repository_name(REPOSITORY)
        .upload_id(id)
        .part_first_byte(0);
    let last = i64::try_from(blob.len()).unwrap() - 1;
    part.part_last_byte(last)
        .layer_part_blob(blob.into())
        .send()
        .await
        .unwrap();
    let complete = ecr
        .complete_layer_upload()
        .repository_name(REPOSITORY)
        .upload_id(id)
        .layer_digests(claimed_digest);
    complete
        .send()
        .await
        .map(drop)
        .map_err(|error| format!("{:?}", error.into_service_error()))
}

#[tokio::test]
async fn a_pushed_image_runs_as_a_function() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    aws.ecr()
        .create_repository()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    let layer = layer();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        "config": {"Entrypoint": ["/var/runtime/bootstrap"], "Cmd": ["webhook_validator"]}})
        .to_string();
    let manifest = manifest(&config, &layer).to_string();

    let put = || {
        aws.ecr()
            .put_image()
            .repository_name(REPOSITORY)
            .image_tag("v1")
            .image_manifest(&manifest)
    };
    let too_early = put().send().await.unwrap_err().into_service_error();
    assert!(too_early.is_layers_not_found_exception(), "{too_early:?}");
    let wrong = upload(&aws, &layer, &digest(b"other")).await.unwrap_err();
    assert!(wrong.contains("InvalidLayerException"), "{wrong}");

    upload(&aws, &layer, &digest(&layer)).await.unwrap();
    upload(&aws, config.as_bytes(), &digest(config.as_bytes()))
        .await
        .unwrap();
    let again = upload(&aws, &layer, &digest(&layer)).await.unwrap_err();
    assert!(again.contains("LayerAlreadyExistsException"), "{again}");
    let check = aws
        .ecr()
        .batch_check_layer_availability()
        .repository_name(REPOSITORY)
        .layer_digests(digest(&layer));
    let known = check.send().await.unwrap().layers.unwrap();
    assert_eq!(known[0].layer_availability, Some(LayerAvailability::Available));
    put().send().await.unwrap();

    assert_eq!(
        invoke_image(&aws, &digest(manifest.as_bytes())).await,
        json!({"handler": "webhook_validator", "arguments": ["webhook_validator"]})
    );
}

fn manifest(config: &str, layer: &[u8]) -> Value {
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config.as_bytes()), "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(layer), "size": layer.len()}]})
}

async fn invoke_image(aws: &Aws, image: &str) -> Value {
    let uri = format!(
        "{}.dkr.ecr.{}.amazonaws.com/{REPOSITORY}@{image}",
        aws.account(),
        aws.region()
    );
    let code = FunctionCode::builder().image_uri(uri).build();
    let function = aws
        .lambda()
        .create_function()
        .function_name("validator")
        .package_type(PackageType::Image);
    function.role(role(aws)).timeout(20).code(code).send().await.unwrap();
    let answer = aws
        .lambda()
        .invoke()
        .function_name("validator")
        .payload(b"{}".to_vec().into())
        .send()
        .await
        .unwrap();
    serde_json::from_slice(answer.payload.unwrap().as_ref()).unwrap()
}
