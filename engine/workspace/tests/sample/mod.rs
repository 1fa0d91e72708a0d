//! Workspaces as people have them, of any size.

/// The id of the n-th session.
pub(crate) fn id(n: usize) -> String {
    format!(
        "{:08x}-5e55-4000-8000-{n:012x}",
        n.wrapping_mul(2_654_435_761) & 0xffff_ffff
    )
}

fn session(n: usize) -> String {
    let account = 100_000_000_000 + n;
    let common = format!(
        r#"      "sessionId": "{}",
      "sessionName": "account-{n} {}",
      "status": "inactive",
      "region": "eu-west-{}",
"#,
        id(n),
        ["admin", "read-only", "billing", "ops"][n % 4],
        n % 3 + 1,
    );
    let labels = format!(
        r#"      "labels": {{ "team": "team-{}", "stage": "production" }}"#,
        n % 37
    );
    let own = match n % 5 {
        0 => format!(
            r#"      "type": "awsIamUser",
      "profileId": "profile-{n}",
      "mfaDevice": "arn:aws:iam::{account}:mfa/someone",
      "awsAccount": {{ "accountName": "account-{n}", "accountId": "{account}" }},
"#
        ),
        1 => format!(
            r#"      "type": "awsIamRoleChained",
      "profileId": "profile-{n}",
      "roleArn": "arn:aws:iam::{account}:role/path/admin",
      "parentSessionId": "{}",
      "roleSessionName": "someone",
"#,
            id(n - 1)
        ),
        2 => format!(
            r#"      "type": "awsSsoRole",
      "profileId": "profile-{n}",
      "roleArn": "arn:aws:iam::{account}/AdministratorAccess",
      "awsSsoConfigurationId": "sso-1",
      "email": "aws+{n}@example.com",
"#
        ),
        3 => format!(
            r#"      "type": "awsIamRoleFederated",
      "profileName": "federated-{n}",
      "roleArn": "arn:aws:iam::{account}:role/federated",
      "idpArn": "arn:aws:iam::{account}:saml-provider/okta",
      "idpUrlId": "idp-1",
"#
        ),
        _ => format!(
            r#"      "type": "awsIamRoleWebIdentity",
      "profileName": "workload-{n}",
      "roleArn": "arn:aws:iam::{account}:role/workload",
      "tokenFile": "/run/secrets/token",
      "durationSeconds": 3600,
"#
        ),
    };
    format!("    {{\n{common}{own}{labels}\n    }}")
}

/// A Workspace of so many sessions, without problems.
pub(crate) fn workspace(sessions: usize) -> String {
    let all: Vec<String> = (0..sessions).map(session).collect();
    let profiles: Vec<String> = (0..sessions)
        .filter(|n| n % 5 < 3)
        .map(|n| format!(r#"    {{ "id": "profile-{n}", "name": "account-{n}" }}"#))
        .collect();
    format!(
        r#"{{
  "sessions": [
{}
  ],
  "profiles": [
{}
  ],
  "idpUrls": [{{ "id": "idp-1", "url": "https://example.okta.com/app/1" }}],
  "awsSsoIntegrations": [
    {{ "id": "sso-1", "alias": "main", "portalUrl": "https://example.awsapps.com/start", "region": "eu-west-1", "isOnline": true }}
  ],
  "defaultRegion": "us-east-1",
  "_note": [1.50, 1e3, "kept as it is"]
}}
"#,
        all.join(",\n"),
        profiles.join(",\n"),
    )
}
