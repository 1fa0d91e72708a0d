//! A version of the Workspace was accepted: sessions come, change and go.

use crate::state::damping::Damping;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::arbitration::Rank;
use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::input::{Order, PersistedStatus, SessionUpsert, WorkspaceChange};
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
use crate::state::timers::TimerKey;

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
