//! The environment in which a program finds the tokens of an Azure session.
//!
//! Sources: the order in which `DefaultAzureCredential` of the Azure SDKs looks (environment,
//! workload identity, managed identity, then the tools of a developer), and `AZURE_TOKEN_CREDENTIALS`,
//! which leaves the tools out: a session that was stopped must not make a program act as whoever
//! happens to be signed in with the Azure CLI.

use dayfly_core::session::{Access, Session};
use dayfly_dialog::CliError;
use dayfly_vault::SecretString;

use crate::environment::Environment;

/// What would be found before, or beside, what is set here.
const CONFLICTING: [&str; 24] = [
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    "AZURE_USERNAME",
    "AZURE_PASSWORD",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_TENANT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_TOKEN_CREDENTIALS",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "ARM_CLIENT_CERTIFICATE_PATH",
    "ARM_SUBSCRIPTION_ID",
    "ARM_TENANT_ID",
];

/// Why there is no other way to hand over a token.
pub fn no_other_way() -> CliError {
    CliError::usage("the Azure SDKs accept tokens only from a managed identity endpoint").hint(
        "omit --static, --imds and --token-file: programs get their tokens from an endpoint, which \
         renews them",
    )
}

/// Tokens are asked for at the managed identity endpoint of this session.
pub fn environment(
    session: &Session,
    url: &str,
    header: &SecretString,
    authority: Option<&str>,
) -> Environment {
    let word = |text: &str| SecretString::from(text.to_owned());
    let mut pairs = vec![
        ("IDENTITY_ENDPOINT", word(url)),
        ("IDENTITY_HEADER", header.clone()),
        ("AZURE_TOKEN_CREDENTIALS", word("prod")),
    ];
    if let Access::Azure {
        subscription_id,
        tenant_id,
        ..
    } = &session.access
    {
        for name in ["AZURE_SUBSCRIPTION_ID", "ARM_SUBSCRIPTION_ID"] {
            pairs.push((name, word(subscription_id)));
        }
        for name in ["AZURE_TENANT_ID", "ARM_TENANT_ID"] {
            pairs.push((name, word(tenant_id)));
        }
    }
    if let Some(authority) = authority {
        pairs.push(("AZURE_AUTHORITY_HOST", word(authority)));
    }
    Environment::of(pairs, &CONFLICTING)
}

#[cfg(test)]
mod tests {
    use dayfly_core::session::SessionId;

    use super::*;

    #[test]
    fn what_would_be_found_before_is_taken_away() {
        let session = Session {
            id: SessionId::new("a"),
            name: "a".into(),
            region: None,
            access: Access::Azure {
                subscription_id: "sub".into(),
                tenant_id: "ten".into(),
                integration_id: None,
            },
            named_profile: None,
            account: None,
            labels: std::collections::BTreeMap::new(),
            fault: None,
        };
        let header = SecretString::from("h".to_owned());
        let environment = environment(&session, "http://127.0.0.1:1/x", &header, None);
        let unset: Vec<_> = environment.unset().collect();
        for name in [
            "AZURE_CLIENT_SECRET",
            "MSI_ENDPOINT",
            "AZURE_AUTHORITY_HOST",
        ] {
            assert!(unset.contains(&name), "{name}");
        }
        assert!(!unset.contains(&"IDENTITY_ENDPOINT"));
        let pairs: Vec<_> = environment.pairs().collect();
        assert!(
            pairs.contains(&("AZURE_SUBSCRIPTION_ID", "sub")),
            "{pairs:?}"
        );
        assert!(pairs.contains(&("AZURE_TENANT_ID", "ten")), "{pairs:?}");
    }
}
