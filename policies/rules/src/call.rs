//! One call: what the rules propose, remember and tell.

use std::collections::BTreeSet;

use dayfly_cel::eval::Worker;
use dayfly_cel::template::say;
use dayfly_cel::value::Value;
use dayfly_cel::{MILLI, NoAnswer};
use dayfly_policy_sdk::{
    Act, Effect, Event, Filter, Hold, Notice, Reason, Scope, Session, SessionKey, Severity, State,
    TimestampMs, Verdict, WakeRequest, Workspace,
};
use serde_json::{Map, Value as Json};

use crate::expression::Expression;
use crate::heard::{NAMED, answers};
use crate::rule::Rule;
use crate::scene::{Around, Heard};
use crate::settings::Settings;
use crate::then::Then;
use crate::when::{Happening, When};
use crate::wish::{Wish, Wishes};

/// What the id of a wake-up for one session begins with; its key follows.
pub(crate) const SESSION: &str = "session/";
/// The key of what is remembered.
const REMEMBERED: &str = "remembered";
/// Sessions that are asked for at once.
const PAGE: u32 = 500;
/// How long what an event asked for is tried, where the rule does not say it.
pub(crate) const TRIED: u64 = 15 * 60_000;

/// One call.
pub(crate) struct Call<'c> {
    pub(crate) config: &'c Settings,
    pub(crate) now: TimestampMs,
    pub(crate) remembered: Map<String, Json>,
    pub(crate) verdict: Verdict,
}

/// What a rule that holds proposes.
struct Proposal {
    why: Reason,
    until: Option<TimestampMs>,
}

impl<'c> Call<'c> {
    /// Rules that go by no session: they remember, wake and notify. Whether anything else is
    /// remembered than before.
    pub(crate) fn without_session(
        &mut self,
        heard: &[(&Event, Heard<'_>)],
        state: &mut dyn State,
    ) -> bool {
        let config = self.config;
        let mut changed = false;
        for (event, heard) in heard {
            for rule in config.rules.iter().filter(|rule| answers(rule, event)) {
                for (key, value) in self.hear(rule, heard) {
                    changed |= self.remember(key, value);
                }
            }
        }
        if changed {
            let bytes = serde_json::to_vec(&self.remembered).unwrap_or_default();
            if state.set(Scope::Global, REMEMBERED, &bytes).is_err() {
                let line = "the memory of the policy is full: nothing of this call is remembered";
                self.verdict.note(Severity::Warning, line);
            }
        }
        changed
    }

    /// What a rule that goes by no session does about an event; what it has remembered.
    fn hear(&mut self, rule: &Rule, heard: &Heard<'_>) -> Vec<(String, Option<Json>)> {
        let around = Around {
            now: self.now,
            session: None,
            event: Some(heard),
            state: &self.remembered,
        };
        let worker = Worker::new(&around);
        let acts = rule.by_session();
        if !acts && !holds(rule, &worker, &mut self.verdict) {
            return Vec::new();
        }
        let mut writes = Vec::new();
        for (key, expression) in &rule.remember {
            match expression.expr().map(|expr| worker.value(expr)) {
                Some(Ok(value)) => writes.push((key.clone(), value.to_json())),
                Some(Err(why)) => {
                    let line = format!("rule {}: `{key}` is not remembered: {why}", rule.name);
                    self.verdict.note(Severity::Warning, line);
                }
                None => {}
            }
        }
        if acts {
            return writes;
        }
        let text = because(rule, &worker);
        match &rule.then {
            Then::Wake(name) => {
                let at = moment(rule.at.as_ref(), &worker);
                if let Some(at) = at.or(rule.lasting.map(|span| self.now + span)) {
                    self.verdict
                        .push(WakeRequest::new(format!("{NAMED}{name}"), at));
                }
            }
            Then::Notify(severity) => self.verdict.push(Notice {
                severity: *severity,
                key: format!("{}/{}", rule.name, self.now),
                text,
            }),
            _ => {}
        }
        writes
    }

    /// Remembers a value, or forgets it; whether that changes anything.
    fn remember(&mut self, key: String, value: Option<Json>) -> bool {
        match value {
            None | Some(Json::Null) => self.remembered.remove(&key).is_some(),
            Some(value) if self.remembered.get(&key) == Some(&value) => false,
            Some(value) => {
                self.remembered.insert(key, value);
                true
            }
        }
    }

    /// Asks all sessions of the grant but those that were asked already.
    pub(crate) fn sweep(
        &mut self,
        seen: &BTreeSet<SessionKey>,
        asks: &[(&Rule, &Heard<'_>)],
        workspace: &dyn Workspace,
        state: &mut dyn State,
    ) {
        let filter: Filter = self.config.matcher.filter();
        let mut after = None;
        loop {
            let page = workspace.find(&filter, after, PAGE);
            let Some(last) = page.last() else {
                return;
            };
            after = Some(last.key);
            for session in page.iter().filter(|session| !seen.contains(&session.key)) {
                self.settle(session, &[], asks, false, state);
            }
        }
    }

    /// Proposes for one session what the rules say. `told` says whether the session is in the call's
    /// events, so that silence withdraws.
    pub(crate) fn settle(
        &mut self,
        session: &Session,
        happened: &[Happening],
        asks: &[(&Rule, &Heard<'_>)],
        told: bool,
        state: &mut dyn State,
    ) {
        let before = self.verdict.effects.len();
        let mut turns_at = None;
        let mut proposed = false;
        if self.config.matcher.matches(session) {
            let mut wishes = self.wishes(session, happened, asks, state);
            if let Some(wishes) = &mut wishes {
                turns_at = wishes.ends_at();
                proposed = wishes.propose(session, &mut self.verdict);
            }
            self.always(session, proposed, &mut turns_at);
        }
        let id = || format!("{SESSION}{}", session.key);
        match turns_at {
            Some(at) => self.verdict.push(WakeRequest::new(id(), at)),
            None if told => self.verdict.cancel_wake(id()),
            None => {}
        }
        let says = self.verdict.effects[before..]
            .iter()
            .any(|effect| matches!(effect, Effect::Act(_) | Effect::Hold(_)));
        if !told && !says {
            self.verdict.push(Effect::Withdraw(session.key));
        }
    }

    /// What events asked of this session, those of this call included; none where no rule does.
    fn wishes(
        &mut self,
        session: &Session,
        happened: &[Happening],
        asks: &[(&Rule, &Heard<'_>)],
        state: &mut dyn State,
    ) -> Option<Wishes> {
        let config = self.config;
        if !config.rules.iter().any(|rule| rule.when != When::Always) {
            return None;
        }
        let mut wishes = Wishes::read(session, state);
        wishes.forget(self.now, session, config);
        for rule in &config.rules {
            if let When::Session(happening) = rule.when
                && happened.contains(&happening)
            {
                let word = Happening::WORDS
                    .iter()
                    .find(|(_, known)| *known == happening);
                let heard = Heard::Named(word.map_or("", |(word, _)| word));
                self.ask(rule, &heard, session, &mut wishes);
            }
        }
        for (rule, heard) in asks {
            self.ask(rule, heard, session, &mut wishes);
        }
        if !wishes.write(session, state) {
            let line = format!(
                "{}: the memory of the policy is full: what a rule decided on an event may be forgotten",
                session.name
            );
            self.verdict.note(Severity::Warning, line);
        }
        Some(wishes)
    }

    /// A rule that answers to an event, for one session.
    fn ask(&mut self, rule: &Rule, heard: &Heard<'_>, session: &Session, wishes: &mut Wishes) {
        let around = Around {
            now: self.now,
            session: Some(session),
            event: Some(heard),
            state: &self.remembered,
        };
        let worker = Worker::new(&around);
        if !holds(rule, &worker, &mut self.verdict) {
            return;
        }
        let until =
            moment(rule.until.as_ref(), &worker).or(rule.lasting.map(|span| self.now + span));
        let text = because(rule, &worker);
        match &rule.then {
            Then::Act(_) | Then::Hold(_) => wishes.add(Wish {
                rule: rule.name.clone(),
                actions: match &rule.then {
                    Then::Act(action) => vec![*action],
                    Then::Hold(actions) => actions.clone(),
                    _ => Vec::new(),
                },
                hold: matches!(rule.then, Then::Hold(_)),
                at: self.now,
                until: until.unwrap_or(self.now + TRIED),
                // Without an end it is done once it is done.
                stays: until.is_some(),
                because: text,
            }),
            Then::Notify(severity) => self.verdict.push(Notice {
                severity: *severity,
                key: format!("{}/{}/{}", rule.name, session.id, self.now),
                text,
            }),
            Then::Wake(name) => {
                let at = moment(rule.at.as_ref(), &worker).or(until);
                if let Some(at) = at {
                    self.verdict
                        .push(WakeRequest::new(format!("{NAMED}{name}"), at));
                }
            }
            Then::Leave | Then::Nothing => {}
        }
    }

    /// The rules that always count. The first that acts decides, unless an event has already.
    fn always(&mut self, session: &Session, mut decided: bool, turns_at: &mut Option<TimestampMs>) {
        let config = self.config;
        let around = Around {
            now: self.now,
            session: Some(session),
            event: None,
            state: &self.remembered,
        };
        let worker = Worker::new(&around);
        for rule in config.rules.iter().filter(|rule| rule.when == When::Always) {
            let acts = matches!(rule.then, Then::Act(_) | Then::Leave);
            if (acts && decided) || !holds(rule, &worker, &mut self.verdict) {
                continue;
            }
            decided |= acts;
            if rule.then == Then::Leave {
                continue;
            }
            // How long the sentence stays true is no reason to say it again.
            let quiet = Worker::new(&around);
            let proposal = Proposal {
                why: reason(rule, because(rule, &quiet)),
                until: moment(rule.until.as_ref(), &quiet),
            };
            match &rule.then {
                Then::Act(action) => {
                    let act = Act::new(*action, session, proposal.why);
                    self.verdict.push(act.until(proposal.until));
                }
                Then::Hold(actions) => {
                    let hold = Hold::new(session.key, actions, proposal.why);
                    self.verdict.push(hold.until(proposal.until));
                }
                Then::Notify(severity) => self.verdict.push(Notice {
                    severity: *severity,
                    key: format!("{}/{}/{}", rule.name, session.id, session.revision),
                    text: proposal.why.message,
                }),
                Then::Wake(_) | Then::Leave | Then::Nothing => {}
            }
        }
        *turns_at = [*turns_at, worker.turns_at()].into_iter().flatten().min();
    }
}

/// What is remembered, where any rule asks for it.
pub(crate) fn remembered(config: &Settings, state: &dyn State) -> Map<String, Json> {
    let asked = |rule: &Rule| !rule.remember.is_empty() || rule.names("state");
    if !config.rules.iter().any(asked) {
        return Map::new();
    }
    let bytes = state.get(Scope::Global, REMEMBERED).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Whether the condition of a rule holds. One that fails does not; why is said in the log, unless it
/// is only that something is not there.
fn holds<'a>(rule: &'a Rule, worker: &Worker<'_, 'a>, verdict: &mut Verdict) -> bool {
    let Some(condition) = &rule.condition else {
        return true;
    };
    match condition.expr().map(|expr| worker.holds(expr)) {
        Some(Ok(holds)) => holds,
        Some(Err(NoAnswer::Failed(why))) => {
            verdict.note(Severity::Debug, format!("rule {}: {why}", rule.name));
            false
        }
        Some(Err(NoAnswer::Absent(_))) | None => false,
    }
}

fn because<'a>(rule: &'a Rule, worker: &Worker<'_, 'a>) -> String {
    match rule.because.as_ref().and_then(|because| because.parts()) {
        Some(parts) => say(parts, worker),
        None => match &rule.condition {
            Some(condition) => format!("rule {}: {}", rule.name, condition.text()),
            None => format!("rule {}", rule.name),
        },
    }
}

fn reason(rule: &Rule, message: String) -> Reason {
    let mut message = message;
    message.truncate(message.floor_char_boundary(1_000));
    Reason::new(&rule.name, message)
}

fn moment<'a>(expression: Option<&'a Expression>, worker: &Worker<'_, 'a>) -> Option<TimestampMs> {
    match worker.value(expression?.expr()?) {
        Ok(Value::Moment(at)) => u64::try_from(at.nanos / MILLI).ok(),
        _ => None,
    }
}
