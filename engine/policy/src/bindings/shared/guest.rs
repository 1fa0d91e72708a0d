//! Links and calls guests of one version.

use dayfly_core::policy::{Context, Descriptor, Event, Subscription, Verdict};
use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::{lift, lower, wit};
use crate::bindings::policy_error::PolicyError;
use crate::sandbox::Sandbox;

/// Everything that the larger world imports. A component can use only what it imports itself, so
/// the world that it targets is decided by the component, not here.
pub(in crate::bindings) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Sandbox>> {
    let mut linker = Linker::new(engine);
    wit::StatefulPolicy::add_to_linker::<_, HasSelf<Sandbox>>(&mut linker, |sandbox| sandbox)?;
    Ok(linker)
}

/// A guest that speaks this version.
pub(crate) struct Guest(wit::StatefulPolicyPre<Sandbox>);

impl Guest {
    pub(in crate::bindings) fn new(linked: InstancePre<Sandbox>) -> wasmtime::Result<Self> {
        wit::StatefulPolicyPre::new(linked).map(Self)
    }

    pub(in crate::bindings) fn describe(
        &self,
        store: &mut Store<Sandbox>,
    ) -> wasmtime::Result<Descriptor> {
        let instance = self.0.instantiate(&mut *store)?;
        let described = instance.dayfly_policy_policy().call_describe(store)?;
        Ok(lift::descriptor(described))
    }

    pub(in crate::bindings) fn configure(
        &self,
        store: &mut Store<Sandbox>,
        config: &str,
    ) -> wasmtime::Result<Result<Vec<Subscription>, PolicyError>> {
        let instance = self.0.instantiate(&mut *store)?;
        let answer = instance
            .dayfly_policy_policy()
            .call_configure(store, config)?;
        Ok(answer
            .map_err(lift::policy_error)
            .and_then(lift::subscriptions))
    }

    pub(in crate::bindings) fn evaluate(
        &self,
        store: &mut Store<Sandbox>,
        config: &str,
        context: &Context,
        events: &[Event],
    ) -> wasmtime::Result<Result<Verdict, PolicyError>> {
        let instance = self.0.instantiate(&mut *store)?;
        let answer = lower::events(events, |events| {
            instance.dayfly_policy_policy().call_evaluate(
                store,
                config,
                lower::context(context),
                events,
            )
        })?;
        Ok(answer.map(lift::verdict).map_err(lift::policy_error))
    }
}
