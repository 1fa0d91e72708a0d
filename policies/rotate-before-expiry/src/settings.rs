//! The configuration.

use dayfly_policy_sdk::Matcher;
use dayfly_policy_sdk::config::{ConfigError, Object};

/// JSON Schema of the configuration.
pub(crate) const SCHEMA: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"rotate-before-expiry","type":"object","additionalProperties":false,"properties":{"before":{"description":"Rotate when this much remains, though never more than a third of the lifetime: a duration, or seconds.","oneOf":[{"type":"string","pattern":"^\\s*(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?\\s*$"},{"type":"integer","minimum":0}],"default":"20m"},"fraction":{"description":"Rotate when at least this share of the lifetime remains.","type":"number","minimum":0,"maximum":0.9,"default":0.3333333333333333},"jitter":{"description":"Rotate earlier by up to this share of the time that would remain; drawn once for each credential.","type":"number","minimum":0,"maximum":0.5,"default":0.1},"match":"#,
    dayfly_policy_sdk::match_schema!(),
    "}}"
);

/// How far ahead of their end credentials are rotated.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Wished remainder, milliseconds.
    pub before: u64,
    /// Wished remainder as a share of the lifetime, 0 to 0.9.
    pub fraction: f64,
    /// How much earlier at most, as a share of the remainder, 0 to 0.5.
    pub jitter: f64,
    /// Which sessions.
    pub matcher: Matcher,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            before: 20 * 60_000,
            fraction: 1.0 / 3.0,
            jitter: 0.1,
            matcher: Matcher::default(),
        }
    }
}

impl Settings {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Names the key that is wrong.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let config = Object::parse(text, &["before", "fraction", "jitter", "match"])?;
        let default = Self::default();
        let settings = Self {
            before: config.duration("before")?.unwrap_or(default.before),
            fraction: config.share("fraction", 90)?.unwrap_or(default.fraction),
            jitter: config.share("jitter", 50)?.unwrap_or(default.jitter),
            matcher: Matcher::read(&config, "match")?,
        };
        if settings.before == 0 && settings.fraction == 0.0 {
            return Err(config.wrong(
                "before",
                "is 0 and so is `fraction`: credentials would be rotated only when they have ended",
            ));
        }
        Ok(settings)
    }
}
