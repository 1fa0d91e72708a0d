//! Names, answers and files that try to steer the terminal of whoever looks at them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use dayfly_tests::Home;
use dayfly_tests::authoring::{run_in, tool};
use dayfly_tests::home::Ended;
use serde_json::{Value, json};

/// What a terminal obeys, what turns the direction of writing, and what nobody sees.
pub(crate) const HOSTILE: [&str; 12] = [
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[31m",
    "\u{9b}2J",
    "\r",
    "\x08\x08\x7f",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}\u{200d}",
    "\u{feff}",
    "\u{e0041}\u{e007f}",
    "\u{ad}\u{2060}",
    "\nFORGED: all is well",
];

/// A generator of which the seed says everything.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(end).unwrap_or(1)).unwrap_or(0)
    }

    /// A word with two to four hostile parts.
    fn text(&mut self, word: &str) -> String {
        let mut text = word.to_owned();
        for _ in 0..2 + self.below(3) {
            text += HOSTILE[self.below(HOSTILE.len())];
            text += "x";
        }
        text
    }
}

/// What reaches a terminal and steers it, or is not seen there.
fn steering(text: &str) -> Option<char> {
    let parts = HOSTILE.concat();
    text.chars().find(|c| {
        !matches!(c, '\n' | '\t' | 'x') && (c.is_control() || !c.is_ascii() && parts.contains(*c))
    })
}

pub(crate) fn assert_safe(what: &str, ended: &Ended) {
    for text in [&ended.out, &ended.err] {
        assert_eq!(steering(text), None, "{what}: {text:?}");
        let forged = text.lines().any(|line| line.starts_with("FORGED"));
        assert!(!forged, "{what}: {text:?}");
        // No panic, and nothing of it.
        assert!(!text.contains("panicked"), "{what}: {text}");
    }
}

/// A cloud that refuses everything in hostile words, on loopback.
fn hostile_cloud(words: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let words = words.clone();
            std::thread::spawn(move || {
                let mut request = [0; 16 << 10];
                let read = stream.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let xml = words.replace('&', "&amp;").replace('<', "&lt;");
                let (kind, body) = if request.contains("Action=") {
                    // XML cannot say most of them, not even escaped: what it can say is enough.
                    let said: String = xml
                        .chars()
                        .filter(|c| !c.is_control() || *c == '\n' || *c >= '\u{7f}')
                        .collect();
                    (
                        "text/xml",
                        format!(
                            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                         <Code>AccessDenied</Code><Message>{said}</Message></Error><RequestId>{said}</RequestId></ErrorResponse>"
                        ),
                    )
                } else {
                    ("application/json", json!({
                        "error": words, "error_description": words, "message": words, "__type": words,
                    }).to_string())
                };
                let head = format!(
                    "HTTP/1.1 403 Forbidden\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(body.as_bytes()));
            });
        }
    });
    format!("http://{address}")
}

/// A Workspace with a hostile text in each field that holds one, a session of each type.
fn workspace(draw: &mut Draw) -> Value {
    let mut session = |n: usize, kind: &str, more: Value| {
        let mut session = json!({
            "sessionId": format!("id-{n}"), "sessionName": draw.text(&format!("name{n}")), "type": kind,
            "region": draw.text("eu-west-1"), "profileName": draw.text(&format!("profile{n}")),
            "status": "inactive", "labels": { "team": draw.text("core"), "a": draw.text("b") },
        });
        let object = session.as_object_mut().expect("an object");
        for (field, value) in more.as_object().expect("an object") {
            let value = match value.as_str() {
                Some(text) => json!(draw.text(text)),
                None => value.clone(),
            };
            object.insert(field.clone(), value);
        }
        session
    };
    let plain = |mut session: Value, fields: &[(&str, &str)]| {
        for (field, value) in fields {
            session[*field] = json!(value);
        }
        session
    };
    let arn = "arn:aws:iam::123456789012:role/deploy";
    let sessions = vec![
        plain(
            session(
                1,
                "awsIamUser",
                json!({ "mfaDevice": "arn:aws:iam::123456789012:mfa/x" }),
            ),
            &[],
        ),
        plain(
            session(2, "awsIamUser", json!({})),
            &[("region", "eu-west-1"), ("profileName", "p2")],
        ),
        plain(
            session(
                3,
                "awsIamRoleChained",
                json!({ "roleArn": arn, "roleSessionName": "me", "externalId": "x" }),
            ),
            &[("parentSessionId", "id-2")],
        ),
        plain(
            session(
                4,
                "awsIamRoleFederated",
                json!({ "roleArn": arn, "idpArn": arn }),
            ),
            &[("idpUrlId", "idp")],
        ),
        plain(
            session(5, "awsSsoRole", json!({ "roleArn": arn, "email": "a@b" })),
            &[("awsSsoConfigurationId", "sso")],
        ),
        plain(
            session(
                6,
                "azure",
                json!({ "subscriptionId": "sub", "tenantId": "tenant" }),
            ),
            &[("azureIntegrationId", "az"), ("region", "westeurope")],
        ),
        session(7, "localstack", json!({})),
        plain(
            session(8, "localstack", json!({})),
            &[("region", "eu-west-1"), ("profileName", "p8")],
        ),
    ];
    json!({
        "sessions": sessions,
        "idpUrls": [{ "id": "idp", "url": draw.text("https://idp.example/") }],
        "awsSsoIntegrations": [{ "id": "sso", "alias": draw.text("corp"), "portalUrl": draw.text("https://corp.example/start"),
            "region": "eu-west-1", "browserOpening": "In-browser" }],
        "azureIntegrations": [{ "id": "az", "alias": draw.text("work"), "tenantId": draw.text("tenant"), "region": "westeurope" }],
        "profiles": [{ "id": "p", "name": draw.text("profile") }],
    })
}

/// Every command, about every session and with hostile arguments.
fn commands(draw: &mut Draw, workspace: &Value) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut add = |words: &[&str]| all.push(words.iter().map(|w| (*w).to_owned()).collect());
    for plain in [
        &["status"][..],
        &["session", "list"],
        &["integration", "list"],
        &["secret", "list"],
        &["policy", "list"],
        &["policy", "inspect", "rules"],
        &["respond"],
        &["doctor"],
        &["events"],
        &["replay"],
        &["workspace", "validate"],
        &["policy", "update"],
        &["policy", "simulate", "--for", "1h"],
        &["status", "--json"],
        &["events", "--json"],
        &["workspace", "validate", "--json"],
        &["session", "list", "--json"],
        &["policy", "list", "--json"],
        &["integration", "list", "--json"],
        &["doctor", "--json"],
        &["explain", "--json", "id-8"],
    ] {
        add(plain);
    }
    let hostile = draw.text("none");
    let names = workspace["sessions"]
        .as_array()
        .expect("sessions")
        .iter()
        .map(|s| s["sessionName"].as_str().expect("a name"));
    let asked: Vec<String> = (1..=8)
        .map(|n| format!("id-{n}"))
        .chain(names.map(str::to_owned))
        .chain([hostile.clone()])
        .collect();
    for session in &asked {
        for words in [
            &["session", "show"][..],
            &["session", "start"],
            &["session", "rotate"],
            &["session", "stop"],
            &["session", "release"],
            &["explain"],
            &["credential-process"],
            &["console", "--print"],
            &["secret", "remove"],
            &["events", "--session"],
        ] {
            add(&[words, &[session]].concat());
        }
        add(&["exec", session, "--", "true"]);
        add(&["secret", "set", session]);
    }
    for integration in ["sso", "az", &hostile] {
        for verb in ["login", "sync", "logout"] {
            add(&["integration", verb, integration]);
        }
    }
    for words in [
        &["emit"][..],
        &["policy", "inspect"],
        &["policy", "enable"],
        &["policy", "disable"],
        &["policy", "remove"],
        &["policy", "verify"],
        &["policy", "check"],
        &["policy", "add"],
        &["policy", "pull"],
        &["policy", "build"],
        &["policy", "test"],
        &["policy", "simulate"],
        &["replay"],
        &["events", "--policy"],
        &["secret", "import-aws"],
        &["workspace", "validate"],
        &["use", "--print"],
        &["use", "--print", "--shell"],
        &["session", "list"],
        &["session", "list", "--label"],
        &["status", "--ends-within"],
        &["console", "id-8", "--page"],
        &["prompt", "--format"],
        &["completions"],
        &["session", "remove", "--yes"],
        &["integration", "remove"],
        &["session"],
        &["events", "--since"],
    ] {
        add(&[words, &[&hostile]].concat());
    }
    add(&["policy", "push", &hostile, &hostile]);
    add(&[
        "session",
        "add",
        &hostile,
        "--type",
        "localstack",
        "--profile",
        &hostile,
        "--region",
        &hostile,
    ]);
    add(&["session", "add", "new", "--type", &hostile]);
    add(&["session", "edit", "id-8", "--label", &hostile]);
    all
}

#[test]
fn no_name_and_no_answer_reaches_a_terminal_unescaped() {
    for seed in 1..=2 {
        let mut draw = Draw(seed);
        let cloud = hostile_cloud(draw.text("refused"));
        let home = Home::new();
        let entry = draw.text("odd").replace('\\', "");
        let quoted = toml::Value::from(entry).to_string();
        home.save_config(&format!(
            "[aws]\nsts-endpoint-url = \"{cloud}\"\nsso-endpoint-url = \"{cloud}\"\nsso-oidc-endpoint-url = \"{cloud}\"\n\
             [[policy]]\nname = \"rules\"\nmodule = \"builtin:keep-active\"\n\
             [[policy]]\nname = \"gone\"\nmodule = {quoted}\n"
        ));
        let workspace = workspace(&mut draw);
        home.save_workspace(&workspace);
        // Problems of such a file are told, whatever else.
        let all = commands(&mut draw, &workspace);
        for command in &all {
            let key = format!("AKIAIOSFODNN7EXAMPLE\n{}\n", "k".repeat(40));
            let ended = match command[..] {
                [ref noun, ref verb, ..] if noun == "secret" && verb == "set" => {
                    home.run_with(command, &key)
                }
                _ => home.run(command),
            };
            assert_safe(&format!("seed {seed}: {command:?}"), &ended);
        }
        let once = home.run(["run", "--once", "--verbose"]);
        assert_safe("run --once", &once);
        for command in [&["events"][..], &["status"], &["explain", "id-8"]] {
            assert_safe(&format!("{command:?}"), &home.run(command));
        }
        // A file that is no Workspace at all.
        home.save(&home.workspace(), &draw.text("{\"sessions\": [ nonsense"));
        for command in [
            &["status"][..],
            &["workspace", "validate"],
            &["session", "start", "id-8"],
            &["doctor"],
        ] {
            assert_safe(&format!("{command:?}"), &home.run(command));
        }
    }
}

/// What is printed as JSON says the same, and steers no terminal either.
#[test]
fn json_says_what_it_says_in_characters_that_are_seen() {
    let home = Home::new();
    let name = HOSTILE.concat();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "one", "sessionName": name, "type": "localstack", "profileName": "one" },
    ]}));
    let ended = home.run(["session", "list", "--json"]);
    assert_safe("session list --json", &ended);
    assert_eq!(ended.json()[0]["name"], name);
}

/// What tools of a language say of a project of somebody else, whose lines they quote.
#[test]
fn what_a_build_says_steers_no_terminal() {
    if tool("cargo").is_none() {
        return;
    }
    let home = Home::new();
    let folder = home.path().join("rule");
    let none: &[(&str, std::ffi::OsString)] = &[];
    run_in(
        &home,
        home.path(),
        &["policy", "new", "rule", "--lang", "rust"],
        none,
    )
    .ok();
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    // No line break: each line stands by itself anyhow, and belongs to what the tool says.
    let words = HOSTILE[..HOSTILE.len() - 1].concat();
    let own = std::env::home_dir().unwrap_or_default();
    let tools = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")]
        .map(|(name, folder)| (name, own.join(folder).into_os_string()));
    let mut relayed = 0;
    for line in [
        format!("oops = \"{words}\""),
        format!("[dependencies.\"x{words}\"]\npath = \"../none\""),
        format!("[package.metadata.{words}]"),
    ] {
        std::fs::write(&manifest, format!("{text}\n{line}\n")).expect("a manifest");
        let ended = run_in(&home, &folder, &["policy", "build"], &tools);
        assert_ne!(ended.code, 0, "{}", ended.out);
        assert_safe(&format!("{line:?}"), &ended);
        relayed += usize::from(ended.err.contains("Cargo.toml"));
    }
    assert!(relayed > 0, "cargo said nothing");
}
