//! Which Azure cloud: where Entra is, and where its resource manager is.
//!
//! Source: Microsoft, "National clouds" (identity platform) and the endpoints that `az cloud list`
//! prints.

use crate::http::Place;

/// An Azure cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureCloud {
    /// The authority, an https address without a path.
    pub authority: String,
    /// The address of the resource manager, which is also what its tokens are asked for with.
    pub resource_manager: String,
    /// What the Azure CLI calls the cloud.
    pub environment: &'static str,
}

/// Why an address of a cloud cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {address:?}, which {problem}")]
pub struct CloudError {
    /// Which address, as the Workspace calls it.
    pub field: &'static str,
    /// The address.
    pub address: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl AzureCloud {
    /// The global cloud.
    #[must_use]
    pub fn public() -> Self {
        Self::at(
            "https://login.microsoftonline.com",
            "https://management.azure.com",
            "AzureCloud",
        )
    }

    /// The cloud in China.
    #[must_use]
    pub fn china() -> Self {
        Self::at(
            "https://login.chinacloudapi.cn",
            "https://management.chinacloudapi.cn",
            "AzureChinaCloud",
        )
    }

    /// The cloud for the government of the United States.
    #[must_use]
    pub fn us_government() -> Self {
        Self::at(
            "https://login.microsoftonline.us",
            "https://management.usgovcloudapi.net",
            "AzureUSGovernment",
        )
    }

    fn at(authority: &str, resource_manager: &str, environment: &'static str) -> Self {
        Self {
            authority: authority.to_owned(),
            resource_manager: resource_manager.to_owned(),
            environment,
        }
    }

    /// The same with another authority or resource manager, where one is named.
    ///
    /// # Errors
    /// One of them is no https address: secrets are sent there.
    pub fn with(
        mut self,
        authority: Option<&str>,
        resource_manager: Option<&str>,
    ) -> Result<Self, CloudError> {
        if let Some(address) = authority {
            // One with a scheme is the rule, but the variable is seen without.
            let address = match address.contains("://") {
                true => address.to_owned(),
                false => format!("https://{address}"),
            };
            self.authority = checked("authorityHost", &address)?;
            self.environment = known(&self.authority).unwrap_or(self.environment);
        }
        if let Some(address) = resource_manager {
            self.resource_manager = checked("resourceManagerUrl", address)?;
        }
        Ok(self)
    }

    /// The address of a tenant's endpoint.
    pub(crate) fn endpoint(&self, tenant: &str, what: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/{what}", self.authority)
    }

    /// Where the authority is, for messages.
    pub(crate) fn shown(&self) -> String {
        format!("Entra ID ({})", self.authority)
    }

    /// The scope of a resource, as programs name resources.
    ///
    /// Source: Microsoft identity platform, "Scopes and permissions", the `.default` scope: the
    /// resource as it is, slash at its end included.
    pub(crate) fn scope(resource: &str) -> String {
        format!("{resource}/.default")
    }

    /// Whether a resource is the resource manager, whose token the session has anyway.
    #[must_use]
    pub fn is_resource_manager(&self, resource: &str) -> bool {
        resource.trim_end_matches('/') == self.resource_manager
    }
}

fn known(authority: &str) -> Option<&'static str> {
    [
        AzureCloud::public(),
        AzureCloud::china(),
        AzureCloud::us_government(),
    ]
    .into_iter()
    .find(|cloud| cloud.authority == authority)
    .map(|cloud| cloud.environment)
}

fn checked(field: &'static str, address: &str) -> Result<String, CloudError> {
    let address = address.trim_end_matches('/');
    let refuse = |problem| CloudError {
        field,
        address: address.chars().take(200).collect(),
        problem,
    };
    let place = Place::of(address).ok_or_else(|| refuse("is not an address"))?;
    if place.plain || !address.starts_with("https://") {
        return Err(refuse("is not an https address"));
    }
    // A user, a path or a query has no business in it.
    if place.shown != address {
        return Err(refuse("has more than a host and a port"));
    }
    Ok(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_where_secrets_may_be_sent_is_taken() {
        let with = |authority| AzureCloud::public().with(Some(authority), None);
        for (authority, taken) in [
            ("https://login.microsoftonline.us/", true),
            ("login.microsoftonline.us", true),
            ("https://localhost:5678", true),
            ("http://localhost:5678", false),
            ("https://user:canary@example.com", false),
            ("https://example.com/tenant", false),
            ("ftp://example.com", false),
            ("", false),
        ] {
            assert_eq!(with(authority).is_ok(), taken, "{authority}");
        }
        let government = with("https://login.microsoftonline.us").unwrap();
        assert_eq!(government.environment, "AzureUSGovernment");
    }

    #[test]
    fn a_resource_is_asked_for_as_it_is_written() {
        assert_eq!(
            AzureCloud::scope("https://management.core.windows.net/"),
            "https://management.core.windows.net//.default"
        );
        let cloud = AzureCloud::china();
        assert!(cloud.is_resource_manager("https://management.chinacloudapi.cn/"));
        assert!(!cloud.is_resource_manager("https://management.azure.com"));
    }
}
