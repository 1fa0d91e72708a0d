//! Which integration of the Workspace is meant.

use dayfly_core::session::{Access, Session};
use dayfly_dialog::{CliError, Code};
use dayfly_workspace::{AwsSsoIntegration, AzureIntegration, Workspace};

use crate::kind::Kind;

/// An integration of the Workspace.
#[derive(Clone, Debug)]
pub enum Found {
    /// A portal of AWS IAM Identity Center.
    Sso(AwsSsoIntegration),
    /// A Microsoft Entra ID tenant.
    Azure(AzureIntegration),
}

impl Found {
    /// What sessions refer to it by.
    pub fn id(&self) -> &str {
        match self {
            Self::Sso(one) => &one.id,
            Self::Azure(one) => &one.id,
        }
    }

    /// What a person calls it.
    pub fn name(&self) -> &str {
        let alias = match self {
            Self::Sso(one) => &one.alias,
            Self::Azure(one) => &one.alias,
        };
        alias.as_deref().unwrap_or(self.id())
    }

    /// What it is with.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Sso(_) => Kind::Sso,
            Self::Azure(_) => Kind::Azure,
        }
    }

    /// Where it is, for a person: the portal's address, the tenant.
    pub fn place(&self) -> &str {
        match self {
            Self::Sso(one) => &one.portal_url,
            Self::Azure(one) => &one.tenant_id,
        }
    }

    /// Whether the session gets its credentials by this integration.
    pub fn serves(&self, session: &Session) -> bool {
        match (&session.access, self) {
            (Access::AwsSsoRole { integration_id, .. }, Self::Sso(one)) => {
                *integration_id == one.id
            }
            (Access::Azure { integration_id, .. }, Self::Azure(one)) => {
                integration_id.as_ref() == Some(&one.id)
            }
            _ => false,
        }
    }
}

/// All integrations, in the order of the file.
pub fn all(workspace: &Workspace) -> Vec<Found> {
    let sso = workspace.aws_sso_integrations().iter().cloned();
    let azure = workspace.azure_integrations().iter().cloned();
    sso.map(Found::Sso).chain(azure.map(Found::Azure)).collect()
}

/// The integration that is meant: by its id, its name, or a beginning of its id that only it has.
pub fn find(workspace: &Workspace, asked: &str) -> Result<Found, CliError> {
    let all = all(workspace);
    let by = |fits: &dyn Fn(&Found) -> bool| -> Vec<&Found> {
        all.iter().filter(|found| fits(found)).collect()
    };
    let mut fitting = by(&|found| found.id() == asked);
    if fitting.is_empty() {
        fitting = by(&|found| found.name() == asked);
    }
    if fitting.is_empty() && !asked.is_empty() {
        fitting = by(&|found| found.id().starts_with(asked));
    }
    match fitting.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(CliError::new(
            Code::NotFound,
            format!("there is no integration \"{asked}\""),
        )
        .hint(if all.is_empty() {
            "see `dayfly integration add --help` for how to add one"
        } else {
            "`dayfly integration list` lists all; use a name, an id, or the beginning of an id"
        })),
        several => {
            let ids: Vec<&str> = several.iter().map(|found| found.id()).collect();
            let message = format!("several integrations match \"{asked}\"");
            let hint = format!("use an id: {}", ids.join(", "));
            Err(CliError::new(Code::NotFound, message).hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_integration_is_found_by_name_id_and_beginning() {
        let text = r#"{"sessions": [],
            "awsSsoIntegrations": [
                {"id": "a1", "alias": "corp", "portalUrl": "https://c.example", "region": "eu-west-1"},
                {"id": "a2", "alias": "lab", "portalUrl": "https://l.example", "region": "eu-west-1"}],
            "azureIntegrations": [{"id": "z1", "alias": "lab", "tenantId": "t"}]}"#;
        let workspace = Workspace::parse(text, Path::new("w"), None).unwrap();
        let id = |asked| find(&workspace, asked).map(|found| found.id().to_owned());
        assert_eq!(id("corp").unwrap(), "a1");
        assert_eq!(id("a2").unwrap(), "a2");
        assert_eq!(id("z").unwrap(), "z1");
        for (asked, says) in [
            ("a", "several integrations"),
            ("lab", "several integrations"),
            ("x", "no integration"),
            ("", "no integration"),
        ] {
            let trouble = id(asked).unwrap_err();
            assert!(trouble.message.contains(says), "{trouble}");
            assert_eq!(trouble.code, Code::NotFound);
        }
    }
}
