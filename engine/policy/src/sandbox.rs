//! What belongs to one call: its bounds, and what its imports answer from and write to.

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::policy::{Context, Event, Fields, SessionKey, SessionView, Severity};
use dayfly_core::random::Random;
use dayfly_core::time::Timestamp;

use crate::call::{Log, LogLine};
use crate::guest_faults::Overrun;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::query::{SessionQuery, WorkspaceQuery};
use crate::state::{Overlay, Size, StateScope, StateSnapshot};
use crate::text;

/// The data of one store. The imports of each contract version are thin shells around it.
pub(crate) struct Sandbox {
    pub(crate) meter: Meter,
    limits: Limits,
    log: Log,
    log_bytes: usize,
    /// What was printed since the last end of a line, by how loud it is.
    printed: BTreeMap<Severity, Vec<u8>>,
    moment: Timestamp,
    random: Random,
    host_calls: u32,
    answered: u32,
    /// None while `describe` and `configure` run: these know no sessions and remember nothing.
    knowledge: Option<Knowledge>,
}

/// What a call of `evaluate` may ask for.
pub(crate) struct Knowledge {
    context: Context,
    workspace: Arc<dyn WorkspaceQuery>,
    /// Sessions of the call that left: their state can still be read, and removed.
    gone: Vec<SessionView>,
    state: Overlay,
    quota: Size,
}

impl Knowledge {
    pub(crate) fn new(
        context: Context,
        workspace: Arc<dyn WorkspaceQuery>,
        events: &[Event],
        state: StateSnapshot,
        quota: Size,
    ) -> Self {
        let gone = events
            .iter()
            .filter_map(|event| match event {
                Event::Sessions(changes) => Some(changes),
                _ => None,
            })
            .flatten()
            .filter(|change| change.fields.contains(Fields::REMOVED))
            .map(|change| change.after.clone())
            .collect();
        Self {
            context,
            workspace,
            gone,
            state: Overlay::over(state),
            quota,
        }
    }
}

/// Why a write to the state was refused, in the words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateRefusal {
    OverQuota,
    TooLarge,
    UnknownSession,
}

/// What a value of the state belongs to, as a guest says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Global,
    Session(SessionKey),
}

impl Sandbox {
    pub(crate) fn new(limits: &Limits, knowledge: Option<Knowledge>) -> Self {
        Self {
            meter: Meter::new(limits),
            limits: *limits,
            log: Log::default(),
            log_bytes: 0,
            printed: BTreeMap::new(),
            moment: knowledge
                .as_ref()
                .map_or_else(Timestamp::default, |k| k.context.now),
            random: Random::new(knowledge.as_ref().map_or(0, |k| k.context.seed)),
            host_calls: 0,
            answered: 0,
            knowledge,
        }
    }

    /// What is left after the call: the log, and what was written to the state.
    pub(crate) fn finish(mut self) -> (Log, Overlay) {
        for (severity, rest) in std::mem::take(&mut self.printed) {
            if !rest.is_empty() {
                self.log(severity, String::from_utf8_lossy(&rest).into_owned());
            }
        }
        let state = self.knowledge.map(|known| known.state).unwrap_or_default();
        (self.log, state)
    }

    pub(crate) fn log(&mut self, severity: Severity, mut message: String) {
        text::cut(&mut message, self.limits.log_line_bytes);
        if self.log.lines.len() >= self.limits.log_lines
            || self.log_bytes + message.len() > self.limits.log_bytes
        {
            self.log.dropped += 1;
            return;
        }
        self.log_bytes += message.len();
        // What is kept may be a small part of what came.
        message.shrink_to_fit();
        self.log.lines.push(LogLine {
            severity,
            message: text::sanitize(message),
        });
    }

    /// The time of the call; the beginning of 1970 where there is none.
    pub(crate) const fn moment(&self) -> Timestamp {
        self.moment
    }

    /// Random numbers that follow from the seed of the call.
    pub(crate) const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Takes what a policy prints, line by line, for what it logs.
    pub(crate) fn print(&mut self, severity: Severity, text: &[u8]) {
        let mut begun = self.printed.remove(&severity).unwrap_or_default();
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            // A line is cut later; what is longer than any is not gathered.
            let room = self
                .limits
                .log_line_bytes
                .saturating_add(4)
                .saturating_sub(begun.len());
            begun.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&begun).trim_end().to_owned();
                begun.clear();
                if !line.is_empty() {
                    self.log(severity, line);
                }
            }
        }
        if !begun.is_empty() {
            self.printed.insert(severity, begun);
        }
    }

    pub(crate) fn session(&mut self, key: SessionKey) -> Result<Option<SessionView>, Overrun> {
        let found = self.asked("workspace.get")?.workspace.get(key);
        self.answered(usize::from(found.is_some()))?;
        Ok(found)
    }

    pub(crate) fn count(&mut self, query: &SessionQuery) -> Result<u32, Overrun> {
        Ok(self.asked("workspace.count")?.workspace.count(query))
    }

    pub(crate) fn find(
        &mut self,
        query: &SessionQuery,
        after: Option<SessionKey>,
        limit: u32,
    ) -> Result<Vec<SessionView>, Overrun> {
        // "At least one while there are more": a limit of 0 asks for an end that is none.
        let limit = limit.clamp(1, self.limits.page.max(1)) as usize;
        let mut page = self
            .asked("workspace.find")?
            .workspace
            .find(query, after, limit);
        page.truncate(limit);
        self.answered(page.len())?;
        Ok(page)
    }

    pub(crate) fn read(&mut self, place: Place, key: &str) -> Result<Option<Arc<[u8]>>, Overrun> {
        let known = self.asked("state.get")?;
        let scope = known.scope(place, true);
        Ok(scope.and_then(|scope| known.state.get(&scope, key).cloned()))
    }

    pub(crate) fn write(
        &mut self,
        place: Place,
        key: String,
        value: &[u8],
    ) -> Result<Result<(), StateRefusal>, Overrun> {
        let (key_bytes, value_bytes) = (self.limits.state_key_bytes, self.limits.state_value_bytes);
        let known = self.asked("state.set")?;
        if key.len() > key_bytes || value.len() > value_bytes {
            return Ok(Err(StateRefusal::TooLarge));
        }
        let Some(scope) = known.scope(place, false) else {
            return Ok(Err(StateRefusal::UnknownSession));
        };
        let quota = known.quota;
        Ok(if known.state.set(scope, key, value, quota) {
            Ok(())
        } else {
            Err(StateRefusal::OverQuota)
        })
    }

    pub(crate) fn delete(&mut self, place: Place, key: String) -> Result<(), Overrun> {
        let known = self.asked("state.delete")?;
        if let Some(scope) = known.scope(place, true) {
            known.state.delete(scope, key);
        }
        Ok(())
    }

    fn asked(&mut self, import: &'static str) -> Result<&mut Knowledge, Overrun> {
        if self.host_calls >= self.limits.host_calls {
            return Err(Overrun::HostCalls(self.limits.host_calls));
        }
        self.host_calls += 1;
        self.knowledge.as_mut().ok_or(Overrun::Early(import))
    }

    fn answered(&mut self, sessions: usize) -> Result<(), Overrun> {
        let limit = self.limits.answered_sessions;
        let total = u32::try_from(sessions)
            .ok()
            .and_then(|sessions| self.answered.checked_add(sessions))
            .filter(|total| *total <= limit)
            .ok_or(Overrun::AnsweredSessions(limit))?;
        self.answered = total;
        Ok(())
    }
}

impl Knowledge {
    /// The stable scope that is meant; none where the guest cannot know the session.
    fn scope(&self, place: Place, also_gone: bool) -> Option<StateScope> {
        let key = match place {
            Place::Global => return Some(StateScope::Global),
            Place::Session(key) => key,
        };
        let session = self.workspace.get(key).or_else(|| {
            let gone = self.gone.iter().find(|session| session.key == key);
            gone.filter(|_| also_gone).cloned()
        })?;
        Some(StateScope::Session(session.facts.id.clone()))
    }
}
