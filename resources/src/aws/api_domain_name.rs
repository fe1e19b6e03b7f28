//! `api_domain_name`: a custom domain name of Amazon API Gateway, in one region.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_DomainName.html>. Requirements: R-21 (a certificate in
//! the API's own region), R-23, N-22 (regional).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_apigateway::operation::get_domain_name::GetDomainNameOutput;
use aws_sdk_apigateway::types::{
    DomainNameStatus, EndpointConfiguration, EndpointType, MutualTlsAuthenticationInput, SecurityPolicy,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{self, GONE, Patch};
use super::call::Poll;
use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen};
use super::shape::claim;
use super::{Aws, call, found, tags, wait_until};

/// The kind; `id` is the domain name.
pub struct ApiDomainName(pub Arc<Aws>);

/// An update of a domain takes up to a quarter of an hour.
const LIMIT: Duration = Duration::from_mins(20);
const REGIONAL: &str = "REGIONAL";
const TLS_1_2: &str = "TLS_1_2";

static SPEC: KindSpec = KindSpec {
    name: "api_domain_name",
    settings: &[
        Setting::replace("domain_name"),
        Setting::new("regional_certificate_arn"),
        Setting::new("security_policy"),
        Setting::new("endpoint_types"),
        Setting::new("mutual_tls"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name", "regional_domain_name", "regional_hosted_zone_id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "acm:DescribeCertificate",
        "apigateway:AddCertificateToDomain",
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
        "apigateway:RemoveCertificateFromDomain",
    ],
};

/// `mutual_tls`: whose client certificates are trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MutualTls {
    truststore_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truststore_version: Option<String>,
}

impl ApiDomainName {
    fn arn(&self, cx: &Context, name: &str) -> String {
        apigateway::arn(&self.0, cx, &format!("/domainnames/{name}"))
    }

    fn outputs(&self, cx: &Context, name: &str, domain: &GetDomainNameOutput) -> Outputs {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Outputs::from([
            ("id".into(), name.into()),
            ("arn".into(), self.arn(cx, name)),
            ("name".into(), name.into()),
            ("regional_domain_name".into(), text(domain.regional_domain_name())),
            ("regional_hosted_zone_id".into(), text(domain.regional_hosted_zone_id())),
        ])
    }

    pub(super) async fn domain(&self, cx: &Context, name: &str) -> KindResult<Option<GetDomainNameOutput>> {
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:GetDomainName", || {
            client.get_domain_name().domain_name(name).send()
        })
        .await;
        found(answer, GONE)
    }

    async fn available(&self, cx: &Context, name: &str) -> KindResult<GetDomainNameOutput> {
        wait_until("apigateway:GetDomainName", "AVAILABLE", LIMIT, || async {
            let Some(domain) = self.domain(cx, name).await? else {
                return Ok(Poll::Pending("not found".into()));
            };
            match domain.domain_name_status() {
                None | Some(DomainNameStatus::Available) => Ok(Poll::Ready(domain)),
                Some(status @ (DomainNameStatus::Pending | DomainNameStatus::Updating)) => {
                    Ok(Poll::Pending(status.to_string()))
                }
                Some(status) => Err(KindError::Failed {
                    operation: "apigateway:GetDomainName".into(),
                    message: format!(
                        "domain {name} is {status}: {}",
                        domain.domain_name_status_message().unwrap_or("AWS gives no reason")
                    ),
                }),
            }
        })
        .await
    }

    fn patch(change: &Change<'_>) -> KindResult<Patch> {
        let mut patch = Patch::default();
        patch.texts(
            change,
            &[
                ("regional_certificate_arn", "/regionalCertificateArn", ""),
                ("security_policy", "/securityPolicy", TLS_1_2),
            ],
        );
        if change.has("endpoint_types") {
            let types = change.after.texts("endpoint_types")?;
            let only = types.first().map_or(REGIONAL, String::as_str);
            patch.replace("/endpointConfiguration/types/0", only);
        }
        if change.has("mutual_tls") {
            let wanted: Option<MutualTls> = change.after.parse("mutual_tls")?;
            // Without a truststore, mutual TLS is off.
            let uri = wanted.as_ref().map_or("", |tls| tls.truststore_uri.as_str());
            patch.replace("/mutualTlsAuthentication/truststoreUri", uri);
            if let Some(version) = wanted.and_then(|tls| tls.truststore_version) {
                patch.replace("/mutualTlsAuthentication/truststoreVersion", version);
            }
        }
        Ok(patch)
    }
}

fn observed(domain: &GetDomainNameOutput, recorded: &Settings) -> Seen {
    let configuration = domain.endpoint_configuration();
    let types: Vec<Value> = configuration
        .map(EndpointConfiguration::types)
        .unwrap_or_default()
        .iter()
        .map(|t| Value::from(t.as_str()))
        .collect();
    let wanted: Option<MutualTls> = recorded.parse("mutual_tls").ok().flatten();
    let tls = domain.mutual_tls_authentication().and_then(|tls| {
        let version = tls.truststore_version().filter(|v| !v.is_empty());
        Some(MutualTls {
            truststore_uri: apigateway::text(tls.truststore_uri())?.to_owned(),
            // The current version is told although none was asked for.
            truststore_version: wanted
                .and_then(|w| w.truststore_version)
                .and(version)
                .map(str::to_owned),
        })
    });
    let mut seen = Seen::default();
    seen.put(
        "regional_certificate_arn",
        apigateway::text(domain.regional_certificate_arn()),
    )
    .put_unless_default(
        "security_policy",
        domain.security_policy().map(SecurityPolicy::as_str),
        TLS_1_2,
        recorded,
    )
    .put_unless_default(
        "endpoint_types",
        Some(Value::Array(types)),
        Value::from(vec![REGIONAL]),
        recorded,
    )
    .put("mutual_tls", tls.and_then(|tls| serde_json::to_value(tls).ok()));
    seen
}

#[async_trait]
impl Kind for ApiDomainName {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let name = desired.text("domain_name")?;
        let types = desired.texts("endpoint_types")?;
        let types = if types.is_empty() {
            vec![EndpointType::Regional]
        } else {
            types.iter().map(|t| EndpointType::from(t.as_str())).collect()
        };
        let endpoint = EndpointConfiguration::builder().set_types(Some(types)).build();
        let tls = desired.parse::<MutualTls>("mutual_tls")?.map(|tls| {
            MutualTlsAuthenticationInput::builder()
                .truststore_uri(tls.truststore_uri)
                .set_truststore_version(tls.truststore_version)
                .build()
        });
        let policy = desired.opt_text("security_policy").unwrap_or(TLS_1_2);
        call(cx, "apigateway:CreateDomainName", || {
            client
                .create_domain_name()
                .domain_name(name)
                .set_regional_certificate_arn(desired.opt_string("regional_certificate_arn"))
                .security_policy(SecurityPolicy::from(policy))
                .endpoint_configuration(endpoint.clone())
                .set_mutual_tls_authentication(tls.clone())
                .set_tags(Some(apigateway::wanted_tags(desired)))
                .send()
        })
        .await?;
        cx.created(&self.outputs(cx, name, &GetDomainNameOutput::builder().build()));
        let domain = self.available(cx, name).await?;
        let outputs = self.outputs(cx, name, &domain);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(domain) = self.domain(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = observed(&domain, recorded);
        seen.put("domain_name", Some(id))
            .put("tags", tags::setting(apigateway::seen_tags(domain.tags())));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id, &domain),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let patch = Self::patch(change)?;
        if !patch.is_empty() {
            self.available(cx, id).await?;
            let client = self.0.apigateway(&cx.region);
            call(cx, "apigateway:UpdateDomainName", || {
                client
                    .update_domain_name()
                    .domain_name(id)
                    .set_patch_operations(Some(patch.0.clone()))
                    .send()
            })
            .await?;
        }
        apigateway::apply_tags(&self.0, cx, &self.arn(cx, id), change).await?;
        let domain = self.available(cx, id).await?;
        Ok(self.outputs(cx, id, &domain))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:DeleteDomainName", || {
            client.delete_domain_name().domain_name(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("domain_name")?;
        let Some(domain) = self.domain(cx, name).await? else {
            return Ok(None);
        };
        if cx.known_ids.iter().any(|id| id == name) {
            return Ok(None);
        }
        let tags = apigateway::seen_tags(domain.tags());
        let operation = "apigateway:GetDomainName";
        claim(cx, operation, &format!("domain name {name}"), &tags)?;
        Ok(Some(name.to_owned()))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["domain_name", "regional_certificate_arn"]).text(
            "domain_name",
            1..=255,
            alphanumeric_or(".-*"),
            "letters, digits, ., - and *",
        );
        let is_certificate = |arn: &str| arn.starts_with("arn:") && arn.contains(":acm:");
        let certificate = checks.known_text("regional_certificate_arn");
        if certificate.is_some_and(|arn| !is_certificate(arn)) {
            checks.wrong(
                "regional_certificate_arn",
                "must be the ARN of an ACM certificate in the API's region",
            );
        }
        let types = settings.texts("endpoint_types").unwrap_or_default();
        if types.len() > 1 || types.iter().any(|t| t != REGIONAL) {
            checks.wrong("endpoint_types", "must be [\"REGIONAL\"]");
        }
        match settings.parse::<MutualTls>("mutual_tls") {
            Err(error) => {
                checks.wrong("mutual_tls", error.to_string());
            }
            Ok(Some(tls)) if !tls.truststore_uri.starts_with("s3://") && !tls.truststore_uri.contains("${") => {
                checks.wrong("mutual_tls", "truststore_uri begins with s3://");
            }
            Ok(_) => {}
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_certificate_is_an_acm_arn_r_21() {
        let kind = ApiDomainName(super::super::testing::aws());
        let of = |value: Value| kind.validate(&serde_json::from_value(value).unwrap());
        let arn = "arn:aws:acm:us-east-1:111122223333:certificate/1";
        assert_eq!(
            of(json!({"domain_name": "pay.example.com", "regional_certificate_arn": arn})),
            []
        );
        let wrong = of(
            json!({"domain_name": "pay.example.com", "regional_certificate_arn": "certificate/1",
            "endpoint_types": ["EDGE"], "mutual_tls": {"truststore_uri": "https://x"}}),
        );
        let names: Vec<&str> = wrong.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["regional_certificate_arn", "endpoint_types", "mutual_tls"]);
    }

    #[test]
    fn removing_mutual_tls_takes_the_truststore_away() {
        let before = Settings::from([("mutual_tls".to_owned(), json!({"truststore_uri": "s3://b/k"}))]);
        let (after, outputs) = (Settings::new(), Outputs::new());
        let changed = ["mutual_tls".to_owned()];
        let change = Change {
            before: &before,
            after: &after,
            changed: &changed,
            outputs: &outputs,
        };
        let mut wanted = Patch::default();
        wanted.replace("/mutualTlsAuthentication/truststoreUri", "");
        assert_eq!(ApiDomainName::patch(&change).unwrap(), wanted);
    }
}
