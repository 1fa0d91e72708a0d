//! From a rule to the exports of a component.

use core::marker::PhantomData;

use crate::bindings::dayfly::policy::log;
use crate::bindings::dayfly::policy::types;
use crate::bindings::exports::dayfly::policy::policy::Guest;
use crate::config::ConfigError;
use crate::workspace::Engine;
use crate::{
    Context, Descriptor, Event, Policy, PolicyError, Rule, Subscription, Verdict, WorkspaceRule,
};

/// A [`Rule`] as a component.
pub struct Pure<R>(PhantomData<R>);

/// A [`WorkspaceRule`] as a component.
pub struct Stateful<R>(PhantomData<R>);

impl<R: Rule> Guest for Pure<R> {
    fn describe() -> Descriptor {
        R::descriptor()
    }

    fn configure(config: String) -> Result<Vec<Subscription>, PolicyError> {
        R::configure(&config).map_err(invalid)
    }

    fn evaluate(
        config: String,
        context: Context,
        events: Vec<Event>,
    ) -> Result<types::Verdict, PolicyError> {
        let config = parse::<R>(&config)?;
        Ok(answer(R::evaluate(&config, &context, &events)))
    }
}

impl<R: WorkspaceRule> Guest for Stateful<R> {
    fn describe() -> Descriptor {
        R::descriptor()
    }

    fn configure(config: String) -> Result<Vec<Subscription>, PolicyError> {
        R::configure(&config).map_err(invalid)
    }

    fn evaluate(
        config: String,
        context: Context,
        events: Vec<Event>,
    ) -> Result<types::Verdict, PolicyError> {
        let config = parse::<R>(&config)?;
        Ok(answer(R::evaluate(
            &config,
            &context,
            &events,
            &Engine,
            &mut Engine,
        )))
    }
}

fn parse<P: Policy>(config: &str) -> Result<P::Config, PolicyError> {
    P::recall(config).map_err(invalid)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn invalid(error: ConfigError) -> PolicyError {
    PolicyError::InvalidConfig(error.to_string())
}

fn answer(verdict: Verdict) -> types::Verdict {
    for (severity, line) in &verdict.lines {
        log::write(*severity, line);
    }
    types::Verdict {
        effects: verdict.effects,
        stopped_after: verdict.stopped_after,
    }
}

/// Makes the component of a rule: `export_policy!(pure MyRule)` for a [`Rule`](crate::Rule),
/// `export_policy!(stateful MyRule)` for a [`WorkspaceRule`](crate::WorkspaceRule). Makes nothing
/// where the target is not wasm32.
#[macro_export]
macro_rules! export_policy {
    (pure $rule:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, missing_docs, reason = "the exports of a component")]
        mod component {
            use super::*;
            type Component = $crate::Pure<$rule>;
            $crate::bindings::__export_world!(Component);
        }
    };
    (stateful $rule:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, missing_docs, reason = "the exports of a component")]
        mod component {
            use super::*;
            type Component = $crate::Stateful<$rule>;
            $crate::bindings::__export_world!(Component);
        }
    };
}
