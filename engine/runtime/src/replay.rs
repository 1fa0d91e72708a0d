//! Asks again what policies were asked, of them or of others, and tells where the answers differ.
//!
//! A question is put as it was recorded: with the sessions that the entry saw, and at that time. The
//! same component, configuration and limits answer the same. Another one is asked what it would have
//! said in the same places; what it would have remembered is handed on to its next question, but
//! what would have come of its answers is not: a wake-up that only it asked for was never recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use dayfly_core::policy::{
    EntryName, EvaluationId, Event, Fault, FaultKind, PolicyEffect, SessionKey, SessionView,
    Verdict, Views,
};
use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use dayfly_policy::{Call, Policy, StateSnapshot};
use serde::Serialize;

use crate::recording::{Answer, MadeOf, Reader, Record};

/// What is asked again.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// Only of these entries; none: of all.
    pub entries: Option<BTreeSet<EntryName>>,
    /// Only from then on.
    pub since: Option<Timestamp>,
}

/// Who is asked in the place of what is recorded.
pub trait PolicyResolver {
    /// Whether it may be another policy than the one that was recorded. Where it is, it remembers what
    /// it itself would have remembered.
    fn is_other(&self) -> bool;

    /// The policy for an entry that was made of this.
    ///
    /// # Errors
    /// Why there is none. The evaluations of the entry are passed over.
    fn policy(&mut self, entry: &EntryName, made_of: &MadeOf) -> Result<Policy, String>;
}

/// A place where the answers differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// When it was asked.
    pub at: Timestamp,
    /// In which run of the engine.
    pub run: Arc<str>,
    /// The entry.
    pub entry: EntryName,
    /// The evaluation.
    pub evaluation: EvaluationId,
    /// The session; none where there was no answer at all, before or now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Its name then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What was said.
    pub before: Said,
    /// What is said now.
    pub now: Said,
}

/// What a policy said, of one session or at all.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// This, which may be nothing.
    Effects(Vec<PolicyEffect>),
    /// It brought no answer.
    Fault(Fault),
}

/// What a replay tells while it goes on.
#[derive(Debug)]
pub enum News {
    /// So many evaluations were asked again.
    Asked(u64),
    /// The answers differ.
    Differs(Box<Difference>),
}

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Evaluations that were asked again.
    pub evaluations: u64,
    /// Those that came to the same, to the letter.
    pub same: u64,
    /// Those with the same decisions, and another reason, wake-up, message or memory.
    pub alike: u64,
    /// Those with other decisions.
    pub different: u64,
    /// Those that ended then by the clock of the machine, so that the same need not come of it.
    pub by_clock: u64,
    /// Those that could not be asked again, by the reason.
    pub passed_over: BTreeMap<String, u64>,
    /// Lines that cannot be read.
    pub unreadable: u64,
    /// The first and the last moment.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// What an entry knew when it was asked.
#[derive(Default)]
struct Known {
    made_of: Option<MadeOf>,
    sees: Views,
    state: StateSnapshot,
    /// What another policy remembers.
    own: Option<StateSnapshot>,
}

/// Asks again. `told` hears of each evaluation and of each difference.
///
/// # Errors
/// The recording cannot be read.
pub fn replay(
    folder: &Path,
    which: &Which,
    cast: &mut dyn PolicyResolver,
    told: &mut dyn FnMut(News),
) -> io::Result<Tally> {
    let mut reader = Reader::open(folder);
    let mut tally = Tally::default();
    let mut known: BTreeMap<EntryName, Known> = BTreeMap::new();
    let mut policies: BTreeMap<(EntryName, MadeOf), Result<Policy, String>> = BTreeMap::new();
    let mut unreadable = 0;
    while let Some(record) = reader.next_line()? {
        if std::mem::replace(&mut unreadable, reader.unreadable) != reader.unreadable {
            // Whose line that was is not known: each entry is taken up again where it says all.
            for known in known.values_mut() {
                known.made_of = None;
            }
        }
        let wanted = |names: &BTreeSet<EntryName>| names.contains(&record.entry);
        if !which.entries.as_ref().is_none_or(wanted) {
            continue;
        }
        let known = known.entry(record.entry.clone()).or_default();
        known.take_up(&record);
        let at = record.context.now;
        if which.since.is_some_and(|since| at < since) {
            continue;
        }
        let mut pass_over = |why: String| *tally.passed_over.entry(why).or_default() += 1;
        let Some(made_of) = &known.made_of else {
            pass_over("Dayfly cannot read a line before it".into());
            continue;
        };
        let key = (record.entry.clone(), made_of.clone());
        let policy = policies
            .entry(key)
            .or_insert_with_key(|(entry, made_of)| cast.policy(entry, made_of));
        let policy = match policy {
            Ok(policy) => &*policy,
            Err(why) => {
                pass_over(why.clone());
                continue;
            }
        };
        let other = cast.is_other() && !made_of.makes(policy);
        let now = known.ask(policy, other, &record);
        tally.count(known, &record, now, told);
        told(News::Asked(tally.evaluations));
    }
    tally.unreadable = reader.unreadable;
    Ok(tally)
}

impl Known {
    fn take_up(&mut self, record: &Record) {
        if let Some(made_of) = &record.made_of {
            self.made_of = Some(made_of.clone());
            self.sees = Views::new();
            self.state = StateSnapshot::default();
        }
        for view in &record.shown {
            self.sees.insert(view.key, view.clone());
        }
        for key in &record.hidden {
            if let (Some(gone), Some(own)) = (self.sees.remove(key), &mut self.own) {
                own.forget(&gone.facts.id);
            }
        }
        self.state.apply(record.remembered.iter().cloned());
    }

    fn ask(&mut self, policy: &Policy, other: bool, record: &Record) -> Answer {
        let state = if other {
            self.own.get_or_insert_with(|| self.state.clone()).clone()
        } else {
            // What it remembered is known, also of what the engine did not take over of an answer.
            self.own = None;
            self.state.clone()
        };
        let asked = policy.evaluate(Call {
            context: record.context,
            events: &record.events,
            workspace: Arc::new(self.sees.clone()),
            state,
        });
        if let (Some(own), Ok(evaluated)) = (&mut self.own, &asked) {
            own.apply(evaluated.state_writes.iter().cloned());
        }
        Answer::of(&asked)
    }

    /// A session of the question, as it was.
    fn session<'a>(&'a self, record: &'a Record, key: SessionKey) -> Option<&'a SessionView> {
        let told = |event: &'a Event| match event {
            Event::Sessions(changes) => {
                let mut after = changes.iter().map(|change| &change.after);
                after.find(|view| view.key == key)
            }
            Event::Resync { sessions, .. } => sessions.iter().find(|view| view.key == key),
            _ => None,
        };
        let seen = self.sees.get(&key);
        seen.or_else(|| record.events.iter().find_map(told))
    }
}

impl Tally {
    fn count(&mut self, known: &Known, record: &Record, now: Answer, told: &mut dyn FnMut(News)) {
        self.evaluations += 1;
        let at = record.context.now;
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        if record.answer == now {
            self.same += 1;
            return;
        }
        if by_clock(&record.answer) || by_clock(&now) {
            self.by_clock += 1;
            return;
        }
        let mut differs = false;
        let mut tell = |session: Option<&SessionView>, before: Said, now: Said| {
            differs = true;
            told(News::Differs(Box::new(Difference {
                at,
                run: Arc::clone(&record.run),
                entry: record.entry.clone(),
                evaluation: record.evaluation,
                session: session.map(|view| view.facts.id.clone()),
                name: session.map(|view| view.facts.name.clone()),
                before,
                now,
            })));
        };
        match (&record.answer, &now) {
            (Answer::Verdict { verdict: then, .. }, Answer::Verdict { verdict: now, .. }) => {
                let (then, now) = (decisions(then), decisions(now));
                let keys: BTreeSet<_> = then.keys().chain(now.keys()).collect();
                for key in keys {
                    let said = |of: &Decisions| of.get(key).cloned().unwrap_or_default();
                    let (before, now) = (said(&then), said(&now));
                    if !alike(&before, &now) {
                        let session = known.session(record, *key);
                        tell(session, Said::Effects(before), Said::Effects(now));
                    }
                }
            }
            (Answer::Fault(before), Answer::Fault(now)) if before.kind == now.kind => {}
            (before, now) => tell(None, before.into(), now.into()),
        }
        if differs {
            self.different += 1;
        } else {
            self.alike += 1;
        }
    }
}

impl From<&Answer> for Said {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Verdict { verdict, .. } => Self::Effects(verdict.effects.clone()),
            Answer::Fault(fault) => Self::Fault(fault.clone()),
        }
    }
}

/// What is decided of each session.
type Decisions = BTreeMap<SessionKey, Vec<PolicyEffect>>;

fn decisions(verdict: &Verdict) -> Decisions {
    let mut decisions = Decisions::new();
    for effect in &verdict.effects {
        let key = match effect {
            PolicyEffect::Act(act) => act.session,
            PolicyEffect::Hold(hold) => hold.session,
            PolicyEffect::Withdraw(key) => *key,
            PolicyEffect::Wake { .. } | PolicyEffect::CancelWake(_) | PolicyEffect::Notify(_) => {
                continue;
            }
        };
        decisions.entry(key).or_default().push(effect.clone());
    }
    decisions
}

/// Whether the same is decided, whatever the reasons. To propose nothing and to take back what was
/// proposed are not the same.
fn alike(before: &[PolicyEffect], now: &[PolicyEffect]) -> bool {
    let same = |before: &PolicyEffect, now: &PolicyEffect| match (before, now) {
        (PolicyEffect::Act(before), PolicyEffect::Act(now)) => {
            (before.action, before.revision, before.not_after)
                == (now.action, now.revision, now.not_after)
        }
        (PolicyEffect::Hold(before), PolicyEffect::Hold(now)) => {
            (before.actions, before.until) == (now.actions, now.until)
        }
        (before, now) => before == now,
    };
    before.len() == now.len()
        && before
            .iter()
            .zip(now)
            .all(|(before, now)| same(before, now))
}

/// Whether it ended as it did by the speed or the state of a machine.
fn by_clock(answer: &Answer) -> bool {
    matches!(answer, Answer::Fault(fault) if matches!(fault.kind, FaultKind::Deadline | FaultKind::Host))
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
