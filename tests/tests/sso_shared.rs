//! One sign-in for Dayfly and for the programs that people use beside it, in both directions: what
//! boto3, aws-sso-util and the AWS CLI make is used, and what Dayfly makes is used by them.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use dayfly_tests::portal::{self, accounts};
use dayfly_tests::{Daemon, Home, Portal, home, until};
use serde_json::{Value, json};

const CONFIG: &str = "\
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
sso_registration_scopes = sso:account:access

[profile new]
sso_session = corp
sso_account_id = 100000000000
sso_role_name = Admin
region = us-east-1

[profile old]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
sso_account_id = 100000000000
sso_role_name = Admin
region = us-east-1
";

/// A home with an AWS config that has both forms, and a session of the same role.
fn shared(portal: &Portal) -> Home {
    portal.tell(&json!({ "accounts": accounts(1, &["Admin"]), "settings": { "auto": "allow" } }));
    let home = portal.home("");
    let text = std::fs::read_to_string(home.workspace()).expect("a Workspace");
    let mut workspace: Value = serde_json::from_str(&text).expect("JSON");
    workspace["sessions"] = json!([{
        "sessionId": "admin", "sessionName": "admin", "type": "awsSsoRole",
        "roleArn": "arn:aws:iam::100000000000/Admin", "awsSsoConfigurationId": "corp-id",
    }]);
    home.save_workspace(&workspace);
    std::fs::create_dir_all(home.path().join(".aws")).expect("a folder");
    std::fs::write(home.path().join(".aws/config"), CONFIG).expect("a config");
    home
}

/// A program that finds nothing but this home and this portal.
fn client(program: impl Into<PathBuf>, home: &Home, portal: &Portal) -> Command {
    let mut command = Command::new(program.into());
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL_SSO", portal.endpoint())
        .env("AWS_ENDPOINT_URL_SSO_OIDC", portal.endpoint())
        .env("BROWSER", "/bin/true");
    command
}

fn ok(output: Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{out}{err}");
    out
}

/// The access key that boto3 gets under a profile.
fn boto3(home: &Home, portal: &Portal, profile: &str) -> String {
    let script = "import boto3, sys\n\
        print(boto3.Session(profile_name=sys.argv[1]).get_credentials().access_key)";
    let mut command = client(portal::python().expect("Python"), home, portal);
    ok(command
        .args(["-c", script, profile])
        .output()
        .expect("it runs"))
}

fn log_in(home: &Home) {
    home.run(["integration", "login", "corp", "--device"]).ok();
}

#[test]
fn boto3_and_dayfly_use_and_renew_one_sign_in() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    let home = shared(&portal);
    log_in(&home);
    for profile in ["new", "old"] {
        assert!(
            boto3(&home, &portal, profile).starts_with("ASIA"),
            "{profile}"
        );
    }
    let renewals = || portal.count("grant refresh_token");
    assert_eq!(renewals(), 0);
    // A token of a minute is renewed by whoever needs it, and then good for all.
    let short = || {
        portal.tell(&json!({ "settings": { "access_ttl": 60 } }));
        log_in(&home);
        portal.tell(&json!({ "settings": { "access_ttl": 28800 }, "reset": true }));
    };
    short();
    assert!(boto3(&home, &portal, "new").starts_with("ASIA"));
    assert_eq!(renewals(), 1);
    home.run(["session", "start", "admin"]).ok();
    assert_eq!(renewals(), 1, "what boto3 renewed is used");
    short();
    home.run(["session", "rotate", "admin"]).ok();
    assert_eq!(renewals(), 1);
    for profile in ["new", "old"] {
        assert!(
            boto3(&home, &portal, profile).starts_with("ASIA"),
            "{profile}"
        );
    }
    assert_eq!(renewals(), 1, "what Dayfly renewed is used");
    // Tools such as aws2-wrap read every file that is in the folder.
    let every = "import json, os, sys\n\
        for name in os.listdir(sys.argv[1]):\n    \
        assert json.load(open(os.path.join(sys.argv[1], name))), name\n    \
        assert name.endswith('.json'), name";
    let mut reader = client(portal::python().expect("Python"), &home, &portal);
    let folder = home.path().join(".aws/sso/cache");
    ok(reader
        .args(["-c", every])
        .arg(folder)
        .output()
        .expect("it runs"));
    portal.assert_honest();
}

#[test]
fn aws_sso_util_and_dayfly_use_each_others_sign_ins() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    let program = std::env::var_os("DAYFLY_TEST_AWS_SSO_UTIL").expect("aws-sso-util");
    let home = shared(&portal);
    let mut login = client(&program, &home, &portal);
    ok(login
        .args(["login", "--profile", "old"])
        .output()
        .expect("it runs"));
    assert_eq!(portal.count("RegisterClient"), 1);
    home.run(["session", "start", "admin"]).ok();
    assert_eq!(
        portal.count("RegisterClient"),
        1,
        "nobody signed in but aws-sso-util"
    );

    std::fs::remove_dir_all(home.path().join(".aws/sso")).expect("signed out");
    log_in(&home);
    let mut process = client(&program, &home, &portal);
    let process = process.args([
        "credential-process",
        "--start-url",
        "https://corp.awsapps.com/start",
        "--sso-region",
        "us-east-1",
        "--account-id",
        "100000000000",
        "--role-name",
        "Admin",
    ]);
    let printed = ok(process.output().expect("it runs"));
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(
        printed["AccessKeyId"]
            .as_str()
            .is_some_and(|id| id.starts_with("ASIA"))
    );
    portal.assert_honest();
}

/// Debian's AWS CLI asks no other host than AWS's own, so it gets a network and a hosts file of
/// its own in which those are this machine, with a certificate that it is told to trust.
#[test]
fn the_aws_cli_and_dayfly_use_each_others_sign_ins() {
    let Some(python) = portal::python() else {
        return;
    };
    let Some(aws) = std::env::var_os("DAYFLY_TEST_AWS2") else {
        return skipped("there is no AWS CLI 2");
    };
    let Some(wrap) = std::env::var_os("DAYFLY_TEST_AWS2_WRAP") else {
        return skipped("there is no aws2-wrap");
    };
    let mut own = Command::new("unshare");
    let own = own.args(["-mn", "ip", "link", "set", "lo", "up"]).output();
    if !own.is_ok_and(|output| output.status.success()) {
        return skipped("a network of one's own is not permitted here");
    }
    let home = Home::new();
    let folder = home.path();
    std::fs::create_dir_all(folder.join(".aws")).expect("a folder");
    std::fs::write(folder.join(".aws/config"), CONFIG).expect("a config");
    std::fs::write(folder.join("all.sh"), SCRIPT).expect("a script");
    let output = Command::new("unshare")
        .args(["-mn", "bash", "all.sh"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("DAYFLY_HOME", folder)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS", aws)
        .env("PYTHON", python)
        .env("WRAP", wrap)
        .env("FAKE", portal::program())
        .env("DAYFLY", home::program())
        .output()
        .expect("it runs");
    let said = ok(output);
    let of = |word: &str| -> Vec<String> {
        let lines = said.lines().filter_map(|line| line.strip_prefix(word));
        lines.map(str::to_owned).collect()
    };
    for word in [
        "theirs new: ",
        "theirs old: ",
        "ours new: ",
        "ours old: ",
        "wrap new: ",
        "wrap old: ",
    ] {
        assert!(
            of(word).iter().any(|key| key.starts_with("ASIA")),
            "{word}{said}"
        );
    }
    let told: Value = serde_json::from_str(&of("told: ")[0]).expect("JSON");
    assert_eq!(told["violations"], json!([]));
    // Their two sign-ins and our two, and nothing else was registered.
    assert_eq!(
        told["counts"][&format!("grant {DEVICE}")]
            .as_u64()
            .map(|n| n >= 4),
        Some(true)
    );
}

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

const SCRIPT: &str = r#"
set -euo pipefail
ip link set lo up
echo "127.0.0.1 localhost oidc.us-east-1.amazonaws.com portal.sso.us-east-1.amazonaws.com" >hosts
mount --bind hosts /etc/hosts
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>ca.log
openssl req -newkey rsa:2048 -nodes -keyout srv.key -out srv.csr -subj /CN=aws 2>>ca.log
names=DNS:oidc.us-east-1.amazonaws.com,DNS:portal.sso.us-east-1.amazonaws.com
openssl x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out srv.pem -days 2 \
    -extfile <(echo "subjectAltName=$names") 2>>ca.log
mkfifo hold
"$PYTHON" "$FAKE" --tls srv.pem srv.key <hold >port & fake=$!
exec 3>hold
for _ in {1..600}; do if grep -q listening port; then break; fi; sleep 0.1; done
at=http://127.0.0.1:$(sed 's/listening //' port)
tell() {
    "$PYTHON" -c 'import sys, urllib.request as u
order = u.Request(sys.argv[1] + "/fake", *[a.encode() for a in sys.argv[2:]])
print(u.urlopen(order).read().decode())' "$at" "$@"
}
account='{"id": "100000000000", "name": "a", "email": "a@b.c", "roles": ["Admin"]}'
tell "{\"settings\": {\"auto\": \"allow\"}, \"accounts\": [$account]}" >&2
printf '[aws]\nsso-endpoint-url = "%s"\nsso-oidc-endpoint-url = "%s"\n' "$at" "$at" >dayfly.toml
portal=https://corp.awsapps.com/start
cat >workspace.json <<END
{"sessions": [{"sessionId": "admin", "sessionName": "admin", "type": "awsSsoRole",
  "roleArn": "arn:aws:iam::100000000000/Admin", "awsSsoConfigurationId": "corp"}],
 "awsSsoIntegrations": [{"id": "corp", "portalUrl": "$portal", "region": "us-east-1"}]}
END
key() { sed -n 's/.*"AccessKeyId": *"\([A-Z0-9]*\)".*/\1/p'; }
export AWS_CA_BUNDLE=$PWD/ca.pem
for profile in new old; do
    rm -rf .aws/sso .aws/cli
    "$AWS" sso login --profile $profile --no-browser >&2
    "$DAYFLY" session start admin >&2
    "$DAYFLY" session rotate admin >&2
    echo "theirs $profile: $("$DAYFLY" credential-process admin | key)"
done
for profile in new old; do
    rm -rf .aws/sso .aws/cli
    "$DAYFLY" integration login corp --device >&2
    echo "ours $profile: $("$AWS" configure export-credentials --profile $profile | key)"
    # It reads every file that lies beside the sign-ins, and calls the AWS CLI.
    echo "wrap $profile: $(PATH="$(dirname "$AWS"):$PATH" "$WRAP" --profile $profile --export \
        | sed -n 's/export AWS_ACCESS_KEY_ID=//p')"
done
echo "told: $(tell)"
exec 3>&-
wait $fake || true
"#;

#[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
fn skipped(why: &str) {
    eprintln!("not run: {why}");
}

/// Before a sign-in ends the journal says so, and a rule may warn of it.
#[test]
fn a_sign_in_that_ends_soon_is_told_to_a_rule_and_to_the_person() {
    let Some(portal) = Portal::start(None) else {
        return;
    };
    let home = shared(&portal);
    let rule = r#"
[[policy]]
name = "warns"
module = "builtin:rules"
grant = { actions = [] }

[[policy.config.rule]]
name = "say"
when = "event sign-in-ends"
if = '!event.data.ended'
then = "notify warning"
because = "sign in to {event.data.name}: {event.data.minutes} minutes are left"
"#;
    let config = home.path().join("dayfly.toml");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    home.save_config(&format!("{text}{rule}"));
    let engine = Daemon::start(&home);
    portal.tell(&json!({ "settings": { "access_ttl": 1800, "refresh": false } }));
    log_in(&home);
    let told = || home.run(["events"]).ok().out;
    until(
        Duration::from_secs(20),
        "the end of the sign-in is told",
        || {
            let told = told();
            told.contains("the sign-in to corp ends")
                && told.contains("sign in to corp: 30 minutes")
        },
    );
    let listed = home.run(["integration", "list"]).ok().out;
    assert!(listed.contains("until in "), "{listed}");
    drop(engine);
    portal.assert_honest();
}
