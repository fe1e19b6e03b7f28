//! Somebody who deletes objects of a stack by hand: for each kind one call.

use crate::meddler::Meddler;
use aws_sdk_apigateway::types::GatewayResponseType;

impl Meddler {
    /// Deletes a component of a kind.
    pub(crate) async fn delete(&self, kind: &str, component: &str) {
        let id = self.id(component);
        match kind {
            "api_gateway_response" | "api_usage_plan_key" | "api_key_parameter" => {
                self.delete_at_the_edge(kind, id).await;
            }
            "event_archive" | "event_target" | "event_rule" | "schedule" => self.delete_events(kind, id).await,
            "lambda_event_source_mapping"
            | "lambda_permission"
            | "lambda_alias"
            | "lambda_function"
            | "state_machine" => {
                self.delete_compute(kind, id).await;
            }
            "dashboard" | "log_group" | "log_resource_policy" | "metric_alarm" => {
                self.delete_observability(kind, id).await;
            }
            _ => self.delete_rest(kind, id).await,
        }
    }

    async fn delete_at_the_edge(&self, kind: &str, id: &str) {
        let api = self.aws.api_gateway();
        match kind {
            "api_gateway_response" => {
                let delete = api.delete_gateway_response().rest_api_id(self.id("rest_api.webhook"));
                let delete = delete.response_type(GatewayResponseType::Default5Xx);
                delete.send().await.map(drop).unwrap();
            }
            "api_usage_plan_key" => {
                let (plan, key) = id.split_once('|').unwrap();
                let delete = api.delete_usage_plan_key().usage_plan_id(plan).key_id(key);
                delete.send().await.map(drop).unwrap();
            }
            _ => {
                self.aws
                    .ssm()
                    .delete_parameter()
                    .name(id)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
        }
    }

    async fn delete_events(&self, kind: &str, id: &str) {
        let events = self.aws.eventbridge();
        let bus = self.id("event_bus.payments");
        match kind {
            "event_archive" => {
                events.delete_archive().archive_name(id).send().await.map(drop).unwrap();
            }
            "event_target" => {
                let rule = self.part("event_rule.medium", 1);
                let found = events
                    .list_targets_by_rule()
                    .event_bus_name(bus)
                    .rule(rule)
                    .send()
                    .await
                    .unwrap();
                let target = &found.targets()[0];
                let remove = events.remove_targets().event_bus_name(bus).rule(rule).ids(target.id());
                remove.send().await.map(drop).unwrap();
            }
            "event_rule" => {
                let rule = self.part("event_rule.unroutable", 1);
                let delete = events.delete_rule().event_bus_name(bus).name(rule);
                delete.send().await.map(drop).unwrap();
            }
            _ => {
                let name = self.part("schedule.archival", 1);
                self.aws
                    .scheduler()
                    .delete_schedule()
                    .name(name)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
        }
    }

    async fn delete_compute(&self, kind: &str, id: &str) {
        let lambda = self.aws.lambda();
        match kind {
            "lambda_event_source_mapping" => {
                lambda
                    .delete_event_source_mapping()
                    .uuid(id)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "lambda_permission" => {
                let (function, statement) = id.split_once('|').unwrap();
                let (statement, alias) = statement.split_once('|').unwrap();
                let remove = lambda
                    .remove_permission()
                    .function_name(function)
                    .statement_id(statement)
                    .qualifier(alias);
                remove.send().await.map(drop).unwrap();
            }
            "lambda_alias" => {
                let (function, alias) = id.split_once('|').unwrap();
                let delete = lambda.delete_alias().function_name(function).name(alias);
                delete.send().await.map(drop).unwrap();
            }
            "lambda_function" => {
                lambda
                    .delete_function()
                    .function_name(id)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            _ => {
                let delete = self.aws.step_functions().delete_state_machine().state_machine_arn(id);
                delete.send().await.map(drop).unwrap();
            }
        }
    }

    async fn delete_observability(&self, kind: &str, id: &str) {
        match kind {
            "dashboard" => {
                let delete = self.aws.cloudwatch().delete_dashboards().dashboard_names(id);
                delete.send().await.map(drop).unwrap();
            }
            "metric_alarm" => {
                self.aws
                    .cloudwatch()
                    .delete_alarms()
                    .alarm_names(id)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "log_group" => {
                self.aws
                    .logs()
                    .delete_log_group()
                    .log_group_name(id)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            _ => {
                self.aws
                    .logs()
                    .delete_resource_policy()
                    .policy_name(id)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
        }
    }

    async fn delete_rest(&self, kind: &str, id: &str) {
        match kind {
            "kms_alias" => self
                .aws
                .kms()
                .delete_alias()
                .alias_name(id)
                .send()
                .await
                .map(drop)
                .unwrap(),
            "sns_subscription" => {
                let found = self.aws.sns().list_subscriptions().send().await.unwrap();
                let topic = self.id("sns_topic.alarms");
                let ours = found
                    .subscriptions()
                    .iter()
                    .find(|known| known.topic_arn() == Some(topic))
                    .unwrap();
                let arn = ours.subscription_arn().unwrap();
                self.aws
                    .sns()
                    .unsubscribe()
                    .subscription_arn(arn)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "iam_role" => {
                let iam = self.aws.iam();
                let policies = iam.list_role_policies().role_name(id).send().await.unwrap();
                for policy in policies.policy_names() {
                    let delete = iam.delete_role_policy().role_name(id).policy_name(policy);
                    delete.send().await.map(drop).unwrap();
                }
                iam.delete_role().role_name(id).send().await.map(drop).unwrap();
            }
            "dynamodb_table" => self
                .aws
                .dynamodb()
                .delete_table()
                .table_name(id)
                .send()
                .await
                .map(drop)
                .unwrap(),
            "sqs_queue" => self
                .aws
                .sqs()
                .delete_queue()
                .queue_url(id)
                .send()
                .await
                .map(drop)
                .unwrap(),
            "s3_bucket" => self.aws.s3().delete_bucket().bucket(id).send().await.map(drop).unwrap(),
            other => panic!("nothing known about {other}"),
        }
    }
}
