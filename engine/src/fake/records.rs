//! An in-memory [`RecordStore`].

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::error::KindResult;
use crate::record::{RecordStore, StackRecord, Stored};

/// Records in memory, with true compare-and-swap.
#[derive(Debug, Default)]
pub struct FakeRecords(Mutex<BTreeMap<String, Stored>>);

#[async_trait]
impl RecordStore for FakeRecords {
    async fn create_if_absent(&self, stack: &str, record: &StackRecord) -> KindResult<Option<u64>> {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.contains_key(stack) {
            return Ok(None);
        }
        records.insert(
            stack.to_owned(),
            Stored {
                record: record.clone(),
                version: 1,
            },
        );
        Ok(Some(1))
    }

    async fn read(&self, stack: &str) -> KindResult<Option<Stored>> {
        Ok(self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(stack)
            .cloned())
    }

    async fn replace(&self, stack: &str, record: &StackRecord, expected: u64) -> KindResult<Option<u64>> {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = records.get_mut(stack).filter(|stored| stored.version == expected) else {
            return Ok(None);
        };
        *stored = Stored {
            record: record.clone(),
            version: expected + 1,
        };
        Ok(Some(expected + 1))
    }

    async fn delete(&self, stack: &str) -> KindResult<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(stack);
        Ok(())
    }
}
