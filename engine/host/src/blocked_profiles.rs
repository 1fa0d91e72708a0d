//! Named profiles that other programs' lines hold: told when a session is added, not at its first START.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_chain::ChainError;
use dayfly_core::delivery::Delivery;
use dayfly_core::session::{Session, SessionId};
use dayfly_dialog::CliError;
use dayfly_runtime::Home;
use dayfly_workspace::Workspace;

use crate::{chain, settings, vault};

/// A session whose credentials Dayfly could not publish now.
#[derive(Debug)]
pub struct Blocked {
    /// Its name.
    pub session: String,
    /// Why.
    pub error: ChainError,
}

impl Blocked {
    /// What a person is warned of: what will fail, why, and what to do.
    #[must_use]
    pub fn warning(&self) -> String {
        let hint = self.error.hint();
        let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!(
            "Dayfly cannot publish the credentials of session \"{}\" yet: {}{hint}",
            self.session, self.error
        )
    }
}

/// Those of these sessions whose named profile other programs' lines hold, where their credentials go.
///
/// # Errors
/// The configuration cannot be read.
pub fn blocked(
    home: &Home,
    workspace: &Workspace,
    sessions: &BTreeSet<SessionId>,
) -> Result<Vec<Blocked>, CliError> {
    let config = settings::in_force(home)?;
    let entries = sessions.iter().filter_map(|id| workspace.get(id));
    let wanted: Vec<(&Session, &str, Delivery)> = entries
        .filter_map(|entry| {
            let session = &*entry.session;
            let to = workspace.delivery_in_force(&session.id, config.delivery.as_ref());
            Some((session, session.named_profile.as_deref()?, to))
        })
        .collect();
    let chain = chain::of(home, &config, &vault::of(home, &config))?;
    let places = wanted.iter().map(|(_, profile, places)| (*profile, places));
    // A profile that two places hold is told once.
    let found: BTreeMap<String, ChainError> = chain.blocked(places).into_iter().collect();
    let held = |(session, profile, _): &(&Session, &str, Delivery)| {
        Some(Blocked {
            session: session.name.clone(),
            error: found.get(*profile)?.clone(),
        })
    };
    Ok(wanted.iter().filter_map(held).collect())
}
