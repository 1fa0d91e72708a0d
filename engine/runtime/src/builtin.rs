//! The policies that this program carries.

/// Name and component of each.
pub const BUILTIN: [(&str, &[u8]); 9] = [
    (
        "business-hours",
        include_bytes!("../../../policies/prebuilt/business-hours.wasm"),
    ),
    (
        "idle-stop",
        include_bytes!("../../../policies/prebuilt/idle-stop.wasm"),
    ),
    (
        "keep-active",
        include_bytes!("../../../policies/prebuilt/keep-active.wasm"),
    ),
    (
        "max-active",
        include_bytes!("../../../policies/prebuilt/max-active.wasm"),
    ),
    (
        "on-event",
        include_bytes!("../../../policies/prebuilt/on-event.wasm"),
    ),
    (
        "prod-guard",
        include_bytes!("../../../policies/prebuilt/prod-guard.wasm"),
    ),
    (
        "project-session",
        include_bytes!("../../../policies/prebuilt/project-session.wasm"),
    ),
    (
        "rotate-before-expiry",
        include_bytes!("../../../policies/prebuilt/rotate-before-expiry.wasm"),
    ),
    (
        "rules",
        include_bytes!("../../../policies/prebuilt/rules.wasm"),
    ),
];

/// The component with this name.
#[must_use]
pub fn component(name: &str) -> Option<&'static [u8]> {
    BUILTIN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, bytes)| *bytes)
}
