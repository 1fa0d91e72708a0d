//! Checks of single values: each says what is wrong, or nothing.

use crate::format::{AzureCredentialWord, AzureIntegration};
use crate::region::{self, Shape};

/// What a check found.
pub(crate) enum Finding {
    /// Cannot be used.
    Wrong(String, Option<String>),
    /// Probably not meant.
    Odd(String, Option<String>),
}

impl Finding {
    fn wrong(message: impl Into<String>, hint: &str) -> Option<Self> {
        Some(Self::Wrong(message.into(), Some(hint.to_owned())))
    }
}

/// How far a lower-case word is from a name; none where it is too far to be meant. A part of a
/// name is nearer than a misspelling.
pub(crate) fn distance(folded: &str, name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    if folded.chars().count() >= 3 && name.contains(folded) {
        return Some(0);
    }
    let most = (name.chars().count() / 3).clamp(1, 4);
    if folded.len().abs_diff(name.len()) > 4 * most {
        return None;
    }
    Some(strsim::damerau_levenshtein(folded, &name)).filter(|distance| *distance <= most)
}

/// The name on the list that was probably meant.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    names
        .into_iter()
        .filter_map(|name| Some((distance(&folded, name)?, name)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "did you mean …", where there is something near.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, names).map(|name| format!("did you mean `{name}`?"))
}

/// A `region`, of AWS or of Azure.
pub(crate) fn region(name: &str, is_azure: bool) -> Option<Finding> {
    let (shape, known, kind, example): (_, &[&str], _, _) = if is_azure {
        (
            region::azure(name),
            &region::AZURE,
            "an Azure location",
            "westeurope",
        )
    } else {
        (
            region::aws(name),
            &region::AWS,
            "an AWS region",
            "eu-west-1",
        )
    };
    let hint = || did_you_mean(name, known.iter().copied());
    match shape {
        Shape::Known => None,
        Shape::Unknown => Some(Finding::Odd(
            format!(
                "`region` \"{name}\" is not {kind} that Dayfly knows; Dayfly uses it unchanged"
            ),
            hint(),
        )),
        Shape::Wrong => Some(Finding::Wrong(
            format!("`region` \"{name}\" is not the name of {kind}"),
            hint().or_else(|| Some(format!("write it like `{example}`"))),
        )),
    }
}

/// Signs that nobody sees and no cloud takes: a blank at an end, as it comes with a copied text, or an
/// invisible character anywhere.
pub(crate) fn unseen(field: &str, text: &str) -> Option<Finding> {
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    if let Some((place, sign)) = text.chars().enumerate().find(|(_, c)| invisible(*c)) {
        return Finding::wrong(
            format!(
                "`{field}` contains an invisible character: U+{:04X}, at position {}",
                u32::from(sign),
                place + 1
            ),
            "type the value again, or remove that character",
        );
    }
    let end = match text.trim() {
        "" => return None,
        trimmed if trimmed == text => return None,
        _ if text.starts_with(char::is_whitespace) => "begins",
        _ => "ends",
    };
    Finding::wrong(
        format!("`{field}` {end} with a space, which the cloud would read as part of it"),
        "remove the space",
    )
}

/// The partition that an ARN is in.
pub(crate) fn arn_partition(arn: &str) -> Option<&str> {
    let rest = arn.strip_prefix("arn:")?;
    rest.split_once(':').map(|(partition, _)| partition)
}

/// The parts of an ARN of IAM that matter here.
pub(crate) struct IamArn<'a> {
    pub(crate) account: &'a str,
    /// What follows the account: `:role/NAME`, or `/NAME` as Leapp writes SSO roles.
    resource: &'a str,
}

/// Splits `arn:aws…:iam::ACCOUNT…`.
pub(crate) fn iam_arn(text: &str) -> Option<IamArn<'_>> {
    arn_of(text, "iam::")
}

fn arn_of<'a>(text: &'a str, service: &str) -> Option<IamArn<'a>> {
    let rest = text.strip_prefix("arn:aws")?;
    let (partition, rest) = rest.split_once(':')?;
    let partition_ok = partition
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b == b'-');
    let rest = rest.strip_prefix(service)?;
    let (account, resource) = rest.split_at_checked(12)?;
    (partition_ok && account_id(account).is_none()).then_some(IamArn { account, resource })
}

/// The ARN of a role. IAM Identity Center's roles may also stand as `arn:aws:iam::ACCOUNT/NAME`,
/// which is how Leapp writes them.
pub(crate) fn role_arn(text: &str, is_sso: bool) -> Option<Finding> {
    let named = |arn: &IamArn<'_>, prefix: &str| {
        arn.resource.strip_prefix(prefix).is_some_and(|name| {
            // Permission sets have names with blanks in some emulators; roles of IAM nowhere.
            let plain = is_sso || name.bytes().all(|b| b.is_ascii_graphic());
            !name.is_empty() && !name.ends_with('/') && plain
        })
    };
    match iam_arn(text) {
        Some(arn) if named(&arn, ":role/") || (is_sso && named(&arn, "/")) => None,
        _ => Finding::wrong(
            format!("`roleArn` \"{text}\" is not the ARN of a role"),
            "write it like `arn:aws:iam::123456789012:role/NAME`",
        ),
    }
}

/// Who signs in to the console: the ARN of a user, of the root of an account, or of an assumed role.
pub(crate) fn login_arn(text: &str) -> Option<IamArn<'_>> {
    arn_of(text, "iam::").or_else(|| arn_of(text, "sts::"))
}

/// The same, as a field.
pub(crate) fn login_session(text: &str) -> Option<Finding> {
    let named = login_arn(text).and_then(|arn| arn.resource.strip_prefix(':'));
    if named.is_some_and(|who| !who.is_empty() && who.chars().all(|c| !c.is_control())) {
        return None;
    }
    Finding::wrong(
        format!("`loginSession` \"{text}\" is not the ARN of who signs in to the AWS console"),
        "write it like `arn:aws:iam::123456789012:user/NAME`; `aws sts get-caller-identity` prints it",
    )
}

/// The ARN of a SAML provider.
pub(crate) fn idp_arn(text: &str) -> Option<Finding> {
    let named = iam_arn(text)
        .and_then(|arn| arn.resource.strip_prefix(":saml-provider/"))
        .is_some_and(|name| !name.is_empty());
    if named {
        return None;
    }
    Finding::wrong(
        format!("`idpArn` \"{text}\" is not the ARN of a SAML provider"),
        "write it like `arn:aws:iam::123456789012:saml-provider/NAME`",
    )
}

/// Twelve digits.
pub(crate) fn account_id(text: &str) -> Option<Finding> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Finding::wrong(
        format!("`accountId` \"{text}\" is not an AWS account id"),
        "write twelve digits, in quotes",
    )
}

/// A text of STS: its length in characters and its signs.
/// Source: AWS STS API reference, `AssumeRole` and `GetSessionToken`.
pub(crate) fn sts_text(field: &str, text: &str) -> Option<Finding> {
    let (least, most, signs) = match field {
        "roleSessionName" | "sourceIdentity" => (2, 64, "_+=,.@-"),
        "externalId" => (2, 1224, "_+=,.@:/-"),
        "mfaDevice" => (9, 256, "_+=/:,.@-"),
        _ => return None,
    };
    let count = text.chars().count();
    let strange = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !signs.contains(*c));
    let hint = format!("{least} to {most} letters, digits and {signs}");
    if let Some(sign) = strange {
        return Finding::wrong(format!("`{field}` may not contain {sign:?}"), &hint);
    }
    if !(least..=most).contains(&count) {
        return Finding::wrong(format!("`{field}` has {count} characters"), &hint);
    }
    if field == "sourceIdentity" && text.starts_with("aws:") {
        return Finding::wrong("`sourceIdentity` may not begin with \"aws:\"", &hint);
    }
    if field == "mfaDevice" && text.starts_with("arn:") {
        let resource = iam_arn(text).map(|arn| arn.resource).unwrap_or_default();
        if resource.starts_with(":u2f/") {
            return Finding::wrong(
                format!(
                    "`mfaDevice` \"{text}\" is a security key, which AWS accepts only in browsers"
                ),
                "register a virtual device for the user (an authenticator app), and use its ARN",
            );
        }
        if ![":mfa/", ":sms-mfa/"]
            .iter()
            .any(|kind| resource.starts_with(kind))
        {
            return Finding::wrong(
                format!("`mfaDevice` \"{text}\" is not the ARN of an MFA device"),
                "write it like `arn:aws:iam::123456789012:mfa/NAME`, or the serial number",
            );
        }
    }
    None
}

/// Session tags: at most 50, keys to 128 and values to 256 characters.
/// Source: IAM user guide, "Pass session tags in AWS STS".
pub(crate) fn tag(key: &str, value: &str) -> Option<Finding> {
    let (key_length, value_length) = (key.chars().count(), value.chars().count());
    if !(1..=128).contains(&key_length) {
        return Finding::wrong(
            format!("the tag key \"{key}\" has {key_length} characters"),
            "1 to 128 are allowed",
        );
    }
    if value_length > 256 {
        return Finding::wrong(
            format!("the value of tag \"{key}\" has {value_length} characters"),
            "at most 256 are allowed",
        );
    }
    None
}

/// An address of the web with a host.
pub(crate) fn http_url(field: &str, text: &str) -> Option<Finding> {
    if let Some(finding) = unseen(field, text) {
        return Some(finding);
    }
    // As a shell wants them, and as people quote: no address has them.
    const ESCAPES: [char; 4] = ['\\', '"', '\'', '`'];
    if let Some(sign) = text.chars().find(|c| ESCAPES.contains(c)) {
        let plain: String = text.chars().filter(|c| !ESCAPES.contains(c)).collect();
        return Finding::wrong(
            format!(
                "`{field}` \"{text}\" contains a {sign}, which belongs to a shell and not to the \
                 address"
            ),
            &format!("write {plain}"),
        );
    }
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match host {
        Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => None,
        _ => Finding::wrong(
            format!("`{field}` \"{text}\" is not a web address"),
            "begin it with https:// (or http://) and a host",
        ),
    }
}

/// The address of a service, without anything behind it: secrets are sent there.
fn service_url(field: &str, text: &str) -> Option<Finding> {
    let host = text
        .strip_prefix("https://")
        .map(|h| h.trim_end_matches('/'));
    let plain = |host: &str| {
        !host.is_empty()
            && !host.contains(['/', '?', '#', '@'])
            && !host.contains(char::is_whitespace)
    };
    if host.is_some_and(plain) {
        return None;
    }
    Finding::wrong(
        format!("`{field}` \"{text}\" is not the address of a service"),
        "write https:// and a host, nothing else",
    )
}

/// What an Azure integration cannot do without, given who asks for its tokens.
pub(crate) fn azure_integration(integration: &AzureIntegration) -> Option<Finding> {
    use AzureCredentialWord as Word;
    let tenant = &integration.tenant_id;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if tenant.is_empty() || !tenant.chars().all(plain) {
        return Finding::wrong(
            format!("`tenantId` \"{tenant}\" is neither the id nor the domain of a tenant"),
            "copy it from the tenant's overview in the Azure portal",
        );
    }
    let addresses = [
        ("authorityHost", &integration.authority_host),
        ("resourceManagerUrl", &integration.resource_manager_url),
    ];
    for (field, address) in addresses {
        if let Some(finding) = address.as_deref().and_then(|a| service_url(field, a)) {
            return Some(finding);
        }
    }
    if let Some(finding) = integration
        .client_id
        .as_deref()
        .and_then(|id| unseen("clientId", id))
    {
        return Some(finding);
    }
    let needs_client = matches!(
        integration.credential,
        Some(Word::ClientSecret | Word::ClientCertificate)
    );
    if needs_client && integration.client_id.as_deref().is_none_or(str::is_empty) {
        return Finding::wrong(
            "`clientId` is missing; this integration signs in as an application",
            "set it to the application's client id",
        );
    }
    None
}

/// A length of time within the bounds of the access method.
pub(crate) fn duration(seconds: u32, (least, most): (u32, u32)) -> Option<Finding> {
    match seconds {
        _ if (least..=most).contains(&seconds) => None,
        // AWS would say so itself; STS emulators take it, and tests live on that.
        1.. if seconds < least => Some(Finding::Odd(
            format!("`durationSeconds` is {seconds}, but AWS accepts no less than {least}"),
            Some("only an STS emulator accepts less".to_owned()),
        )),
        _ => Finding::wrong(
            format!("`durationSeconds` is {seconds}, but AWS accepts {least} to {most} here"),
            "omit it to use the default lifetime",
        ),
    }
}

/// The most days of `rotateKeyDays`: ten years.
const KEY_DAYS: u32 = 3_650;

/// How old a key may become; 0: as old as it likes.
pub(crate) fn rotate_key_days(days: u32) -> Option<Finding> {
    match days {
        ..=KEY_DAYS => None,
        _ => Finding::wrong(
            format!("`rotateKeyDays` is {days}, but the most is {KEY_DAYS}"),
            "write 0 if the key is not to be replaced by itself",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns() {
        for good in [
            "arn:aws:iam::123456789012:role/admin",
            "arn:aws-us-gov:iam::123456789012:role/path/admin",
            "arn:aws-cn:iam::123456789012:role/x",
        ] {
            assert!(role_arn(good, false).is_none(), "{good}");
        }
        for bad in [
            "",
            "arn:aws:iam::123456789012:user/admin",
            "arn:aws:iam::12345678901:role/admin",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:sts::123456789012:role/a",
            "arn:aws:iam::12345678901é:role/a",
            "arn:aws:iam::123456789012/Admin",
        ] {
            assert!(role_arn(bad, false).is_some(), "{bad}");
        }
        assert!(role_arn("arn:aws:iam::123456789012/Admin", true).is_none());
        assert!(role_arn("arn:aws:iam::123456789012:role/ad min", false).is_some());
    }

    fn told(finding: Option<Finding>) -> (String, String) {
        match finding {
            Some(Finding::Wrong(message, hint)) => (message, hint.unwrap_or_default()),
            _ => panic!("it is not wrong"),
        }
    }

    #[test]
    fn what_nobody_sees_is_told() {
        assert!(unseen("f", "arn:aws:iam::123456789012:role/a").is_none());
        assert!(told(unseen("f", "a ")).0.contains("ends with a space"));
        assert!(
            told(unseen("f", "\u{a0}a"))
                .0
                .contains("begins with a space")
        );
        assert!(
            told(unseen("f", "a\u{200b}b"))
                .0
                .contains("U+200B, at position 2")
        );
        assert!(told(unseen("f", "a\nb")).0.contains("U+000A"));
    }

    #[test]
    fn addresses_with_a_shells_escapes_are_told() {
        assert!(http_url("portalUrl", "https://corp.awsapps.com/start#/").is_none());
        let (message, hint) = told(http_url("portalUrl", r"https://corp.awsapps.com/start\#/"));
        assert!(message.contains(r"contains a \"), "{message}");
        assert_eq!(hint, "write https://corp.awsapps.com/start#/");
        assert!(http_url("url", "'https://a/b'").is_some());
        assert!(http_url("url", "https://a/b\u{200b}").is_some());
    }

    #[test]
    fn nearest_needs_to_be_near() {
        assert_eq!(
            nearest("awsIamuser", ["awsIamUser", "azure"]),
            Some("awsIamUser")
        );
        assert_eq!(nearest("azur", ["awsIamUser", "azure"]), Some("azure"));
        assert_eq!(nearest("banana", ["awsIamUser", "azure"]), None);
    }

    #[test]
    fn sts_texts() {
        assert!(sts_text("roleSessionName", "jo@example.com").is_none());
        assert!(sts_text("roleSessionName", "a b").is_some());
        assert!(sts_text("roleSessionName", "a").is_some());
        assert!(sts_text("externalId", "a:/b").is_none());
        assert!(sts_text("mfaDevice", "GAHT12345678").is_none());
        assert!(sts_text("mfaDevice", "arn:aws:iam::123456789012:mfa/jo").is_none());
        assert!(sts_text("mfaDevice", "arn:aws:iam::123456789012:user/jo").is_some());
        assert!(sts_text("mfaDevice", "arn:aws:iam::123456789012:sms-mfa/jo").is_none());
        let key = told(sts_text(
            "mfaDevice",
            "arn:aws:iam::123456789012:u2f/user/jo/k-A1",
        ));
        assert!(key.0.contains("security key"), "{key:?}");
    }
}
