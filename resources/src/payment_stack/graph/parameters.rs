//! What other systems look up in SSM, in every region, encrypted (002).

use super::super::config::HMAC_SECRETS;
use super::api::Api;
use super::keys::Purpose;
use super::site::Site;
use super::storage::Bucket;
use crate::payment_stack::slug::slug;

/// The path that all parameters begin with.
pub(super) fn prefix(s: &Site<'_>) -> String {
    let usual = || format!("/payment/{}/", s.b.shared.environment_suffix);
    s.p.ssm.prefix.clone().unwrap_or_else(usual)
}

/// Where the processor finds the secrets of signed requests.
pub(super) struct Secrets {
    pub(super) name: String,
    pub(super) arn: String,
    /// Whether the stack makes the parameter.
    pub(super) ours: bool,
}

/// The parameter with the secrets, if requests are signed: the user's, or the stack's own.
pub(super) fn hmac_secrets(s: &Site<'_>) -> Option<Secrets> {
    let a = &s.p.api;
    if a.authorization != "hmac" {
        return None;
    }
    if a.hmac.secrets_wo_version.is_some() {
        let key = s.b.key("ssm_parameter", "hmac_secrets");
        return Some(Secrets {
            name: key.output("name"),
            arn: key.arn(),
            ours: true,
        });
    }
    let name = a.hmac.secret_ssm_parameter.clone()?;
    let arn = s.b.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')));
    Some(Secrets { name, arn, ours: false })
}

/// Adds the parameter with the secrets, where the stack makes it.
pub(super) fn secrets(s: &mut Site<'_>) {
    let version = s.p.api.hmac.secrets_wo_version;
    if version.is_none() || hmac_secrets(s).is_none() {
        return;
    }
    let name = format!("{}hmac-secrets", prefix(s));
    let name = s.b.name("ssm_parameter.hmac_secrets", Some(&name), "");
    let parameter =
        s.b.component("ssm_parameter", "hmac_secrets")
            .set("name", name)
            .set("type", "SecureString")
            .set("secret", HMAC_SECRETS)
            .set("secret_version", version)
            .set("key_id", s.keys.arn(Purpose::Ssm));
    s.b.add(parameter);
}

pub(super) fn build(s: &mut Site<'_>, bucket: Option<&Bucket>, api: Option<&Api>) {
    if !s.p.ssm.enabled {
        return;
    }
    let table = super::data::payments(s).name;
    parameter(s, "table_name", "table-name", &table);
    if let Some(bucket) = bucket {
        parameter(s, "bucket_name", "bucket-name", &bucket.key.output("name"));
    }
    if let Some(api) = api {
        // With a domain nobody gets in at the API's own endpoint.
        let url = super::edge::public_url(s).unwrap_or_else(|| api.url.clone());
        parameter(s, "api_endpoint", "api-endpoint", &url);
    }
    for (name, value) in s.p.ssm.parameters.iter().flatten() {
        parameter(s, &format!("own_{}", slug(name)), name, value);
    }
}

fn parameter(s: &mut Site<'_>, key: &str, name: &str, value: &str) {
    let name = format!("{}{name}", prefix(s));
    let name = s.b.name(&format!("ssm_parameter.{key}"), Some(&name), "");
    let parameter =
        s.b.component("ssm_parameter", key)
            .set("name", name)
            .set("type", "SecureString")
            .set("value", value)
            .set("key_id", s.keys.arn(Purpose::Ssm));
    s.b.add(parameter);
}
