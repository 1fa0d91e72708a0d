//! Where codes are left for the providers, made from seeds, or asked for by the prompt command.
//!
//! A seed's code is good once, for all programs together. So the sessions of one device take
//! turns, a window of 30 s each: one waits for the next window, and who would have to wait longer
//! is told when to come back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::totp::{self, Totp, WINDOW_MS};
use super::{MfaCode, MfaCodes, MfaRequest, NoCode, Origin};
use crate::keys::LongLivedKeys;
use crate::provider::BoxFuture;
use dayfly_vault::helper::{self, Helper, HelperError};

/// How long a code that was handed over is kept: services take the codes of the last minute or so.
const KEPT: Duration = Duration::from_secs(60);
/// The most that a session waits for a window of its own.
const WINDOW_WAIT: Duration = Duration::from_secs(32);
/// Windows change a little later here, for a service whose clock is a little behind.
const WINDOW_SLACK: Duration = Duration::from_millis(500);
/// After a prompt command brought no code it is not run again for this session, unless a person
/// wants the session started meanwhile.
const PAUSE: Duration = Duration::from_secs(600);
/// A window that is further ahead than this, ten minutes, is of a clock that was wrong.
const NEAR: u64 = 20;
/// So many windows of a device are remembered: two hours without a pause.
const TAKEN: usize = 240;
/// The most bytes that a prompt command may print.
const OUTPUT: usize = 1_024;

/// Told when a code came that nobody waited for any more.
pub(crate) type Answered = Box<dyn Fn(SessionId) + Send + Sync>;

/// Where codes are left, made and asked for. Clones share their state.
#[derive(Clone)]
pub struct MfaBroker(Arc<Inner>);

struct Inner {
    keys: Arc<dyn LongLivedKeys>,
    answered: Answered,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    command: Option<Helper>,
    /// Codes that were handed over, and until when they are good.
    handed: BTreeMap<SessionId, (MfaCode, Instant)>,
    /// The windows of each device that are somebody's, in the order in which they were given.
    taken: BTreeMap<String, VecDeque<u64>>,
    /// Sessions for which the prompt command runs.
    asking: BTreeSet<SessionId>,
    /// Sessions for which it brought nothing, and until when it is not run again.
    failed: BTreeMap<SessionId, (HelperError, Instant)>,
}

impl fmt::Debug for MfaBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MfaDesk").finish_non_exhaustive()
    }
}

impl MfaBroker {
    /// A broker without a prompt command.
    #[must_use]
    pub fn new(
        keys: Arc<dyn LongLivedKeys>,
        answered: Box<dyn Fn(SessionId) + Send + Sync>,
    ) -> Self {
        Self(Arc::new(Inner {
            keys,
            answered,
            state: Mutex::default(),
        }))
    }

    /// Which prompt command is run from now on.
    pub fn set_command(&self, command: Option<Helper>) {
        let mut state = self.state();
        if state.command != command {
            state.failed.clear();
            state.command = command;
        }
    }

    /// Leaves a code for a session, for its next attempt within a minute.
    pub fn hand(&self, session: &SessionId, code: SecretString) {
        let code = MfaCode {
            code,
            origin: Origin::Person,
        };
        let mut state = self.state();
        state.failed.remove(session);
        let until = Instant::now() + KEPT;
        state.handed.insert(session.clone(), (code, until));
    }

    /// Takes back a code that was left and not used.
    pub fn take_back(&self, session: &SessionId) {
        self.state().handed.remove(session);
    }

    /// A person wants this session: a prompt command that brought nothing may be run again.
    pub fn wanted(&self, session: &SessionId) {
        self.state().failed.remove(session);
    }

    /// Whether the prompt command is asking somebody for this session.
    #[must_use]
    pub fn is_asking(&self, session: &SessionId) -> bool {
        self.state().asking.contains(session)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handed(&self, session: &SessionId) -> Option<MfaCode> {
        let mut state = self.state();
        let now = Instant::now();
        state.handed.retain(|_, (_, until)| *until > now);
        state.handed.remove(session).map(|(code, _)| code)
    }

    /// A code made from the device's seed, in a window that no other session has; none without a
    /// seed.
    async fn made(&self, request: MfaRequest<'_>) -> Result<Option<MfaCode>, NoCode> {
        let keys = Arc::clone(&self.0.keys);
        let device = request.device.to_owned();
        let seed = tokio::task::spawn_blocking(move || keys.totp_seed(&device)).await;
        let Ok(seed) = seed else {
            return Err(NoCode::Nobody);
        };
        let Some(seed) = seed.map_err(NoCode::Vault)? else {
            return Ok(None);
        };
        let totp = Totp::parse(seed.expose()).map_err(|_| NoCode::Seed)?;
        let (window, wait) = self.turn(request.device, request.now)?;
        tokio::time::sleep(wait).await;
        Ok(Some(MfaCode {
            code: totp.code(window),
            origin: Origin::Seed,
        }))
    }

    /// The next window of a device that is nobody's, and how long until it begins.
    fn turn(&self, device: &str, now: Timestamp) -> Result<(u64, Duration), NoCode> {
        let mut state = self.state();
        let current = totp::window(now);
        let taken = state.taken.entry(device.to_owned()).or_default();
        // Whatever the clock says now or said before, no window is anybody's twice, and none comes
        // before one that was used. One that is far ahead, as a clock was, does not stop the device.
        let near = taken.iter().filter(|used| **used <= current + NEAR);
        let window = near.max().map_or(current, |last| current.max(last + 1));
        let begins = Timestamp::from_millis(window.saturating_mul(WINDOW_MS));
        let wait = match begins.since(now) {
            Duration::ZERO => Duration::ZERO,
            wait => wait + WINDOW_SLACK,
        };
        if wait > WINDOW_WAIT {
            return Err(NoCode::Spent { wait });
        }
        if taken.len() == TAKEN {
            taken.pop_front();
        }
        taken.push_back(window);
        Ok((window, wait))
    }

    /// A code from the prompt command, where it answers soon.
    async fn asked(&self, request: MfaRequest<'_>) -> Result<MfaCode, NoCode> {
        let id = &request.session.id;
        let (helper, mut answer) = {
            let mut state = self.state();
            let Some(helper) = state.command.clone() else {
                return Err(NoCode::Nobody);
            };
            if state.asking.contains(id) {
                return Err(NoCode::Asking);
            }
            match state.failed.get(id) {
                Some((error, until)) if *until > Instant::now() => {
                    return Err(NoCode::Command(error.clone()));
                }
                _ => {}
            }
            state.asking.insert(id.clone());
            let (sender, answer) = oneshot::channel();
            let (broker, helper_too) = (self.clone(), helper.clone());
            let session = (request.session.id.clone(), request.session.name.clone());
            let device = request.device.to_owned();
            tokio::spawn(async move { broker.ask(helper_too, session, device, sender).await });
            (helper, answer)
        };
        let result = match tokio::time::timeout(helper.wait, &mut answer).await {
            Ok(result) => result.ok(),
            Err(_) => {
                answer.close();
                // It may have come at the same moment.
                answer.try_recv().ok()
            }
        };
        match result {
            Some(Ok(code)) => Ok(code),
            Some(Err(error)) => Err(NoCode::Command(error)),
            None => Err(NoCode::Asking),
        }
    }

    /// Runs the prompt command to its end, whoever waits for it.
    async fn ask(
        self,
        helper: Helper,
        (id, name): (SessionId, String),
        device: String,
        answer: oneshot::Sender<Result<MfaCode, HelperError>>,
    ) {
        let environment = [
            ("DAYFLY_SESSION", id.as_str()),
            ("DAYFLY_SESSION_NAME", name.as_str()),
            ("DAYFLY_MFA_DEVICE", device.as_str()),
        ];
        let printed = helper::run(&helper.command, &environment, OUTPUT, helper.deadline).await;
        let result = printed.and_then(|code| match is_code(code.expose()) {
            true => Ok(MfaCode {
                code,
                origin: Origin::Command,
            }),
            false => Err(HelperError::Unusable {
                program: "the prompt command".to_owned(),
                what: "something that is not a code",
            }),
        });
        let unheard = {
            let mut state = self.state();
            state.asking.remove(&id);
            if let Err(error) = &result {
                let until = Instant::now() + PAUSE;
                state.failed.insert(id.clone(), (error.clone(), until));
            }
            match answer.send(result) {
                Err(Ok(code)) => {
                    let until = Instant::now() + KEPT;
                    state.handed.insert(id.clone(), (code, until));
                    true
                }
                _ => false,
            }
        };
        if unheard {
            (self.0.answered)(id);
        }
    }
}

/// Whether a text can be a code at all.
///
/// Source: AWS STS API reference, `TokenCode`: six digits.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit())
}

impl MfaCodes for MfaBroker {
    fn code<'a>(&'a self, request: MfaRequest<'a>) -> BoxFuture<'a, Result<MfaCode, NoCode>> {
        Box::pin(async move {
            if let Some(code) = self.handed(&request.session.id) {
                return Ok(code);
            }
            if let Some(code) = self.made(request).await? {
                return Ok(code);
            }
            self.asked(request).await
        })
    }
}

#[cfg(test)]
#[path = "broker_tests.rs"]
mod tests;
