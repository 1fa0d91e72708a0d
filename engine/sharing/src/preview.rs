//! What a policy would do to the sessions as they are now. It is asked, and nothing is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::policy::{
    Context, Event, PolicyEffect, ResyncReason, Revision, SessionFacts, SessionKey, SessionView,
};
use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, sanitize};
use dayfly_host::reports;
use dayfly_policy::{Call, StateSnapshot};
use dayfly_runtime::entries::Prepared;
use dayfly_runtime::report::SessionReport;
use dayfly_runtime::{Home, clock};

/// Lines that are shown of one policy.
const LINES: usize = 12;

/// The sessions of a home, as policies see them.
pub fn sessions(home: &Home) -> Result<Vec<SessionView>, CliError> {
    if !home.workspace().exists() {
        return Ok(Vec::new());
    }
    let report = reports::of(home)?;
    let keys: BTreeMap<SessionId, SessionKey> = report
        .sessions
        .iter()
        .zip(0..)
        .map(|(session, key)| (session.id.clone(), SessionKey(key)))
        .collect();
    let views = report.sessions.iter().map(|session| view(session, &keys));
    Ok(views.collect())
}

fn view(session: &SessionReport, keys: &BTreeMap<SessionId, SessionKey>) -> SessionView {
    let parent = session.parent.as_ref().and_then(|parent| keys.get(parent));
    let facts = SessionFacts {
        id: session.id.clone(),
        name: session.name.clone(),
        session_type: session.session_type,
        status: session.status,
        region: session.region.clone(),
        started_at: session.started_at,
        expires_at: session.expires_at,
        named_profile: session.profile.clone(),
        account: session.account.clone(),
        role: session.role_arn.clone(),
        chained_to: session.parent.clone(),
        labels: session.labels.clone(),
        last_error: session.error.as_ref().map(|error| error.kind),
        failures: session.failures,
        last_use: None,
        reason: None,
        revision: Revision(1),
    };
    SessionView {
        key: keys.get(&session.id).copied().unwrap_or(SessionKey(0)),
        parent: parent.copied(),
        facts: Arc::new(facts),
    }
}

/// What it would do now, a line each; and at the end for how many of the sessions it says nothing.
pub fn would(prepared: &Prepared, sessions: &[SessionView]) -> Vec<String> {
    let grant = &prepared.entry.grant.sessions;
    let mut granted: BTreeMap<SessionKey, SessionView> = sessions
        .iter()
        .filter(|view| grant.matches(view))
        .map(|view| (view.key, view.clone()))
        .collect();
    // A parent that is not granted does not exist for it.
    let keys: Vec<SessionKey> = granted.keys().copied().collect();
    for view in granted.values_mut() {
        view.parent = view.parent.filter(|parent| keys.contains(parent));
    }
    if sessions.is_empty() {
        return vec!["the Workspace has no sessions yet".into()];
    }
    if granted.is_empty() {
        return vec!["its grant covers no session in the Workspace".into()];
    }
    let event = Event::Resync {
        reason: ResyncReason::ColdStart,
        sessions: granted.values().cloned().collect(),
        last: true,
    };
    let names: BTreeMap<SessionKey, String> = granted
        .iter()
        .map(|(key, view)| (*key, sanitize(&view.name)))
        .collect();
    let answer = prepared.policy.evaluate(Call {
        context: Context {
            now: clock::now(),
            sequence: 1,
            seed: 1,
            dry_run: true,
            workspace_revision: 1,
        },
        events: &[event],
        workspace: Arc::new(granted),
        state: StateSnapshot::default(),
    });
    let verdict = match answer {
        Ok(answer) => answer.verdict,
        Err(failed) => return vec![format!("it fails: {}", sanitize(&failed.fault.message))],
    };
    let name = |key: &SessionKey| names.get(key).cloned().unwrap_or_default();
    let effects = verdict.effects.iter();
    let mut lines: Vec<String> = effects.filter_map(|effect| words(effect, &name)).collect();
    if lines.is_empty() {
        return vec![format!(
            "nothing to any of the {} sessions in its grant",
            names.len()
        )];
    }
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// What a proposal is, in words.
fn words(effect: &PolicyEffect, name: &dyn Fn(&SessionKey) -> String) -> Option<String> {
    match effect {
        PolicyEffect::Act(act) => Some(format!(
            "{} {}: {}",
            act.action,
            name(&act.session),
            sanitize(&act.why.message)
        )),
        PolicyEffect::Hold(hold) => {
            let actions: Vec<&str> = hold.actions.iter().map(|a| a.as_str()).collect();
            let why = sanitize(&hold.why.message);
            Some(format!(
                "hold {} of {}: {why}",
                actions.join(" or "),
                name(&hold.session)
            ))
        }
        PolicyEffect::Notify(notice) => Some(format!("say: {}", sanitize(&notice.text))),
        PolicyEffect::Withdraw(_) | PolicyEffect::Wake { .. } | PolicyEffect::CancelWake(_) => None,
    }
}
