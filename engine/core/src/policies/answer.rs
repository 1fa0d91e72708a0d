//! What a policy answered is checked before it counts.

use crate::context::StepContext;
use crate::events::effect::Effect;
use crate::events::journal::JournalEvent;
use crate::model::ids::Cause;
use crate::model::policy::{
    Actions, EntryName, EvaluationId, Fault, FaultKind, PolicyEffect, SessionKey, Verdict,
};

impl StepContext<'_> {
    pub(crate) fn evaluated(
        &mut self,
        name: &EntryName,
        id: EvaluationId,
        result: Result<Verdict, Fault>,
    ) {
        let policy = self.state.entries.get_mut(name);
        let asked = policy.and_then(|t| t.pending_evaluation.take_if(|asked| asked.id == id));
        let Some(asked) = asked else {
            let what = format!("evaluation {} of policy {name}", id.0);
            return self.record(Cause::default(), JournalEvent::Stale { what });
        };
        // Whatever waited for this answer may go on, with or without it.
        self.reconsider.extend(asked.ids.iter().cloned());
        match result.and_then(|verdict| self.check(name, &verdict).map(|()| verdict)) {
            Ok(verdict) => {
                self.effects.push(Effect::CommitPolicyState {
                    entry: name.clone(),
                    evaluation: id,
                });
                let ids = asked.ids.clone();
                self.apply_answer(name, asked, verdict);
                self.advance_waiting(ids);
            }
            Err(fault) => {
                self.fault(name, asked, fault);
                self.advance_all_waiting();
            }
        }
    }

    /// An answer that names what does not exist or is not granted counts for nothing.
    fn check(&self, name: &EntryName, verdict: &Verdict) -> Result<(), Fault> {
        let bad = |message: String| {
            Err(Fault {
                kind: FaultKind::BadAnswer,
                message,
            })
        };
        let Some(policy) = self.state.entries.get(name) else {
            return bad("the entry was removed".into());
        };
        let (entry, wakes) = (&policy.entry, &policy.wakes);
        // One that was there, and went while the policy thought, is no mistake.
        let seen = |key: SessionKey| policy.visibility.was_given(key);
        let allowed: Actions = entry
            .actions
            .iter()
            .filter(|a| entry.grant.actions.contains(*a))
            .collect();
        let mut wanted_wakes = wakes.len();
        for effect in &verdict.effects {
            match effect {
                PolicyEffect::Act(act) if !seen(act.session) => {
                    return bad(format!(
                        "it named session {}, which its grant does not cover",
                        act.session.0
                    ));
                }
                PolicyEffect::Act(act) if !allowed.contains(act.action) => {
                    return bad(format!(
                        "it proposed {}, which its grant does not allow",
                        act.action
                    ));
                }
                PolicyEffect::Hold(hold) if !seen(hold.session) => {
                    let key = hold.session.0;
                    return bad(format!(
                        "it named session {key}, which its grant does not cover"
                    ));
                }
                PolicyEffect::Hold(_) if !(entry.may_hold && entry.grant.may_hold) => {
                    return bad("it proposed a hold, which its grant does not allow".into());
                }
                PolicyEffect::Withdraw(session) if !seen(*session) => {
                    let key = session.0;
                    return bad(format!(
                        "it named session {key}, which its grant does not cover"
                    ));
                }
                PolicyEffect::Wake { .. } => wanted_wakes += 1,
                _ => {}
            }
        }
        let limit = self.state.settings.wakes_max;
        if wanted_wakes > limit {
            let message = format!("it asks for more than {limit} wake-ups at a time");
            return Err(Fault {
                kind: FaultKind::Limit,
                message,
            });
        }
        Ok(())
    }
}
