//! A secret on its way over the control socket.

use dayfly_vault::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A secret that a request carries: wiped from memory when dropped, and never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret(pub SecretString);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(SecretString::from(text)))
    }
}
