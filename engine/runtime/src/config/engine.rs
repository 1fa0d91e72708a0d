//! `[vault]`, `[engine]` and `[recording]`

use serde::Deserialize;

/// `[vault]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultSettings {
    /// Where its key is.
    pub key: VaultKey,
}

/// Where the key to the vault is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaultKey {
    /// Where it is already: in the key file, behind the passphrase, in the keyring. With nothing
    /// there yet, in the keyring where one takes it, else in a key file.
    #[default]
    Auto,
    /// In a file that only this user can read.
    File,
    /// In the keyring of the operating system.
    Keyring,
    /// In a file that a passphrase opens.
    Passphrase,
}

/// `[engine]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EngineSettings {
    /// Calls of providers at the same time.
    pub calls_in_flight: usize,
    /// Evaluations of policies at the same time; 0: as many as there are processors.
    pub evaluations_in_flight: usize,
    /// Faults in a row after which a policy entry is suspended.
    pub faults_max: u32,
    /// Megabytes of the journal.
    pub journal_megabytes: u64,
    /// Days after which the journal's lines are removed, an eighth of that at a time.
    pub journal_days: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            calls_in_flight: 8,
            evaluations_in_flight: 0,
            faults_max: 10,
            journal_megabytes: 64,
            journal_days: 90,
        }
    }
}

/// `[recording]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RecordingSettings {
    /// Whether what policies are asked and answer is kept.
    pub enabled: bool,
    /// Megabytes of it.
    pub megabytes: u64,
    /// Days after which it is removed, an eighth of that at a time.
    pub days: u64,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            megabytes: 256,
            days: 30,
        }
    }
}
