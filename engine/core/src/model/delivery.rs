//! Where the credentials of a session are to be put for programs that do not ask Dayfly itself.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A chain target that a person can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The credentials themselves, under the named profile in the shared credentials file. Running
    /// programs read it once.
    CredentialsFile,
    /// The named profile in the AWS config file, with a `credential_process` that asks Dayfly.
    CredentialProcess,
    /// The subscription in the list of the Azure CLI, without a token: `az` asks the endpoint that
    /// `dayfly exec` and `dayfly env` name.
    AzureProfile,
}

impl Place {
    /// Every one, in the order of this enum.
    pub const ALL: [Self; 3] = [
        Self::CredentialsFile,
        Self::CredentialProcess,
        Self::AzureProfile,
    ];

    /// Its name, as files and the command line have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CredentialsFile => "credentials-file",
            Self::CredentialProcess => "credential-process",
            Self::AzureProfile => "azure-profile",
        }
    }

    /// The place of this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.as_str() == word)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The places that the credentials of a session go to; none: programs have to ask Dayfly.
pub type Delivery = BTreeSet<Place>;

/// The delivery where nobody said anything.
#[must_use]
pub fn usual() -> Delivery {
    Delivery::from([Place::CredentialsFile])
}
