//! Where data rests: keys, table, guard records, bucket, parameters.

use tap_plugin::{Attribute, Attributes, Validator, validators as check};

use super::{choice, flag, noted, region, text_map};
use crate::composite::build::{all, choice as first_of, group, opt_whole, replaces_object, text, texts};
use crate::composite::{ids, shared};

const PURPOSES: [&str; 8] = ["shared", "dynamodb", "s3", "lambda", "logs", "sns", "sqs", "ssm"];

pub(super) fn attributes() -> Attributes {
    all([
        ("table", group(table(), "The DynamoDB table of payments.")),
        (
            "idempotency",
            group(
                idempotency(),
                "The table of guard records that make each payment count once.",
            ),
        ),
        ("kms", group(kms(), "The customer managed keys, one set per region.")),
        (
            "receipts_bucket",
            group(bucket(), "The S3 bucket of receipts and audit records, one per region."),
        ),
        (
            "audit",
            group(audit(), "Audit records of the processor, in the receipts bucket."),
        ),
        (
            "ssm",
            group(
                ssm(),
                "SSM parameters with what other systems need to know, in every region.",
            ),
        ),
    ])
}

fn kms() -> Attributes {
    shared::kms().extend(noted(
        "kms",
        [
            (
                "keys",
                texts("Purposes with a key of their own: `shared` for one key, or any of `dynamodb`, `s3`, `lambda`, `logs`, `sns`, `sqs`, `ssm`. What is not in the list uses the first one's key.")
                    .validate(check::each(check::one_of(PURPOSES)))
                    .validate(check::count_between(1, 7)),
            ),
            (
                "multi_region",
                flag("The other regions' keys are replicas of the primary region's multi-Region keys, so that what one region has encrypted another can decrypt. DynamoDB and S3 do not need that. A change replaces the keys."),
            ),
        ],
    ))
}

fn dynamodb_name() -> impl Validator + 'static {
    check::matches("^[A-Za-z0-9_.-]{3,255}$", "3 to 255 letters, digits, `_`, `.` and `-`")
}

fn key_schema() -> Attributes {
    noted(
        "table.key_schema",
        [
            (
                "hash_key",
                replaces_object(text("Partition key attribute, that holds the payment's id."))
                    .validate(check::length_between(1, 255)),
            ),
            (
                "hash_key_type",
                replaces_object(choice(&["S", "N"], "Its type. With `N` payment ids are digits only.")),
            ),
            (
                "range_key",
                replaces_object(text("Sort key attribute, that holds the time; an empty text for none."))
                    .validate(check::length_between(0, 255)),
            ),
            (
                "range_key_type",
                replaces_object(choice(
                    &["S", "N"],
                    "Its type: `S` holds RFC 3339 in UTC, `N` milliseconds since 1970.",
                )),
            ),
        ],
    )
}

fn table() -> Attributes {
    let sse = noted(
        "table.sse",
        [
            (
                "type",
                choice(
                    &["customer", "aws_managed", "aws_owned"],
                    "Whose key encrypts the table: yours, the account's `aws/dynamodb`, or DynamoDB's own. One kind for all replicas.",
                ),
            ),
            (
                "kms_key_arn",
                text("Key in the primary region, in place of the stack's.").validate(ids::kms_key_arn()),
            ),
        ],
    );
    let replica = all([
        (
            "region",
            Attribute::string()
                .required()
                .description("One of `regions`, not the first.")
                .validate(region()),
        ),
        (
            "kms_key_arn",
            text("Key of the replica, in place of the stack's in that region.").validate(ids::kms_key_arn()),
        ),
        (
            "point_in_time_recovery",
            flag(
                "Continuous backups of the replica, in place of the table's setting: each replica keeps its own, whatever the consistency.",
            ),
        ),
    ]);
    noted(
        "table",
        [
            (
                "name",
                replaces_object(text("Name. Default: `payment-transactions-<suffix>`; `payments-<suffix>` with the presets `global` and `multi_region`; `payment-<suffix>-payments` with `name_style = \"prefixed\"` and another preset or none.")).validate(dynamodb_name()),
            ),
            ("key_schema", group(key_schema(), "The primary key.")),
            (
                "attribute_style",
                choice(&["snake_case", "pascal_case"], "How item attributes are written: `customer_id` or `CustomerId`."),
            ),
            (
                "global_secondary_indexes",
                Attribute::list_of(index()).optional().description("Global secondary indexes, in place of the default."),
            ),
            ("billing_mode", choice(&["PAY_PER_REQUEST", "PROVISIONED"], "How capacity is paid for. Replicas need `PAY_PER_REQUEST`.")),
            ("read_capacity", opt_whole(1, 40_000, "Read capacity units, with `PROVISIONED`.")),
            ("write_capacity", opt_whole(1, 40_000, "Write capacity units, with `PROVISIONED`.")),
            ("point_in_time_recovery", flag("Continuous backups, of the table and of each replica; a witness has none. AWS restores to a table of one region, apart from the global table.")),
            ("recovery_period_in_days", opt_whole(1, 35, "Days back that the table can be restored to.")),
            (
                "stream_view_type",
                choice(
                    &["NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"],
                    "What the table's stream carries. By default a stream is on with replicas only, with new and old images, as global tables need.",
                ),
            ),
            ("deletion_protection", flag("In place of the stack's `deletion_protection`.")),
            ("ttl_attribute", text("Attribute with the epoch second at which DynamoDB deletes the item. Payments are never deleted by default.")),
            ("sse", group(sse, "Encryption at rest.")),
            (
                "replicas",
                Attribute::list_of(replica).optional().description("What differs for single replicas. Every region of `regions` but the first has one."),
            ),
            (
                "consistency_mode",
                replaces_object(choice(
                    &["EVENTUAL", "STRONG"],
                    "Consistency between regions. `STRONG` needs three replicas, or two and a witness, within one of the sets of regions that AWS offers it in.",
                )),
            ),
            (
                "status_shards",
                opt_whole(1, 64, "Partitions that each status has in an index on the status. An index takes about 1,000 writes a second per status, as its sort key only grows: with more payments than that, say how many thousands there are at the peak. With 2 or more the index is on the attribute `status_shard` (`StatusShard`), which is `<status>#<number>`; readers ask for every number. A change replaces the index, see below."),
            ),
            ("witness_region", replaces_object(text("Region of the witness, with `STRONG` and two regions.").validate(region()))),
        ],
    )
}

/// Elements of a list have their defaults in the schema.
fn index() -> Attributes {
    all([
        (
            "name",
            Attribute::string()
                .required()
                .description("Name of the index.")
                .validate(dynamodb_name()),
        ),
        (
            "hash_key",
            Attribute::string().required().description("Partition key attribute."),
        ),
        ("hash_key_type", first_of(&["S", "N"], "Type of the partition key.")),
        ("range_key", text("Sort key attribute.")),
        ("range_key_type", first_of(&["S", "N"], "Type of the sort key.")),
        (
            "projection_type",
            first_of(&["ALL", "KEYS_ONLY", "INCLUDE"], "Attributes copied into the index."),
        ),
        ("non_key_attributes", texts("Attributes copied with `INCLUDE`.")),
    ])
}

fn idempotency() -> Attributes {
    noted(
        "idempotency",
        [
            (
                "enabled",
                flag(
                    "Guard records in a table of their own. Without them the same payment counts once only if its key is the same to the millisecond.",
                ),
            ),
            (
                "ttl_hours",
                opt_whole(
                    0,
                    876_000,
                    "Hours that a guard record is kept; 0 for ever, so that payment ids stay unique.",
                ),
            ),
            (
                "table_name",
                replaces_object(text("Name. Default: `payment-idempotency-<suffix>`.")).validate(dynamodb_name()),
            ),
        ],
    )
}

fn bucket() -> Attributes {
    let replication = noted(
        "receipts_bucket.replication",
        [
            (
                "enabled",
                flag(
                    "Replicate each region's objects to the next region of `regions` (the last one's to the first). On by default with two regions or more.",
                ),
            ),
            ("delete_marker", flag("Replicate delete markers too.")),
            (
                "storage_class",
                choice(
                    &["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"],
                    "Storage class of the replicas; by default the object's.",
                ),
            ),
        ],
    );
    let lifecycle = noted(
        "receipts_bucket.lifecycle",
        [
            ("ia_days", opt_whole(30, 36_500, "Days until STANDARD_IA.")),
            ("glacier_days", opt_whole(60, 36_500, "Days until GLACIER.")),
            (
                "expiration_days",
                opt_whole(0, 36_500, "Days until objects expire; 0 for never."),
            ),
            (
                "noncurrent_expiration_days",
                opt_whole(1, 36_500, "Days until old versions go."),
            ),
            (
                "abort_multipart_days",
                opt_whole(1, 365, "Days until unfinished uploads go."),
            ),
        ],
    );
    noted(
        "receipts_bucket",
        [
            ("enabled", flag("Have a bucket in every region.")),
            (
                "name",
                replaces_object(text(
                    "Name, of which `{region}` is replaced. Default: `payment-receipts-<region>-<suffix>-<account>`.",
                ))
                .validate(check::matches(
                    "^[a-z0-9{][a-z0-9.{}-]{1,61}[a-z0-9}]$",
                    "a bucket name, with `{region}` where the region goes",
                )),
            ),
            ("versioning", flag("Keep old versions. Replication needs it.")),
            ("sse", choice(&["aws:kms", "AES256"], "Encryption.")),
            (
                "replication",
                group(replication, "Replication between the regions' buckets."),
            ),
            (
                "force_destroy",
                flag("Delete the buckets with all receipts in them. The stack's `force_destroy` implies it."),
            ),
            (
                "lifecycle",
                group(lifecycle, "When objects move to cheaper storage and when they go."),
            ),
        ],
    )
}

fn audit() -> Attributes {
    noted(
        "audit",
        [
            (
                "enabled",
                flag("Write an audit record, one JSON line, for every payment taken."),
            ),
            (
                "prefix",
                text("Prefix of the objects.").validate(check::matches(
                    "^([A-Za-z0-9!_.*'()-]+/)+$",
                    "a prefix that ends with `/`, such as `audit/`",
                )),
            ),
        ],
    )
}

/// doc: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>, `Value`: not empty, and
/// no `{{}}` in it.
fn parameter_value() -> impl Validator + 'static {
    check::condition(
        "a text of one character or more, without `{{`",
        |value: &tap_plugin::Value| {
            let tap_plugin::Value::String(text) = value else {
                return true;
            };
            !text.is_empty() && !text.contains("{{")
        },
    )
}

fn ssm() -> Attributes {
    noted(
        "ssm",
        [
            (
                "enabled",
                flag(
                    "Write the parameters `table-name`, `bucket-name` and `api-endpoint`. The API key's value is stored in any case.",
                ),
            ),
            (
                "prefix",
                text("Path of all parameters. Default: `/payment/<suffix>/`.").validate(check::matches(
                    "^/([A-Za-z0-9_.-]+/){1,14}$",
                    "a path that begins and ends with `/`",
                )),
            ),
            (
                "parameters",
                text_map("Further parameters, name below the path -> value. Values are in state: no secrets here.")
                    .validate(check::each_key(check::matches(
                        "^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$",
                        "a name below the path",
                    )))
                    .validate(check::each(parameter_value())),
            ),
        ],
    )
}
