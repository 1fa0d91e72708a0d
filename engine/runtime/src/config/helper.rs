//! `[mfa]` and `[saml]`: programs of the person that are asked in the person's place.

use std::time::Duration;

use dayfly_providers::Helper;
use serde::Deserialize;

/// The longest that a request waits for a helper, in seconds.
const WAIT_MAX: u64 = 30;
/// The longest that a helper may take, in seconds.
const DEADLINE_MAX: u64 = 900;

/// `[mfa]` or `[saml]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HelperSettings {
    /// The program and its arguments, which prints a code or an assertion. No shell takes part.
    pub command: Vec<String>,
    /// How long a request waits for it, in seconds, before it is told that a person is needed. The
    /// program goes on, and its answer is used when it comes.
    pub wait_seconds: Option<u64>,
    /// How long it may take at all, in seconds.
    pub deadline_seconds: Option<u64>,
}

impl HelperSettings {
    /// The helper, where one is named; `wait` where nothing is said of it.
    #[must_use]
    pub fn helper(&self, wait: Duration) -> Option<Helper> {
        self.command.first()?;
        let seconds = |given: Option<u64>, most| given.map(|s| Duration::from_secs(s.min(most)));
        Some(Helper {
            command: self.command.clone(),
            wait: seconds(self.wait_seconds, WAIT_MAX).unwrap_or(wait),
            deadline: seconds(self.deadline_seconds, DEADLINE_MAX)
                .unwrap_or(Duration::from_secs(120)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded() {
        let parsed = |text| toml::from_str::<HelperSettings>(text).unwrap();
        assert_eq!(parsed("").helper(Duration::ZERO), None);
        let helper = parsed("command = ['a', 'b c']").helper(Duration::from_secs(2));
        let helper = helper.unwrap();
        assert_eq!(helper.command, ["a", "b c"]);
        assert_eq!(helper.wait, Duration::from_secs(2));
        let text = "command = ['a']\nwait-seconds = 0\ndeadline-seconds = 86400";
        let helper = parsed(text).helper(Duration::from_secs(2)).unwrap();
        assert_eq!(helper.wait, Duration::ZERO);
        assert_eq!(helper.deadline, Duration::from_secs(DEADLINE_MAX));
        assert!(toml::from_str::<HelperSettings>("comand = ['a']").is_err());
    }
}
