//! A moment in JSON, where there is one.

use dayfly_core::time::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

use crate::report::moments::moment;

#[derive(Deserialize)]
struct Wrapped(#[serde(with = "crate::report::iso")] Timestamp);

#[expect(clippy::ref_option, reason = "the shape that serde asks for")]
pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => to.serialize_some(&moment(*at)),
        None => to.serialize_none(),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<Wrapped>::deserialize(from)?.map(|wrapped| wrapped.0))
}
