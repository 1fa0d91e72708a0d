//! A moment in JSON.

use chrono::DateTime;
use dayfly_core::time::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

use crate::report::moments::moment;

pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&moment(*at))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    let date = DateTime::parse_from_rfc3339(&text).map_err(de::Error::custom)?;
    let millis = u64::try_from(date.timestamp_millis()).map_err(de::Error::custom)?;
    Ok(Timestamp::from_millis(millis))
}
