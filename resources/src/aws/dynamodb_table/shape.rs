//! The structured settings of a table, their form at DynamoDB, and back.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, GlobalSecondaryIndexDescription, KeySchemaElement, KeyType,
    Projection, ProjectionType, ProvisionedThroughput, ScalarAttributeType, TableDescription,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tap_engine::{KindError, KindResult, Settings};

use super::super::fields::{Fields, built};

const CREATE: &str = "dynamodb:CreateTable";

/// A key attribute; `type` is `S`, `N` or `B`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyAttribute {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) scalar: String,
}

/// One element of `global_secondary_indexes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the names are AWS's")]
pub(super) struct Index {
    pub(super) index_name: String,
    pub(super) hash_key: KeyAttribute,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range_key: Option<KeyAttribute>,
    #[serde(default = "all")]
    pub(super) projection_type: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) non_key_attributes: Vec<String>,
    /// Where the table is provisioned; the table's own when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) read_capacity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_capacity: Option<i64>,
}

/// `point_in_time_recovery`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PointInTimeRecovery {
    pub(super) enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recovery_period_in_days: Option<i32>,
}

/// `sse`: `enabled` without a key means the AWS managed key, `false` DynamoDB's own key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sse {
    pub(super) enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kms_key_id: Option<String>,
}

impl KeyAttribute {
    /// DynamoDB has keys of these types only.
    pub(super) fn is_valid(&self) -> bool {
        ["S", "N", "B"].contains(&self.scalar.as_str())
    }
}

fn all() -> String {
    "ALL".to_owned()
}

/// What is wanted of keys and capacity.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    hash_key: KeyAttribute,
    range_key: Option<KeyAttribute>,
    pub(super) indexes: Vec<Index>,
    pub(super) billing_mode: BillingMode,
    capacity: Option<(i64, i64)>,
}

impl Wanted {
    pub(super) fn of(settings: &Settings) -> KindResult<Self> {
        let read = settings.opt_i64("read_capacity")?;
        let write = settings.opt_i64("write_capacity")?;
        Ok(Self {
            hash_key: settings
                .parse("hash_key")?
                .ok_or_else(|| KindError::invalid("hash_key", "is required"))?,
            range_key: settings.parse("range_key")?,
            indexes: settings.parse("global_secondary_indexes")?.unwrap_or_default(),
            // doc: CreateTable: the default is provisioned.
            billing_mode: BillingMode::from(settings.opt_text("billing_mode").unwrap_or("PROVISIONED")),
            capacity: read.zip(write),
        })
    }

    /// The attributes that are keys of the table or of an index, which is what AWS wants to know.
    pub(super) fn attributes(&self) -> KindResult<Vec<AttributeDefinition>> {
        self.attributes_of(&self.indexes)
    }

    /// The same with this one index only: AWS refuses attributes that no index there uses yet.
    pub(super) fn attributes_with(&self, index: &Index) -> KindResult<Vec<AttributeDefinition>> {
        self.attributes_of(std::slice::from_ref(index))
    }

    fn attributes_of(&self, indexes: &[Index]) -> KindResult<Vec<AttributeDefinition>> {
        let of_indexes = indexes
            .iter()
            .flat_map(|i| std::iter::once(&i.hash_key).chain(&i.range_key));
        let keys = std::iter::once(&self.hash_key).chain(&self.range_key).chain(of_indexes);
        let types: BTreeMap<&str, &str> = keys.map(|k| (k.name.as_str(), k.scalar.as_str())).collect();
        types
            .into_iter()
            .map(|(name, scalar)| {
                let definition = AttributeDefinition::builder()
                    .attribute_name(name)
                    .attribute_type(ScalarAttributeType::from(scalar));
                built(CREATE, definition.build())
            })
            .collect()
    }

    pub(super) fn key_schema(&self) -> KindResult<Vec<KeySchemaElement>> {
        key_schema(&self.hash_key, self.range_key.as_ref())
    }

    fn is_provisioned(&self) -> bool {
        self.billing_mode == BillingMode::Provisioned
    }

    /// The table's capacity; `None` on demand.
    pub(super) fn throughput(&self) -> KindResult<Option<ProvisionedThroughput>> {
        if !self.is_provisioned() {
            return Ok(None);
        }
        let (read, write) = self
            .capacity
            .ok_or_else(|| KindError::invalid("read_capacity", "and write_capacity are required when PROVISIONED"))?;
        throughput(read, write).map(Some)
    }

    /// An index's capacity; `None` on demand.
    pub(super) fn throughput_of(&self, index: &Index) -> KindResult<Option<ProvisionedThroughput>> {
        let Some(table) = self.throughput()? else {
            return Ok(None);
        };
        let read = index.read_capacity.unwrap_or(table.read_capacity_units);
        let write = index.write_capacity.unwrap_or(table.write_capacity_units);
        throughput(read, write).map(Some)
    }

    /// The indexes as `CreateTable` takes them.
    pub(super) fn create_indexes(&self) -> KindResult<Option<Vec<GlobalSecondaryIndex>>> {
        let index = |index: &Index| {
            let made = GlobalSecondaryIndex::builder()
                .index_name(&index.index_name)
                .set_key_schema(Some(index.key_schema()?))
                .projection(index.projection())
                .set_provisioned_throughput(self.throughput_of(index)?);
            built(CREATE, made.build())
        };
        let indexes = self.indexes.iter().map(index).collect::<KindResult<Vec<_>>>()?;
        Ok((!indexes.is_empty()).then_some(indexes))
    }
}

impl Index {
    pub(super) fn key_schema(&self) -> KindResult<Vec<KeySchemaElement>> {
        key_schema(&self.hash_key, self.range_key.as_ref())
    }

    pub(super) fn projection(&self) -> Projection {
        Projection::builder()
            .projection_type(ProjectionType::from(self.projection_type.as_str()))
            .set_non_key_attributes((!self.non_key_attributes.is_empty()).then(|| self.non_key_attributes.clone()))
            .build()
    }

    /// True when nothing differs that would need a new index: all but the capacity.
    pub(super) fn is_same_index(&self, other: &Self) -> bool {
        let mut attributes = [self.non_key_attributes.clone(), other.non_key_attributes.clone()];
        for names in &mut attributes {
            names.sort();
        }
        self.hash_key == other.hash_key
            && self.range_key == other.range_key
            && self.projection_type == other.projection_type
            && attributes[0] == attributes[1]
    }
}

fn throughput(read: i64, write: i64) -> KindResult<ProvisionedThroughput> {
    let units = ProvisionedThroughput::builder()
        .read_capacity_units(read)
        .write_capacity_units(write);
    built("dynamodb:UpdateTable", units.build())
}

fn key_schema(hash: &KeyAttribute, range: Option<&KeyAttribute>) -> KindResult<Vec<KeySchemaElement>> {
    let element = |key: &KeyAttribute, role| {
        built(
            CREATE,
            KeySchemaElement::builder()
                .attribute_name(&key.name)
                .key_type(role)
                .build(),
        )
    };
    let mut schema = vec![element(hash, KeyType::Hash)?];
    if let Some(range) = range {
        schema.push(element(range, KeyType::Range)?);
    }
    Ok(schema)
}

/// Reads the keys of a table or index back.
pub(super) fn keys_of(
    schema: &[KeySchemaElement],
    table: &TableDescription,
) -> (Option<KeyAttribute>, Option<KeyAttribute>) {
    let key = |role: KeyType| {
        let name = schema.iter().find(|e| *e.key_type() == role)?.attribute_name();
        let definition = table
            .attribute_definitions()
            .iter()
            .find(|d| d.attribute_name() == name);
        Some(KeyAttribute {
            name: name.to_owned(),
            scalar: definition
                .map(|d| d.attribute_type().as_str())
                .unwrap_or_default()
                .to_owned(),
        })
    };
    (key(KeyType::Hash), key(KeyType::Range))
}

pub(super) fn billing_mode_of(table: &TableDescription) -> BillingMode {
    // No summary: a table that was never on demand.
    let mode = table.billing_mode_summary().and_then(|summary| summary.billing_mode());
    mode.cloned().unwrap_or(BillingMode::Provisioned)
}

/// Reads an index back; capacity only where it is not the table's own.
pub(super) fn index_of(index: &GlobalSecondaryIndexDescription, table: &TableDescription) -> Option<Index> {
    let (hash_key, range_key) = keys_of(index.key_schema(), table);
    let projection = index.projection()?;
    let is_provisioned = billing_mode_of(table) == BillingMode::Provisioned;
    let own =
        |of_index: Option<i64>, of_table: Option<i64>| of_index.filter(|_| is_provisioned && of_index != of_table);
    let (units, of_table) = (index.provisioned_throughput(), table.provisioned_throughput());
    Some(Index {
        index_name: index.index_name()?.to_owned(),
        hash_key: hash_key?,
        range_key,
        projection_type: projection.projection_type()?.as_str().to_owned(),
        non_key_attributes: projection.non_key_attributes().to_vec(),
        read_capacity: own(
            units.and_then(|u| u.read_capacity_units),
            of_table.and_then(|u| u.read_capacity_units),
        ),
        write_capacity: own(
            units.and_then(|u| u.write_capacity_units),
            of_table.and_then(|u| u.write_capacity_units),
        ),
    })
}

/// Fills in the default projection, sorts what is a set.
pub(super) fn normalise_indexes(value: &Value) -> Value {
    let Value::Array(indexes) = value else {
        return tap_engine::json::normalise(value, true);
    };
    let mut indexes = indexes.clone();
    for index in &mut indexes {
        let Value::Object(members) = index else { continue };
        members.entry("projection_type").or_insert_with(|| all().into());
        match members.get_mut("non_key_attributes") {
            Some(Value::Array(names)) if names.is_empty() => {
                members.remove("non_key_attributes");
            }
            Some(Value::Array(names)) => names.sort_by_key(Value::to_string),
            _ => {}
        }
    }
    tap_engine::json::normalise(&Value::Array(indexes), true)
}

/// What DynamoDB would refuse.
pub(super) fn index_errors(indexes: &[Index]) -> Vec<String> {
    let mut errors = Vec::new();
    for (at, index) in indexes.iter().enumerate() {
        let is_twice = indexes[..at].iter().any(|other| other.index_name == index.index_name);
        let has_bad_key = !index.hash_key.is_valid() || index.range_key.as_ref().is_some_and(|key| !key.is_valid());
        let projection = match (index.projection_type.as_str(), index.non_key_attributes.is_empty()) {
            ("ALL" | "KEYS_ONLY", true) | ("INCLUDE", false) => None,
            ("ALL" | "KEYS_ONLY", false) => Some("non_key_attributes needs projection_type INCLUDE"),
            ("INCLUDE", true) => Some("INCLUDE needs non_key_attributes"),
            _ => Some("projection_type is ALL, KEYS_ONLY or INCLUDE"),
        };
        let found = [
            is_twice.then_some("is there twice"),
            has_bad_key.then_some("a key's type is S, N or B"),
            projection,
        ];
        errors.extend(
            found
                .into_iter()
                .flatten()
                .map(|e| format!("{}: {e}", index.index_name)),
        );
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings() -> Settings {
        serde_json::from_value(json!({
            "hash_key": {"name": "transaction_id", "type": "S"},
            "range_key": {"name": "timestamp", "type": "N"},
            "billing_mode": "PAY_PER_REQUEST",
            "global_secondary_indexes": [{
                "index_name": "by-status",
                "hash_key": {"name": "status", "type": "S"},
                "range_key": {"name": "timestamp", "type": "N"},
            }],
        }))
        .unwrap()
    }

    #[test]
    fn every_key_attribute_is_declared_once() {
        let wanted = Wanted::of(&settings()).unwrap();
        let names: Vec<String> = wanted
            .attributes()
            .unwrap()
            .into_iter()
            .map(|a| a.attribute_name)
            .collect();
        assert_eq!(names, ["status", "timestamp", "transaction_id"]);
        assert_eq!(wanted.throughput().unwrap(), None);
        assert_eq!(wanted.create_indexes().unwrap().unwrap().len(), 1);
    }

    #[test]
    fn a_provisioned_table_needs_its_capacity() {
        let mut settings = settings();
        settings.insert("billing_mode".to_owned(), json!("PROVISIONED"));
        assert!(Wanted::of(&settings).unwrap().throughput().is_err());
        settings.insert("read_capacity".to_owned(), json!(5));
        settings.insert("write_capacity".to_owned(), json!(2));
        let wanted = Wanted::of(&settings).unwrap();
        let units = wanted.throughput_of(&wanted.indexes[0]).unwrap().unwrap();
        assert_eq!((units.read_capacity_units, units.write_capacity_units), (5, 2));
    }
}
