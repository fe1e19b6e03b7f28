//! `api_usage_plan`: how much the keys of a plan may call which stages.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_UsagePlan.html>

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigateway::types::{ApiStage, QuotaPeriodType, QuotaSettings, ThrottleSettings};
use serde::Deserialize;
use serde_json::{Number, Value, json};
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{self, GONE, Patch, seen_tags, text, wanted_tags};
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found, tags};

/// The kind; `id` is the plan's id.
pub struct ApiUsagePlan(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_usage_plan",
    settings: &[
        Setting::new("name").moves_outputs(),
        Setting::new("description"),
        Setting::new("api_stages").unordered(),
        Setting::new("throttle"),
        Setting::new("quota"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &["name"],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
    ],
};

/// One element of setting `api_stages`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stage {
    api_id: String,
    stage: String,
}

/// Setting `throttle`: requests per second, and how many at once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Throttle {
    rate_limit: Number,
    burst_limit: i32,
}

/// Setting `quota`: requests per `DAY`, `WEEK` or `MONTH`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quota {
    limit: i32,
    period: String,
}

fn stages(settings: &Settings) -> KindResult<BTreeSet<Stage>> {
    Ok(settings.parse("api_stages")?.unwrap_or_default())
}

fn patch(change: &Change<'_>) -> KindResult<Patch> {
    let mut patch = Patch::default();
    patch.texts(change, &[("name", "/name", ""), ("description", "/description", "")]);
    if change.has("api_stages") {
        let (before, after) = (stages(change.before)?, stages(change.after)?);
        for Stage { api_id, stage } in before.difference(&after) {
            patch.remove("/apiStages", Some(format!("{api_id}:{stage}")));
        }
        for Stage { api_id, stage } in after.difference(&before) {
            patch.add("/apiStages", format!("{api_id}:{stage}"));
        }
    }
    if change.has("throttle") {
        match change.after.parse::<Throttle>("throttle")? {
            Some(throttle) => {
                patch.replace("/throttle/rateLimit", throttle.rate_limit.to_string());
                patch.replace("/throttle/burstLimit", throttle.burst_limit.to_string());
            }
            None => patch.remove("/throttle", None),
        }
    }
    if change.has("quota") {
        match change.after.parse::<Quota>("quota")? {
            Some(quota) => {
                patch.replace("/quota/limit", quota.limit.to_string());
                patch.replace("/quota/period", quota.period);
            }
            None => patch.remove("/quota", None),
        }
    }
    Ok(patch)
}

fn detach(stages: &[ApiStage]) -> Patch {
    let mut patch = Patch::default();
    for stage in stages {
        let (api, name) = (stage.api_id().unwrap_or_default(), stage.stage().unwrap_or_default());
        patch.remove("/apiStages", Some(format!("{api}:{name}")));
    }
    patch
}

fn seen_stages(stages: &[ApiStage]) -> Option<Value> {
    let stage = |s: &ApiStage| json!({"api_id": s.api_id(), "stage": s.stage()});
    (!stages.is_empty()).then(|| stages.iter().map(stage).collect())
}

fn seen_throttle(throttle: Option<&ThrottleSettings>) -> Option<Value> {
    let (rate, burst) = throttle.map(|t| (t.rate_limit(), t.burst_limit()))?;
    // A plan without a throttle may answer an empty one.
    let set = rate > 0.0 || burst > 0;
    set.then(|| json!({"rate_limit": Number::from_f64(rate), "burst_limit": burst}))
}

fn seen_quota(quota: Option<&QuotaSettings>) -> Option<Value> {
    let quota = quota.filter(|quota| quota.limit() > 0)?;
    Some(json!({"limit": quota.limit(), "period": quota.period().map(QuotaPeriodType::as_str)}))
}

impl ApiUsagePlan {
    fn outputs(&self, cx: &Context, id: &str, name: &str) -> Outputs {
        Outputs::from([
            ("id".into(), id.into()),
            ("arn".into(), self.arn(cx, id)),
            ("name".into(), name.into()),
        ])
    }

    fn arn(&self, cx: &Context, id: &str) -> String {
        apigateway::arn(&self.0, cx, &format!("/usageplans/{id}"))
    }

    async fn patch(&self, cx: &Context, id: &str, patch: &Patch) -> KindResult<()> {
        if patch.is_empty() {
            return Ok(());
        }
        let client = self.0.apigateway(&cx.region);
        call(cx, "apigateway:UpdateUsagePlan", || {
            let request = client.update_usage_plan().usage_plan_id(id);
            request.set_patch_operations(Some(patch.0.clone())).send()
        })
        .await
        .map(|_| ())
    }
}

#[async_trait]
impl Kind for ApiUsagePlan {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let name = desired.text("name")?;
        let stages: Vec<ApiStage> = stages(desired)?
            .into_iter()
            .map(|s| ApiStage::builder().api_id(s.api_id).stage(s.stage).build())
            .collect();
        let throttle = desired.parse::<Throttle>("throttle")?.map(|throttle| {
            let builder = ThrottleSettings::builder().burst_limit(throttle.burst_limit);
            builder.set_rate_limit(throttle.rate_limit.as_f64()).build()
        });
        let quota = desired.parse::<Quota>("quota")?.map(|quota| {
            let period = QuotaPeriodType::from(quota.period.as_str());
            QuotaSettings::builder().limit(quota.limit).period(period).build()
        });
        let answer = call(cx, "apigateway:CreateUsagePlan", || {
            client
                .create_usage_plan()
                .name(name)
                .set_description(desired.opt_string("description"))
                .set_api_stages(Some(stages.clone()).filter(|s| !s.is_empty()))
                .set_throttle(throttle.clone())
                .set_quota(quota.clone())
                .set_tags(Some(wanted_tags(desired)))
                .send()
        })
        .await?;
        let outputs = self.outputs(cx, answer.id().unwrap_or_default(), name);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:GetUsagePlan", || {
            client.get_usage_plan().usage_plan_id(id).send()
        })
        .await;
        let Some(plan) = found(answer, GONE)? else {
            return Ok(None);
        };
        let name = plan.name().unwrap_or_default();
        let mut seen = Seen::default();
        seen.put("name", Some(name));
        seen.put("description", text(plan.description()));
        seen.put("api_stages", seen_stages(plan.api_stages()));
        seen.put("throttle", seen_throttle(plan.throttle()));
        seen.put("quota", seen_quota(plan.quota()));
        seen.put("tags", tags::setting(seen_tags(plan.tags())));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id, name),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.patch(cx, id, &patch(change)?).await?;
        apigateway::apply_tags(&self.0, cx, &self.arn(cx, id), change).await?;
        Ok(self.outputs(cx, id, change.after.text("name")?))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:GetUsagePlan", || {
            client.get_usage_plan().usage_plan_id(id).send()
        })
        .await;
        let Some(plan) = found(answer, GONE)? else {
            return Ok(());
        };
        // AWS deletes no plan that stages are attached to.
        found(self.patch(cx, id, &detach(plan.api_stages())).await, GONE)?;
        let answer = call(cx, "apigateway:DeleteUsagePlan", || {
            client.delete_usage_plan().usage_plan_id(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// Names of plans are not unique, so only the ownership tags tell.
    async fn find(&self, cx: &Context, _desired: &Settings) -> KindResult<Option<String>> {
        let client = self.0.apigateway(&cx.region);
        let plans = call(cx, "apigateway:GetUsagePlans", || {
            let pages = client.get_usage_plans().into_paginator().page_size(500);
            pages.items().send().collect::<Result<Vec<_>, _>>()
        })
        .await?;
        let ours = plans
            .into_iter()
            .filter(|plan| tags::owned(cx, &seen_tags(plan.tags())));
        Ok(ours.filter_map(|plan| plan.id).find(|id| !cx.known_ids.contains(id)))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        let mistakes = [
            ("api_stages", stages(settings).map(|_| None)),
            (
                "throttle",
                settings.parse("throttle").map(|t| t.and_then(|t| throttle_mistake(&t))),
            ),
            (
                "quota",
                settings.parse("quota").map(|q| q.and_then(|q| quota_mistake(&q))),
            ),
        ];
        for (setting, mistake) in mistakes {
            match mistake {
                Ok(None) => {}
                Ok(Some(mistake)) => _ = checks.wrong(setting, mistake),
                Err(error) => _ = checks.wrong(setting, error.to_string()),
            }
        }
        checks.done()
    }
}

fn throttle_mistake(throttle: &Throttle) -> Option<String> {
    let negative = throttle.burst_limit < 0 || throttle.rate_limit.as_f64().is_none_or(|rate| rate < 0.0);
    negative.then(|| "limits must not be negative".to_owned())
}

fn quota_mistake(quota: &Quota) -> Option<String> {
    let fits = quota.limit > 0 && ["DAY", "WEEK", "MONTH"].contains(&quota.period.as_str());
    (!fits).then(|| "limit must be at least 1 and period one of DAY, WEEK, MONTH".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(value: Value) -> Settings {
        let Value::Object(members) = value else { unreachable!() };
        members.into_iter().collect()
    }

    #[test]
    fn stages_are_attached_and_detached_one_by_one() {
        let stage = |name: &str| json!({"api_id": "abc", "stage": name});
        let before = settings(json!({"api_stages": [stage("a"), stage("b")], "quota": {"limit": 5, "period": "DAY"}}));
        let after = settings(
            json!({"api_stages": [stage("c"), stage("b")], "throttle": {"rate_limit": 0.5, "burst_limit": 2}}),
        );
        let changed = ["api_stages", "quota", "throttle"].map(str::to_owned);
        let change = Change {
            before: &before,
            after: &after,
            changed: &changed,
            outputs: &Outputs::new(),
        };
        let mut wanted = Patch::default();
        wanted.remove("/apiStages", Some("abc:a".into()));
        wanted.add("/apiStages", "abc:c");
        wanted.replace("/throttle/rateLimit", "0.5");
        wanted.replace("/throttle/burstLimit", "2");
        wanted.remove("/quota", None);
        assert_eq!(patch(&change).unwrap(), wanted);
    }

    #[test]
    fn deleting_detaches_what_is_attached_and_not_what_is_recorded() {
        let attached = [ApiStage::builder().api_id("abc").stage("prod").build()];
        let mut wanted = Patch::default();
        wanted.remove("/apiStages", Some("abc:prod".into()));
        assert_eq!(detach(&attached), wanted);
    }

    #[test]
    fn half_a_throttle_shows_at_plan_time() {
        let kind = ApiUsagePlan(apigateway::test_aws());
        let wrong = |value| kind.validate(&settings(value)).len();
        assert_eq!(wrong(json!({"throttle": {"rate_limit": 1000, "burst_limit": 2000}})), 0);
        assert_eq!(wrong(json!({"throttle": {"rate_limit": 1000}})), 1);
        assert_eq!(wrong(json!({"quota": {"limit": 10, "period": "YEAR"}})), 1);
    }
}
