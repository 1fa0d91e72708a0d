//! `[imds]`: the instance metadata service of this machine, for tools that know nothing else.

use serde::Deserialize;

/// The usual port of such a service on loopback.
const PORT: u16 = 9_911;

/// Whose credentials the metadata endpoint of a running engine gives, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Imds {
    /// The session: an id, the beginning of one, or a unique name.
    pub session: String,
    /// The port on 127.0.0.1.
    #[serde(default = "port")]
    pub port: u16,
}

const fn port() -> u16 {
    PORT
}
