//! A machine that gives no address space for a pool. In a file of its own, since the limit holds
//! for the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/session.rs"]
mod session;

use dayfly_policy::host::Allocation;
use dayfly_policy::{Host, HostConfig, Limits, Module, Policy};
use guest::{Bytes, Guest};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use session::{call, sessions};

#[test]
fn without_room_for_a_pool_instances_are_made_on_demand() {
    let free = Host::new(HostConfig::default()).unwrap();
    assert_eq!(free.allocation(), Allocation::Pooling);
    drop(free);
    let limit = Rlimit {
        current: Some(64 << 30),
        maximum: getrlimit(Resource::As).maximum,
    };
    setrlimit(Resource::As, limit).unwrap();
    let host = Host::new(HostConfig::default()).unwrap();
    assert_eq!(host.allocation(), Allocation::OnDemand);
    let guest = Guest::default().answering(&[Bytes::act(4, 2)]);
    let module = Module::load(&host, "guest", &guest.component()).unwrap();
    let policy = Policy::configure(&module, "{}", Limits::default()).unwrap();
    let events = sessions([4]);
    assert_eq!(
        policy
            .evaluate(call(&events))
            .unwrap()
            .verdict
            .effects
            .len(),
        1
    );
}
