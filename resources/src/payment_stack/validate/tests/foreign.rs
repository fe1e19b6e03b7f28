//! Regions, ids and ARNs: what is not the stack's own has to be written as AWS writes it (9.2, item 13).

use super::*;

fn said_at(config: &Value, path: &str) -> String {
    let errors = said(config, Severity::Error);
    let found = errors.iter().find(|error| error.starts_with(&format!("{path} |")));
    found
        .cloned()
        .unwrap_or_else(|| panic!("no error at {path} for {config}, but {errors:#?}"))
}

/// Credentials are for one partition, and so is a stack.
#[test]
fn p_37_regions_of_two_partitions_make_no_stack() {
    let regions = |regions: &[&str]| json!({"regions": regions});
    for (other, partition) in [
        ("us-gov-west-1", "aws-us-gov"),
        ("cn-north-1", "aws-cn"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-isob-east-1", "aws-iso-b"),
    ] {
        let text = said_at(&regions(&["us-east-1", "us-west-2", other]), "regions[2]");
        let wrong = format!("{other} is in the partition {partition}, us-east-1 in aws");
        assert!(text.contains(&wrong), "{text}");
        assert!(text.contains("a stack of its own"), "{text}");
        assert!(
            text.contains(&format!("regions[2]: {other}")),
            "the path is in the text: {text}"
        );
    }
    accepted(&regions(&["us-gov-west-1", "us-gov-east-1"]));
    accepted(&regions(&["cn-north-1", "cn-northwest-1"]));
    // Of the same partition, as far as one can tell.
    accepted(&regions(&["us-east-1", "us-east-9"]));
    refused(
        json!({"regions": ["us-east-1", "us-west-2"], "table": {"consistency_mode": "STRONG", "witness_region": "us-gov-east-1"}}),
        "table.witness_region",
    );
    refused(regions(&["eu-central1"]), "regions[0]");
}

#[test]
fn p_24_an_arn_is_of_the_partition_of_its_region() {
    let key = |partition: &str| format!("arn:{partition}:kms:us-gov-west-1:111122223333:key/x");
    let config = |partition: &str| json!({"regions": ["us-gov-west-1"], "kms": {"key_arn": key(partition)}});
    accepted(&config("aws-us-gov"));
    let text = said_at(&config("aws"), "kms.key_arn");
    assert!(text.contains("`arn:aws-us-gov:` is right"), "{text}");
}

/// an id of EC2 is eight or seventeen hex digits.
#[test]
fn r_16_ids_in_the_vpc_are_ids() {
    let here = |of: &str, name: &str, id: &str| {
        let mut config = json!({
            "regions": ["eu-west-1"],
            "vpc": {"subnet_ids": ["subnet-1a2b3c4d"], "security_group_ids": ["sg-0123456789abcdef0"]},
        });
        match of {
            "vpc" => config["vpc"][name] = json!([id]),
            "vpc.endpoints" => config["vpc"]["endpoints"] = json!({"enabled": true, name: [id]}),
            "region_overrides" => {
                config["region_overrides"] = json!({"eu-west-1": {
                    "subnet_ids": ["subnet-1a2b3c4d"], "security_group_ids": ["sg-1a2b3c4d"],
                }});
                config["region_overrides"]["eu-west-1"][name] = json!([id]);
            }
            _ => config["region_overrides"] = json!({"eu-west-1": {"vpc_endpoints": {name: [id]}}}),
        }
        config
    };
    let places = [
        ("vpc", "vpc", &["subnet_ids", "security_group_ids"][..]),
        (
            "vpc.endpoints",
            "vpc.endpoints",
            &["subnet_ids", "security_group_ids", "route_table_ids"],
        ),
        (
            "region_overrides",
            "region_overrides[\"eu-west-1\"]",
            &["subnet_ids", "security_group_ids"],
        ),
        (
            "vpc_endpoints",
            "region_overrides[\"eu-west-1\"].vpc_endpoints",
            &["subnet_ids", "security_group_ids", "route_table_ids"],
        ),
    ];
    for (of, path, names) in places {
        for name in names {
            let (right, wrong) = match *name {
                "subnet_ids" => ("subnet-0123456789abcdef0", "subnet-0123456789"),
                "security_group_ids" => ("sg-903004f8", "default"),
                _ => ("rtb-0123456789abcdef0", "rtb-main"),
            };
            accepted(&here(of, name, right));
            let text = said_at(&here(of, name, wrong), &format!("{path}.{name}[0]"));
            assert!(text.contains("must be the id of a") && text.contains(wrong), "{text}");
        }
    }
}

/// what is to be a key's ARN is one, and not an alias, a bare id or another service's ARN.
#[test]
fn r_13_r_21_keys_and_certificates_are_given_by_their_own_arns() {
    let two = ["eu-west-1", "eu-central-1"];
    for wrong in [
        "alias/payments",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:kms:eu-central-1:111122223333:alias/payments",
        "arn:aws:sns:eu-central-1:111122223333:x",
    ] {
        let replica = json!([{"region": "eu-central-1", "kms_key_arn": wrong}]);
        let cases = [
            (json!({"kms": {"key_arn": wrong}}), "kms.key_arn"),
            (json!({"lambda_env_kms_key_arn": wrong}), "lambda_env_kms_key_arn"),
            (
                json!({"table": {"sse": {"kms_key_arn": wrong}}}),
                "table.sse.kms_key_arn",
            ),
            (
                json!({"regions": two, "table": {"replicas": replica}}),
                "table.replicas[0].kms_key_arn",
            ),
            (
                json!({"regions": two, "region_overrides": {"eu-central-1": {"kms_key_arn": wrong}}}),
                "region_overrides[\"eu-central-1\"].kms_key_arn",
            ),
            (json!({"api": {"hmac": {"kms_key_arn": wrong}}}), "api.hmac.kms_key_arn"),
        ];
        for (config, path) in cases {
            assert!(said_at(&config, path).contains("the ARN of a KMS key"));
        }
    }
    for wrong in [
        "arn:aws:iam::111122223333:server-certificate/pay",
        "arn:aws:acm:us-west-2:111122223333",
    ] {
        let mut domain = domain();
        domain["certificate_arns"]["us-west-2"] = json!(wrong);
        let path = "domain.certificate_arns[\"us-west-2\"]";
        let text = said_at(&json!({"preset": "global", "domain": domain}), path);
        assert!(text.contains("the ARN of an ACM certificate"), "{text}");
    }
}

#[test]
fn n_06_a_fifo_queue_cannot_listen() {
    let queue = |name: &str| {
        let endpoint = format!("arn:aws:sqs:eu-west-1:111122223333:{name}");
        json!({"topics": {"subscriptions": [{"protocol": "sqs", "endpoint": endpoint}]}})
    };
    accepted(&queue("payments"));
    let text = said_at(&queue("payments.fifo"), "topics.subscriptions[0].endpoint");
    assert!(text.contains("Give the ARN of a standard queue"), "{text}");
}
