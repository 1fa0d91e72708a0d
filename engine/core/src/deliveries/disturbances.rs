//! What other programs do to what was published: it is noticed and put back, but for what somebody
//! takes away again.

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::model::delivery::Place;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::placement::{ChangedPlace, DeliveryProblem, PublicationPlace};
use crate::model::session_id::SessionId;
use crate::model::text::shell_word;
use crate::state::phase::Phase;
use crate::state::session_state::SessionState;

impl StepContext<'_> {
    /// Another program wrote a file of the chain: what is there is taken for what is there.
    pub(crate) fn place_changed(&mut self, changed: ChangedPlace) {
        let mut align = false;
        for session in &changed.lost {
            align |= self.lost(session, &changed);
        }
        for session in changed.strange {
            align |= self.strange(session, changed.place);
        }
        // What kept the credentials of others out may be mended now.
        if align || self.state.deliveries.may_retry(changed.place, self.now) {
            self.align();
        }
    }

    /// Credentials are not where they were put; whether they are to be put in place again.
    fn lost(&mut self, session: &SessionId, changed: &ChangedPlace) -> bool {
        let phase = self.state.sessions.get(session).map(|t| &t.phase);
        let rotating = matches!(phase, Some(Phase::Rotating(..)));
        // What is on its way out is gone all the same, and what is on its way in comes. What no
        // Workspace has named yet is put back when one does.
        if !rotating && !matches!(phase, Some(Phase::Active(_))) {
            let state = self.state.deliveries.sessions.get_mut(session);
            if let (Some(state), PublicationPlace::At(place)) = (state, changed.place) {
                state.lose(place);
            }
            return false;
        }
        if rotating {
            // Should that fail, it is put back by the timer.
            self.retry_places_later();
        }
        match changed.place {
            PublicationPlace::Kept => self.lost_encrypted(session, changed),
            PublicationPlace::At(place) => self.lost_at(session, place, changed),
        }
    }

    fn lost_encrypted(&mut self, session: &SessionId, changed: &ChangedPlace) -> bool {
        let now = self.now;
        let Some(state) = self.state.deliveries.sessions.get_mut(session) else {
            return false;
        };
        let back = state
            .removals
            .note(changed.place, changed.file_is_gone, now);
        if back {
            state.disturb();
        }
        back
    }

    fn lost_at(&mut self, session: &SessionId, place: Place, changed: &ChangedPlace) -> bool {
        let wanted = self.state.deliveries.wanted(session).contains(&place);
        let now = self.now;
        let tracked = self.state.sessions.get(session);
        let state = self.state.deliveries.sessions.get_mut(session);
        let (Some(tracked), Some(state)) = (tracked, state) else {
            return false;
        };
        if !state.lose(place) || !wanted {
            return false;
        }
        let back = state
            .removals
            .note(changed.place, changed.file_is_gone, now);
        let why = removed(tracked, &changed.file, back);
        if back {
            state.miss(place, why.clone());
        } else {
            state.removals.leave_alone(changed.place, why.clone());
        }
        self.tell_delivery(session, Some(DeliveryProblem::NotAt(place, why)));
        // Also where it is left alone: the credentials have to be in force somewhere.
        true
    }

    /// Something of a session is somewhere that the chain did not put there: a copy of the file came
    /// back. Whether its credentials are to be put in place again.
    fn strange(&mut self, session: SessionId, place: PublicationPlace) -> bool {
        let PublicationPlace::At(_) = place else {
            return false;
        };
        let phase = self.state.sessions.get(&session).map(|t| &t.phase);
        let active = matches!(phase, Some(Phase::Active(_)));
        let in_force = match phase {
            Some(phase) => phase.lease().is_some(),
            // No Workspace has named it yet.
            None => self.state.recovered.contains_key(&session),
        };
        let starts = matches!(phase, Some(Phase::Starting(_)));
        let state = self.state.deliveries.sessions.get_mut(&session);
        if let Some(state) = state.filter(|_| in_force) {
            state.disturb();
            if !active {
                // Its credentials are put in place when the operation has ended.
                self.retry_places_later();
            }
            return active;
        }
        if starts {
            // The new credentials replace it; if none come, it is removed.
            self.state.deliveries.leftovers.insert(session);
            self.retry_places_later();
        } else if !in_force {
            self.clear_leftover(session);
        }
        false
    }

    /// Has the chain take away what it holds of a session that is not in force.
    pub(crate) fn clear_leftover(&mut self, session: SessionId) {
        // What the chain has not answered yet may still put credentials there that count.
        if self.state.is_changing(&session) {
            self.state.deliveries.leftovers.insert(session);
            return self.retry_places_later();
        }
        let clearing = &mut self.state.deliveries.clearing;
        // A removal that is under way takes this away as well.
        if clearing.insert(session.clone()) {
            self.effects.push(Effect::ClearLeftover { session });
        }
    }

    /// The chain took that away, or could not.
    pub(crate) fn leftover_cleared(&mut self, session: SessionId, result: Result<(), Failure>) {
        if !self.state.deliveries.clearing.remove(&session) {
            return self.stale_answer(&session);
        }
        match result {
            Ok(()) => {
                self.state.deliveries.leftovers.remove(&session);
                self.effects.push(Effect::TellLeftover {
                    session,
                    failure: None,
                });
            }
            Err(failure) => self.left_over(session, failure),
        }
    }

    /// Something of a session that is not in force has to be taken away, and is tried again.
    pub(crate) fn left_over(&mut self, session: SessionId, failure: Failure) {
        self.state.deliveries.leftovers.insert(session.clone());
        self.retry_places_later();
        self.effects.push(Effect::TellLeftover {
            session,
            failure: Some(failure),
        });
    }

    /// Tries again to take away what is left of sessions.
    pub(crate) fn clear_leftovers(&mut self) {
        for session in std::mem::take(&mut self.state.deliveries.leftovers) {
            match self.state.sessions.get(&session).map(|t| &t.phase) {
                None | Some(Phase::Inactive) => self.clear_leftover(session),
                // Its credentials were put in place since, and nowhere else.
                Some(Phase::Active(_)) => self.effects.push(Effect::TellLeftover {
                    session,
                    failure: None,
                }),
                // Decided when the operation has ended.
                Some(_) => {
                    self.state.deliveries.leftovers.insert(session);
                }
            }
        }
    }
}

/// Why credentials are not in a file that somebody else took them out of.
fn removed(tracked: &SessionState, file: &str, back: bool) -> Failure {
    let name = &tracked.session.name;
    let what = match &tracked.published_profile {
        Some(profile) => format!("profile \"{profile}\""),
        None => "the session's entry".to_owned(),
    };
    let what = format!("another program removed {what} from {file}");
    if back {
        return Failure::new(ErrorKind::Delivery, format!("{what}; Dayfly puts it back"));
    }
    let message = format!("{what} again after Dayfly had put it back; Dayfly leaves it removed");
    let name = shell_word(name);
    Failure::new(ErrorKind::Delivery, message).with_hint(format!(
        "put it back with `dayfly session start {name}`; to publish the session in no file, use \
         `dayfly session edit {name} --delivery none`; `dayfly exec {name}` works either way",
    ))
}
