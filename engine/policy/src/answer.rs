//! Whether an answer makes sense and stays within bounds. Runs before anybody acts on it.

use dayfly_core::policy::{
    Act, Descriptor, Event, Fault, FaultKind, Hold, Notice, PolicyEffect, Reason, SessionKey,
    Subscription, Verdict,
};

use crate::guest_faults;
use crate::limits::Limits;
use crate::query::WorkspaceQuery;
use crate::text;

/// What an answer is checked against.
pub(crate) struct Question<'a> {
    pub(crate) events: &'a [Event],
    pub(crate) workspace: &'a dyn WorkspaceQuery,
    pub(crate) descriptor: &'a Descriptor,
    pub(crate) limits: &'a Limits,
}

/// Checks a verdict, and makes its texts fit to be shown.
pub(crate) fn check(mut verdict: Verdict, question: &Question<'_>) -> Result<Verdict, Fault> {
    let limits = question.limits;
    let sessions = Sessions::of(question);
    verdict.stopped_after = progress(verdict.stopped_after, sessions.count)?;
    at_most(verdict.effects.len(), limits.effects, "effects")?;
    let (mut wakes, mut notices) = (0, 0);
    for effect in &mut verdict.effects {
        match effect {
            PolicyEffect::Act(act) => check_act(act, question, &sessions)?,
            PolicyEffect::Hold(hold) => check_hold(hold, question, &sessions)?,
            PolicyEffect::Withdraw(session) => known(*session, &sessions)?,
            PolicyEffect::Wake { id, .. } => {
                wakes += 1;
                at_most(wakes, limits.wakes, "wake-ups")?;
                check_id(id, limits, "id of a wake-up")?;
            }
            PolicyEffect::CancelWake(id) => check_id(id, limits, "id of a wake-up")?,
            PolicyEffect::Notify(notice) => {
                notices += 1;
                at_most(notices, limits.notices, "messages")?;
                check_notice(notice, limits)?;
            }
        }
    }
    Ok(verdict)
}

/// Checks what `configure` answered.
pub(crate) fn check_subscriptions(
    subscriptions: &[Subscription],
    limits: &Limits,
) -> Result<(), Fault> {
    at_most(subscriptions.len(), limits.subscriptions, "subscriptions")?;
    for subscription in subscriptions {
        match subscription {
            Subscription::Sessions(filter) => {
                at_most(
                    filter.types.len(),
                    limits.subscriptions,
                    "types in a filter",
                )?;
                at_most(
                    filter.statuses.len(),
                    limits.subscriptions,
                    "statuses in a filter",
                )?;
                at_most(
                    filter.labels.len(),
                    limits.subscriptions,
                    "labels in a filter",
                )?;
                for label in &filter.labels {
                    check_id(label, limits, "label in a filter")?;
                }
            }
            Subscription::Files(glob) => check_long_id(glob, limits, "file pattern")?,
            Subscription::Schedule(cron) => check_id(cron, limits, "schedule")?,
            Subscription::Custom(name) => check_id(name, limits, "name of a custom event")?,
            Subscription::Branch(glob) => check_long_id(glob, limits, "repository pattern")?,
            Subscription::Engine(_) => {}
        }
    }
    Ok(())
}

/// The sessions of a call.
struct Sessions<'a> {
    workspace: &'a dyn WorkspaceQuery,
    /// Sorted.
    keys: Vec<SessionKey>,
    /// How often one came, since one may come twice.
    count: usize,
}

impl<'a> Sessions<'a> {
    fn of(question: &Question<'a>) -> Self {
        let mut keys: Vec<SessionKey> = Vec::new();
        for event in question.events {
            match event {
                Event::Sessions(changes) => keys.extend(changes.iter().map(|c| c.after.key)),
                Event::Resync { sessions, .. } => keys.extend(sessions.iter().map(|s| s.key)),
                _ => {}
            }
        }
        let count = keys.len();
        if !keys.is_sorted() {
            keys.sort_unstable();
        }
        Self {
            workspace: question.workspace,
            keys,
            count,
        }
    }

    fn know(&self, key: SessionKey) -> bool {
        self.keys.binary_search(&key).is_ok() || self.workspace.get(key).is_some()
    }
}

/// A policy that stops early has to get somewhere, or it would be called again for ever.
fn progress(stopped_after: Option<u32>, sessions: usize) -> Result<Option<u32>, Fault> {
    let Some(after) = stopped_after else {
        return Ok(None);
    };
    match usize::try_from(after) {
        Ok(after) if after == sessions => Ok(None),
        Ok(0) => Err(nonsense("it stopped before the first session".into())),
        Ok(after) if after < sessions => Ok(stopped_after),
        _ => Err(nonsense(format!(
            "it stopped after {after} sessions of {sessions}"
        ))),
    }
}

fn check_act(act: &mut Act, question: &Question<'_>, sessions: &Sessions<'_>) -> Result<(), Fault> {
    known(act.session, sessions)?;
    if !question.descriptor.actions.contains(&act.action) {
        return Err(nonsense(format!(
            "it proposes to {} a session, but its description does not list that action",
            act.action
        )));
    }
    check_reason(&mut act.why, question.limits)
}

fn check_hold(
    hold: &mut Hold,
    question: &Question<'_>,
    sessions: &Sessions<'_>,
) -> Result<(), Fault> {
    known(hold.session, sessions)?;
    if !question.descriptor.may_hold {
        return Err(nonsense(
            "it proposes a hold, but its description does not list holds".into(),
        ));
    }
    if hold.actions.is_empty() {
        return Err(nonsense("it proposes a hold that names no action".into()));
    }
    check_reason(&mut hold.why, question.limits)
}

fn known(key: SessionKey, sessions: &Sessions<'_>) -> Result<(), Fault> {
    if sessions.know(key) {
        Ok(())
    } else {
        Err(nonsense(format!(
            "it names session {}, which it was not shown",
            key.0
        )))
    }
}

fn check_reason(reason: &mut Reason, limits: &Limits) -> Result<(), Fault> {
    fits(&reason.code, limits.short_text, "code of a reason")?;
    if !text::is_kebab_case(&reason.code) {
        return Err(nonsense(format!(
            "`{}` is not a valid reason code; write it like `expires-soon`",
            text::sanitize(reason.code.clone())
        )));
    }
    sentence(&mut reason.message, limits, "message of a reason")?;
    at_most(
        reason.evidence.len(),
        limits.evidence,
        "pieces of evidence for a reason",
    )?;
    for (key, value) in &mut reason.evidence {
        fits(key, limits.short_text, "key of evidence")?;
        *key = text::sanitize(std::mem::take(key));
        sentence(value, limits, "piece of evidence")?;
    }
    Ok(())
}

fn check_notice(notice: &mut Notice, limits: &Limits) -> Result<(), Fault> {
    check_id(&notice.key, limits, "key of a message")?;
    sentence(&mut notice.text, limits, "message")
}

fn sentence(text: &mut String, limits: &Limits, what: &str) -> Result<(), Fault> {
    fits(text, limits.long_text, what)?;
    *text = text::sanitize(std::mem::take(text));
    Ok(())
}

/// An id is compared, so it is refused rather than changed.
fn check_id(id: &str, limits: &Limits, what: &str) -> Result<(), Fault> {
    fits(id, limits.short_text, what)?;
    plain(id, what)
}

fn check_long_id(id: &str, limits: &Limits, what: &str) -> Result<(), Fault> {
    fits(id, limits.long_text, what)?;
    plain(id, what)
}

fn plain(id: &str, what: &str) -> Result<(), Fault> {
    if id.is_empty() {
        return Err(nonsense(format!("a {what} is empty")));
    }
    if id.chars().any(char::is_control) {
        return Err(nonsense(format!("a {what} contains control characters")));
    }
    Ok(())
}

fn fits(text: &str, bytes: usize, what: &str) -> Result<(), Fault> {
    if text.len() > bytes {
        return Err(guest_faults::new(
            FaultKind::Limit,
            format!(
                "the policy's answer is too large: a {what} of {} bytes, {bytes} are allowed",
                text.len()
            ),
        ));
    }
    Ok(())
}

fn at_most(count: usize, limit: usize, what: &str) -> Result<(), Fault> {
    if count > limit {
        return Err(guest_faults::new(
            FaultKind::Limit,
            format!(
                "the policy's answer is too large: more than the {limit} {what} that are allowed"
            ),
        ));
    }
    Ok(())
}

fn nonsense(problem: String) -> Fault {
    guest_faults::new(
        FaultKind::BadAnswer,
        format!("the policy's answer is invalid: {problem}"),
    )
}
