//! Sessions come, change and go; policies and the Workspace file are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::arbitration::Rank;
use crate::effect::{Cause, Effect, Happening};
use crate::input::{Order, Projection, SessionUpsert, WorkspaceChange};
use crate::policy::{Action, Fields, Outcome, Revision, SessionKey, SessionView};
use crate::session::{Session, SessionId, Status};
use crate::state::{Dirty, Phase, Tracked};
use crate::step::Turn;
use crate::timers::TimerKey;

/// Changes after which the credentials in the chain are those of another session definition.
const MATERIAL: Fields = Fields::TARGET
    .union(Fields::NAMED_PROFILE)
    .union(Fields::REGION);

impl Turn<'_> {
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
        let accepted = Happening::WorkspaceAccepted {
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
        // Views name parents by key, so every session has to have one before views are made.
        for (id, fields, written) in touched {
            if !fields.is_empty() {
                self.note_edit(&id, fields, cause);
                self.touch(&id, fields, None, cause);
            }
            self.written(&id, written);
        }
        for id in change.removed {
            let Some(tracked) = self.state.sessions.get_mut(&id) else {
                continue;
            };
            tracked.present = false;
            tracked.cause = cause;
            self.note_edit(&id, Fields::REMOVED, cause);
            self.touch(&id, Fields::REMOVED, None, cause);
        }
        // Whatever the chain held at the start and no session stands for.
        for id in std::mem::take(&mut self.state.found).into_keys() {
            self.record(
                cause,
                Happening::Orphan {
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
            Happening::SessionEdited {
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
            tracked.outdated = tracked.phase != Phase::Inactive;
        }
        let new = Arc::clone(&tracked.session);
        if let Some(children) = old.parent().and_then(|p| self.state.children.get_mut(p)) {
            children.remove(&id);
        }
        self.link(&new);
        fields
    }

    fn add(&mut self, session: Arc<Session>, cause: Cause) {
        let id = session.id.clone();
        self.state.next_key += 1;
        let key = SessionKey(self.state.next_key);
        let found = self.state.found.remove(&id);
        let phase = found
            .as_ref()
            .map_or(Phase::Inactive, |f| Phase::Active(f.lease));
        let published_profile = found.and_then(|f| f.profile);
        let outdated = phase != Phase::Inactive && published_profile != session.named_profile;
        if let Some(profile) = &published_profile {
            self.state
                .by_profile
                .entry(profile.clone())
                .or_default()
                .insert(id.clone());
        }
        let word = self.state.words.remove(&id);
        if let Some(end) = phase.lease().and_then(|lease| lease.expires_at) {
            self.state.timers.set(TimerKey::Expiry(id.clone()), end);
        }
        let mut tracked = Tracked {
            view: Arc::new(view_of(&session, key)),
            session: Arc::clone(&session),
            present: true,
            phase,
            failures: 0,
            last_failure: None,
            retry_at: None,
            word,
            outdated,
            renews_edit: false,
            published_profile,
            stopped_at: None,
            beyond_parent: false,
            publishing_profile: None,
            projected: Projection::default(),
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
        };
        // So that the first touch sees a session that came, not one that changed.
        Arc::make_mut(&mut tracked.view).status = tracked.phase.status();
        let view = Arc::clone(&tracked.view);
        self.state.views.insert(key, view);
        self.state.sessions.insert(id.clone(), tracked);
        self.state.by_key.insert(key, id);
        self.link(&session);
    }

    fn link(&mut self, session: &Session) {
        if let Some(parent) = session.parent() {
            let children = self.state.children.entry(parent.clone()).or_default();
            children.insert(session.id.clone());
        }
        if let Some(profile) = &session.named_profile {
            let claimants = self.state.by_profile.entry(profile.clone()).or_default();
            claimants.insert(session.id.clone());
        }
    }

    /// Compares what the file says of a session's state with what is in force: a status
    /// that alone differs is a person's edit, anything else is an old projection.
    fn written(&mut self, id: &SessionId, written: Projection) {
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
            };
            self.command(None, id, order);
        }
        self.project(id);
        self.reconsider.insert(id.clone());
    }

    /// Asks for the projection to be written, where the file says something else.
    pub(crate) fn project(&mut self, id: &SessionId) {
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
    pub(crate) fn touch(
        &mut self,
        id: &SessionId,
        fields: Fields,
        outcome: Option<Outcome>,
        cause: Cause,
    ) {
        let Some(tracked) = self.state.sessions.get(id) else {
            return;
        };
        let settled = Fields::ADDED.union(Fields::CREDENTIALS).union(MATERIAL);
        let parent = tracked.session.parent();
        let parent = parent
            .and_then(|p| self.state.sessions.get(p))
            .map(|p| p.view.key);
        let Some(tracked) = self.state.sessions.get_mut(id) else {
            return;
        };
        if fields.intersects(settled) {
            tracked.revision.0 += 1;
        }
        let before = Arc::clone(&tracked.view);
        let mut view = view_of(&tracked.session, before.key);
        view.status = tracked.phase.status();
        view.started_at = tracked.phase.lease().map(|l| l.issued_at);
        view.expires_at = tracked.phase.lease().and_then(|l| l.expires_at);
        view.parent = parent;
        view.last_error = tracked.last_failure.as_ref().map(|f| f.kind);
        view.failures = tracked.failures;
        view.last_use = tracked.last_use;
        view.revision = tracked.revision;
        tracked.view = Arc::new(view);
        let after = Arc::clone(&tracked.view);
        self.state.views.insert(after.key, Arc::clone(&after));
        self.project(id);
        self.reconsider.insert(id.clone());

        let added = fields.contains(Fields::ADDED);
        let mut dirty = Dirty {
            fields,
            previous_status: (!added).then_some(before.status),
            outcome,
            last_view: None,
            cause,
        };
        if fields.contains(Fields::REMOVED) {
            dirty.last_view = Some(Arc::clone(&after));
        }
        // A session that loses what a filter asks for concerns whoever it concerned before.
        let mut concerned: Vec<_> = self
            .state
            .index
            .concerned(&after, fields)
            .cloned()
            .collect();
        concerned.extend(self.state.index.concerned(&before, fields).cloned());
        concerned.sort_unstable();
        concerned.dedup();
        for (name, tracking) in &mut self.state.entries {
            let sees = |view: &SessionView| tracking.entry.grant.sessions.matches(view);
            let spoke = tracking
                .opinions
                .get(id)
                .is_some_and(|o| !o.acts.is_empty());
            let asked = concerned.binary_search(name).is_ok();
            // Whoever's proposal is void now hears of it, asked for or not.
            let voided = spoke && fields.intersects(settled);
            if (asked || voided) && (sees(&after) || sees(&before)) {
                tracking
                    .dirty
                    .entry(id.clone())
                    .and_modify(|d| d.merge(&dirty))
                    .or_insert_with(|| dirty.clone());
            }
        }
    }

    /// Forgets a session that left the Workspace and holds nothing in the chain.
    pub(crate) fn forget(&mut self, id: &SessionId) {
        let Some(tracked) = self.state.sessions.remove(id) else {
            return;
        };
        self.state.by_key.remove(&tracked.view.key);
        self.state.views.remove(&tracked.view.key);
        self.state.unreachable.remove(id);
        for key in [
            TimerKey::Expiry(id.clone()),
            TimerKey::Deadline(id.clone()),
            TimerKey::Reconsider(id.clone()),
        ] {
            self.state.timers.clear(&key);
        }
        for set in self.state.by_profile.values_mut() {
            set.remove(id);
        }
        let parent = tracked.session.parent();
        if let Some(children) = parent.and_then(|p| self.state.children.get_mut(p)) {
            children.remove(id);
        }
        for tracking in self.state.entries.values_mut() {
            tracking.opinions.remove(id);
            // Nobody will ask it before it looks at everything afresh.
            if tracking.suspended {
                tracking.dirty.remove(id);
            }
        }
        for (command, _) in tracked.waiting {
            let reply = crate::effect::Reply::Superseded;
            self.effects.push(Effect::Reply { command, reply });
        }
        if tracked.word.is_some() {
            self.effects.push(Effect::Remember {
                session: id.clone(),
                word: None,
            });
        }
    }
}

impl Dirty {
    fn merge(&mut self, later: &Self) {
        self.fields = self.fields.union(later.fields);
        self.outcome = later.outcome.or(self.outcome);
        self.last_view.clone_from(&later.last_view);
        self.cause = later.cause;
    }
}

/// What the file is to say of the session's state.
pub(crate) fn projection(tracked: &Tracked) -> Projection {
    let lease = tracked.phase.lease();
    Projection {
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

fn view_of(session: &Session, key: SessionKey) -> SessionView {
    SessionView {
        key,
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
        parent: None,
        labels: session.labels.clone(),
        last_error: None,
        failures: 0,
        last_use: None,
        revision: Revision(0),
    }
}
