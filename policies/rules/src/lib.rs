//! Does what a list of rules says: `when`, `if`, `then`, `because`.
//!
//! A rule without `when` always counts: what it proposes stands while its condition holds. It is
//! looked at again when its session changes, when what is remembered changes, and at the moment at
//! which time alone changes its condition, which the condition itself tells. A rule with `when`
//! answers to one event; what it proposes stands until it is fulfilled, or for as long as it says,
//! and is kept in the state, since an instance remembers nothing.
//!
//! For a session, what an event asked for comes first, then the rules in their order: the first
//! that acts decides. Holds and notices count all.

mod cron;
mod scene;
mod settings;
mod wish;

use std::collections::{BTreeMap, BTreeSet};

use dayfly_cel::MILLI;
use dayfly_cel::eval::Worker;
use dayfly_cel::template::say;
use dayfly_cel::value::Value;
use dayfly_policy_sdk::config::ConfigError;
use dayfly_policy_sdk::{
    Act, Action, ChangedFields, Context, Descriptor, Effect, EngineMoments, Event, Filter, Hold,
    Notice, Outcome, PROPOSAL_FIELDS, Policy, Reason, Scope, Session, SessionKey, Severity, State,
    Subscription, TimestampMs, Verdict, WakeRequest, Workspace, WorkspaceRule, occasions,
};
use serde_json::{Map, Value as Json};

use scene::{Around, Heard};
use settings::{Happening, Rule, Then, When};
use wish::{Wish, Wishes};

pub use settings::Settings;

/// What the id of a wake-up for one session begins with; its key follows.
const SESSION: &str = "session/";
/// What the id of a wake-up of a rule begins with; its name follows.
const NAMED: &str = "named/";
/// The key of what is remembered.
const REMEMBERED: &str = "remembered";
/// Sessions that are asked for at once.
const PAGE: u32 = 500;
/// Bytes of what is remembered, wishes included.
const STATE_BYTES: u32 = 200_000;
/// How long what an event asked for is tried, where the rule does not say it.
const TRIED: u64 = 15 * 60_000;

/// The rule.
pub struct Rules;

impl Policy for Rules {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "rules".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "does what a list of rules says: when, if, then, because".into(),
            config_schema: settings::SCHEMA.into(),
            actions: vec![Action::Start, Action::Stop, Action::Rotate],
            may_hold: true,
            state_bytes: STATE_BYTES,
        }
    }

    fn parse(config: &str) -> Result<Settings, ConfigError> {
        Settings::read(config)
    }

    fn recall(config: &str) -> Result<Settings, ConfigError> {
        Settings::recall(config)
    }

    fn subscriptions(config: &Settings) -> Vec<Subscription> {
        let rules = &config.rules;
        let mut wanted = Vec::new();
        if rules.iter().any(Rule::by_session) {
            let used = rules
                .iter()
                .any(|rule| rule.names("last_use") || rule.names("idle"));
            let mut also = match used {
                true => ChangedFields::LAST_USE,
                false => ChangedFields::empty(),
            };
            if rules
                .iter()
                .any(|rule| rule.when == When::Session(Happening::Expiring))
            {
                also |= ChangedFields::EXPIRING;
            }
            wanted.push(config.matcher.subscription(PROPOSAL_FIELDS | also));
        }
        let mut events: Vec<Subscription> = Vec::new();
        for rule in rules {
            let subscription = match &rule.when {
                When::Custom(name) => Subscription::Custom(name.clone()),
                When::File(glob) => Subscription::Files(glob.clone()),
                When::Schedule(cron) => Subscription::Schedule(cron.clone()),
                When::Branch(glob) => Subscription::Branch(glob.clone()),
                When::Engine(word) => Subscription::Engine(match *word {
                    "started" => EngineMoments::STARTED,
                    "stopping" => EngineMoments::STOPPING,
                    "resumed" => EngineMoments::RESUMED,
                    _ => EngineMoments::CLOCK_SET,
                }),
                _ => continue,
            };
            if !events.contains(&subscription) {
                events.push(subscription);
            }
        }
        wanted.extend(events);
        wanted
    }
}

impl WorkspaceRule for Rules {
    fn evaluate(
        config: &Settings,
        context: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        state: &mut dyn State,
    ) -> Verdict {
        let heard: Vec<(&Event, Heard<'_>)> = events
            .iter()
            .filter_map(|event| hear(event).map(|heard| (event, heard)))
            .collect();
        let mut call = Call {
            config,
            now: context.now,
            remembered: remembered(config, state),
            verdict: Verdict::default(),
        };
        let changed = call.without_session(&heard, state);
        // Which rules ask every session, and whether what is remembered does.
        let mut asks: Vec<(&Rule, &Heard<'_>)> = Vec::new();
        for (event, heard) in &heard {
            asks.extend(
                config
                    .rules
                    .iter()
                    .filter(|rule| rule.by_session() && answers(rule, event))
                    .map(|rule| (rule, heard)),
            );
        }
        let by_state = changed
            && config
                .rules
                .iter()
                .any(|r| r.by_session() && r.names("state"));
        let mut seen = BTreeSet::new();
        let happened = happenings(events);
        for occasion in occasions(events) {
            let key = occasion.session.key;
            seen.insert(key);
            if !occasion.gone() {
                let what = happened.get(&key).map_or(&[][..], Vec::as_slice);
                call.settle(occasion.session, what, &asks, true, state);
            }
        }
        if !asks.is_empty() || by_state {
            call.sweep(&seen, &asks, workspace, state);
        } else {
            let woken = events.iter().filter_map(|event| match event {
                Event::Wake(wake) => wake.id.strip_prefix(SESSION)?.parse::<SessionKey>().ok(),
                _ => None,
            });
            for key in woken.collect::<BTreeSet<_>>().difference(&seen) {
                if let Some(session) = workspace.get(*key) {
                    call.settle(&session, &[], &asks, false, state);
                }
            }
        }
        call.verdict
    }
}

/// What is remembered, where any rule asks for it.
fn remembered(config: &Settings, state: &dyn State) -> Map<String, Json> {
    let asked = |rule: &Rule| !rule.remember.is_empty() || rule.names("state");
    if !config.rules.iter().any(asked) {
        return Map::new();
    }
    let bytes = state.get(Scope::Global, REMEMBERED).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// An event that is about no session, as rules see it.
fn hear(event: &Event) -> Option<Heard<'_>> {
    Some(match event {
        Event::Custom(event) => {
            let data = serde_json::from_str(&event.data).unwrap_or(Json::Null);
            Heard::Custom(event, data)
        }
        Event::Wake(wake) => Heard::Wake(wake, wake.id.strip_prefix(NAMED)?),
        Event::Schedule(tick) => Heard::Schedule(tick),
        Event::File(file) => Heard::File(file),
        Event::Branch(change) => Heard::Branch(change),
        Event::Engine(event) => Heard::Named(event.word()),
        Event::Sessions(_) | Event::Resync(_) => return None,
    })
}

/// Whether a rule answers to an event that is about no session.
fn answers(rule: &Rule, event: &Event) -> bool {
    match (&rule.when, event) {
        (When::Custom(name), Event::Custom(event)) => *name == event.name,
        (When::Wake(name), Event::Wake(wake)) => wake.id.strip_prefix(NAMED) == Some(name.as_str()),
        (When::Schedule(cron), Event::Schedule(tick)) => *cron == tick.expression,
        (When::File(glob), Event::File(file)) => may_match(glob, &file.path),
        (When::Branch(glob), Event::Branch(change)) => may_match(glob, &change.repository),
        (When::Engine(word), Event::Engine(event)) => *word == event.word(),
        _ => false,
    }
}

/// Whether the path may have been found by this pattern. Which one it was is not told, and the home
/// folder is not known here, so every wildcard counts as any text.
fn may_match(glob: &str, path: &str) -> bool {
    let mut pattern = String::new();
    let mut inside = None;
    for c in glob.chars() {
        match (inside, c) {
            (Some(close), c) if c == close => inside = None,
            (Some(_), _) => {}
            (None, '[') => inside = Some(']'),
            (None, '{') => inside = Some('}'),
            (None, '*' | '?' | '~') => {}
            (None, c) => {
                pattern.push(c);
                continue;
            }
        }
        if !pattern.ends_with('*') {
            pattern.push('*');
        }
    }
    // Two stars and the slash between them stand for no folder, too.
    dayfly_policy_sdk::wildcard(&pattern.replace("/*/", "/*"), path)
}

/// What happened to sessions.
fn happenings(events: &[Event]) -> BTreeMap<SessionKey, Vec<Happening>> {
    const EDITS: ChangedFields = ChangedFields::NAME
        .union(ChangedFields::REGION)
        .union(ChangedFields::NAMED_PROFILE)
        .union(ChangedFields::TARGET)
        .union(ChangedFields::LABELS);
    let mut all: BTreeMap<SessionKey, Vec<Happening>> = BTreeMap::new();
    for event in events {
        let Event::Sessions(changes) = event else {
            continue;
        };
        for change in changes {
            let ended = change.outcome.map(|outcome| match outcome {
                Outcome::Started => Happening::Started,
                Outcome::Stopped => Happening::Stopped,
                Outcome::Rotated => Happening::Rotated,
                Outcome::Expired => Happening::Expired,
                Outcome::Failed => Happening::Failed,
                Outcome::NeedsPerson => Happening::NeedsPerson,
                Outcome::Expiring => Happening::Expiring,
            });
            let added = change.fields.contains(ChangedFields::ADDED);
            let edited = !added && change.fields.intersects(EDITS);
            let more = [
                added.then_some(Happening::Added),
                edited.then_some(Happening::Edited),
                ended,
            ];
            let all = all.entry(change.after.key).or_default();
            all.extend(more.into_iter().flatten());
        }
    }
    all
}

/// One call.
struct Call<'c> {
    config: &'c Settings,
    now: TimestampMs,
    remembered: Map<String, Json>,
    verdict: Verdict,
}

/// What a rule that holds proposes.
struct Proposal {
    why: Reason,
    until: Option<TimestampMs>,
}

impl<'c> Call<'c> {
    /// Rules that go by no session: they remember, wake and notify. Whether anything else is
    /// remembered than before.
    fn without_session(&mut self, heard: &[(&Event, Heard<'_>)], state: &mut dyn State) -> bool {
        let mut changed = false;
        for (event, heard) in heard {
            let config = self.config;
            let rules = config.rules.iter().filter(|rule| answers(rule, event));
            for rule in rules {
                let acts = rule.by_session();
                let mut writes = Vec::new();
                {
                    let around = Around {
                        now: self.now,
                        session: None,
                        event: Some(heard),
                        state: &self.remembered,
                    };
                    let worker = Worker::new(&around);
                    if !acts && !holds(rule, &worker, &mut self.verdict) {
                        continue;
                    }
                    for (key, expression) in &rule.remember {
                        let value = expression.expr().map(|expr| worker.value(expr));
                        match value {
                            Some(Ok(value)) => writes.push((key.clone(), value.to_json())),
                            Some(Err(why)) => {
                                let line =
                                    format!("rule {}: `{key}` is not remembered: {why}", rule.name);
                                self.verdict.note(Severity::Warning, line);
                            }
                            None => {}
                        }
                    }
                    if !acts {
                        let because = because(rule, &worker);
                        match &rule.then {
                            Then::Wake(name) => {
                                let at = moment(rule.at.as_ref(), &worker)
                                    .or(rule.lasting.map(|span| self.now + span));
                                if let Some(at) = at {
                                    self.verdict
                                        .push(WakeRequest::new(format!("{NAMED}{name}"), at));
                                }
                            }
                            Then::Notify(severity) => self.verdict.push(Notice {
                                severity: *severity,
                                key: format!("{}/{}", rule.name, self.now),
                                text: because,
                            }),
                            _ => {}
                        }
                    }
                }
                for (key, value) in writes {
                    let old = match value {
                        None | Some(Json::Null) => self.remembered.remove(&key),
                        Some(value) if self.remembered.get(&key) == Some(&value) => continue,
                        Some(value) => {
                            changed = true;
                            self.remembered.insert(key, value)
                        }
                    };
                    changed |= old.is_some();
                }
            }
        }
        if changed {
            let bytes = serde_json::to_vec(&self.remembered).unwrap_or_default();
            if state.set(Scope::Global, REMEMBERED, &bytes).is_err() {
                let line = "there is too much to remember; nothing of it is kept";
                self.verdict.note(Severity::Warning, line);
            }
        }
        changed
    }

    /// Asks all sessions of the grant but those that were asked already.
    fn sweep(
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
    fn settle(
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
                "{}: there is too much to remember; a rule that answered to an event may be forgotten",
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
            // How long the sentence stays true is no reason to say it anew.
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

/// Whether the condition of a rule holds. One that fails does not; why is said in the log, unless it
/// is only that something is not there.
fn holds<'a>(rule: &'a Rule, worker: &Worker<'_, 'a>, verdict: &mut Verdict) -> bool {
    let Some(condition) = &rule.condition else {
        return true;
    };
    match condition.expr().map(|expr| worker.holds(expr)) {
        Some(Ok(holds)) => holds,
        Some(Err(why)) => {
            if !why.starts_with("there is no ") {
                verdict.note(Severity::Debug, format!("rule {}: {why}", rule.name));
            }
            false
        }
        None => false,
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

fn moment<'a>(
    expression: Option<&'a settings::Expression>,
    worker: &Worker<'_, 'a>,
) -> Option<TimestampMs> {
    match worker.value(expression?.expr()?) {
        Ok(Value::Moment(at)) => u64::try_from(at.nanos / MILLI).ok(),
        _ => None,
    }
}

dayfly_policy_sdk::export_policy!(stateful Rules);

#[cfg(test)]
mod tests;
