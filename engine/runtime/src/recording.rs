//! The recording: what policies were asked, and what they answered, so that the same can be asked
//! again, of them or of others. Kept only where the person wants it; read by [`crate::replay`].
//!
//! Each line is one evaluation. It says what changed since the line of the same entry before it; the
//! first of an entry in a file says everything, so that files can be removed one by one. The
//! components are kept beside the lines, by their digest. There are no secrets in it, as no policy
//! is told any.

mod recorder;

use std::path::Path;
use std::sync::Arc;

use dayfly_core::policy::{
    Context, EntryName, EvaluationId, Event, Fault, SessionKey, SessionView, Verdict,
};
use dayfly_core::time::Timestamp;
use dayfly_policy::{Evaluated, Failed, Limits, Policy, StateWrite, Wasi};
use dayfly_store::{ContentDigest, ContentStore};
use serde::{Deserialize, Serialize};

pub(crate) use self::recorder::{Recorder, Recording};
use crate::rolling_files;

/// Reads a recording from its beginning, and on.
pub type Reader = rolling_files::Reader<Record>;

/// One evaluation of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Which run of the engine it belongs to: evaluations are counted again in each.
    pub run: Arc<str>,
    /// The entry.
    pub entry: EntryName,
    /// Names the evaluation.
    pub evaluation: EvaluationId,
    /// What the entry is made of. Where this is said, `shown` and `remembered` are all that there is;
    /// elsewhere they are what changed since the line of this entry before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_of: Option<MadeOf>,
    /// Sessions that the entry sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<SessionView>,
    /// Sessions that it sees no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<SessionKey>,
    /// What the entry remembers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembered: Vec<StateWrite>,
    /// What the call knew beside its events.
    pub context: Context,
    /// What happened.
    pub events: Vec<Event>,
    /// What came of it.
    pub answer: Answer,
}

/// What a policy is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MadeOf {
    /// Where its component came from, as the configuration has it.
    pub module: String,
    /// SHA-256 of the component.
    pub digest: ContentDigest,
    /// The configuration, JSON text.
    pub config: String,
    /// The limits of its calls.
    pub limits: Limits,
    /// Whether its component may import WASI.
    #[serde(default)]
    pub wasi: Wasi,
}

impl MadeOf {
    /// Whether a policy is made of the same.
    pub(crate) fn makes(&self, policy: &Policy) -> bool {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        self.digest == policy.module().digest().0.into()
            && self.limits == *policy.limits()
            && json(&self.config) == json(policy.config())
    }
}

/// What a policy answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// What it wants.
    Verdict {
        /// Proposals, wake-ups and messages.
        verdict: Verdict,
        /// What it wants to remember.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        writes: Vec<StateWrite>,
    },
    /// It brought no answer.
    Fault(Fault),
}

impl Answer {
    pub(crate) fn of(result: &Result<Evaluated, Failed>) -> Self {
        match result {
            Ok(evaluated) => Self::Verdict {
                verdict: evaluated.verdict.clone(),
                writes: evaluated.state_writes.clone(),
            },
            Err(failed) => Self::Fault(failed.fault.clone()),
        }
    }
}

impl rolling_files::Line for Record {
    const STEM: &'static str = "recording";
    const LONGEST: u64 = 64 << 20;

    fn at(&self) -> Timestamp {
        self.context.now
    }
}

impl MadeOf {
    fn of(policy: &Policy) -> Self {
        let module = policy.module();
        Self {
            module: module.name().to_owned(),
            digest: module.digest().0.into(),
            config: policy.config().to_owned(),
            limits: *policy.limits(),
            wasi: module.wasi(),
        }
    }

    fn is(&self, policy: &Policy) -> bool {
        self.limits == *policy.limits()
            && self.config == policy.config()
            && self.module == policy.module().name()
            && self.digest == policy.module().digest().0.into()
    }
}

/// Where the components of the recording in this folder are kept.
#[must_use]
pub fn modules(folder: &Path) -> ContentStore {
    ContentStore::new(folder.join("modules"))
}
