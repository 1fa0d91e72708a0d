//! Sessions come, change and go; policies and the Workspace file are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::arbitration::Rank;
use crate::decisions::damping::Damping;
use crate::events::effect::{Cause, Effect, JournalEvent};
use crate::events::input::{Order, PersistedStatus, SessionUpsert, WorkspaceChange};
use crate::model::policy::{
    Action, EntryName, Fields, Outcome, Revision, SessionFacts, SessionView,
};
use crate::model::random::Random;
use crate::model::session::{Session, SessionId, Status};
use crate::state::timers::TimerKey;
use crate::state::{EntryState, Orphan, PendingChange, Phase, SessionState};
use crate::step::StepContext;

/// Changes after which the credentials in the chain are those of another session definition.
const MATERIAL: Fields = Fields::TARGET
    .union(Fields::NAMED_PROFILE)
    .union(Fields::REGION);

/// Changes of what the person wrote.
const WRITTEN: Fields = MATERIAL
    .union(Fields::ADDED)
    .union(Fields::REMOVED)
    .union(Fields::NAME)
    .union(Fields::LABELS);

impl StepContext<'_> {
    pub(crate) fn workspace(&mut self, change: WorkspaceChange) {
        let cause = self.new_cause();
        self.state.workspace_revision += 1;
        let known = |s: &SessionUpsert| {
            self.state
                .sessions
                .get(&s.session.id)
                .map(|t| t.present && t.session != s.session)
        };
        let added = change.upserts.iter().filter(|s| known(s).is_none()).count();
        let changed = change
            .upserts
            .iter()
            .filter(|s| known(s) == Some(true))
            .count();
        let accepted = JournalEvent::WorkspaceAccepted {
            revision: self.state.workspace_revision,
            added,
            changed,
            removed: change.removed.len(),
        };
        self.record(cause, accepted);
        let mut touched = Vec::new();
        for upsert in change.upserts {
            let id = upsert.session.id.clone();
            let fields = self.upsert(upsert.session, cause);
            touched.push((id, fields, upsert.written));
        }
        // Every session has to be there before it is told which are chained to which.
        for (id, fields, written) in touched {
            if !fields.is_empty() {
                self.note_edit(&id, fields, cause);
                self.mark_changed(&id, fields, None, cause);
            }
            self.rule_again(&id);
            self.written(&id, written);
        }
        self.all_go_on();
        for id in change.removed {
            let Some(tracked) = self.state.sessions.get_mut(&id) else {
                continue;
            };
            tracked.present = false;
            tracked.cause = cause;
            // What waits to be written of it is not to come upon one that takes its place.
            let projection = PersistedStatus::default();
            self.effects.push(Effect::Project {
                session: id.clone(),
                projection,
            });
            self.effects.push(Effect::ForgetSession {
                session: id.clone(),
            });
            self.note_edit(&id, Fields::REMOVED, cause);
            self.mark_changed(&id, Fields::REMOVED, None, cause);
        }
        // Whatever the chain held at the start and no session stands for.
        for (id, found) in std::mem::take(&mut self.state.recovered) {
            let orphan = Orphan {
                operation: None,
                failures: 0,
                profile: found.profile,
            };
            self.state.orphans.insert(id.clone(), orphan);
            self.record(
                cause,
                JournalEvent::Orphan {
                    session: id.clone(),
                },
            );
            self.retract_orphan(&id);
        }
    }

    fn note_edit(&mut self, id: &SessionId, fields: Fields, cause: Cause) {
        // What the first version holds was not edited just now.
        if self.state.workspace_revision == 1 {
            return;
        }
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let name = tracked.session.name.clone();
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
        let Some(tracked) = self.state.sessions.get_mut(&id) else {
            self.add(session, cause);
            return Fields::ADDED;
        };
        let mut fields = difference(&tracked.session, &session);
        if !tracked.present {
            fields = fields.union(Fields::ADDED);
        }
        let old = std::mem::replace(&mut tracked.session, session);
        tracked.present = true;
        if fields.is_empty() {
            return fields;
        }
        tracked.cause = cause;
        if fields.intersects(MATERIAL) {
            // What was refused may be right now; what is in force is of the old definition.
            tracked.retry_at = None;
            tracked.needs_person = false;
            tracked.outdated = tracked.phase != Phase::Inactive;
        }
        let operation = tracked.phase.operation();
        tracked.rule_anew |= operation.is_some_and(|operation| !operation.is_publishing());
        let new = Arc::clone(&tracked.session);
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
        if let Some(profile) = &published_profile {
            self.state.profile_owners.add(&id, profile);
        }
        let word = self.state.recovered_overrides.remove(&id);
        self.set_lease_timers(&id, phase.lease());
        let mut tracked = SessionState {
            view: Arc::new(facts_of(&session)),
            session: Arc::clone(&session),
            present: true,
            phase,
            failures: 0,
            last_failure: None,
            retry_at: None,
            needs_person: false,
            manual_override: word,
            outdated,
            renews_edit: false,
            published_profile,
            stopped_at: None,
            beyond_parent: false,
            rule_anew: false,
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
            told: None,
            shadow_told: None,
            damping: Damping::default(),
            random: Random::of(self.state.seed, id.as_str()),
        };
        // So that the first touch sees a session that came, not one that changed.
        Arc::make_mut(&mut tracked.view).status = tracked.phase.status();
        self.state.sessions.insert(id, tracked);
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
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        tracked.projected = written;
        let inforce = projection(tracked);
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

    /// Asks for the projection to be written, where the file says something else.
    pub(crate) fn write_status(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.get_mut(id).filter(|t| t.present) else {
            return;
        };
        let projection = projection(tracked);
        if projection != tracked.projected {
            tracked.projected = projection;
            self.effects.push(Effect::Project {
                session: id.clone(),
                projection,
            });
        }
    }

    /// Makes the view anew, tells the policies that asked for it, and has the session reconsidered.
    pub(crate) fn mark_changed(
        &mut self,
        id: &SessionId,
        fields: Fields,
        outcome: Option<Outcome>,
        cause: Cause,
    ) {
        let settled = Fields::ADDED.union(Fields::CREDENTIALS).union(MATERIAL);
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        if fields.intersects(settled) {
            tracked.revision.0 += 1;
        }
        let before = Arc::clone(&tracked.view);
        let mut view = facts_of(&tracked.session);
        view.status = tracked.phase.status();
        view.started_at = tracked.phase.lease().map(|l| l.issued_at);
        view.expires_at = tracked.phase.lease().and_then(|l| l.expires_at);
        view.last_error = tracked.last_failure.as_ref().map(|f| f.kind);
        view.failures = tracked.failures;
        view.last_use = tracked.last_use;
        view.reason = tracked
            .manual_override
            .as_ref()
            .and_then(|w| w.stated().cloned());
        view.revision = tracked.revision;
        tracked.view = Arc::new(view);
        let change = Change {
            before,
            after: Arc::clone(&tracked.view),
            fields,
            void: fields.intersects(settled),
            written: fields.intersects(WRITTEN).then_some(tracked.present),
            outcome,
            cause,
        };
        self.write_status(id);
        self.reconsider.insert(id.clone());
        self.notify_policies(id, &change);
    }

    /// Tells the policies that see a session, or did, of a change.
    fn notify_policies(&mut self, id: &SessionId, change: &Change) {
        // A session that loses what a filter asks for concerns whoever it concerned before.
        let index = &self.state.index;
        let mut concerned: Vec<_> = index.concerned(&change.after, change.fields).collect();
        concerned.extend(index.concerned(&change.before, change.fields));
        concerned.sort_unstable();
        concerned.dedup();
        let mut relinked = Vec::new();
        for (name, tracking) in &mut self.state.entries {
            let saw = tracking.visibility.key(id).is_some();
            // What is granted follows from what the person wrote alone.
            let sees = match change.written {
                None => saw,
                Some(present) => present && tracking.entry.grant.sessions.matches(&change.after),
            };
            if change.written.is_some() && (saw || sees) {
                tracking
                    .visibility
                    .changed_in(self.state.workspace_revision);
            }
            match (saw, sees) {
                (false, false) => {}
                (false, true) => {
                    tracking.visibility.show(&change.after);
                    // What it was to hear of an earlier stay is over.
                    tracking.pending_changes.remove(id);
                    if index.concerns(name, &change.after, Fields::ADDED) {
                        let dirty = change.told(Fields::ADDED, None);
                        tracking.pending_changes.insert(id.clone(), dirty);
                    }
                    relinked.push(name.clone());
                }
                (true, false) => {
                    let last_view = tracking.visibility.hide(id);
                    tracking.proposals.remove(id);
                    tracking.pending_changes.remove(id);
                    if index.concerns(name, &change.before, Fields::REMOVED) {
                        let dirty = change.told(Fields::REMOVED, last_view);
                        tracking.pending_changes.insert(id.clone(), dirty);
                    }
                    relinked.push(name.clone());
                }
                (true, true) => {
                    tracking.visibility.show(&change.after);
                    // Whoever's proposal is void now hears of it, asked for or not.
                    let spoke = tracking
                        .proposals
                        .get(id)
                        .is_some_and(|o| !o.acts.is_empty());
                    if concerned.binary_search(&name).is_ok() || (spoke && change.void) {
                        tracking.enqueue_change(id, change.told(change.fields, None));
                    }
                }
            }
        }
        if !relinked.is_empty() {
            self.relink(id, &relinked, change.cause);
        }
    }

    /// For these entries a session came or went, which those chained to it tell by its key.
    fn relink(&mut self, id: &SessionId, entries: &[EntryName], cause: Cause) {
        let children = self.state.children.get(id).into_iter().flatten();
        for child in children {
            let Some(tracked) = self.state.sessions.get(child) else {
                continue;
            };
            for name in entries {
                let Some(tracking) = self.state.entries.get_mut(name) else {
                    continue;
                };
                let asked = self
                    .state
                    .index
                    .concerns(name, &tracked.view, Fields::TARGET);
                if tracking.visibility.relink(child) && asked {
                    let dirty = PendingChange {
                        fields: Fields::TARGET,
                        previous_status: Some(tracked.view.status),
                        outcome: None,
                        last_view: None,
                        cause,
                    };
                    tracking.enqueue_change(child, dirty);
                }
            }
        }
    }

    /// Forgets a session that left the Workspace and holds nothing in the chain.
    pub(crate) fn forget(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.remove(id) else {
            return;
        };
        // Policies may have heard of it, and remembered something, since it left.
        self.effects.push(Effect::ForgetSession {
            session: id.clone(),
        });
        self.state.unreachable.remove(id);
        for key in [
            TimerKey::Expiry(id.clone()),
            TimerKey::Expiring(id.clone()),
            TimerKey::Deadline(id.clone()),
            TimerKey::Reconsider(id.clone()),
        ] {
            self.state.timers.clear(&key);
        }
        self.state.profile_owners.forget(id);
        let parent = tracked.session.parent();
        if let Some(children) = parent.and_then(|p| self.state.children.get_mut(p)) {
            children.remove(id);
        }
        for tracking in self.state.entries.values_mut() {
            // Nobody will ask it before it looks at everything afresh.
            if tracking.suspended {
                tracking.pending_changes.remove(id);
            }
        }
        for (command, _) in tracked.waiting {
            let reply = crate::events::effect::Reply::Superseded;
            self.effects.push(Effect::Reply { command, reply });
        }
        if tracked.manual_override.is_some() {
            self.effects.push(Effect::Remember {
                session: id.clone(),
                word: None,
            });
        }
    }
}

/// What changed about a session.
struct Change {
    before: Arc<SessionFacts>,
    after: Arc<SessionFacts>,
    fields: Fields,
    /// Whether what was proposed for it is void.
    void: bool,
    /// Whether the session is in the Workspace, where what the person wrote of it changed.
    written: Option<bool>,
    outcome: Option<Outcome>,
    cause: Cause,
}

impl Change {
    /// What an entry is to hear of it.
    fn told(&self, fields: Fields, last_view: Option<SessionView>) -> PendingChange {
        let came = fields.contains(Fields::ADDED);
        PendingChange {
            fields,
            previous_status: (!came).then_some(self.before.status),
            outcome: self.outcome.filter(|_| !came),
            last_view,
            cause: self.cause,
        }
    }
}

impl EntryState {
    /// It is to hear of this, with what it has not heard of yet.
    fn enqueue_change(&mut self, id: &SessionId, dirty: PendingChange) {
        match self.pending_changes.get_mut(id) {
            Some(earlier) => earlier.merge(&dirty),
            None => {
                self.pending_changes.insert(id.clone(), dirty);
            }
        }
    }
}

impl PendingChange {
    fn merge(&mut self, later: &Self) {
        self.fields = self.fields.union(later.fields);
        self.outcome = later.outcome.or(self.outcome);
        self.cause = later.cause;
    }
}

/// What the file is to say of the session's state.
pub(crate) fn projection(tracked: &SessionState) -> PersistedStatus {
    let lease = tracked.phase.lease();
    PersistedStatus {
        status: tracked.phase.status(),
        start: lease.map(|l| l.issued_at),
        expiration: lease.and_then(|l| l.expires_at),
    }
}

fn difference(old: &Session, new: &Session) -> Fields {
    let mut fields = Fields::NONE;
    let mut mark = |differs: bool, field| {
        if differs {
            fields = fields.union(field);
        }
    };
    mark(old.name != new.name, Fields::NAME);
    mark(old.region != new.region, Fields::REGION);
    mark(
        old.named_profile != new.named_profile,
        Fields::NAMED_PROFILE,
    );
    mark(old.labels != new.labels, Fields::LABELS);
    mark(
        old.access != new.access || old.account != new.account || old.fault != new.fault,
        Fields::TARGET,
    );
    fields
}

fn facts_of(session: &Session) -> SessionFacts {
    SessionFacts {
        id: session.id.clone(),
        name: session.name.clone(),
        session_type: session.session_type(),
        status: Status::Inactive,
        region: session.region.clone(),
        started_at: None,
        expires_at: None,
        named_profile: session.named_profile.clone(),
        account: session.account.clone(),
        role: session.role_arn().map(str::to_owned),
        chained_to: session.parent().cloned(),
        labels: session.labels.clone(),
        last_error: None,
        failures: 0,
        last_use: None,
        reason: None,
        revision: Revision(0),
    }
}
