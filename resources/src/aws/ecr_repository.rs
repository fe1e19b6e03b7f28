//! `ecr_repository`: an Amazon ECR repository.
//!
//! API: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability, Repository, Tag,
};
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::shape::{built, claim, tag_changes, unless_default};
use super::{Aws, call, found, policy, tags};

/// The kind; `id` is the repository's name.
pub struct EcrRepository(pub Arc<Aws>);

/// Code for "no such repository".
pub(super) const GONE: &[&str] = &["RepositoryNotFoundException"];
const NO_LIFECYCLE_POLICY: &[&str] = &["RepositoryNotFoundException", "LifecyclePolicyNotFoundException"];
const NO_POLICY: &[&str] = &["RepositoryNotFoundException", "RepositoryPolicyNotFoundException"];

static SPEC: KindSpec = KindSpec {
    name: "ecr_repository",
    settings: &[
        Setting::replace("repository_name"),
        Setting::new("image_tag_mutability"),
        Setting::new("scan_on_push"),
        Setting::replace("kms_key"),
        Setting::new("lifecycle_policy"),
        Setting::new("policy"),
        // For delete alone: AWS keeps no such setting.
        Setting::new("force_delete").unreadable(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name", "url"],
    volatile_outputs: &[],
    holds_data: true,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "ecr:CreateRepository",
        "ecr:DescribeRepositories",
        "ecr:DeleteRepository",
        "ecr:PutImageTagMutability",
        "ecr:PutImageScanningConfiguration",
        "ecr:PutLifecyclePolicy",
        "ecr:GetLifecyclePolicy",
        "ecr:DeleteLifecyclePolicy",
        "ecr:SetRepositoryPolicy",
        "ecr:GetRepositoryPolicy",
        "ecr:DeleteRepositoryPolicy",
        "ecr:ListTagsForResource",
        "ecr:TagResource",
        "ecr:UntagResource",
    ],
};

fn outputs(repository: &Repository) -> Outputs {
    let name = repository.repository_name().unwrap_or_default();
    Outputs::from([
        ("id".into(), name.into()),
        ("name".into(), name.into()),
        ("arn".into(), repository.repository_arn().unwrap_or_default().into()),
        ("url".into(), repository.repository_uri().unwrap_or_default().into()),
    ])
}

fn tag_list(tags: impl IntoIterator<Item = (String, String)>) -> KindResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(key, value)| built("tags", Tag::builder().key(key).value(value).build()))
        .collect()
}

fn scanning(settings: &Settings) -> KindResult<ImageScanningConfiguration> {
    let scan = settings.opt_bool("scan_on_push")?.unwrap_or_default();
    Ok(ImageScanningConfiguration::builder().scan_on_push(scan).build())
}

fn mutability(settings: &Settings) -> ImageTagMutability {
    settings
        .opt_text("image_tag_mutability")
        .map_or(ImageTagMutability::Mutable, ImageTagMutability::from)
}

impl EcrRepository {
    async fn repository(&self, cx: &Context, name: &str) -> KindResult<Option<Repository>> {
        let client = self.0.ecr(&cx.region);
        let answer = call(cx, "ecr:DescribeRepositories", || {
            client.describe_repositories().repository_names(name).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| a.repositories?.into_iter().next()))
    }

    async fn tags_of(&self, cx: &Context, arn: &str) -> KindResult<tags::Tags> {
        let client = self.0.ecr(&cx.region);
        let answer = call(cx, "ecr:ListTagsForResource", || {
            client.list_tags_for_resource().resource_arn(arn).send()
        })
        .await?;
        let tags = answer.tags.unwrap_or_default().into_iter();
        Ok(tags.map(|tag| (tag.key, tag.value)).collect())
    }

    async fn put_lifecycle_policy(&self, cx: &Context, name: &str, settings: &Settings) -> KindResult<()> {
        let client = self.0.ecr(&cx.region);
        let Some(text) = settings.document("lifecycle_policy") else {
            let answer = call(cx, "ecr:DeleteLifecyclePolicy", || {
                client.delete_lifecycle_policy().repository_name(name).send()
            })
            .await;
            return found(answer, NO_LIFECYCLE_POLICY).map(|_| ());
        };
        call(cx, "ecr:PutLifecyclePolicy", || {
            client
                .put_lifecycle_policy()
                .repository_name(name)
                .lifecycle_policy_text(&text)
                .send()
        })
        .await?;
        Ok(())
    }

    async fn put_policy(&self, cx: &Context, name: &str, settings: &Settings) -> KindResult<()> {
        let client = self.0.ecr(&cx.region);
        let Some(text) = settings.document("policy") else {
            let answer = call(cx, "ecr:DeleteRepositoryPolicy", || {
                client.delete_repository_policy().repository_name(name).send()
            })
            .await;
            return found(answer, NO_POLICY).map(|_| ());
        };
        call(cx, "ecr:SetRepositoryPolicy", || {
            client
                .set_repository_policy()
                .repository_name(name)
                .policy_text(&text)
                .send()
        })
        .await?;
        Ok(())
    }

    /// Lifecycle policy and repository policy, as text.
    async fn policies(&self, cx: &Context, name: &str) -> KindResult<(Option<String>, Option<String>)> {
        let client = self.0.ecr(&cx.region);
        let lifecycle = call(cx, "ecr:GetLifecyclePolicy", || {
            client.get_lifecycle_policy().repository_name(name).send()
        })
        .await;
        let policy = call(cx, "ecr:GetRepositoryPolicy", || {
            client.get_repository_policy().repository_name(name).send()
        })
        .await;
        Ok((
            found(lifecycle, NO_LIFECYCLE_POLICY)?.and_then(|a| a.lifecycle_policy_text),
            found(policy, NO_POLICY)?.and_then(|a| a.policy_text),
        ))
    }
}

#[async_trait]
impl Kind for EcrRepository {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.ecr(&cx.region);
        let name = desired.text("repository_name")?;
        let encryption = desired
            .opt_text("kms_key")
            .map(|key| {
                let builder = EncryptionConfiguration::builder().encryption_type(EncryptionType::Kms);
                built("kms_key", builder.kms_key(key).build())
            })
            .transpose()?;
        let request = client
            .create_repository()
            .repository_name(name)
            .image_tag_mutability(mutability(desired))
            .image_scanning_configuration(scanning(desired)?)
            .set_encryption_configuration(encryption)
            .set_tags(Some(tag_list(tags::wanted(desired))?));
        let answer = call(cx, "ecr:CreateRepository", || request.clone().send()).await?;
        let outputs = answer.repository.as_ref().map(outputs).unwrap_or_default();
        cx.created(&outputs);
        if desired.value("lifecycle_policy").is_some() {
            self.put_lifecycle_policy(cx, name, desired).await?;
        }
        if desired.value("policy").is_some() {
            self.put_policy(cx, name, desired).await?;
        }
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(repository) = self.repository(cx, id).await? else {
            return Ok(None);
        };
        let (lifecycle, policy) = self.policies(cx, id).await?;
        // Lambda writes a policy of its own into repositories that it pulls from: the policy is
        // only ours to watch when we set one.
        let policy = policy.filter(|_| recorded.value("policy").is_some());
        let scan = repository.image_scanning_configuration().map(|c| c.scan_on_push);
        let mutability = repository.image_tag_mutability().map(ImageTagMutability::as_str);
        let mut seen = Seen::default();
        seen.put("repository_name", Some(id))
            .put(
                "image_tag_mutability",
                unless_default(recorded, "image_tag_mutability", mutability, "MUTABLE"),
            )
            .put("scan_on_push", unless_default(recorded, "scan_on_push", scan, false))
            .put(
                "kms_key",
                repository.encryption_configuration().and_then(|c| c.kms_key()),
            )
            .put("lifecycle_policy", lifecycle.as_deref().map(parse_document))
            .put("policy", policy.as_deref().map(parse_document));
        let outputs = outputs(&repository);
        seen.put("tags", tags::setting(self.tags_of(cx, &outputs["arn"]).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs,
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.ecr(&cx.region);
        if change.has("image_tag_mutability") {
            call(cx, "ecr:PutImageTagMutability", || {
                client
                    .put_image_tag_mutability()
                    .repository_name(id)
                    .image_tag_mutability(mutability(change.after))
                    .send()
            })
            .await?;
        }
        if change.has("scan_on_push") {
            let scanning = scanning(change.after)?;
            call(cx, "ecr:PutImageScanningConfiguration", || {
                client
                    .put_image_scanning_configuration()
                    .repository_name(id)
                    .image_scanning_configuration(scanning.clone())
                    .send()
            })
            .await?;
        }
        if change.has("lifecycle_policy") {
            self.put_lifecycle_policy(cx, id, change.after).await?;
        }
        if change.has("policy") {
            self.put_policy(cx, id, change.after).await?;
        }
        let arn = self.0.arn("ecr", &cx.region, &format!("repository/{id}"));
        let (put, gone) = tag_changes(change);
        if let Some(put) = put {
            let put = tag_list(put)?;
            call(cx, "ecr:TagResource", || {
                client
                    .tag_resource()
                    .resource_arn(&arn)
                    .set_tags(Some(put.clone()))
                    .send()
            })
            .await?;
        }
        if gone.is_some() {
            call(cx, "ecr:UntagResource", || {
                client
                    .untag_resource()
                    .resource_arn(&arn)
                    .set_tag_keys(gone.clone())
                    .send()
            })
            .await?;
        }
        Ok(change.outputs.clone())
    }

    async fn delete(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<()> {
        let client = self.0.ecr(&cx.region);
        let force = cx.force_destroy || recorded.value("force_delete") == Some(&Value::Bool(true));
        let answer = call(cx, "ecr:DeleteRepository", || {
            client.delete_repository().repository_name(id).force(force).send()
        })
        .await;
        match found(answer, GONE) {
            Err(KindError::Service {
                operation,
                code,
                message,
                request_id,
                status,
            }) if code == "RepositoryNotEmptyException" => Err(KindError::Service {
                operation,
                code,
                message: format!(
                    "{message} (set force_destroy = true, or force_delete of the repository, to delete its images with it)"
                ),
                request_id,
                status,
            }),
            other => other.map(|_| ()),
        }
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("repository_name")?;
        let Some(repository) = self.repository(cx, name).await? else {
            return Ok(None);
        };
        let found = self
            .tags_of(cx, repository.repository_arn().unwrap_or_default())
            .await?;
        claim(
            cx,
            "ecr:DescribeRepositories",
            &format!("a repository named {name}"),
            &found,
        )?;
        Ok(Some(name.to_owned()))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "policy" => policy::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["repository_name"])
            .name("repository_name", 256, "._-/")
            .one_of("image_tag_mutability", &["MUTABLE", "IMMUTABLE"]);
        let name = super::checks::literal(settings, "repository_name").unwrap_or_default();
        if name.chars().any(|c| c.is_ascii_uppercase()) {
            checks.wrong("repository_name", format!("{name:?} must be in lower case"));
        }
        checks.done()
    }
}
