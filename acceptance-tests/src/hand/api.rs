//! API Gateway.

use super::{Object, said};
use crate::Result;
use aws_sdk_apigateway::types::{GatewayResponseType, Op, PatchOperation};

/// An empty base path, as the API's URL has it.
const ROOT: &str = "(none)";
const OTHER_STAGE: &str = "byhand";

fn patch(path: &str, value: &str) -> PatchOperation {
    let patch = PatchOperation::builder().op(Op::Replace);
    patch.path(path).value(value).build()
}

pub(super) async fn change(object: &Object) -> Result<()> {
    match object.kind.as_str() {
        "api_base_path_mapping" => map_to_another_stage(object).await,
        "api_domain_name" => {
            let update = object.aws.api_gateway().update_domain_name().domain_name(&object.id);
            let update = update.patch_operations(patch("/securityPolicy", "TLS_1_0"));
            said("apigateway:UpdateDomainName", update.send().await).map(drop)
        }
        "api_key" => {
            let update = object.aws.api_gateway().update_api_key().api_key(&object.id);
            let update = update.patch_operations(patch("/enabled", "false"));
            said("apigateway:UpdateApiKey", update.send().await).map(drop)
        }
        "api_usage_plan" => {
            let update = object.aws.api_gateway().update_usage_plan().usage_plan_id(&object.id);
            let update = update.patch_operations(patch("/throttle/rateLimit", "7"));
            said("apigateway:UpdateUsagePlan", update.send().await).map(drop)
        }
        _ => change_inside(object).await,
    }
}

/// What is part of a REST API, and the API itself.
async fn change_inside(object: &Object) -> Result<()> {
    let client = object.aws.api_gateway();
    let api = object.part(0)?;
    match object.kind.as_str() {
        "api_gateway_response" => {
            let put = client.put_gateway_response().rest_api_id(api);
            let put = put.response_type(GatewayResponseType::from(object.part(1)?));
            let put = put.response_templates("application/json", "{}");
            said("apigateway:PutGatewayResponse", put.send().await).map(drop)
        }
        "api_method" => {
            let update = client.update_method().rest_api_id(api).resource_id(object.part(1)?);
            let update = update.http_method(object.part(2)?);
            let update = update.patch_operations(patch("/apiKeyRequired", "false"));
            said("apigateway:UpdateMethod", update.send().await).map(drop)
        }
        "api_model" => {
            let update = client.update_model().rest_api_id(api).model_name(object.part(1)?);
            let update = update.patch_operations(patch("/schema", "{\"type\":\"object\"}"));
            said("apigateway:UpdateModel", update.send().await).map(drop)
        }
        "api_request_validator" => {
            let update = client.update_request_validator().rest_api_id(api);
            let update = update.request_validator_id(object.part(1)?);
            let update = update.patch_operations(patch("/validateRequestBody", "false"));
            said("apigateway:UpdateRequestValidator", update.send().await).map(drop)
        }
        "api_stage" => {
            let update = client.update_stage().rest_api_id(api).stage_name(object.part(1)?);
            let update = update.patch_operations(patch("/tracingEnabled", "false"));
            said("apigateway:UpdateStage", update.send().await).map(drop)
        }
        "rest_api" => {
            let update = client.update_rest_api().rest_api_id(api);
            let update = update.patch_operations(patch("/description", "by hand"));
            said("apigateway:UpdateRestApi", update.send().await).map(drop)
        }
        _ => Err(object.unknown()),
    }
}

/// That stage goes when the API does.
async fn map_to_another_stage(object: &Object) -> Result<()> {
    let client = object.aws.api_gateway();
    let (domain, path) = (object.part(0)?, base_path(object)?);
    let get = client.get_base_path_mapping().domain_name(domain).base_path(path);
    let mapping = said("apigateway:GetBasePathMapping", get.send().await)?;
    let get = client.get_stage().set_rest_api_id(mapping.rest_api_id.clone());
    let live = said("apigateway:GetStage", get.set_stage_name(mapping.stage).send().await)?;
    let create = client.create_stage().set_rest_api_id(mapping.rest_api_id);
    let create = create.stage_name(OTHER_STAGE).set_deployment_id(live.deployment_id);
    said("apigateway:CreateStage", create.send().await)?;
    let update = client.update_base_path_mapping().domain_name(domain).base_path(path);
    let update = update.patch_operations(patch("/stage", OTHER_STAGE));
    said("apigateway:UpdateBasePathMapping", update.send().await).map(drop)
}

fn base_path(object: &Object) -> Result<&str> {
    let path = object.part(1)?;
    Ok(if path.is_empty() { ROOT } else { path })
}

pub(super) async fn delete(object: &Object) -> Result<()> {
    let client = object.aws.api_gateway();
    match object.kind.as_str() {
        "api_base_path_mapping" => {
            let delete = client.delete_base_path_mapping().domain_name(object.part(0)?);
            let delete = delete.base_path(base_path(object)?);
            said("apigateway:DeleteBasePathMapping", delete.send().await).map(drop)
        }
        "api_domain_name" => {
            let delete = client.delete_domain_name().domain_name(&object.id);
            said("apigateway:DeleteDomainName", delete.send().await).map(drop)
        }
        "api_gateway_response" => {
            let delete = client.delete_gateway_response().rest_api_id(object.part(0)?);
            let delete = delete.response_type(GatewayResponseType::from(object.part(1)?));
            said("apigateway:DeleteGatewayResponse", delete.send().await).map(drop)
        }
        "api_key" => {
            let delete = client.delete_api_key().api_key(&object.id);
            said("apigateway:DeleteApiKey", delete.send().await).map(drop)
        }
        "api_method" => {
            let delete = client.delete_method().rest_api_id(object.part(0)?);
            let delete = delete.resource_id(object.part(1)?).http_method(object.part(2)?);
            said("apigateway:DeleteMethod", delete.send().await).map(drop)
        }
        "api_resource" => {
            let delete = client.delete_resource().rest_api_id(object.part(0)?);
            let delete = delete.resource_id(object.part(1)?);
            said("apigateway:DeleteResource", delete.send().await).map(drop)
        }
        "api_stage" => {
            let delete = client.delete_stage().rest_api_id(object.part(0)?);
            let delete = delete.stage_name(object.part(1)?);
            said("apigateway:DeleteStage", delete.send().await).map(drop)
        }
        "api_usage_plan" => delete_usage_plan(object).await,
        "api_usage_plan_key" => {
            let delete = client.delete_usage_plan_key().usage_plan_id(object.part(0)?);
            let delete = delete.key_id(object.part(1)?);
            said("apigateway:DeleteUsagePlanKey", delete.send().await).map(drop)
        }
        _ => Err(object.unknown()),
    }
}

/// AWS refuses as long as the plan has stages.
async fn delete_usage_plan(object: &Object) -> Result<()> {
    let client = object.aws.api_gateway();
    let get = client.get_usage_plan().usage_plan_id(&object.id);
    let plan = said("apigateway:GetUsagePlan", get.send().await)?;
    for stage in plan.api_stages() {
        let (api, stage) = (stage.api_id().unwrap_or_default(), stage.stage().unwrap_or_default());
        let remove = PatchOperation::builder().op(Op::Remove).path("/apiStages");
        let update = client.update_usage_plan().usage_plan_id(&object.id);
        let update = update.patch_operations(remove.value(format!("{api}:{stage}")).build());
        said("apigateway:UpdateUsagePlan", update.send().await)?;
    }
    let delete = client.delete_usage_plan().usage_plan_id(&object.id);
    said("apigateway:DeleteUsagePlan", delete.send().await).map(drop)
}
