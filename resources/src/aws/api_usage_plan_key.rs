//! `api_usage_plan_key`: an API key's place in a usage plan.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_UsagePlanKey.html>

use std::sync::Arc;

use async_trait::async_trait;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{GONE, parts};
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `<usage plan>|<key>`.
pub struct ApiUsagePlanKey(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_usage_plan_key",
    settings: &[Setting::replace("usage_plan_id"), Setting::replace("key_id")],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &["apigateway:DELETE", "apigateway:GET", "apigateway:POST"],
};

fn outputs(id: &str) -> Outputs {
    Outputs::from([("id".into(), id.into())])
}

#[async_trait]
impl Kind for ApiUsagePlanKey {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let (plan, key) = (desired.text("usage_plan_id")?, desired.text("key_id")?);
        call(cx, "apigateway:CreateUsagePlanKey", || {
            let request = client.create_usage_plan_key().usage_plan_id(plan);
            request.key_id(key).key_type("API_KEY").send()
        })
        .await?;
        let outputs = outputs(&format!("{plan}|{key}"));
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let [plan, key] = parts(id)?;
        let answer = call(cx, "apigateway:GetUsagePlanKey", || {
            client.get_usage_plan_key().usage_plan_id(plan).key_id(key).send()
        })
        .await;
        if found(answer, GONE)?.is_none() {
            return Ok(None);
        }
        let mut seen = Seen::default();
        seen.put("usage_plan_id", Some(plan));
        seen.put("key_id", Some(key));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, _cx: &Context, id: &str, _change: &Change<'_>) -> KindResult<Outputs> {
        // Both settings replace; nothing is left to change.
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let [plan, key] = parts(id)?;
        let answer = call(cx, "apigateway:DeleteUsagePlanKey", || {
            client.delete_usage_plan_key().usage_plan_id(plan).key_id(key).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// Plan and key are both the stack's own: being in the plan proves it.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let id = format!("{}|{}", desired.text("usage_plan_id")?, desired.text("key_id")?);
        let there = self.read(cx, &id, desired).await?.is_some();
        Ok((there && !cx.known_ids.contains(&id)).then_some(id))
    }
}
