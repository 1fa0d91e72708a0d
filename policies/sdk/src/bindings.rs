//! What wit-bindgen makes of `wit/`.
//!
//! Bound is the wider world, `stateful-policy`. The export is the same in both worlds and the
//! encoder leaves out imports that nothing calls, so a rule that never asks for the Workspace
//! becomes a component of the world `pure-policy`.
#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "stateful-policy",
    generate_unused_types: true,
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "__export_world",
    default_bindings_module: "dayfly_policy_sdk::bindings",
    runtime_path: "dayfly_policy_sdk::wit_bindgen::rt",
});
