//! Sessions of IAM Roles Anywhere, with a verifier in Python that shares no code with Dayfly, an STS that knows
//! the credentials, and real clients.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dayfly_tests::anywhere::component;
use dayfly_tests::{Anywhere, Daemon, Home, Ministack, aws};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::000000000000:role/server";

fn session(name: &str, fields: &Value) -> Value {
    let mut session = json!({
        "sessionId": format!("id-{name}"), "sessionName": name, "type": "awsRolesAnywhere",
        "region": "eu-west-1", "profileName": name, "roleArn": ROLE,
        "profileArn": "arn:aws:rolesanywhere:eu-west-1:000000000000:profile/p",
        "trustAnchorArn": "arn:aws:rolesanywhere:eu-west-1:000000000000:trust-anchor/t",
    });
    let all = session.as_object_mut().unwrap();
    all.extend(fields.as_object().unwrap().clone());
    session
}

/// The usual one: certificate, key and chain in a file each.
fn usual(anywhere: &Anywhere, name: &str, certificate: &str) -> Value {
    let fields = json!({
        "certificate": anywhere.file(certificate), "privateKey": anywhere.file("leaf.key"),
        "certificateChain": anywhere.file("middle.pem"),
    });
    session(name, &fields)
}

fn home(anywhere: &Anywhere, sessions: &[Value]) -> Home {
    let mut home = Home::new();
    home.set("AWS_ENDPOINT_URL_ROLESANYWHERE", anywhere.endpoint());
    home.save_workspace(&json!({ "sessions": sessions }));
    home
}

/// Lines of a file that are secret.
fn secrets(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|line| line.len() > 40 && !line.starts_with('-'));
    lines.map(str::to_owned).collect()
}

fn openssl(words: &str) {
    let ended = Command::new("openssl")
        .args(words.split(' '))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "openssl {words}: {said}");
}

fn private(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn every_kind_of_key_gets_credentials_that_real_clients_use() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    assert_eq!(sts.role("server"), ROLE);
    for (kind, algorithm) in [
        ("rsa", "AWS4-X509-RSA-SHA256"),
        ("p256", "AWS4-X509-ECDSA-SHA256"),
        ("p384", "AWS4-X509-ECDSA-SHA256"),
    ] {
        let Some(anywhere) = Anywhere::start(kind, Some(&sts.endpoint())) else {
            return;
        };
        let mut named = usual(&anywhere, "server", "leaf.pem");
        named["roleSessionName"] = json!("host-1");
        named["durationSeconds"] = json!(1_800);
        let home = home(&anywhere, &[named]);
        let daemon = Daemon::start(&home);
        home.run(["session", "start", "server"]).ok();
        for caller in [
            aws::boto3_caller(&home, "server", &sts.endpoint()).unwrap(),
            aws::caller(&home, "server", &sts.endpoint()).unwrap(),
        ] {
            assert!(caller.ends_with(":assumed-role/server/host-1"), "{caller}");
        }
        let asked = anywhere.asked();
        let [asked] = asked.as_slice() else {
            panic!("{asked:?}")
        };
        assert_eq!(asked["refused"], Value::Null, "{asked}");
        assert_eq!(asked["algorithm"], algorithm);
        assert_eq!(asked["serial"], "1208609760576821428516710");
        assert_eq!(
            (&asked["chain"], &asked["durationSeconds"]),
            (&json!(1), &json!(1_800))
        );
        // AWS's own client is taken at its word by the same verifier.
        let second = anywhere.second_client();
        assert!(second.starts_with("201 "), "{second}");
        drop(daemon);
        home.nowhere(&secrets(&anywhere.file("leaf.key")), &[]);
    }
}

#[test]
fn a_certificate_that_was_renewed_is_used_from_then_on() {
    let Some(anywhere) = Anywhere::start("p256", None) else {
        return;
    };
    let home = home(&anywhere, &[usual(&anywhere, "server", "leaf.pem")]);
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "server"]).ok();
    std::fs::copy(anywhere.file("soon.pem"), anywhere.file("leaf.pem")).unwrap();
    home.run(["session", "rotate", "server"]).ok();
    let subjects: Vec<Value> = anywhere
        .asked()
        .iter()
        .map(|one| one["subject"].clone())
        .collect();
    assert_eq!(subjects, ["CN=leaf", "CN=soon"]);
    // It has two of its thirty days left.
    for command in [["status"].as_slice(), &["doctor", "--offline"]] {
        let told = home.run(command);
        let words = "the certificate of session \"server\" (CN=soon) ends in 4";
        assert!(told.out.contains(words), "{}{}", told.out, told.err);
    }
    drop(daemon);
}

#[test]
fn credentials_end_with_the_certificate() {
    let Some(anywhere) = Anywhere::start("p256", None) else {
        return;
    };
    let mut long = usual(&anywhere, "server", "short.pem");
    long["durationSeconds"] = json!(43_200);
    let home = home(&anywhere, &[long]);
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "server"]).ok();
    let asked = anywhere.asked().remove(0);
    let seconds = asked["durationSeconds"].as_u64().unwrap();
    assert!((900..=1_200).contains(&seconds), "{asked}");
    let left = home.run(["session", "list"]).ok().out;
    assert!(left.contains("min"), "{left}");
    drop(daemon);
}

#[test]
fn keys_are_used_in_every_form_that_people_have() {
    let Some(anywhere) = Anywhere::start("rsa", None) else {
        return;
    };
    let at = |name: &str| anywhere.file(name);
    let combined = [
        std::fs::read(at("leaf.pem")).unwrap(),
        std::fs::read(at("middle.pem")).unwrap(),
        std::fs::read(at("leaf.key")).unwrap(),
    ]
    .concat();
    std::fs::write(at("combined.pem"), combined).unwrap();
    private(&at("combined.pem"));
    let shown = |name: &str| at(name).display().to_string();
    openssl(&format!(
        "rsa -in {} -traditional -out {}",
        shown("leaf.key"),
        shown("pkcs1.key")
    ));
    openssl(&format!(
        "pkcs8 -topk8 -nocrypt -in {} -outform DER -out {}",
        shown("leaf.key"),
        shown("leaf.key.der")
    ));
    for name in ["pkcs1.key", "leaf.key.der"] {
        private(&at(name));
    }
    let one = |name: &str, certificate: &str, key: Option<&str>, chain: bool| {
        let mut fields = json!({ "certificate": at(certificate) });
        if let Some(key) = key {
            fields["privateKey"] = json!(at(key));
        }
        if chain {
            fields["certificateChain"] = json!(at("middle.pem"));
        }
        session(name, &fields)
    };
    let sessions = [
        one("combined", "combined.pem", None, false),
        one("pkcs1", "leaf.pem", Some("pkcs1.key"), true),
        one("der", "leaf.der", Some("leaf.key.der"), true),
        one("hidden", "leaf.pem", Some("hidden.key"), true),
        one("p12", "leaf.p12", None, false),
    ];
    let home = home(&anywhere, &sessions);
    let daemon = Daemon::start(&home);
    for (count, name) in ["combined", "pkcs1", "der"].iter().enumerate() {
        home.run(["session", "start", name]).ok();
        let asked = anywhere.asked();
        assert_eq!(asked.len(), count + 1);
        assert_eq!(asked[count]["refused"], Value::Null, "{name}: {asked:?}");
    }
    for (count, name) in ["hidden", "p12"].iter().enumerate() {
        let refused = home.run(["session", "start", name]);
        assert_ne!(refused.code, 0);
        assert!(
            refused.err.contains("no passphrase"),
            "{name}: {}",
            refused.err
        );
        assert!(
            refused.err.contains(&format!("dayfly secret set {name}")),
            "{}",
            refused.err
        );
        home.run_with(["secret", "set", name], "another one\n").ok();
        let refused = home.run(["session", "start", name]);
        assert!(
            refused.err.contains("passphrase does not open it"),
            "{name}: {}",
            refused.err
        );
        assert_eq!(anywhere.asked().len(), 3 + count, "{name}");
        home.run_with(["secret", "set", name], "open sesame\n").ok();
        home.run(["session", "start", name]).ok();
        let asked = anywhere.asked();
        assert_eq!(
            asked[3 + count]["refused"],
            Value::Null,
            "{name}: {asked:?}"
        );
        assert_eq!(asked[3 + count]["chain"], json!(1), "{name}");
    }
    let listed = home.run(["secret", "list"]).ok().out;
    assert!(
        listed.contains("hidden") && listed.contains("key passphrase"),
        "{listed}"
    );
    home.run(["secret", "remove", "hidden"]).ok();
    assert!(!home.run(["secret", "list"]).ok().out.contains("hidden"));
    drop(daemon);
    home.nowhere(&["open sesame", "another one"], &[]);
}

#[test]
fn what_cannot_be_used_is_said_before_any_call() {
    let Some(anywhere) = Anywhere::start("p256", None) else {
        return;
    };
    let at = |name: &str| anywhere.file(name);
    std::fs::copy(at("leaf.key"), at("open.key")).unwrap();
    std::fs::set_permissions(at("open.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::write(at("cut.pem"), "-----BEGIN CERTIFICATE-----\nMIIB\n").unwrap();
    let with = |name: &str, field: &str, value: PathBuf| {
        let mut one = usual(&anywhere, name, "leaf.pem");
        one[field] = json!(value);
        one
    };
    let cases = [
        (
            usual(&anywhere, "ended", "ended.pem"),
            "the certificate of CN=ended ended at ",
        ),
        (
            usual(&anywhere, "early", "early.pem"),
            "CN=early is valid only from ",
        ),
        (
            usual(&anywhere, "authority", "authority.pem"),
            "is that of an authority",
        ),
        (
            usual(&anywhere, "silent", "silent.pem"),
            "does not allow digital signatures",
        ),
        (
            with("foreign", "privateKey", at("other.key")),
            "does not belong to the certificate of CN=leaf",
        ),
        (with("open", "privateKey", at("open.key")), "open.key"),
        (
            with("gone", "privateKey", at("nowhere.key")),
            "the file does not exist",
        ),
        (
            with("near", "privateKey", "leaf.key".into()),
            "must begin with / or ~/",
        ),
        (with("pipe", "certificate", "/dev/zero".into()), "a device"),
        (
            with("cut", "certificate", at("cut.pem")),
            "its text cannot be read",
        ),
        (
            with("none", "certificate", at("leaf.key")),
            "has no certificate",
        ),
        (with("folder", "certificateChain", at("")), "a folder"),
    ];
    let sessions: Vec<Value> = cases.iter().map(|(one, _)| one.clone()).collect();
    let home = home(&anywhere, &sessions);
    let daemon = Daemon::start(&home);
    for (one, words) in &cases {
        let name = one["sessionName"].as_str().unwrap();
        let refused = home.run(["session", "start", name]);
        assert_eq!(refused.code, 1, "{name}: {}", refused.err);
        assert!(refused.err.contains(words), "{name}: {}", refused.err);
        assert!(
            home.session(name).unwrap()["error"]["hint"].is_string(),
            "{name}"
        );
    }
    assert_eq!(anywhere.asked(), [] as [Value; 0]);
    let told = home.run(["doctor", "--offline"]);
    assert_eq!(told.code, 1);
    assert!(
        told.out.contains("session \"ended\" (CN=ended) ended "),
        "{}",
        told.out
    );
    drop(daemon);
    home.nowhere(&secrets(&at("leaf.key")), &[]);
}

#[test]
fn what_the_service_says_no_to_is_told_and_half_an_answer_is_none() {
    let Some(anywhere) = Anywhere::start("p256", None) else {
        return;
    };
    let mut alone = usual(&anywhere, "alone", "leaf.pem");
    alone.as_object_mut().unwrap().remove("certificateChain");
    let mut elsewhere = usual(&anywhere, "elsewhere", "leaf.pem");
    elsewhere["profileArn"] = json!("arn:aws:rolesanywhere:eu-west-1:000000000000:profile/other");
    let sessions = [alone, elsewhere, usual(&anywhere, "server", "leaf.pem")];
    let home = home(&anywhere, &sessions);
    let daemon = Daemon::start(&home);
    for (name, words, hint) in [
        (
            "alone",
            "Untrusted certificate. Insufficient certificate (AccessDeniedException)",
            "trust anchor",
        ),
        (
            "elsewhere",
            "not found (ResourceNotFoundException)",
            "session edit elsewhere",
        ),
    ] {
        let refused = home.run(["session", "start", name]);
        assert_eq!(refused.code, 1, "{name}: {}", refused.err);
        assert!(
            refused.err.contains(words) && refused.err.contains(hint),
            "{}",
            refused.err
        );
    }
    for (mode, words) in [
        ("empty", "incomplete credentials"),
        ("none", "incomplete credentials"),
        ("other", "incomplete credentials"),
        ("past", "credentials that expired"),
        ("throttled", "Rate exceeded (ThrottlingException)"),
    ] {
        anywhere.answer(mode);
        let refused = home.run(["session", "start", "server"]);
        assert_ne!(refused.code, 0, "{mode}");
        assert!(refused.err.contains(words), "{mode}: {}", refused.err);
        assert!(!home.credentials_text().contains("[server]"), "{mode}");
    }
    anywhere.answer("well");
    home.run(["session", "start", "server"]).ok();
    // What fails later leaves what is there in force.
    let before = home.credentials_text();
    anywhere.answer("empty");
    assert_ne!(home.run(["session", "rotate", "server"]).code, 0);
    assert_eq!(home.credentials_text(), before);
    drop(daemon);
}

/// A SoftHSM with one token, whose PIN is `secret-4711`.
struct Token {
    module: PathBuf,
    folder: tempfile::TempDir,
}

const PIN: &str = "secret-4711";

impl Token {
    fn of(anywhere: &Anywhere) -> Option<Self> {
        let module = component("DAYFLY_TEST_SOFTHSM")?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tokens")).unwrap();
        let text = format!(
            "directories.tokendir = {}\n",
            folder.path().join("tokens").display()
        );
        std::fs::write(folder.path().join("softhsm2.conf"), text).unwrap();
        let this = Self { module, folder };
        let file = |name: &str| anywhere.file(name).display().to_string();
        let (key, other, certificate) = (file("leaf.key"), file("other.key"), file("leaf.der"));
        let softhsm = |words: &str| this.run("softhsm2-util", &format!("{words} --pin {PIN}"));
        softhsm("--init-token --free --label dayfly --so-pin security");
        softhsm(&format!(
            "--import {key} --token dayfly --label web --id 01"
        ));
        softhsm(&format!(
            "--import {other} --token dayfly --label spare --id 02"
        ));
        let login = format!(
            "--module {} --login --pin {PIN} --token-label dayfly",
            this.module.display()
        );
        let write =
            |words: &str| this.run("pkcs11-tool", &format!("{login} --write-object {words}"));
        write(&format!("{certificate} --type cert --label web --id 01"));
        // One that asks for the PIN again for each signature, as the signature key of a PIV card does.
        write(&format!(
            "{key} --type privkey --label always --id 03 --always-auth"
        ));
        Some(this)
    }

    fn conf(&self) -> PathBuf {
        self.folder.path().join("softhsm2.conf")
    }

    fn run(&self, program: &str, words: &str) {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.conf());
        let ended = command.args(words.split(' ')).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{program} {words}: {said}");
    }
}

#[test]
fn a_key_in_a_token_signs_in_a_process_of_its_own() {
    // The tools that fill a token take its PIN on their command lines: before the process list is looked at.
    let mut filled = Vec::new();
    for kind in ["rsa", "p256", "p384"] {
        let Some(anywhere) = Anywhere::start(kind, None) else {
            return;
        };
        let Some(token) = Token::of(&anywhere) else {
            return;
        };
        filled.push((kind, anywhere, token));
    }
    for (kind, anywhere, token) in filled {
        let with = |name: &str, certificate: Value, key: Option<&str>| {
            let mut fields = json!({
                "certificate": certificate, "certificateChain": anywhere.file("middle.pem"),
                "pkcs11Module": token.module,
            });
            if let Some(key) = key {
                fields["privateKey"] = json!(key);
            }
            session(name, &fields)
        };
        let whole = "pkcs11:token=dayfly;object=web";
        let sessions = [
            with("card", json!(whole), None),
            with(
                "mixed",
                json!(anywhere.file("leaf.pem")),
                Some("pkcs11:token=dayfly;id=%01"),
            ),
            with(
                "spare",
                json!(whole),
                Some("pkcs11:token=dayfly;object=spare"),
            ),
            with(
                "always",
                json!(whole),
                Some("pkcs11:token=dayfly;object=always"),
            ),
            with("nobody", json!("pkcs11:token=dayfly;object=nobody"), None),
            with("elsewhere", json!("pkcs11:token=other;object=web"), None),
        ];
        let mut home = home(&anywhere, &sessions);
        home.set("SOFTHSM2_CONF", token.conf());
        let daemon = Daemon::start(&home);
        let refused = |name: &str, words: &str| {
            let refused = home.run(["session", "start", name]);
            assert_eq!(refused.code, 1, "{name}: {}", refused.err);
            assert!(refused.err.contains(words), "{name}: {}", refused.err);
        };
        refused("card", "asks for a PIN");
        refused("nobody", "no certificate that fits the URI");
        refused("elsewhere", "no token is there that fits");
        home.run_with(["secret", "set", "card"], "wrong-0000\n")
            .ok();
        refused("card", "the token refused the PIN");
        // A token locks itself after a few wrong ones.
        refused("card", "does not try it again");
        assert_eq!(anywhere.asked(), [] as [Value; 0]);
        // SoftHSM has no EC mechanism that hashes, which such a key needs.
        let good: &[&str] = match kind {
            "rsa" => &["card", "mixed", "always"],
            _ => &["card", "mixed"],
        };
        for (count, name) in good.iter().enumerate() {
            home.run_with(["secret", "set", name], &format!("{PIN}\n"))
                .ok();
            home.run(["session", "start", name]).ok();
            let asked = anywhere.asked();
            assert_eq!(asked.len(), count + 1);
            assert_eq!(
                asked[count]["refused"],
                Value::Null,
                "{kind} {name}: {asked:?}"
            );
        }
        home.run_with(["secret", "set", "spare"], &format!("{PIN}\n"))
            .ok();
        refused("spare", "does not belong to the certificate of CN=leaf");
        assert_eq!(anywhere.asked().len(), good.len());
        // The module was never in the engine.
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", daemon.pid())).unwrap();
        assert!(
            maps.contains("dayfly") && !maps.contains("softhsm"),
            "{maps}"
        );
        drop(daemon);
        home.nowhere(&[PIN], &[]);
    }
}

#[test]
fn a_module_that_is_none_that_others_wrote_or_that_dies_is_told() {
    let Some(anywhere) = Anywhere::start("p256", None) else {
        return;
    };
    let open = anywhere.file("open.so");
    std::fs::write(&open, "no library").unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o666)).unwrap();
    let none = anywhere.file("none.so");
    std::fs::write(&none, "no library").unwrap();
    let with = |name: &str, module: &Path| {
        session(
            name,
            &json!({ "certificate": "pkcs11:object=web", "pkcs11Module": module }),
        )
    };
    let sessions = [
        with("open", &open),
        with("none", &none),
        with("gone", Path::new("/nowhere/module.so")),
    ];
    let home = home(&anywhere, &sessions);
    let daemon = Daemon::start(&home);
    for (name, words) in [
        ("open", "other users can write"),
        ("none", "the module cannot be loaded"),
        ("gone", "the file does not exist"),
    ] {
        let refused = home.run(["session", "start", name]);
        assert_eq!(refused.code, 1, "{name}: {}", refused.err);
        assert!(refused.err.contains(words), "{name}: {}", refused.err);
    }
    assert_eq!(anywhere.asked(), [] as [Value; 0]);
    drop(daemon);
}

#[test]
fn a_profile_of_awss_helper_comes_along() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    assert_eq!(sts.role("server"), ROLE);
    let Some(anywhere) = Anywhere::start("p256", Some(&sts.endpoint())) else {
        return;
    };
    let mut home = Home::new();
    home.set("AWS_ENDPOINT_URL_ROLESANYWHERE", anywhere.endpoint());
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let at = |name: &str| anywhere.file(name).display().to_string();
    let config = format!(
        "[profile batch]\nregion = eu-west-1\ncredential_process = /opt/aws_signing_helper credential-process \
         --certificate {} --private-key {} --intermediates {} --role-arn {ROLE} \
         --profile-arn arn:aws:rolesanywhere:eu-west-1:000000000000:profile/p \
         --trust-anchor-arn arn:aws:rolesanywhere:eu-west-1:000000000000:trust-anchor/t\n",
        at("leaf.pem"),
        at("leaf.key"),
        at("middle.pem")
    );
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    home.run(["import", "--apply", "aws"]).ok();
    let daemon = Daemon::start(&home);
    assert_eq!(home.session("batch").unwrap()["type"], "awsRolesAnywhere");
    home.run(["session", "start", "batch"]).ok();
    let caller = aws::boto3_caller(&home, "batch", &sts.endpoint()).unwrap();
    assert!(caller.contains(":assumed-role/server/"), "{caller}");
    drop(daemon);
}
