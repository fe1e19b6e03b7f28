//! What a configured provider hands to its resources.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};

use tap_engine::Registry;
use tap_engine::record::RecordStore;

use super::Environment;
use crate::aws::Aws;
use crate::aws::secrets::Secrets;

/// A configured provider.
#[derive(Clone)]
pub struct Session {
    /// Account, partition, region.
    pub environment: Environment,
    /// The clients.
    pub aws: Arc<Aws>,
    /// The kinds, bound to the provider's clients.
    pub registry: Registry,
    /// Where stack records are.
    pub records: Arc<dyn RecordStore>,
    /// Where write-only values wait for the kinds.
    pub secrets: Arc<Secrets>,
    /// `default_tags`.
    pub default_tags: BTreeMap<String, String>,
    /// How many components are worked on side by side; `None` for the engine's default.
    pub parallelism: Option<NonZeroUsize>,
    /// Regions that this version does not know are taken as they are.
    pub skip_region_validation: bool,
}

/// The place where the provider puts its session: empty until it is configured, and empty in a
/// plan whose provider configuration is not known yet.
#[derive(Clone, Default)]
pub struct SessionSlot(Arc<RwLock<Option<Arc<Session>>>>);

impl SessionSlot {
    /// Puts the session there, or takes it away.
    pub fn set(&self, session: Option<Session>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = session.map(Arc::new);
    }

    /// The session, if the provider is configured.
    pub fn get(&self) -> Option<Arc<Session>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
