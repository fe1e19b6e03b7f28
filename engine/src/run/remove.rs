//! Deleting one object.

use std::sync::Arc;

use super::guard::{guarded, read_confirmed, uncancelled};
use crate::component::Settings;
use crate::error::{KindError, KindResult};
use crate::kind::{Context, Kind};

/// An object to be deleted.
pub(super) struct Remove {
    pub(super) kind: Arc<dyn Kind>,
    pub(super) cx: Context,
    pub(super) id: String,
    /// Recorded settings, references resolved.
    pub(super) recorded: Settings,
}

impl Remove {
    /// `Ok` when the object is gone, whoever did it.
    pub(super) async fn run(self) -> KindResult<()> {
        let Err(error) = self.delete(&self.cx).await else {
            return Ok(());
        };
        let cx = uncancelled(&self.cx);
        if error.is_uncertain() {
            // Deleting again tells more surely than a read whether the first call worked.
            return self.delete(&cx).await;
        }
        if matches!(error, KindError::WaitTimeout { .. }) {
            let gone = matches!(
                read_confirmed(&*self.kind, &cx, &self.id, &self.recorded).await,
                Ok(None)
            );
            return if gone { Ok(()) } else { Err(error) };
        }
        Err(error)
    }

    async fn delete(&self, cx: &Context) -> KindResult<()> {
        guarded(&*self.kind, "delete", self.kind.delete(cx, &self.id, &self.recorded)).await
    }
}
