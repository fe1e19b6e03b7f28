use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::diagnostics::{Diagnostics, Severity};
use crate::path::AttributePath;
use crate::validators;
use crate::value::Value;

const MODERN: ValidationOptions = ValidationOptions {
    write_only_allowed: true,
};

fn function() -> Attributes {
    Attributes::new()
        .attribute(
            "memory_size",
            Attribute::number()
                .default(512)
                .validate(validators::between(128, 10240)),
        )
        .attribute("handler", Attribute::string())
        .attribute("code", Attribute::string().requires_replace())
}

fn schema() -> Schema {
    let rule = Attributes::new()
        .attribute("port", Attribute::number().required())
        .attribute("protocol", Attribute::string().default("tcp"));
    let functions = Attributes::new()
        .attribute("validator", Attribute::single(function()))
        .attribute(
            "plain",
            Attribute::single(Attributes::new().attribute("x", Attribute::string())),
        );
    Schema::new(1)
        .attribute("name", Attribute::string().required().requires_replace())
        .attribute("arn", Attribute::string().computed().use_state_for_unknown())
        .attribute("old", Attribute::string().deprecated("Use `name`."))
        .attribute(
            "secret",
            Attribute::string()
                .write_only()
                .validate(validators::length_between(8, 64)),
        )
        .attribute("functions", Attribute::single(functions))
        .attribute("rules", Attribute::list_of(rule.clone()))
        .attribute("pool", Attribute::set_of(function()))
        .attribute("named", Attribute::map_of(function()))
        .attribute("gate", Attribute::single(rule))
        .block(
            "net",
            NestedBlock::list(Block::new().attribute("cidr", Attribute::string().requires_replace())),
        )
        .rule(Together::conflicting(["old", "functions.plain.x"]))
}

#[expect(clippy::needless_pass_by_value, reason = "reads better with json! literals")]
fn value(json: serde_json::Value) -> Value {
    Value::from_json(&json)
}

fn messages(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics
        .iter()
        .map(|found| format!("{} {}", found.path.clone().unwrap_or_default(), found.summary))
        .collect()
}

#[test]
fn defaults_reach_into_absent_objects() {
    let filled = schema().with_defaults(&value(json!({"name": "x"})));
    assert_eq!(
        filled
            .get("functions")
            .unwrap()
            .get("validator")
            .unwrap()
            .get("memory_size"),
        Some(&Value::from(512))
    );
    assert_eq!(
        filled.get("functions").unwrap().get("plain"),
        Some(&Value::Null),
        "nothing defaulted in there"
    );
    assert_eq!(
        filled.get("gate"),
        Some(&Value::Null),
        "leaving out an object with required members is a choice"
    );
    assert_eq!(filled.get("rules"), Some(&Value::Null));
}

#[test]
fn defaults_fill_elements_and_leave_the_rest() {
    let config = value(json!({
        "rules": [{"port": 1, "protocol": null}, {"port": 2, "protocol": "udp"}],
        "named": {"a": {}, "b": null},
        "functions": {"validator": {"memory_size": 1024}},
        "gate": {"port": 3}
    }));
    let filled = schema().with_defaults(&config);
    let at = |path: AttributePath| filled.at(&path).cloned();
    assert_eq!(
        at(AttributePath::root("rules").index(0).attribute("protocol")),
        Some("tcp".into())
    );
    assert_eq!(
        at(AttributePath::root("rules").index(1).attribute("protocol")),
        Some("udp".into())
    );
    assert_eq!(
        at(AttributePath::root("named").key("a").attribute("memory_size")),
        Some(512.into())
    );
    assert_eq!(at(AttributePath::root("named").key("b")), Some(Value::Null));
    assert_eq!(
        at(AttributePath::dotted("functions.validator.memory_size")),
        Some(1024.into())
    );
    assert_eq!(at(AttributePath::dotted("gate.protocol")), Some("tcp".into()));

    let unknown = Value::map([("functions", Value::Unknown)]);
    assert_eq!(schema().with_defaults(&unknown).get("functions"), Some(&Value::Unknown));
}

#[test]
fn null_elements_are_named() {
    let schema = Schema::new(0)
        .attribute("tags", Attribute::map(Type::String))
        .attribute("mails", Attribute::list(Type::String))
        .attribute("overrides", Attribute::map(Type::map(Type::String)))
        .attribute("thing", Attribute::of(Type::object([("x", Type::String)])))
        .attribute("rules", Attribute::list_of(function()));
    let config = value(json!({
        "tags": {"a": null, "b": "1"}, "mails": ["x", null], "overrides": {"k": {"s": null}, "l": null},
        "thing": {"x": null}, "rules": [null]
    }));
    let found = schema.validate(&config, MODERN);
    assert_eq!(
        messages(&found),
        [
            "tags[\"a\"] Missing value",
            "mails[1] Missing value",
            "overrides[\"k\"][\"s\"] Missing value",
            "overrides[\"l\"] Missing value",
            "rules[0] Missing value",
        ]
    );
    let detail = &found.iter().next().unwrap().detail;
    assert_eq!(
        detail,
        "tags[\"a\"] is null. Give it a value, or leave the element out."
    );
}

#[test]
fn validation_names_every_place() {
    let config = value(json!({
        "arn": "given", "bogus": 1, "rules": [{"protocol": "tcp"}],
        "named": {"a": {"memory_size": 1}}, "net": []
    }));
    let found = schema().validate(&config, MODERN);
    assert_eq!(
        messages(&found),
        [
            "bogus Unsupported argument",
            "name Missing required argument",
            "arn Invalid configuration for read-only attribute",
            "rules[0].port Missing required argument",
            r#"named["a"].memory_size Invalid attribute value"#,
        ]
    );
}

#[test]
fn unknown_and_null_are_not_validated() {
    let config = Value::map([
        ("name", Value::Unknown),
        ("secret", Value::Unknown),
        ("functions", Value::Unknown),
    ]);
    assert!(schema().validate(&config, MODERN).is_empty());
}

#[test]
fn write_only_needs_a_modern_terraform_and_is_never_quoted() {
    let config = value(json!({"name": "x", "secret": "hunter2"}));
    let found = schema().validate(&config, MODERN);
    assert_eq!(messages(&found), ["secret Invalid sensitive value"]);
    assert!(!found.to_string().contains("hunter2"), "{found}");
    let old = schema().validate(
        &config,
        ValidationOptions {
            write_only_allowed: false,
        },
    );
    assert!(messages(&old).contains(&"secret Write-only attribute not allowed".to_owned()));
}

#[test]
fn members_of_a_sensitive_object_are_not_quoted() {
    let member = Attribute::string().validate(validators::length_between(8, 64));
    let login = Attribute::single(Attributes::new().attribute("password", member)).sensitive();
    let schema = Schema::new(0).attribute("login", login);
    let found = schema.validate(&value(json!({"login": {"password": "hunter2"}})), MODERN);
    assert_eq!(messages(&found), ["login.password Invalid sensitive value"]);
    assert!(!found.to_string().contains("hunter2"), "{found}");
}

#[test]
fn deprecation_warns_and_rules_speak() {
    let found = schema().validate(&value(json!({"name": "x", "old": "y"})), MODERN);
    assert_eq!(
        found.iter().map(|one| one.severity).collect::<Vec<_>>(),
        [Severity::Warning]
    );
    let both = value(json!({"name": "x", "old": "y", "functions": {"plain": {"x": "z"}}}));
    assert!(
        schema()
            .validate(&both, MODERN)
            .to_string()
            .contains("At most one of `old`, `functions.plain.x`")
    );
}

#[test]
fn rules_wait_for_unknowns() {
    let one_of = Schema::new(0).rule(Together::exactly_one_of(["a", "b"]));
    let errors = |json: Value| {
        let mut found = Diagnostics::new();
        one_of.rules()[0].validate(&json, &mut found);
        found.len()
    };
    assert_eq!(errors(Value::map([("a", Value::Unknown)])), 0);
    assert_eq!(errors(Value::map([("a", Value::Null)])), 1);
    assert_eq!(errors(value(json!({"a": 1, "b": 2}))), 1);

    let mut found = Diagnostics::new();
    Together::required_together(["a", "b"]).validate(&value(json!({"a": 1})), &mut found);
    Together::at_least_one_of(["c", "d"]).validate(&value(json!({"a": 1})), &mut found);
    assert_eq!(found.len(), 2);
}

#[test]
fn state_is_completed_and_misfits_are_named() {
    let mut found = Diagnostics::new();
    let returned = value(json!({"name": "x", "secret": "s", "extra": 1, "functions": 7}));
    let state = schema().conform(returned, &mut found);
    assert_eq!(state.get("secret"), Some(&Value::Null));
    assert_eq!(
        state.get("net"),
        Some(&Value::List(Vec::new())),
        "repeatable blocks are never null"
    );
    assert_eq!(state.get("name"), Some(&"x".into()));
    assert_eq!(found.len(), 2, "{found}");
    assert!(
        found.to_string().contains("extra:") && found.to_string().contains("functions:"),
        "{found}"
    );
}

#[test]
fn unknown_after_apply_is_an_error_of_its_own() {
    let unknown = || Value::map([("name", Value::from("x")), ("arn", Value::Unknown)]);
    let mut found = Diagnostics::new();
    assert_eq!(
        schema().conform_state(unknown(), &mut found).get("arn"),
        Some(&Value::Null)
    );
    assert_eq!(messages(&found), ["arn Value still unknown after apply"]);

    let mut failed = Diagnostics::new();
    failed.error("create failed", "");
    schema().conform_state(unknown(), &mut failed);
    assert_eq!(failed.len(), 1, "the failure itself explains it");
}

#[test]
fn replacing_changes_are_found_wherever_they_are() {
    let prior = value(json!({
        "name": "x", "named": {"a": {"code": "1", "memory_size": 1}}, "net": [{"cidr": "10.0.0.0/8"}],
        "pool": [{"code": "1", "memory_size": 1}, {"code": "2", "memory_size": 1}]
    }));
    let changed = |json| {
        let paths = schema().replacing_changes(&prior, &value(json));
        paths.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let same = json!({
        "name": "x", "named": {"a": {"code": "1", "memory_size": 2}}, "net": [{"cidr": "10.0.0.0/8"}],
        "pool": [{"code": "2", "memory_size": 1}, {"code": "1", "memory_size": 7}]
    });
    assert!(changed(same).is_empty());
    let different = json!({
        "name": "y", "named": {"a": {"code": "2"}}, "net": [{"cidr": "10.0.0.0/8"}, {"cidr": "10.1.0.0/16"}],
        "pool": [{"code": "3"}, {"code": "1"}]
    });
    assert_eq!(
        changed(different),
        ["name", "pool", r#"named["a"].code"#, "net[1].cidr"]
    );
}

#[test]
fn known_state_is_kept_only_where_there_is_one() {
    let planned = || Value::map([("arn", Value::Unknown), ("name", Value::from("x"))]);
    let kept = schema().keep_known_state(&value(json!({"arn": "a:1"})), planned());
    assert_eq!(kept.get("arn"), Some(&"a:1".into()));
    let created = schema().keep_known_state(&Value::Null, planned());
    assert_eq!(created.get("arn"), Some(&Value::Unknown));
}

fn arbitrary_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|bool| json!(bool)),
        any::<i64>().prop_map(|int| json!(int)),
        "[a-z]{0,4}".prop_map(|text| json!(text)),
    ];
    let name = prop_oneof![
        Just("name".to_owned()),
        Just("functions".to_owned()),
        Just("validator".to_owned()),
        Just("rules".to_owned()),
        Just("port".to_owned()),
        Just("net".to_owned()),
        "[a-z]{1,3}",
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|elements| json!(elements)),
            prop::collection::btree_map(name.clone(), inner, 0..5).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    /// Whatever a resource returns, what goes out fits the schema.
    #[test]
    fn conformed_values_always_encode(json in arbitrary_json()) {
        let schema = schema();
        let conformed = schema.conform_state(value(json), &mut Diagnostics::new());
        prop_assert!(conformed.is_wholly_known());
        prop_assert!(crate::codec::encode(&conformed, &schema.ty(), &crate::codec::DynamicTypes::default()).is_ok());
    }

    #[test]
    fn defaults_are_filled_once(json in arbitrary_json()) {
        let once = schema().with_defaults(&value(json));
        prop_assert_eq!(&schema().with_defaults(&once), &once);
    }

    #[test]
    fn validation_never_panics(json in arbitrary_json()) {
        schema().validate(&value(json), MODERN);
    }
}

#[test]
fn mistakes_in_a_schema_are_found() {
    assert_eq!(schema().problems(), Vec::<String>::new());
    let broken = Schema::new(0)
        .attribute("count", Attribute::number())
        .attribute("Upper", Attribute::string())
        .attribute("both", Attribute::string())
        .attribute("size", Attribute::number().default("large"))
        .attribute("low", Attribute::number().default(1).validate(validators::at_least(2)))
        .attribute("must", Attribute::string().required().default("x"))
        .attribute("gone", Attribute::string().computed().write_only())
        .block("both", NestedBlock::single(Block::new()));
    assert_eq!(broken.problems().len(), 7, "{:#?}", broken.problems());
}
