//! The policies that this program carries.

/// Name and component of each.
pub const BUILTIN: [(&str, &[u8]); 3] = [
    (
        "business-hours",
        include_bytes!("../../../policies/prebuilt/business-hours.wasm"),
    ),
    (
        "keep-active",
        include_bytes!("../../../policies/prebuilt/keep-active.wasm"),
    ),
    (
        "rotate-before-expiry",
        include_bytes!("../../../policies/prebuilt/rotate-before-expiry.wasm"),
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
