//! What the files of the AWS CLI's caches have in common.

use aws_smithy_types::date_time::{DateTime, Format};
use dayfly_core::time::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

/// A secret as a field that may be absent or empty.
pub(crate) mod secret {
    use dayfly_vault::SecretString;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        secret: &Option<SecretString>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = secret.as_ref().map(SecretString::expose);
        text.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SecretString>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(text.filter(|t| !t.is_empty()).map(SecretString::from))
    }
}

/// JSON in memory that is wiped, and that does not move while it grows.
pub(crate) fn bytes(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    // Texts into memory: nothing that could fail.
    let _ = serde_json::to_writer(&mut *bytes, value);
    bytes
}

/// A moment as botocore wrote and writes it.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = match text.strip_suffix("UTC") {
        Some(old) => format!("{old}Z"),
        None => text.to_owned(),
    };
    let date = DateTime::from_str(&text, Format::DateTimeWithOffset).ok()?;
    u64::try_from(date.to_millis().ok()?)
        .ok()
        .map(Timestamp::from_millis)
}

/// Whole seconds, as botocore writes and its readers expect.
pub(crate) fn text(moment: Timestamp) -> String {
    let seconds = i64::try_from(moment.as_millis() / 1_000).unwrap_or(i64::MAX);
    DateTime::from_secs(seconds)
        .fmt(Format::DateTime)
        .unwrap_or_default()
}
