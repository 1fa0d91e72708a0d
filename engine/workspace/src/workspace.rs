//! A Workspace: what one version of the file says, as far as it can be used.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use dayfly_core::delivery::{self, Delivery};
use dayfly_core::session::{Session, SessionId};

use crate::format::{AwsSsoIntegration, AzureIntegration, IdpUrl, NamedProfile};
use crate::problem::Problem;
use crate::projection;
use crate::read::Draft;
use crate::section::Placed;
use dayfly_core::input::PersistedStatus;

/// One version of the file: its sessions in file order, what they refer to, and its problems.
/// [`Workspace::parse`] makes one.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub(crate) path: Arc<Path>,
    pub(crate) source: Arc<str>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) by_id: Arc<HashMap<SessionId, usize>>,
    /// Whether each element of `sessions` has an id, and none stands twice.
    pub(crate) unique_ids: bool,
    /// Every element of `sessions`, also those that no entry came of.
    pub(crate) elements: Vec<Element>,
    pub(crate) lists: Lists,
    pub(crate) problems: Vec<Problem>,
}

/// A session of a Workspace and where it stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The session.
    pub session: Arc<Session>,
    /// Its state as the file has it.
    pub projection: PersistedStatus,
    /// The line that it begins on, from 1.
    pub line: u32,
    /// Whether this is the previous version of the session, still in force because the present
    /// text of it cannot be used.
    pub kept: bool,
    pub(crate) draft: Arc<Draft>,
}

/// An element of `sessions`.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// Its text in the source.
    pub(crate) span: Range<usize>,
    /// What was read from it; none where that failed.
    pub(crate) draft: Option<Arc<Draft>>,
    /// Its `sessionId`, where that can be read.
    pub(crate) id: Option<SessionId>,
}

/// The lists that sessions refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    pub(crate) profiles: Placed<NamedProfile>,
    pub(crate) idp_urls: Placed<IdpUrl>,
    pub(crate) aws_sso: Placed<AwsSsoIntegration>,
    pub(crate) azure: Placed<AzureIntegration>,
    pub(crate) default_region: Option<String>,
    pub(crate) delivery: Option<Delivery>,
}

impl Workspace {
    /// The sessions in force, in file order.
    #[must_use]
    pub fn sessions(&self) -> &[Entry] {
        &self.entries
    }

    /// The session with this `sessionId`.
    #[must_use]
    pub fn get(&self, id: &SessionId) -> Option<&Entry> {
        self.entries.get(*self.by_id.get(id)?)
    }

    /// What is wrong, in file order.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The file that it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text that it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// `defaultRegion`: already in force in the sessions that have no region of their own.
    #[must_use]
    pub fn default_region(&self) -> Option<&str> {
        self.lists.default_region.as_deref()
    }

    /// Where the credentials of a session go, as the session or else the file says; none where
    /// neither says it.
    #[must_use]
    pub fn delivery(&self, session: &SessionId) -> Option<&Delivery> {
        let own = self.get(session).and_then(|e| e.draft.delivery.as_ref());
        own.or(self.lists.delivery.as_ref())
    }

    /// Where the credentials of a session go: as the session says, else the file, else the configuration, else as
    /// is usual.
    #[must_use]
    pub fn delivery_in_force(
        &self,
        session: &SessionId,
        configured: Option<&Delivery>,
    ) -> Delivery {
        let said = self.delivery(session).or(configured);
        said.cloned().unwrap_or_else(delivery::usual)
    }

    /// Where credentials of sessions go that say nothing of it, as the file says.
    #[must_use]
    pub const fn usual_delivery(&self) -> Option<&Delivery> {
        self.lists.delivery.as_ref()
    }

    /// The sessions that say themselves where their credentials go.
    pub fn own_deliveries(&self) -> impl Iterator<Item = (&SessionId, &Delivery)> {
        let entries = self.entries.iter();
        entries.filter_map(|e| Some((&e.session.id, e.draft.delivery.as_ref()?)))
    }

    /// How many days old the access key of a session may become, as the session says; 0: as old as it likes.
    #[must_use]
    pub fn rotate_key_days(&self, session: &SessionId) -> Option<u32> {
        self.get(session)?.draft.rotate_key_days
    }

    /// The layer that a session came from; none where a person or a command added it.
    #[must_use]
    pub fn layer(&self, session: &SessionId) -> Option<&str> {
        self.get(session)?.draft.layer.as_deref()
    }

    /// Whether the file says anything of delivery.
    #[must_use]
    pub fn says_delivery(&self) -> bool {
        let mut entries = self.entries.iter();
        self.lists.delivery.is_some() || entries.any(|e| e.draft.delivery.is_some())
    }

    /// `profiles`.
    #[must_use]
    pub fn profiles(&self) -> &[NamedProfile] {
        &self.lists.profiles.items
    }

    /// `idpUrls`.
    #[must_use]
    pub fn idp_urls(&self) -> &[IdpUrl] {
        &self.lists.idp_urls.items
    }

    /// The entry of `idpUrls` with this id.
    #[must_use]
    pub fn idp_url(&self, id: &str) -> Option<&IdpUrl> {
        self.lists.idp_urls.get(id)
    }

    /// `awsSsoIntegrations`.
    #[must_use]
    pub fn aws_sso_integrations(&self) -> &[AwsSsoIntegration] {
        &self.lists.aws_sso.items
    }

    /// The entry of `awsSsoIntegrations` with this id.
    #[must_use]
    pub fn aws_sso_integration(&self, id: &str) -> Option<&AwsSsoIntegration> {
        self.lists.aws_sso.get(id)
    }

    /// `azureIntegrations`.
    #[must_use]
    pub fn azure_integrations(&self) -> &[AzureIntegration] {
        &self.lists.azure.items
    }

    /// The entry of `azureIntegrations` with this id.
    #[must_use]
    pub fn azure_integration(&self, id: &str) -> Option<&AzureIntegration> {
        self.lists.azure.get(id)
    }

    /// The same with other states, as they read back once they are written.
    pub(crate) fn with_states(&self, states: &BTreeMap<SessionId, PersistedStatus>) -> Self {
        let mut next = self.clone();
        for (id, state) in states {
            if let Some(entry) = next.by_id.get(id).and_then(|p| next.entries.get_mut(*p)) {
                entry.projection = projection::as_written(state);
            }
        }
        next
    }

    /// The text of an element of `sessions`.
    pub(crate) fn raw(&self, element: &Element) -> &str {
        self.source.get(element.span.clone()).unwrap_or_default()
    }
}
