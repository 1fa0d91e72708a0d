//! A version of the Workspace was accepted: sessions come, change and go.

use crate::state::damping::Damping;
use crate::state::deliveries::DeliveryState;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::arbitration::Rank;
use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::input::{
    ManualOverride, Order, PersistedStatus, RecoveredCredentials, WorkspaceChange,
};
use crate::events::journal::JournalEvent;
use crate::model::ids::Cause;
use crate::model::policy::{Action, Fields, Revision};
use crate::model::random::Random;
use crate::model::session::{Session, Status};
use crate::model::session_id::SessionId;
use crate::sessions::changed_fields::{MATERIAL, difference};
use crate::sessions::view::{facts_of, projection};
use crate::state::Orphan;
use crate::state::phase::Phase;
use crate::state::session_state::SessionState;

impl StepContext<'_> {
    /// The engine starts: what the chain holds and what the person had said waits for the Workspace.
    pub(crate) fn boot(
        &mut self,
        found: Vec<RecoveredCredentials>,
        words: Vec<(SessionId, ManualOverride)>,
    ) {
        let cause = self.new_cause();
        let ids = found.iter().map(|found| found.session.clone()).collect();
        self.record(cause, JournalEvent::Booted { found: ids });
        for found in &found {
            let state = DeliveryState::found(found.in_force.clone());
            let sessions = &mut self.state.deliveries.sessions;
            sessions.insert(found.session.clone(), state);
        }
        let found = found.into_iter();
        self.state.recovered = found.map(|found| (found.session.clone(), found)).collect();
        self.state.recovered_overrides = words.into_iter().collect();
    }

    /// A version of the Workspace was accepted.
    pub(crate) fn workspace(&mut self, change: WorkspaceChange) {
        let cause = self.new_cause();
        self.state.workspace_revision += 1;
        self.record_accepted(&change, cause);
        let mut written = Vec::new();
        for upsert in change.upserts {
            let id = upsert.session.id.clone();
            let fields = self.upsert(upsert.session, cause);
            written.push((id, fields, upsert.written));
        }
        // Every session has to be there before policies see which are chained to which.
        for (id, fields, status) in written {
            if !fields.is_empty() {
                self.note_edit(&id, fields, cause);
                self.mark_changed(&id, fields, None, cause);
            }
            self.await_approval(&id);
            self.written(&id, status);
        }
        self.advance_all_waiting();
        for id in change.removed {
            self.removed(id, cause);
        }
        for (_, found) in std::mem::take(&mut self.state.recovered) {
            self.unclaimed(found, cause);
        }
    }

    fn record_accepted(&mut self, change: &WorkspaceChange, cause: Cause) {
        let (mut added, mut changed) = (0, 0);
        for upsert in &change.upserts {
            match self.state.sessions.get(&upsert.session.id) {
                None => added += 1,
                Some(state) if state.present && state.session != upsert.session => changed += 1,
                Some(_) => {}
            }
        }
        let accepted = JournalEvent::WorkspaceAccepted {
            revision: self.state.workspace_revision,
            added,
            changed,
            removed: change.removed.len(),
        };
        self.record(cause, accepted);
    }

    /// A session left the Workspace.
    fn removed(&mut self, id: SessionId, cause: Cause) {
        let Some(state) = self.state.sessions.get_mut(&id) else {
            return;
        };
        state.present = false;
        state.cause = cause;
        // What waits to be written of it is not to come upon one that takes its place.
        self.effects.push(Effect::Project {
            session: id.clone(),
            projection: PersistedStatus::default(),
        });
        self.effects.push(Effect::ForgetSession {
            session: id.clone(),
        });
        self.note_edit(&id, Fields::REMOVED, cause);
        self.mark_changed(&id, Fields::REMOVED, None, cause);
    }

    /// The chain held credentials at the start whose session is not in the Workspace.
    fn unclaimed(&mut self, found: RecoveredCredentials, cause: Cause) {
        let session = found.session;
        let orphan = Orphan {
            operation: None,
            failures: 0,
            profile: found.profile,
        };
        self.state.orphans.insert(session.clone(), orphan);
        let id = session.clone();
        self.record(cause, JournalEvent::Orphan { session });
        self.retract_orphan(&id);
    }

    fn note_edit(&mut self, id: &SessionId, fields: Fields, cause: Cause) {
        // What the first version holds was not edited just now.
        if self.state.workspace_revision == 1 {
            return;
        }
        let Some(state) = self.state.sessions.get(id) else {
            return;
        };
        let name = state.session.name.clone();
        let fields = fields.names().map(str::to_owned).collect();
        self.record(
            cause,
            JournalEvent::SessionEdited {
                session: id.clone(),
                name,
                fields,
            },
        );
    }

    /// Takes a session in; what changed about it.
    fn upsert(&mut self, session: Arc<Session>, cause: Cause) -> Fields {
        let id = session.id.clone();
        let Some(state) = self.state.sessions.get_mut(&id) else {
            self.add(session, cause);
            return Fields::ADDED;
        };
        let mut fields = difference(&state.session, &session);
        if !state.present {
            fields = fields.union(Fields::ADDED);
            // While nobody named it, its credentials were not moved.
            self.realign = true;
        }
        let old = std::mem::replace(&mut state.session, session);
        state.present = true;
        if fields.is_empty() {
            return fields;
        }
        state.cause = cause;
        if fields.intersects(MATERIAL) {
            // What was refused may be right now; what is in force is of the old definition.
            state.retry_at = None;
            state.needs_person = false;
            state.outdated = state.phase != Phase::Inactive;
        }
        let operation = state.phase.operation();
        state.needs_approval |= operation.is_some_and(|operation| !operation.is_publishing());
        let new = Arc::clone(&state.session);
        if let Some(children) = old.parent().and_then(|p| self.state.children.get_mut(p)) {
            children.remove(&id);
        }
        self.link(&new);
        fields
    }

    fn add(&mut self, session: Arc<Session>, cause: Cause) {
        let id = session.id.clone();
        let found = self.state.recovered.remove(&id);
        let phase = found
            .as_ref()
            .map_or(Phase::Inactive, |f| Phase::Active(f.lease));
        let published_profile = found.and_then(|f| f.profile);
        let outdated = phase != Phase::Inactive && published_profile != session.named_profile;
        self.realign |= phase != Phase::Inactive;
        if let Some(profile) = &published_profile {
            self.state.profile_owners.add(&id, profile);
        }
        let order = self.state.recovered_overrides.remove(&id);
        self.set_lease_timers(&id, phase.lease());
        let mut state = SessionState {
            view: Arc::new(facts_of(&session)),
            session: Arc::clone(&session),
            present: true,
            phase,
            failures: 0,
            last_failure: None,
            retry_at: None,
            needs_person: false,
            manual_override: order,
            outdated,
            renews_edit: false,
            published_profile,
            stopped_at: None,
            beyond_parent: false,
            needs_approval: false,
            for_child: false,
            publishing_profile: None,
            projected: PersistedStatus::default(),
            revision: Revision(0),
            last_use: None,
            rotate_asked: None,
            waiting: Vec::new(),
            demands: BTreeSet::new(),
            refresh_asked: false,
            cause,
            started_rank: Rank::default(),
            recorded_deferral: None,
            recorded_difference: None,
            damping: Damping::default(),
            random: Random::of(self.state.seed, id.as_str()),
        };
        // So that the first change is that the session came, not that its status changed.
        Arc::make_mut(&mut state.view).status = state.phase.status();
        self.state.sessions.insert(id, state);
        self.link(&session);
    }

    fn link(&mut self, session: &Session) {
        if let Some(parent) = session.parent() {
            let children = self.state.children.entry(parent.clone()).or_default();
            children.insert(session.id.clone());
        }
        if let Some(profile) = &session.named_profile {
            self.state.profile_owners.add(&session.id, profile);
        }
    }

    /// Compares what the file says of a session's state with what is in force: a status
    /// that alone differs is a person's edit, anything else is an old projection.
    fn written(&mut self, id: &SessionId, written: PersistedStatus) {
        let Some(state) = self.state.sessions.get_mut(id) else {
            return;
        };
        state.projected = written;
        let inforce = projection(state);
        let by_hand = written.start == inforce.start
            && written.status != inforce.status
            && written.status != Status::Pending
            && inforce.status != Status::Pending;
        if by_hand {
            let action = if written.status == Status::Active {
                Action::Start
            } else {
                Action::Stop
            };
            let order = Order::Do {
                action,
                lasting: None,
                override_reason: None,
                reason: None,
            };
            self.command(None, id, order);
        }
        self.write_status(id);
        self.reconsider.insert(id.clone());
    }
}
