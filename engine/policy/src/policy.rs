//! A module with the configuration and limits of one entry: the thing that is asked.

use std::fmt;
use std::sync::Arc;

use dayfly_core::policy::{Fault, FaultKind, Subscription};
use dayfly_core::schedule::Schedule;
use serde::de::IgnoredAny;
use thiserror::Error;

use crate::answer::{self, Question};
use crate::bindings::PolicyError;
use crate::call::{Call, Evaluated, Failed, Log};
use crate::limits::Limits;
use crate::module::Module;
use crate::pattern::PathPattern;
use crate::sandbox::Knowledge;
use crate::schedule::schedule;
use crate::state::Size;
use crate::{guest_faults, text};

/// Why an entry cannot use a module like this.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ConfigureError {
    /// The configuration is no JSON.
    #[error("the configuration for policy {module} is not JSON: {problem}")]
    NotJson {
        /// The module.
        module: String,
        /// Where and what.
        problem: String,
    },
    /// The configuration is too long.
    #[error(
        "the configuration for policy {module} is too large: it has {bytes} bytes; {limit} are \
         allowed"
    )]
    TooLarge {
        /// The module.
        module: String,
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The policy needs more state than the entry may have.
    #[error("policy {module} needs {needs} bytes of state; its entry may have {limit}")]
    State {
        /// The module.
        module: String,
        /// What the policy needs.
        needs: usize,
        /// The bound.
        limit: usize,
    },
    /// The policy does not take the configuration.
    #[error("policy {module} does not accept its configuration: {message}")]
    Refused {
        /// The module.
        module: String,
        /// The policy's words.
        message: String,
    },
    /// The policy wants to be called for something that makes no sense.
    #[error("policy {module} subscribes to something invalid: {problem}")]
    Subscription {
        /// The module.
        module: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The policy brought no answer.
    #[error("policy {module} failed while it read its configuration: {}", fault.message)]
    Fault {
        /// The module.
        module: String,
        /// How it failed.
        fault: Fault,
        /// What it logged before.
        log: Log,
    },
}

/// A configured policy. Cheap to clone; it can be asked from any number of threads at once.
#[derive(Clone)]
pub struct Policy(Arc<Configured>);

struct Configured {
    module: Module,
    config: String,
    limits: Limits,
    quota: Size,
    subscriptions: Vec<Subscription>,
    schedules: Vec<Schedule>,
    log: Log,
}

impl Policy {
    /// Hands a configuration, JSON text, to a module and learns what it wants to be called for.
    ///
    /// # Errors
    /// Where the module does not take the configuration, fails, or needs more than the limits.
    pub fn configure(
        module: &Module,
        config: &str,
        limits: Limits,
    ) -> Result<Self, ConfigureError> {
        let name = || module.name().to_owned();
        let limits = module.host().bounded(limits);
        let quota = check_size(module, config, &limits)?;
        let ran = module.host().run(&limits, None, |store| {
            module.guest().configure(store, config)
        });
        let answered = ran.answer.and_then(|answer| match answer {
            Ok(subscriptions) => {
                answer::check_subscriptions(&subscriptions, &limits)?;
                Ok(Ok(subscriptions))
            }
            Err(PolicyError::InvalidConfig(words)) => Ok(Err(ConfigureError::Refused {
                module: name(),
                message: said(words, &limits),
            })),
            Err(PolicyError::NoSuchSubscription(problem)) => {
                Ok(Err(ConfigureError::Subscription {
                    module: name(),
                    problem: said(problem, &limits),
                }))
            }
            Err(other) => Err(refusal(other, &limits)),
        });
        match answered {
            Ok(Ok(subscriptions)) => {
                let schedules =
                    compile(&subscriptions).map_err(|problem| ConfigureError::Subscription {
                        module: name(),
                        problem,
                    })?;
                Ok(Self(Arc::new(Configured {
                    module: module.clone(),
                    config: config.to_owned(),
                    quota,
                    limits,
                    subscriptions,
                    schedules,
                    log: ran.log,
                })))
            }
            Ok(Err(refused)) => Err(refused),
            Err(fault) => Err(ConfigureError::Fault {
                module: name(),
                fault,
                log: ran.log,
            }),
        }
    }

    /// What it wants to be called for.
    #[must_use]
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.0.subscriptions
    }

    /// The schedules among that, ready to be asked for their moments.
    #[must_use]
    pub fn schedules(&self) -> &[Schedule] {
        &self.0.schedules
    }

    /// The module that it is made of.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.0.module
    }

    /// The configuration that it was handed, JSON text.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.0.config
    }

    /// The limits that it is called under.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// What it logged when it was configured.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// Asks what should be done, in a fresh instance, on the calling thread, whose stack has to
    /// have room for the 512 KiB of a guest. The same call has the same answer.
    ///
    /// # Errors
    /// Where the policy answers with an error, fails, exceeds a limit, or answers nonsense. Nothing
    /// of the call counts then.
    pub fn evaluate(&self, call: Call<'_>) -> Result<Evaluated, Failed> {
        let Configured {
            module,
            config,
            limits,
            quota,
            ..
        } = &*self.0;
        let knowledge = Knowledge::new(
            call.context,
            Arc::clone(&call.workspace),
            call.events,
            call.state,
            *quota,
        );
        let ran = module.host().run(limits, Some(knowledge), |store| {
            module
                .guest()
                .evaluate(store, config, &call.context, call.events)
        });
        let checked = ran
            .answer
            .and_then(|answer| answer.map_err(|error| refusal(error, limits)))
            .and_then(|verdict| {
                let question = Question {
                    events: call.events,
                    workspace: &*call.workspace,
                    descriptor: module.descriptor(),
                    limits,
                };
                answer::check(verdict, &question)
            });
        let mut used = ran.used;
        used.wall = ran.begin.elapsed();
        match checked {
            Ok(verdict) => Ok(Evaluated {
                verdict,
                state_writes: ran.state.into_writes(),
                log: ran.log,
                used,
            }),
            Err(fault) => Err(Failed {
                fault,
                log: ran.log,
                used,
            }),
        }
    }
}

/// Refuses a configuration that is too large or no JSON, and a module whose state has no room. The
/// answer is how much state the policy may have.
fn check_size(module: &Module, config: &str, limits: &Limits) -> Result<Size, ConfigureError> {
    let name = || module.name().to_owned();
    if config.len() > limits.config_bytes {
        return Err(ConfigureError::TooLarge {
            module: name(),
            bytes: config.len(),
            limit: limits.config_bytes,
        });
    }
    serde_json::from_str::<IgnoredAny>(config).map_err(|error| ConfigureError::NotJson {
        module: name(),
        problem: error.to_string(),
    })?;
    let needs = usize::try_from(module.descriptor().state_bytes).unwrap_or(usize::MAX);
    if needs > limits.state_bytes {
        return Err(ConfigureError::State {
            module: name(),
            needs,
            limit: limits.state_bytes,
        });
    }
    Ok(Size {
        bytes: needs,
        values: limits.state_values,
    })
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the configuration: a person may have put anything there.
        f.debug_struct("Policy")
            .field("module", &self.0.module)
            .finish_non_exhaustive()
    }
}

/// The schedules, once every subscription was found to make sense.
fn compile(subscriptions: &[Subscription]) -> Result<Vec<Schedule>, String> {
    let mut schedules: Vec<Schedule> = Vec::new();
    for subscription in subscriptions {
        match subscription {
            Subscription::Schedule(expression) => {
                let schedule = schedule(expression).map_err(|e| e.to_string())?;
                if !schedules.contains(&schedule) {
                    schedules.push(schedule);
                }
            }
            Subscription::Files(pattern) | Subscription::Branch(pattern) => {
                PathPattern::parse(pattern).map_err(|e| e.to_string())?;
            }
            Subscription::Sessions(_) | Subscription::Custom(_) | Subscription::Engine(_) => {}
        }
    }
    Ok(schedules)
}

/// What a policy says for itself, fit to be shown.
fn said(mut words: String, limits: &Limits) -> String {
    text::cut(&mut words, limits.long_text);
    if words.is_empty() {
        words.push_str("it gave no reason");
    }
    text::sanitize(words)
}

fn refusal(error: PolicyError, limits: &Limits) -> Fault {
    let (kind, words) = match error {
        PolicyError::Transient(words) => (FaultKind::Transient, words),
        PolicyError::Permanent(words)
        | PolicyError::InvalidConfig(words)
        | PolicyError::NoSuchSubscription(words) => (FaultKind::Permanent, words),
    };
    guest_faults::new(
        kind,
        format!("the policy failed to answer: {}", said(words, limits)),
    )
}
