//! The code that Wasmtime makes of `wit/`. Values that go to a guest borrow: lowering copies them
//! into the guest's memory anyhow, and a second copy on the way would cost as much.

#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "stateful-policy",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: { default: trappable },
});

pub(super) use self::dayfly::policy::types;
pub(super) use self::exports::dayfly::policy::policy as exported;
