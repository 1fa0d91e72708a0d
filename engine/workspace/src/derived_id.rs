//! Ids of the sessions and portals that Dayfly adds itself, which follow from what they are for.

use sha2::{Digest as _, Sha256};

/// An id that follows from these words: what goes and comes back in a list is the same session
/// again, on every machine.
#[must_use]
pub fn derived_id(of: &[&str]) -> String {
    let digest = Sha256::digest(of.join("\n"));
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}
