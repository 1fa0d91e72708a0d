//! What an event asked of a session, kept until it is done or over.

use dayfly_policy_sdk::{
    Act, Action, Hold, Reason, Scope, Session, State, Status, TimestampMs, Verdict,
};
use serde_json::{Value as Json, json};

use crate::settings::Settings;

/// The key of a session's wishes.
const KEY: &str = "wishes";
/// Wishes of one session.
const MOST: usize = 8;

/// What one rule asked of one session when an event came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) rule: String,
    pub(crate) actions: Vec<Action>,
    /// Whether the actions are held, rather than wished for.
    pub(crate) hold: bool,
    /// When it was asked.
    pub(crate) at: TimestampMs,
    /// When it is over.
    pub(crate) until: TimestampMs,
    /// Whether it stands until then also when it is fulfilled.
    pub(crate) stays: bool,
    pub(crate) because: String,
}

/// All wishes of one session, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    all: Vec<Wish>,
    /// As they were read.
    before: Vec<Wish>,
}

impl Wishes {
    pub(crate) fn read(session: &Session, state: &dyn State) -> Self {
        let bytes = state
            .get(Scope::Session(session.key), KEY)
            .unwrap_or_default();
        let read: Vec<Json> = serde_json::from_slice(&bytes).unwrap_or_default();
        let all: Vec<Wish> = read.iter().filter_map(Wish::read).collect();
        Self {
            before: all.clone(),
            all,
        }
    }

    /// Forgets what is done, what is over, and what no rule stands for any more.
    pub(crate) fn forget(&mut self, now: TimestampMs, session: &Session, config: &Settings) {
        self.all.retain(|wish| {
            wish.until > now
                && config.rules.iter().any(|rule| rule.name == wish.rule)
                && (wish.stays || wish.hold || !wish.fulfilled(session))
        });
    }

    /// A new wish takes the place of what the rule said before, and of older wishes to act.
    pub(crate) fn add(&mut self, wish: Wish) {
        self.all
            .retain(|old| old.rule != wish.rule && (old.hold || wish.hold));
        self.all.push(wish);
        if self.all.len() > MOST {
            self.all.remove(0);
        }
    }

    /// Keeps them; false where there is no room.
    pub(crate) fn write(&self, session: &Session, state: &mut dyn State) -> bool {
        if self.all == self.before {
            return true;
        }
        let scope = Scope::Session(session.key);
        if self.all.is_empty() {
            state.delete(scope, KEY);
            return true;
        }
        let all: Vec<Json> = self.all.iter().map(Wish::to_json).collect();
        let bytes = serde_json::to_vec(&all).unwrap_or_default();
        state.set(scope, KEY, &bytes).is_ok()
    }

    /// When the first of them is over.
    pub(crate) fn ends_at(&self) -> Option<TimestampMs> {
        self.all.iter().map(|wish| wish.until).min()
    }

    /// Proposes them; whether any is to act.
    pub(crate) fn propose(&self, session: &Session, verdict: &mut Verdict) -> bool {
        let mut acts = false;
        for wish in &self.all {
            let why = Reason::new(&wish.rule, wish.because.clone());
            if wish.hold {
                let hold = Hold::new(session.key, &wish.actions, why);
                verdict.push(hold.until(Some(wish.until)));
                continue;
            }
            acts = true;
            for action in &wish.actions {
                let act = Act::new(*action, session, why.clone());
                verdict.push(act.until(Some(wish.until)));
            }
        }
        acts
    }
}

impl Wish {
    fn fulfilled(&self, session: &Session) -> bool {
        self.actions.iter().all(|action| match action {
            Action::Start => session.status == Status::Active,
            Action::Stop => session.status == Status::Inactive,
            Action::Rotate => {
                session.status == Status::Inactive
                    || session.started_at.is_some_and(|started| started > self.at)
            }
        })
    }

    fn to_json(&self) -> Json {
        let actions: Vec<&str> = self.actions.iter().map(|action| word(*action)).collect();
        json!([
            self.rule,
            actions,
            self.hold,
            self.at,
            self.until,
            self.stays,
            self.because
        ])
    }

    fn read(json: &Json) -> Option<Self> {
        let part = |place: usize| json.get(place);
        let actions = part(1)?
            .as_array()?
            .iter()
            .filter_map(|word| match word.as_str()? {
                "start" => Some(Action::Start),
                "stop" => Some(Action::Stop),
                "rotate" => Some(Action::Rotate),
                _ => None,
            });
        Some(Self {
            rule: part(0)?.as_str()?.to_owned(),
            actions: actions.collect(),
            hold: part(2)?.as_bool()?,
            at: part(3)?.as_u64()?,
            until: part(4)?.as_u64()?,
            stays: part(5)?.as_bool()?,
            because: part(6)?.as_str()?.to_owned(),
        })
    }
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::Start => "start",
        Action::Stop => "stop",
        Action::Rotate => "rotate",
    }
}
