//! What a test of a bad guest needs: one host, its limits, and how each export fails.

#![allow(dead_code, reason = "each test file uses another part")]

use std::sync::LazyLock;
use std::time::Duration;

use dayfly_core::policy::{Fault, PolicyEffect};
use dayfly_policy::module::LoadError;
use dayfly_policy::policy::ConfigureError;
use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};

use crate::guest::{Bytes, Guest};
use crate::session::{call, sessions};

/// Short, so that loops end soon; plenty for everything else.
pub(crate) const DEADLINE: Duration = Duration::from_millis(250);

pub(crate) fn limits() -> Limits {
    Limits {
        deadline: DEADLINE,
        memory: 16 << 20,
        table_elements: 10_000,
        ..Limits::default()
    }
}

/// One host for all tests: what one guest does to it, the others would notice.
pub(crate) static HOST: LazyLock<Host> = LazyLock::new(|| host(true));

pub(crate) fn host(pooling: bool) -> Host {
    Host::new(HostConfig {
        describe: limits(),
        pooling,
        ..HostConfig::default()
    })
    .unwrap()
}

pub(crate) static GOOD: LazyLock<Policy> = LazyLock::new(|| {
    let good = Guest::default().answering(&[Bytes::act(4, 2)]);
    Policy::configure(&load(&good).unwrap(), "{}", Limits::default()).unwrap()
});

pub(crate) fn load(guest: &Guest) -> Result<Module, LoadError> {
    Module::load(&HOST, "guest", &guest.component())
}

/// That the host is as good as before.
pub(crate) fn unharmed() {
    let evaluated = GOOD.evaluate(call(&sessions([4]))).unwrap();
    assert!(matches!(
        evaluated.verdict.effects.as_slice(),
        [PolicyEffect::Act(act)] if act.session.0 == 4
    ));
}

pub(crate) fn evaluate_fault(guest: &Guest) -> Fault {
    evaluate_fault_under(guest, limits())
}

pub(crate) fn evaluate_fault_under(guest: &Guest, limits: Limits) -> Fault {
    let module = load(guest).unwrap();
    let policy = Policy::configure(&module, "{}", limits).unwrap();
    let fault = policy.evaluate(call(&sessions([4, 5]))).unwrap_err().fault;
    unharmed();
    fault
}

pub(crate) fn configure_fault(guest: &Guest) -> Fault {
    let module = load(guest).unwrap();
    match Policy::configure(&module, "{}", limits()).unwrap_err() {
        ConfigureError::Fault { fault, .. } => {
            unharmed();
            fault
        }
        other => panic!("{other}"),
    }
}

pub(crate) fn describe_fault(guest: &Guest) -> Fault {
    match load(guest).unwrap_err() {
        LoadError::Describe { fault, .. } => {
            unharmed();
            fault
        }
        other => panic!("{other}"),
    }
}
