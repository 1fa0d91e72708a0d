//! Credentials on their way into the chain and out of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use dayfly_chain::PublicationPlace;
use dayfly_core::delivery::Place;
use dayfly_core::effect::OperationId;
use dayfly_core::session::SessionId;
use dayfly_vault::TemporaryCredentials;

use crate::chain_worker::KEPT;

/// A change of the chain that an operation waits for.
#[derive(Debug)]
pub(super) enum Change {
    Publish {
        session: SessionId,
        displaced: Vec<SessionId>,
        credentials: Arc<TemporaryCredentials>,
    },
    Retract {
        session: SessionId,
    },
}

/// Credentials on their way into the chain and out of it.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Credentials that wait to be published.
    pub(super) pending: BTreeMap<OperationId, Arc<TemporaryCredentials>>,
    /// Changes that the chain has not answered.
    pub(super) under_way: BTreeMap<OperationId, Change>,
    /// Problems of sessions that a person was told, by what they are of; and how they were called then.
    pub(super) told: BTreeMap<(&'static str, SessionId), String>,
    /// The files of the targets.
    pub(super) files: BTreeMap<Place, PathBuf>,
}

impl Deliveries {
    pub(super) fn new(files: BTreeMap<Place, PathBuf>) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    /// Keeps what a provider issued until it is published or thrown away.
    pub(super) fn keep(&mut self, operation: OperationId, credentials: Arc<TemporaryCredentials>) {
        self.pending.insert(operation, credentials);
    }

    /// Nobody wants what this operation brought.
    pub(super) fn discard(&mut self, operation: OperationId) {
        self.pending.remove(&operation);
    }

    /// Whether the chain has answered everything that operations wait for.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// The file of a place, for a person.
    pub(super) fn file(&self, place: PublicationPlace) -> String {
        let PublicationPlace::At(target) = place else {
            return KEPT.to_owned();
        };
        let file = self.files.get(&target);
        file.map_or_else(|| target.to_string(), |file| file.display().to_string())
    }
}
