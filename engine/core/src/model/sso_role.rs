//! Which role of AWS IAM Identity Center an ARN names.
//!
//! The Workspace has `arn:aws:iam::ACCOUNT/NAME`, as Leapp writes it, or the ARN of the role that
//! Identity Center made in the account:
//! `…:role/aws-reserved/sso.amazonaws.com/REGION/AWSReservedSSO_NAME_0123456789abcdef`.

/// Account id and name of the permission set, which is what the portal calls the role.
#[must_use]
pub fn account_and_role(arn: &str) -> Option<(&str, &str)> {
    let rest = arn.strip_prefix("arn:")?.split_once(":iam::")?.1;
    let (account, resource) = rest.split_at_checked(12)?;
    let role = match resource.strip_prefix(":role/") {
        Some(path) => made_by_sso(path.rsplit('/').next()?),
        None => resource.strip_prefix('/')?,
    };
    (!role.is_empty()).then_some((account, role))
}

/// The permission set of a role that Identity Center made in an account; another role is its own.
fn made_by_sso(role: &str) -> &str {
    let inner = role.strip_prefix("AWSReservedSSO_");
    let parts = inner.and_then(|inner| inner.rsplit_once('_'));
    match parts {
        Some((name, hex)) if hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => name,
        _ => role,
    }
}

#[cfg(test)]
mod tests {
    use super::account_and_role;

    #[test]
    fn all_forms_of_the_arn_name_account_and_permission_set() {
        for (arn, expected) in [
            ("arn:aws:iam::123456789012/Admin", Some("Admin")),
            ("arn:aws:iam::123456789012/Read/Only", Some("Read/Only")),
            ("arn:aws-us-gov:iam::123456789012/Admin", Some("Admin")),
            ("arn:aws:iam::123456789012:role/Admin", Some("Admin")),
            (
                "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/\
                 AWSReservedSSO_Power_User_0123456789abcdef",
                Some("Power_User"),
            ),
            (
                "arn:aws:iam::123456789012:role/AWSReservedSSO_Admin",
                Some("AWSReservedSSO_Admin"),
            ),
            ("arn:aws:iam::123456789012/", None),
            ("arn:aws:iam::12345", None),
            ("Admin", None),
        ] {
            let found = account_and_role(arn);
            assert_eq!(found.map(|(_, role)| role), expected, "{arn}");
            assert!(found.is_none_or(|(account, _)| account == "123456789012"));
        }
    }
}
