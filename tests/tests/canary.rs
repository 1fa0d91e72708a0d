//! One run with every kind of secret that Dayfly knows, through good days and bad ones: none is in a
//! file where it does not belong, in a word that was said, or in the list of processes.

use std::path::PathBuf;
use std::time::Duration;

use dayfly_tests::entra::{APPLICATION, SECRET, TENANT};
use dayfly_tests::federation::{Front, code, python};
use dayfly_tests::portal::accounts;
use dayfly_tests::{Daemon, Entra, Home, Ministack, Portal, until};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);
const DEVICE: &str = "arn:aws:iam::000000000000:mfa/alice";
const SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const PASSPHRASE: &str = "canary of a passphrase";
/// Secrets that are given where they are of no use, and have to be forgotten all the same.
const WRONG: [&str; 4] = [
    "canary-of-a-malformed-key",
    "canary-of-a-malformed-seed",
    "canary-of-a-wrong-client-secret",
    "canary-of-a-wrong-assertion",
];
/// Sessions, each of another access method or with another source of secrets.
const SESSIONS: [&str; 6] = ["user", "role", "pod", "job", "reader", "az"];

/// A role for tokens of a workload, and a token for it.
fn workload(sts: &Ministack) -> (String, String) {
    let printed = sts.python(
        r#"
import base64, boto3, json, time
iam = boto3.client("iam")
provider = iam.create_open_id_connect_provider(Url="https://issuer.example.com",
    ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40])["OpenIDConnectProviderArn"]
role = iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity"}]}))["Role"]["Arn"]
def part(value): return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
claims = {"iss": "https://issuer.example.com", "aud": "sts.amazonaws.com", "sub": "canary",
          "iat": int(time.time()), "exp": int(time.time()) + 3600}
print(role, ".".join([part({"alg": "HS256"}), part(claims), "c2lnbmF0dXJlLW9mLWEtY2FuYXJ5"]))
"#,
        &[],
    );
    let (role, token) = printed.split_once(' ').expect("a role and a token");
    (role.to_owned(), token.to_owned())
}

#[test]
fn secrets_of_every_kind_are_where_they_belong_and_nowhere_else() {
    let (Some(_), Some(sts), Some(entra)) = (python(), Ministack::start(), Entra::start(600))
    else {
        return;
    };
    let Some(portal) = Portal::start(None) else {
        return;
    };
    portal.tell(&json!({ "accounts": accounts(1, &["Reader"]), "settings": { "auto": "allow" } }));
    let front = Front::start(&sts, &[(DEVICE, SEED)]);
    let (id, secret) = sts.user("alice");
    let role = sts.role("app");
    let (ci, token) = workload(&sts);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| -> PathBuf {
        let path = elsewhere.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let token_file = file("token", &token);
    let mut home = Home::new();
    entra.trusted_by(&mut home);
    home.set("DAYFLY_PASSPHRASE_FILE", file("passphrase", PASSPHRASE));
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\nsso-endpoint-url = \"{1}\"\n\
         sso-oidc-endpoint-url = \"{1}\"\n",
        front.endpoint(),
        portal.endpoint()
    ));
    let mut azure = entra.integration("work", "clientSecret");
    azure["clientId"] = json!(APPLICATION);
    let named = |name: &str, kind: &str, more: Value| {
        let mut session = json!({ "sessionId": name, "sessionName": name, "type": kind });
        let fields = session.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        session
    };
    home.save_workspace(&json!({
        "sessions": [
            named("user", "awsIamUser", json!({ "region": "eu-west-1", "mfaDevice": DEVICE })),
            named("role", "awsIamRoleChained", json!({ "region": "eu-west-1", "roleArn": role,
                "parentSessionId": "user", "profileName": "role",
                "delivery": ["credentials-file", "credential-process"] })),
            named("pod", "awsIamRoleWebIdentity", json!({ "region": "eu-west-1", "roleArn": ci,
                "tokenFile": token_file })),
            named("job", "awsIamRoleWebIdentity", json!({ "region": "eu-west-1", "roleArn": ci,
                "tokenCommand": ["cat", token_file] })),
            named("reader", "awsSsoRole", json!({ "region": "us-east-1",
                "roleArn": "arn:aws:iam::100000000000/Reader", "awsSsoConfigurationId": "corp-id" })),
            named("az", "azure", json!({ "tenantId": TENANT, "azureIntegrationId": "work",
                "subscriptionId": "aaaaaaaa-0000-0000-0000-000000000001",
                "delivery": ["azure-profile"] })),
        ],
        "awsSsoIntegrations": [{ "id": "corp-id", "alias": "corp", "region": "us-east-1",
            "portalUrl": "https://corp.awsapps.com/start" }],
        "azureIntegrations": [azure],
    }));

    let mut said = String::new();
    let mut say = |args: &[&str], input: &str, well: bool| {
        let ended = home.run_with(args, input);
        assert_eq!(ended.code == 0, well, "{args:?}: {}", ended.err);
        said += &(ended.out + &ended.err);
    };
    // Everything is given, after something else was.
    say(
        &["secret", "set", "user"],
        &format!("{}\n", WRONG[0]),
        false,
    );
    say(
        &["secret", "set", "user"],
        &format!("{id}\n{secret}\n"),
        true,
    );
    say(
        &["secret", "set", "user", "--totp"],
        &format!("{}\n", WRONG[1]),
        false,
    );
    say(&["secret", "set", "user", "--totp"], SEED, true);
    say(&["integration", "login", "work"], WRONG[2], false);
    say(&["integration", "login", "work"], SECRET, true);
    say(&["secret", "rekey", "passphrase"], "", true);
    let daemon = Daemon::start(&home);
    say(&["integration", "login", "corp", "--device"], "", true);
    say(&["session", "login", "pod", "--assertion"], WRONG[3], false);
    for session in SESSIONS {
        say(&["session", "start", session], "", true);
    }
    let good = code(SEED);
    // What programs were given; these words are theirs.
    let mut given = Vec::new();
    for session in ["user", "role", "pod", "job", "reader"] {
        let keys = home.run(["credential-process", session]).ok().json();
        for field in ["SecretAccessKey", "SessionToken"] {
            given.push(keys[field].as_str().expect("a secret").to_owned());
        }
        home.run(["exec", session, "--", "true"]).ok();
    }
    home.run(["exec", "az", "--", "true"]).ok();
    let environment = home.run(["env", "role", "--shell", "bash"]).ok().out;
    let opens = "export AWS_CONTAINER_AUTHORIZATION_TOKEN='";
    let opener = environment.split(opens).nth(1).expect("a token");
    let opener = opener.split('\'').next().expect("a token").to_owned();

    // Bad days: each service refuses, then the token is one that nobody lets in.
    front.fault("deny");
    entra.fault(Some(
        json!({ "where": "entra", "status": 400, "error": "invalid_client",
        "number": 7_000_215, "words": "as the test wants" }),
    ));
    portal.tell(&json!({ "revoke_access": true, "revoke_refresh": true }));
    for session in SESSIONS {
        say(&["session", "rotate", session], "", false);
    }
    front.fault("");
    let nonsense = "canary-of-a-token-that-is-none";
    std::fs::write(&token_file, nonsense).expect("a file");
    for session in ["pod", "job"] {
        say(&["session", "rotate", session], "", false);
    }
    // And all that can be asked for.
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["session", "list"],
        &["session", "list", "--json"],
        &["integration", "list", "--json"],
        &["secret", "list", "--json"],
        &["policy", "list", "--json"],
        &["events"],
        &["events", "--json"],
        &["workspace", "export"],
    ] {
        let ended = home.run(args);
        said += &(ended.out + &ended.err);
    }
    let doctor = home.run(["doctor"]);
    said += &(doctor.out + &doctor.err);
    for session in SESSIONS {
        for args in [
            &["explain", session][..],
            &["session", "show", session, "--json"],
        ] {
            let ended = home.run(args).ok();
            said += &(ended.out + &ended.err);
        }
    }
    home.run(["session", "stop", "reader"]).ok();
    let log = daemon.output();
    assert_eq!(daemon.terminate(), 0);
    until(MINUTE, "the journal is written", || {
        !home.files().is_empty()
    });

    let own = |more: &[&str]| -> Vec<String> {
        let all = more.iter().map(|secret| (*secret).to_owned());
        all.collect()
    };
    let mut nowhere = own(&[&secret, SEED, PASSPHRASE, SECRET, &token, nonsense]);
    nowhere.extend(own(&WRONG));
    nowhere.extend(entra.secrets());
    home.nowhere(&nowhere, &[]);
    // The shared sign-in, credentials of one session and the endpoint's tokens have a file.
    let shared = home.path().join(".aws/sso");
    let sign_in: Vec<String> = portal.secrets();
    let sign_in: Vec<String> = sign_in.into_iter().filter(|s| s.len() > 8).collect();
    assert!(sign_in.len() > 5, "{}", sign_in.len());
    home.nowhere(&sign_in, &[shared]);
    home.nowhere(&given, &[home.credentials()]);
    let state = home.path().join("state");
    home.nowhere(
        std::slice::from_ref(&opener),
        &[state.join("endpoint.json")],
    );
    assert!(said.contains("integration") && log.contains("az"), "{log}");
    let all = nowhere
        .iter()
        .chain(&sign_in)
        .chain(&given)
        .chain([&opener]);
    for (number, secret) in all.enumerate() {
        assert!(!said.contains(secret.as_str()), "secret {number} was said");
        assert!(!log.contains(secret.as_str()), "secret {number} was logged");
    }
    // Six digits are found by chance in much; as a word of their own they are a code.
    let words = said.split(|c: char| !c.is_ascii_alphanumeric());
    assert!(!words.clone().any(|word| word == good), "a code was said");
}
