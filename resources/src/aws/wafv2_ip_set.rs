//! `wafv2_ip_set`: addresses that rules of a web ACL refer to, such as those of known payment providers (N-24).
//!
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateIPSet.html>

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_wafv2::types::{IpAddressVersion, IpSet, Scope};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::events::filled;
use super::fields::{Fields, Seen};
use super::wafv2::{self, GONE, Listed, Locked, outputs, parts, sdk_tags, tags_of, with_fresh_token};
use super::{Aws, call, found, tags};

pub(crate) mod ranges;

/// The kind; `id` is `id|name|scope`.
pub struct Wafv2IpSet(pub Arc<Aws>);

/// doc: WAF quotas, addresses or ranges in one IP set.
const MOST_ADDRESSES: usize = 10_000;

static SPEC: KindSpec = KindSpec {
    name: "wafv2_ip_set",
    settings: &[
        Setting::replace("name"),
        Setting::replace("scope"),
        Setting::new("description"),
        Setting::replace("ip_address_version"),
        Setting::new("addresses").unordered(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "wafv2:CreateIPSet",
        "wafv2:GetIPSet",
        "wafv2:ListIPSets",
        "wafv2:UpdateIPSet",
        "wafv2:DeleteIPSet",
        "wafv2:ListTagsForResource",
        "wafv2:TagResource",
        "wafv2:UntagResource",
    ],
};

impl Wafv2IpSet {
    /// The set with its lock token.
    async fn get(&self, cx: &Context, id: &str) -> KindResult<Option<(IpSet, String)>> {
        let (set_id, name, scope) = parts(id);
        let client = self.0.wafv2(&cx.region);
        let answer = call(cx, "wafv2:GetIPSet", || {
            client.get_ip_set().id(set_id).name(name).scope(scope.clone()).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| Some((a.ip_set?, a.lock_token?))))
    }
}

#[async_trait]
impl Locked for Wafv2IpSet {
    const WHAT: &'static str = "IP set";
    const LIST: &'static str = "wafv2:ListIPSets";

    fn aws(&self) -> &Aws {
        &self.0
    }

    async fn arn(&self, cx: &Context, id: &str) -> KindResult<Option<String>> {
        Ok(self.get(cx, id).await?.map(|(set, _)| set.arn))
    }

    async fn write(&self, cx: &Context, id: &str, wanted: &Settings) -> KindResult<()> {
        let (set_id, name, scope) = parts(id);
        let addresses = wanted.texts("addresses")?;
        let client = self.0.wafv2(&cx.region);
        with_fresh_token(|| async {
            let Some((_, token)) = self.get(cx, id).await? else {
                return Err(wafv2::missing("wafv2:UpdateIPSet", Self::WHAT, name));
            };
            let request = client
                .update_ip_set()
                .id(set_id)
                .name(name)
                .scope(scope.clone())
                .set_description(wanted.opt_string("description"))
                .set_addresses(Some(addresses.clone()))
                .lock_token(token);
            let answer = call(cx, "wafv2:UpdateIPSet", || request.clone().send()).await;
            answer.map(|_| ())
        })
        .await
    }

    async fn page(
        &self,
        cx: &Context,
        scope: Scope,
        marker: Option<String>,
    ) -> KindResult<(Vec<Listed>, Option<String>)> {
        let request = self.0.wafv2(&cx.region).list_ip_sets().scope(scope);
        let request = request.limit(wafv2::PAGE.into()).set_next_marker(marker);
        let answer = call(cx, Self::LIST, || request.clone().send()).await?;
        let listed = answer.ip_sets.unwrap_or_default().into_iter().map(|set| Listed {
            name: set.name,
            id: set.id,
            arn: set.arn,
        });
        Ok((listed.collect(), answer.next_marker))
    }
}

/// A range in CIDR notation of that version, the only form that WAF takes.
fn is_range(text: &str, version: &str) -> bool {
    let other = |address: IpAddr| if address.is_ipv4() { "IPV6" } else { "IPV4" };
    ranges::parse(text).is_some_and(|(address, _)| version != other(address))
}

#[async_trait]
impl Kind for Wafv2IpSet {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let (name, scope) = (desired.text("name")?, desired.text("scope")?);
        let version = desired.text("ip_address_version")?;
        let request = self
            .0
            .wafv2(&cx.region)
            .create_ip_set()
            .name(name)
            .scope(Scope::from(scope))
            .set_description(desired.opt_string("description"))
            .ip_address_version(IpAddressVersion::from(version))
            .set_addresses(Some(desired.texts("addresses")?))
            // WAF takes a list of tags only where it has elements.
            .set_tags(Some(sdk_tags(&tags::wanted(desired))?).filter(|tags| !tags.is_empty()));
        let answer = call(cx, "wafv2:CreateIPSet", || request.clone().send()).await?;
        let named = answer
            .summary
            .map(|summary| (summary.id, summary.arn))
            .unwrap_or_default();
        wafv2::created::<Self>(cx, desired, "wafv2:CreateIPSet", named)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some((set, _)) = self.get(cx, id).await? else {
            return Ok(None);
        };
        let (_, _, scope) = parts(id);
        let addresses: Vec<Value> = set.addresses.iter().map(|a| Value::from(a.as_str())).collect();
        let mut seen = Seen::default();
        seen.put("name", Some(set.name.as_str()))
            .put("scope", Some(scope.as_str()))
            .put("description", filled(set.description.clone()))
            .put("ip_address_version", Some(set.ip_address_version.as_str()))
            .put("addresses", Some(Value::Array(addresses)))
            .put("tags", tags::setting(tags_of(&self.0, cx, &set.arn).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id, &set.arn),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        wafv2::update(self, cx, id, change).await
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let (set_id, name, scope) = parts(id);
        let client = self.0.wafv2(&cx.region);
        with_fresh_token(|| async {
            let Some((_, token)) = self.get(cx, id).await? else {
                return Ok(());
            };
            let answer = call(cx, "wafv2:DeleteIPSet", || {
                client
                    .delete_ip_set()
                    .id(set_id)
                    .name(name)
                    .scope(scope.clone())
                    .lock_token(&token)
                    .send()
            })
            .await;
            found(answer, GONE).map(|_| ())
        })
        .await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        wafv2::find(self, cx, desired).await
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        let Some(items) = value.as_array().filter(|_| setting == "addresses") else {
            return tap_engine::json::normalise(value, false);
        };
        let form = |item: &Value| {
            item.as_str()
                .map_or_else(|| item.clone(), |text| ranges::canonical(text).into())
        };
        tap_engine::json::normalise(&items.iter().map(form).collect(), true)
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["name", "scope", "ip_address_version", "addresses"]);
        checks.length("name", 1..=128);
        checks.charset("name", "-_");
        checks.length("description", 1..=256);
        checks.one_of("scope", &["REGIONAL", "CLOUDFRONT"]);
        checks.one_of("ip_address_version", &["IPV4", "IPV6"]);
        checks.at_most("addresses", MOST_ADDRESSES);
        let version = settings.opt_text("ip_address_version").unwrap_or_default();
        let addresses: Vec<String> = checks.parsed("addresses").unwrap_or_default();
        for address in addresses.iter().filter(|a| !a.contains("${")) {
            if !is_range(address, version) {
                checks.wrong(
                    "addresses",
                    format!("{address} is not a range of {version} in CIDR notation (/1 to /32 or /128)"),
                );
            } else if let Some(network) = ranges::network_of(address) {
                checks.wrong(
                    "addresses",
                    format!("{address} must begin at its network's first address: {network}"),
                );
            }
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ranges_of_the_sets_version_n_24() {
        assert!(is_range("192.0.2.0/24", "IPV4"));
        assert!(is_range("2001:db8::/32", "IPV6"));
        for wrong in ["192.0.2.1", "192.0.2.0/0", "192.0.2.0/33", "2001:db8::/32", "x/8"] {
            assert!(!is_range(wrong, "IPV4"), "{wrong}");
        }
    }
}
