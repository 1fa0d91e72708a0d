use super::*;

const CONFIG: &str = "\
[default]
name                 = default
url                  = https://id.example.com
username             = me@example.com
provider             = KeyCloak
mfa                  = Auto
skip_verify          = false
aws_urn              = urn:amazon:webservices
aws_session_duration = 3600
aws_profile          = saml
role_arn             = arn:aws:iam::111111111111:role/Dev
region               = eu-west-1

[asks]
url      = https://id.example.com
provider = Okta
role_arn =
";

#[test]
fn accounts_with_a_role_come_as_the_program_that_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("saml2aws"), CONFIG).unwrap();
    let left = "[saml]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n\
                x_principal_arn = arn:aws:sts::111111111111:assumed-role/Dev/me\n";
    std::fs::write(at("credentials"), left).unwrap();
    let source = Saml2aws {
        config: at("saml2aws"),
        aws: AwsProfiles {
            config: at("config"),
            credentials: at("credentials"),
        },
    };
    let listing = source.list().unwrap();
    let comes = &listing.candidates[0];
    assert_eq!(comes.kind, SessionType::Process);
    assert_eq!(
        (comes.name.as_str(), comes.profile.as_deref()),
        ("saml", Some("saml"))
    );
    let command = comes.fields["command"].to_string();
    let wanted = r#""--idp-account","default","--role","arn:aws:iam::111111111111:role/Dev""#;
    assert!(command.contains(wanted), "{command}");
    assert_eq!(comes.lines[0].keys.len(), 4);
    assert!(comes.not_taken.iter().any(|one| one.field == "provider"));
    let refused: Vec<&str> = listing
        .refused
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(refused, ["asks"]);

    std::fs::write(at("saml2aws"), "[default]\nurl\n").unwrap();
    assert!(
        source
            .list()
            .unwrap_err()
            .message
            .contains("no configuration of saml2aws")
    );
    std::fs::remove_file(at("saml2aws")).unwrap();
    assert_eq!(source.list().unwrap(), Listing::default());
}
