//! What a session of IAM Roles Anywhere shows and asks for.

/// What IAM Roles Anywhere is shown and asked for, beside the role.
///
/// Source: IAM Roles Anywhere user guide, `CreateSession`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolesAnywhere {
    /// ARN of the profile, which says what the role may be used for.
    pub profile_arn: String,
    /// ARN of the trust anchor, whose authority issued the certificate.
    pub trust_anchor_arn: String,
    /// The file of the certificate, or its `pkcs11:` URI.
    pub certificate: String,
    /// The file of its private key, or the key's `pkcs11:` URI; none: it is where the certificate is.
    pub private_key: Option<String>,
    /// The file of the certificates between it and the trust anchor's.
    pub certificate_chain: Option<String>,
    /// The PKCS#11 module of the token.
    pub pkcs11_module: Option<String>,
    /// The name that CloudTrail shows; the profile has to allow it.
    pub role_session_name: Option<String>,
    /// Requested lifetime of the credentials in seconds.
    pub duration_seconds: Option<u32>,
}

impl RolesAnywhere {
    /// The region of the service that is asked: that of the trust anchor.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        part(&self.trust_anchor_arn, 3)
    }

    /// The account that calls count for.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        part(&self.trust_anchor_arn, 4)
    }
}

/// A part of an ARN: 1 is the partition, 2 the service, 3 the region, 4 the account.
fn part(arn: &str, index: usize) -> Option<&str> {
    let parts = arn.strip_prefix("arn:").map(|_| arn.split(':'));
    parts?.nth(index).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_and_account_are_the_trust_anchors() {
        let mut one = RolesAnywhere {
            trust_anchor_arn: "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/a".into(),
            ..RolesAnywhere::default()
        };
        assert_eq!(one.region(), Some("eu-west-1"));
        assert_eq!(one.account(), Some("123456789012"));
        for other in ["", "arn:aws", "arn:aws:rolesanywhere::", "eu:a:b:c:d"] {
            one.trust_anchor_arn = other.into();
            assert_eq!(one.region(), None, "{other}");
        }
    }
}
