//! The rules of a web ACL, as documents with the API's own member names and as the SDK's types.
//!
//! The SDK's types cannot be read from JSON, so the statements that the stacks need are spelled out
//! here: rate-based, managed rule groups, and conditions on addresses, host and path. Anything else is refused at plan time
//! by name.

mod conditions;

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::types as sdk;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tap_engine::{KindError, KindResult};

use conditions::{ByteMatch, IpSetReference, Not, Several};

/// What AWS takes where nothing is said (doc: `RateBasedStatement`), in seconds.
const DEFAULT_WINDOW: i64 = 300;
const WINDOWS: [i64; 4] = [60, 120, DEFAULT_WINDOW, 600];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) priority: i32,
    statement: Statement,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    override_action: Option<OverrideAction>,
    visibility_config: Visibility,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the names are AWS's")]
struct Statement {
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_based_statement: Option<RateBased>,
    #[serde(skip_serializing_if = "Option::is_none")]
    managed_rule_group_statement: Option<Managed>,
    #[serde(rename = "IPSetReferenceStatement", skip_serializing_if = "Option::is_none")]
    ip_set_reference_statement: Option<IpSetReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_match_statement: Option<ByteMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_statement: Option<Not>,
    #[serde(skip_serializing_if = "Option::is_none")]
    and_statement: Option<Several>,
    #[serde(skip_serializing_if = "Option::is_none")]
    or_statement: Option<Several>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RateBased {
    limit: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation_window_sec: Option<i64>,
    aggregate_key_type: String,
    #[serde(rename = "ForwardedIPConfig", skip_serializing_if = "Option::is_none")]
    forwarded_ip_config: Option<ForwardedIp>,
    /// Which requests count.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_down_statement: Option<Box<Statement>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ForwardedIp {
    header_name: String,
    fallback_behavior: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Managed {
    vendor_name: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rule_action_overrides: Vec<RuleOverride>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleOverride {
    name: String,
    action_to_use: Action,
}

/// An action without parameters: `{}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Action {
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<Block>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captcha: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<Plain>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Block {
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_response: Option<CustomResponse>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CustomResponse {
    response_code: i32,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OverrideAction {
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    none: Option<Plain>,
}

/// `VisibilityConfig`: metrics and sampled requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Visibility {
    sampled_requests_enabled: bool,
    cloud_watch_metrics_enabled: bool,
    metric_name: String,
}

impl Visibility {
    pub(super) fn to_sdk(&self) -> Result<sdk::VisibilityConfig, BuildError> {
        sdk::VisibilityConfig::builder()
            .sampled_requests_enabled(self.sampled_requests_enabled)
            .cloud_watch_metrics_enabled(self.cloud_watch_metrics_enabled)
            .metric_name(&self.metric_name)
            .build()
    }

    pub(super) fn from_sdk(config: &sdk::VisibilityConfig) -> Self {
        Self {
            sampled_requests_enabled: config.sampled_requests_enabled,
            cloud_watch_metrics_enabled: config.cloud_watch_metrics_enabled,
            metric_name: config.metric_name.clone(),
        }
    }
}

impl Action {
    fn to_sdk(&self) -> Result<sdk::RuleAction, BuildError> {
        let response = self.block.as_ref().and_then(|b| b.custom_response.as_ref());
        let response = response
            .map(|r| sdk::CustomResponse::builder().response_code(r.response_code).build())
            .transpose()?;
        let block = self
            .block
            .as_ref()
            .map(|_| sdk::BlockAction::builder().set_custom_response(response).build());
        let plain = Option::is_some;
        Ok(sdk::RuleAction::builder()
            .set_allow(plain(&self.allow).then(|| sdk::AllowAction::builder().build()))
            .set_block(block)
            .set_count(plain(&self.count).then(|| sdk::CountAction::builder().build()))
            .set_captcha(plain(&self.captcha).then(|| sdk::CaptchaAction::builder().build()))
            .set_challenge(plain(&self.challenge).then(|| sdk::ChallengeAction::builder().build()))
            .build())
    }

    /// `None` for what the documents above cannot say.
    fn from_sdk(action: &sdk::RuleAction) -> Option<Self> {
        let block = action.block.as_ref().map(|b| Block {
            custom_response: b.custom_response.as_ref().map(|r| CustomResponse {
                response_code: r.response_code,
            }),
        });
        let known = Self {
            allow: action.allow.as_ref().map(|_| Plain {}),
            block,
            count: action.count.as_ref().map(|_| Plain {}),
            captcha: action.captcha.as_ref().map(|_| Plain {}),
            challenge: action.challenge.as_ref().map(|_| Plain {}),
        };
        (known.to_sdk().ok().as_ref() == Some(action)).then_some(known)
    }
}

impl Statement {
    fn to_sdk(&self) -> Result<sdk::Statement, BuildError> {
        let rate = self.rate_based_statement.as_ref().map(RateBased::to_sdk);
        let managed = self.managed_rule_group_statement.as_ref().map(Managed::to_sdk);
        let addresses = self.ip_set_reference_statement.as_ref().map(IpSetReference::to_sdk);
        let bytes = self.byte_match_statement.as_ref().map(ByteMatch::to_sdk);
        let not = self.not_statement.as_ref().map(Not::to_sdk);
        let and = self.and_statement.as_ref().map(Several::to_and);
        let or = self.or_statement.as_ref().map(Several::to_or);
        Ok(sdk::Statement::builder()
            .set_rate_based_statement(rate.transpose()?)
            .set_managed_rule_group_statement(managed.transpose()?)
            .set_ip_set_reference_statement(addresses.transpose()?)
            .set_byte_match_statement(bytes.transpose()?)
            .set_not_statement(not.transpose()?)
            .set_and_statement(and.transpose()?)
            .set_or_statement(or.transpose()?)
            .build())
    }

    /// `None` for what the documents above cannot say.
    fn from_sdk(found: &sdk::Statement) -> Option<Self> {
        let mut known = Self::default();
        if let Some(rate) = &found.rate_based_statement {
            known.rate_based_statement = Some(RateBased::from_sdk(rate)?);
        }
        if let Some(managed) = &found.managed_rule_group_statement {
            known.managed_rule_group_statement = Some(Managed::from_sdk(managed)?);
        }
        if let Some(set) = &found.ip_set_reference_statement {
            known.ip_set_reference_statement = Some(IpSetReference::from_sdk(set));
        }
        if let Some(bytes) = &found.byte_match_statement {
            known.byte_match_statement = Some(ByteMatch::from_sdk(bytes)?);
        }
        if let Some(not) = &found.not_statement {
            known.not_statement = Some(Not::from_sdk(not)?);
        }
        if let Some(and) = &found.and_statement {
            known.and_statement = Some(Several::from_sdk(&and.statements)?);
        }
        if let Some(or) = &found.or_statement {
            known.or_statement = Some(Several::from_sdk(&or.statements)?);
        }
        (known.to_sdk().ok() == Some(without_empty_lists(found))).then_some(known)
    }

    /// A condition on a request, which a rule of one's own may have as its statement.
    fn is_condition(&self) -> bool {
        let conditions = [
            self.ip_set_reference_statement.is_some(),
            self.byte_match_statement.is_some(),
            self.not_statement.is_some(),
            self.and_statement.is_some(),
            self.or_statement.is_some(),
        ];
        let others = self.rate_based_statement.is_some() || self.managed_rule_group_statement.is_some();
        let nested = self.not_statement.iter().map(Not::inner).chain(
            [&self.and_statement, &self.or_statement]
                .into_iter()
                .flatten()
                .flat_map(Several::inner),
        );
        !others
            && conditions.into_iter().filter(|given| *given).count() == 1
            && nested.into_iter().all(Self::is_condition)
    }
}

impl RateBased {
    fn to_sdk(&self) -> Result<sdk::RateBasedStatement, BuildError> {
        let forwarded = self.forwarded_ip_config.as_ref().map(|f| {
            sdk::ForwardedIpConfig::builder()
                .header_name(&f.header_name)
                .fallback_behavior(f.fallback_behavior.as_str().into())
                .build()
        });
        let scope = self.scope_down_statement.as_ref().map(|scope| scope.to_sdk());
        sdk::RateBasedStatement::builder()
            .limit(self.limit)
            .set_evaluation_window_sec(self.evaluation_window_sec)
            .aggregate_key_type(self.aggregate_key_type.as_str().into())
            .set_forwarded_ip_config(forwarded.transpose()?)
            .set_scope_down_statement(scope.transpose()?.map(Box::new))
            .build()
    }

    fn from_sdk(statement: &sdk::RateBasedStatement) -> Option<Self> {
        let scope = match statement.scope_down_statement() {
            Some(scope) => Some(Box::new(Statement::from_sdk(scope)?)),
            None => None,
        };
        Some(Self {
            limit: statement.limit,
            // The SDK reads an absent number as 0, which AWS does not take.
            evaluation_window_sec: Some(statement.evaluation_window_sec).filter(|n| *n != 0),
            aggregate_key_type: statement.aggregate_key_type.as_str().to_owned(),
            forwarded_ip_config: statement.forwarded_ip_config.as_ref().map(|f| ForwardedIp {
                header_name: f.header_name.clone(),
                fallback_behavior: f.fallback_behavior.as_str().to_owned(),
            }),
            scope_down_statement: scope,
        })
    }
}

impl Managed {
    fn to_sdk(&self) -> Result<sdk::ManagedRuleGroupStatement, BuildError> {
        let overrides: Result<Vec<_>, BuildError> = self
            .rule_action_overrides
            .iter()
            .map(|o| {
                sdk::RuleActionOverride::builder()
                    .name(&o.name)
                    .action_to_use(o.action_to_use.to_sdk()?)
                    .build()
            })
            .collect();
        sdk::ManagedRuleGroupStatement::builder()
            .vendor_name(&self.vendor_name)
            .name(&self.name)
            .set_version(self.version.clone())
            .set_rule_action_overrides(Some(overrides?).filter(|list| !list.is_empty()))
            .build()
    }

    fn from_sdk(statement: &sdk::ManagedRuleGroupStatement) -> Option<Self> {
        let overrides: Option<Vec<RuleOverride>> = statement
            .rule_action_overrides()
            .iter()
            .map(|o| {
                Some(RuleOverride {
                    name: o.name.clone(),
                    action_to_use: Action::from_sdk(o.action_to_use.as_ref()?)?,
                })
            })
            .collect();
        Some(Self {
            vendor_name: statement.vendor_name.clone(),
            name: statement.name.clone(),
            version: statement.version.clone(),
            rule_action_overrides: overrides?,
        })
    }
}

impl Rule {
    fn to_sdk(&self) -> Result<sdk::Rule, BuildError> {
        let override_action = self.override_action.as_ref().map(|o| {
            sdk::OverrideAction::builder()
                .set_count(o.count.as_ref().map(|_| sdk::CountAction::builder().build()))
                .set_none(o.none.as_ref().map(|_| sdk::NoneAction::builder().build()))
                .build()
        });
        sdk::Rule::builder()
            .name(&self.name)
            .priority(self.priority)
            .statement(self.statement.to_sdk()?)
            .set_action(self.action.as_ref().map(Action::to_sdk).transpose()?)
            .set_override_action(override_action)
            .visibility_config(self.visibility_config.to_sdk()?)
            .build()
    }

    fn from_sdk(rule: &sdk::Rule) -> Option<Self> {
        let known = Self {
            name: rule.name.clone(),
            priority: rule.priority,
            statement: Statement::from_sdk(rule.statement.as_ref()?)?,
            action: match &rule.action {
                Some(action) => Some(Action::from_sdk(action)?),
                None => None,
            },
            override_action: rule.override_action.as_ref().map(|o| OverrideAction {
                count: o.count.as_ref().map(|_| Plain {}),
                none: o.none.as_ref().map(|_| Plain {}),
            }),
            visibility_config: Visibility::from_sdk(rule.visibility_config.as_ref()?),
        };
        Some(known)
    }

    /// What AWS would refuse.
    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut say = |text: String| mistakes.push(format!("rule {}: {text}", self.name));
        let statement = &self.statement;
        match (
            &statement.rate_based_statement,
            &statement.managed_rule_group_statement,
            statement.is_condition(),
        ) {
            (Some(rate), None, false) => {
                if !(10..=2_000_000_000).contains(&rate.limit) {
                    say(format!("Limit must be 10 to 2000000000, not {}", rate.limit));
                }
                if rate.evaluation_window_sec.is_some_and(|n| !WINDOWS.contains(&n)) {
                    say(format!("EvaluationWindowSec must be one of {WINDOWS:?}"));
                }
                if self.action.is_none() || self.override_action.is_some() {
                    say("a rate-based rule takes an Action and no OverrideAction".into());
                }
                if (rate.aggregate_key_type == "FORWARDED_IP") != rate.forwarded_ip_config.is_some() {
                    say("ForwardedIPConfig belongs to AggregateKeyType FORWARDED_IP".into());
                }
                if rate
                    .scope_down_statement
                    .as_ref()
                    .is_some_and(|scope| !scope.is_condition())
                {
                    say("ScopeDownStatement must be a condition".into());
                }
            }
            (None, Some(_), false) if self.override_action.is_none() || self.action.is_some() => {
                say("a managed rule group takes an OverrideAction and no Action".into());
            }
            (None, None, true) if self.action.is_none() || self.override_action.is_some() => {
                say("a condition takes an Action and no OverrideAction".into());
            }
            (None, Some(_), false) | (None, None, true) => {}
            _ => say("needs one statement: rate-based, a managed rule group, or a condition".into()),
        }
        mistakes
    }
}

/// WAF shows lists of a managed group that nobody set as empty ones (doc: WAF developer guide, examples of Bot Control):
/// they say the same as none.
#[allow(deprecated, reason = "rules of before 2022 have excluded_rules")]
fn without_empty_lists(found: &sdk::Statement) -> sdk::Statement {
    let mut tidy = found.clone();
    if let Some(group) = &mut tidy.managed_rule_group_statement {
        group.excluded_rules.take_if(|list| list.is_empty());
        group.rule_action_overrides.take_if(|list| list.is_empty());
        group.managed_rule_group_configs.take_if(|list| list.is_empty());
    }
    tidy
}

/// The rules as the SDK wants them.
pub(super) fn to_sdk(rules: &[Rule]) -> KindResult<Vec<sdk::Rule>> {
    let rules: Result<Vec<_>, BuildError> = rules.iter().map(Rule::to_sdk).collect();
    rules.map_err(|error| KindError::invalid("rules", error.to_string()))
}

/// The rules as documents. A rule that somebody else wrote and that the documents cannot say is
/// shown by its name, so that it is seen as drift.
pub(super) fn from_sdk(rules: &[sdk::Rule]) -> Vec<Value> {
    rules
        .iter()
        .map(|rule| {
            let known = Rule::from_sdk(rule).and_then(|rule| serde_json::to_value(rule).ok());
            let foreign = || json!({"Name": rule.name, "Priority": rule.priority, "Statement": "not managed here"});
            known.unwrap_or_else(foreign)
        })
        .collect()
}

/// The form in which rules are compared: by priority, the default window left out, headers in lower case.
pub(super) fn normalise(value: &Value) -> Value {
    let mut value = tap_engine::json::normalise(value, false);
    conditions::lower_header_names(&mut value);
    let Value::Array(mut rules) = value else { return value };
    for rule in &mut rules {
        if let Some(Value::Object(rate)) = rule.pointer_mut("/Statement/RateBasedStatement")
            && rate.get("EvaluationWindowSec").and_then(Value::as_i64) == Some(DEFAULT_WINDOW)
        {
            rate.remove("EvaluationWindowSec");
        }
        if let Some(Value::Object(group)) = rule.pointer_mut("/Statement/ManagedRuleGroupStatement")
            && group.get("RuleActionOverrides") == Some(&json!([]))
        {
            group.remove("RuleActionOverrides");
        }
    }
    rules.sort_by_key(|rule| rule.get("Priority").and_then(Value::as_i64));
    Value::Array(rules)
}

/// What is wrong with a set of rules.
pub(super) fn mistakes(rules: &[Rule]) -> Vec<String> {
    let mut mistakes: Vec<String> = rules.iter().flat_map(Rule::mistakes).collect();
    let mut priorities: Vec<i32> = rules.iter().map(|rule| rule.priority).collect();
    priorities.sort_unstable();
    if priorities.windows(2).any(|pair| pair[0] == pair[1]) {
        mistakes.push("two rules have the same Priority".into());
    }
    let mut names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        mistakes.push("two rules have the same Name".into());
    }
    mistakes
}

#[cfg(test)]
mod tests;
