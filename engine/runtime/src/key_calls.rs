//! Calls about long-lived keys that are under way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::effect::KeyCall;
use dayfly_core::key_rotation::{KeyAnswer, KeyFacts};
use dayfly_core::session::{ErrorKind, Failure, Session};
use dayfly_providers::{AwsSettings, Iam, KeyRotation, Rotated, RotationError, RotationWish};
use dayfly_vault::{Vault, private_file};
use tokio::sync::mpsc;

use crate::clock;
use crate::message::Message;

/// How long a call may take: the core waits a little longer.
const DEADLINE: Duration = Duration::from_secs(240);
/// How long another process may replace a key of this home meanwhile.
const LOCK: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyWork {
    /// How old the key is.
    Look,
    /// It is replaced, if it is older than this; none: only what was interrupted is brought to its end.
    Rotate(Option<Duration>),
}

/// A call about the key of a session.
pub(crate) struct Task {
    pub(crate) call: KeyCall,
    pub(crate) session: Arc<Session>,
    pub(crate) aws: AwsSettings,
    pub(crate) vault: Vault,
    /// Locked by whoever replaces a key.
    pub(crate) lock: PathBuf,
    pub(crate) work: KeyWork,
}

/// Begins a call; its outcome is one message. It works on a thread of its own, since the vault may have to wait
/// for a keyring or a disk.
pub(crate) fn begin(task: Task, answers: mpsc::Sender<Message>) {
    let (call, session) = (task.call, task.session.id.clone());
    let name = task.session.name.clone();
    let runtime = tokio::runtime::Handle::current();
    let working = tokio::task::spawn_blocking(move || runtime.block_on(task.done()));
    tokio::spawn(async move {
        // What a panic says might hold anything, so it is not passed on.
        let broken = |_| {
            let message =
                format!("Dayfly broke while it looked after the access key of \"{name}\"");
            Err(Failure::new(ErrorKind::Other, message))
        };
        let result = working.await.unwrap_or_else(broken);
        let answer = Message::KeyAnswered {
            call,
            session,
            result,
        };
        let _ = answers.send(answer).await;
    });
}

impl Task {
    async fn done(self) -> Result<KeyAnswer, Failure> {
        let name = &self.session.name;
        let _locked = private_file::lock(&self.lock, LOCK).map_err(|error| {
            let message = format!(
                "Dayfly did not look after the access key of \"{name}\", because another process \
                 replaces a key, or the lock cannot be taken: {}",
                error.with_cause()
            );
            Failure::new(ErrorKind::Other, message)
        })?;
        let working = tokio::time::timeout(DEADLINE, self.work());
        working.await.unwrap_or_else(|_| {
            let message = format!(
                "replacing the access key of \"{name}\" took too long; Dayfly goes on with it later"
            );
            Err(Failure::new(ErrorKind::Network, message))
        })
    }

    async fn work(&self) -> Result<KeyAnswer, Failure> {
        let region = self.session.region.as_deref();
        let region = region.unwrap_or(&self.aws.default_region);
        let iam = Iam::of(&self.aws, None, region).await.map_err(|error| {
            let failure = Failure::new(ErrorKind::Misconfigured, error.to_string());
            failure.with_hint(error.hint())
        })?;
        let rotation = KeyRotation {
            aws: &self.aws,
            iam: &iam,
            vault: &self.vault,
            session: &self.session,
            now: clock::now(),
        };
        let result = match self.work {
            KeyWork::Look => rotation.look().await.map(KeyAnswer::Seen),
            KeyWork::Rotate(older_than) => rotated(&rotation, older_than).await,
        };
        result.map_err(|error| error.failure())
    }
}

async fn rotated(
    rotation: &KeyRotation<'_>,
    older_than: Option<Duration>,
) -> Result<KeyAnswer, RotationError> {
    let wish = RotationWish {
        // Without a rule no key is old enough.
        older_than: Some(older_than.unwrap_or(Duration::MAX)),
        discard: None,
    };
    let rotated = rotation.run(wish, |_| std::future::ready(())).await?;
    Ok(match rotated {
        Rotated::Done { old, new } => KeyAnswer::Rotated { old, new },
        Rotated::Young { id: _, age } => KeyAnswer::Seen(KeyFacts {
            created: rotation.now.minus(age),
            interrupted: false,
        }),
    })
}
