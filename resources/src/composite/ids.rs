//! Ids and ARNs of what is the user's, as AWS writes them: for schemas, so that a slip shows at plan time and not when half
//! of the stack exists.

use tap_plugin::{Validator, validators as check};

/// Ids of EC2 have 8 hex digits, or 17 since 2016
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).
pub fn subnet() -> impl Validator + 'static {
    check::matches(
        "^subnet-([0-9a-f]{8}|[0-9a-f]{17})$",
        "the id of a subnet, such as `subnet-0123456789abcdef0`",
    )
}

/// The same for a security group.
pub fn security_group() -> impl Validator + 'static {
    check::matches(
        "^sg-([0-9a-f]{8}|[0-9a-f]{17})$",
        "the id of a security group, such as `sg-0123456789abcdef0`",
    )
}

/// The same for a route table.
pub fn route_table() -> impl Validator + 'static {
    check::matches(
        "^rtb-([0-9a-f]{8}|[0-9a-f]{17})$",
        "the id of a route table, such as `rtb-0123456789abcdef0`",
    )
}

/// Any ARN, such as those of alarm actions, which CloudWatch takes of ever more services. Region and account may be empty,
/// and the account's place may hold something else: `arn:aws:automate:us-east-1:ec2:stop`.
pub fn arn() -> impl Validator + 'static {
    check::matches(
        r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[a-z0-9]*:[^\s]+$",
        "an ARN, such as `arn:aws:sns:eu-central-1:111122223333:pager`",
    )
}

/// A key, and neither its alias nor its bare id: policies name keys by ARN.
pub fn kms_key_arn() -> impl Validator + 'static {
    check::matches(
        r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        "the ARN of a KMS key, such as `arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`",
    )
}

/// A certificate of ACM. API Gateway's regional domain names take no others.
pub fn certificate_arn() -> impl Validator + 'static {
    check::matches(
        r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$",
        "the ARN of an ACM certificate, such as \
         `arn:aws:acm:eu-central-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab`",
    )
}

/// A function, one of its versions or of its aliases.
pub fn function_arn() -> impl Validator + 'static {
    check::matches(
        r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:(\$LATEST|[A-Za-z0-9_-]+))?$",
        "the ARN of a Lambda function",
    )
}

/// A role.
pub fn role_arn() -> impl Validator + 'static {
    check::matches(r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+$", "the ARN of an IAM role")
}

/// A managed policy, the account's or AWS's.
pub fn policy_arn() -> impl Validator + 'static {
    check::matches(
        "^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[!-~]+$",
        "the ARN of an IAM policy",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tap_plugin::{AttributePath, Diagnostics, Value};

    fn takes(validator: &dyn Validator, text: &str) -> bool {
        let mut diagnostics = Diagnostics::new();
        validator.validate(&Value::from(text), &AttributePath::root("a"), &mut diagnostics);
        diagnostics.is_empty()
    }

    /// What AWS has issued, old and new, in several partitions; and what is near to it and is none.
    #[test]
    fn ids_are_what_aws_issues() {
        let cases: [(&dyn Validator, &[&str], &[&str]); 9] = [
            (
                &subnet(),
                &["subnet-0123456789abcdef0", "subnet-1a2b3c4d"],
                &[
                    "subnet-1",
                    "sg-0123456789abcdef0",
                    "subnet-0123456789ABCDEF0",
                    "subnet-0123456789abcdef",
                    " subnet-1a2b3c4d",
                ],
            ),
            (
                &security_group(),
                &["sg-0123456789abcdef0", "sg-903004f8"],
                &["sg-web", "sgr-0123456789abcdef0", "default"],
            ),
            (
                &route_table(),
                &["rtb-0123456789abcdef0", "rtb-1122aabb"],
                &["rtbassoc-0123456789abcdef0", "rtb-main"],
            ),
            (
                &arn(),
                &[
                    "arn:aws:sns:eu-central-1:111122223333:pager",
                    "arn:aws:automate:us-east-1:ec2:stop",
                    "arn:aws:ssm:us-east-1:111122223333:opsitem:3#CATEGORY=Security",
                    "arn:aws:ssm-incidents::111122223333:response-plan/payments",
                    "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:pager",
                ],
                &[
                    "pager",
                    "arn:",
                    "arn:aws:sns:eu-central-1:111122223333",
                    "arn:aws:sns:eu central-1:1:t",
                ],
            ),
            (
                &kms_key_arn(),
                &[
                    "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                    "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
                ],
                &[
                    "arn:aws:kms:eu-central-1:111122223333:alias/payments",
                    "1234abcd-12ab-34cd-56ef-1234567890ab",
                    "arn:aws:kms:eu-central-1:11112222333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                    "arn:aws:sns:eu-central-1:111122223333:t",
                ],
            ),
            (
                &certificate_arn(),
                &["arn:aws:acm:eu-central-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"],
                &[
                    "arn:aws:iam::111122223333:server-certificate/pay",
                    "arn:aws:acm:eu-central-1:111122223333:certificate/",
                    "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/1234abcd",
                ],
            ),
            (
                &function_arn(),
                &[
                    "arn:aws:lambda:eu-central-1:111122223333:function:scorer",
                    "arn:aws:lambda:eu-central-1:111122223333:function:scorer:live",
                    "arn:aws:lambda:eu-central-1:111122223333:function:scorer:$LATEST",
                ],
                &[
                    "arn:aws:lambda:eu-central-1:111122223333:layer:scorer:1",
                    "arn:aws:lambda:eu-central-1:111122223333:function:",
                    "scorer",
                ],
            ),
            (
                &role_arn(),
                &["arn:aws:iam::111122223333:role/firehose/alarms"],
                &["arn:aws:iam::111122223333:user/alarms", "alarms"],
            ),
            (
                &policy_arn(),
                &[
                    "arn:aws:iam::111122223333:policy/team/boundary",
                    "arn:aws:iam::aws:policy/PowerUserAccess",
                ],
                &[
                    "arn:aws:iam::111122223333:role/boundary",
                    "boundary",
                    "arn:aws:iam::111122223333:policy/",
                ],
            ),
        ];
        for (validator, right, wrong) in cases {
            for text in right {
                assert!(takes(validator, text), "{text} is {}", validator.description());
            }
            for text in wrong {
                assert!(!takes(validator, text), "{text} is not {}", validator.description());
            }
        }
    }
}
