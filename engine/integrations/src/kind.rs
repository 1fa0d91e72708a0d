//! What integrations there can be.

use std::fmt;

use dayfly_workspace::splice::List;
use serde::Serialize;

/// What an integration is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A portal of AWS IAM Identity Center.
    Sso,
    /// A Microsoft Entra ID tenant.
    Azure,
}

impl Kind {
    /// The list of the Workspace that has integrations of this kind.
    pub const fn list(self) -> List {
        match self {
            Self::Sso => List::AwsSsoIntegrations,
            Self::Azure => List::AzureIntegrations,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sso => "sso",
            Self::Azure => "azure",
        })
    }
}
