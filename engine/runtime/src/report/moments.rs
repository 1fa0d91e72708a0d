//! Moments as reports write them.

use chrono::{DateTime, SecondsFormat, Utc};
use dayfly_core::time::Timestamp;

/// A moment as RFC 3339 in UTC; as milliseconds where the calendar has no such moment.
#[must_use]
pub fn moment(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    match DateTime::<Utc>::from_timestamp_millis(millis) {
        Some(date) => date.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => moment.to_string(),
    }
}

pub(super) mod iso {
    use super::{DateTime, Timestamp, moment};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&moment(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        let date = DateTime::parse_from_rfc3339(&text).map_err(de::Error::custom)?;
        let millis = u64::try_from(date.timestamp_millis()).map_err(de::Error::custom)?;
        Ok(Timestamp::from_millis(millis))
    }
}

pub(super) mod iso_option {
    use super::{Timestamp, moment};
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    struct Wrapped(#[serde(with = "super::iso")] Timestamp);

    #[expect(clippy::ref_option, reason = "the shape that serde asks for")]
    pub(crate) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
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
}
