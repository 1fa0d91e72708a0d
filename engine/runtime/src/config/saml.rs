//! `[saml]`: how people, or programs in their place, sign in at identity providers.

use serde::Deserialize;

use super::HelperSettings;

/// Where a browser brings assertions to, on this machine: identity providers are told the whole
/// address, so it does not change.
const PORT: u16 = 35_017;

/// `[saml]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SamlSettings {
    /// The program and its arguments, which prints an assertion. No shell takes part.
    pub command: Vec<String>,
    /// As for `[mfa]`.
    pub wait_seconds: Option<u64>,
    /// As for `[mfa]`.
    pub deadline_seconds: Option<u64>,
    /// The port on 127.0.0.1 that a browser brings assertions to.
    pub port: u16,
    /// Where else than at their own addresses identity providers' pages bring assertions from:
    /// `https://HOST[:PORT]` each.
    pub origins: Vec<String>,
    /// A browser of the Chromium family and its arguments, for identity providers that bring
    /// assertions to nobody but AWS.
    pub browser: Vec<String>,
}

impl Default for SamlSettings {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            wait_seconds: None,
            deadline_seconds: None,
            port: PORT,
            origins: Vec::new(),
            browser: Vec::new(),
        }
    }
}

impl SamlSettings {
    /// The sign-in command.
    #[must_use]
    pub fn helper(&self) -> HelperSettings {
        HelperSettings {
            command: self.command.clone(),
            wait_seconds: self.wait_seconds,
            deadline_seconds: self.deadline_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_written_is_the_usual_port_and_no_command() {
        let settings: SamlSettings = toml::from_str("").unwrap();
        assert_eq!(settings, SamlSettings::default());
        let settings: SamlSettings = toml::from_str("port = 8080\ncommand = ['a']").unwrap();
        assert_eq!((settings.port, settings.helper().command.len()), (8080, 1));
        assert!(toml::from_str::<SamlSettings>("ports = 1").is_err());
    }
}
