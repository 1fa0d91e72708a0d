//! A pipe, or a link to a device without an end, in the place of a file that Dayfly opens: no command
//! hangs, each names the file, and an engine goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dayfly_tests::{Daemon, Home};
use serde_json::json;

/// How long a command may take. A hang is for ever; a machine that is busy is slow.
const LIMIT: Duration = Duration::from_secs(30);

/// What a command said that did not end.
const HANGS: &str = "it hangs";

/// How long an engine may take to end: a second, and one more for a machine that is busy.
const END: Duration = Duration::from_secs(2);

/// What stands in the place of a file.
#[derive(Clone, Copy, Debug)]
enum Odd {
    Pipe,
    Zero,
}

impl Odd {
    fn put(self, path: &Path) {
        let _ = std::fs::remove_file(path);
        // Folders of Dayfly are private.
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder
            .create(path.parent().expect("a folder"))
            .expect("a folder");
        match self {
            Self::Pipe => {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                let made = rustix::fs::mkfifoat(rustix::fs::CWD, path, mode);
                made.expect("a pipe");
            }
            Self::Zero => symlink("/dev/zero", path).expect("a link"),
        }
    }
}

/// An STS that knows nobody.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                return;
            };
            let _ = connection.read(&mut [0; 16 << 10]);
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>\
                        <Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>";
            let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/xml\r\nConnection: close\r\n";
            let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

/// A home in which the files are that the cases below replace.
fn home(with_policies: bool) -> Home {
    let home = Home::new();
    let token = home.path().join("web-token");
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "app", "sessionName": "app", "type": "localstack", "profileName": "app" },
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser" },
        { "sessionId": "web", "sessionName": "web", "type": "awsIamRoleWebIdentity",
          "roleArn": "arn:aws:iam::111122223333:role/r", "tokenFile": token },
    ]}));
    let prebuilt = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/prebuilt");
    let own = home.path().join("own.wasm");
    std::fs::copy(prebuilt.join("keep-active.wasm"), own).expect("a module");
    let policies = "[recording]\nenabled = true\n\
         [[policy]]\nname = \"own\"\nmodule = \"own.wasm\"\ngrant = { actions = [\"start\"] }\n";
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n{}",
        refusing(),
        if with_policies { policies } else { "" }
    ));
    let key = "AKIACANARY000000\ncanarySecretOfTheVault000000000000000000\n";
    home.run_with(["secret", "set", "user"], key).ok();
    let week = "begin = \"2026-03-23T00:00:00Z\"\n";
    std::fs::write(home.path().join("week.toml"), week).expect("a scenario");
    home
}

/// What a command says; it has to end.
fn said(mut command: Command, input: &str) -> String {
    let out = tempfile::tempfile().expect("a file");
    let err = out.try_clone().expect("a file");
    command
        .stdin(Stdio::piped())
        .stdout(out.try_clone().expect("a file"))
        .stderr(err);
    let mut child = command.spawn().expect("a command");
    let mut stdin = child.stdin.take().expect("an input");
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let begun = Instant::now();
    while child.try_wait().expect("it is ours").is_none() {
        if begun.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            return HANGS.to_owned();
        }
        // Sleeps between two looks, until the limit.
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut text = vec![0; 1 << 20];
    let read = out.read_at(&mut text, 0).expect("a file is read");
    String::from_utf8_lossy(&text[..read]).into_owned()
}

/// A file, the commands that open it (and name it), and what they are given.
struct Case {
    file: &'static str,
    commands: &'static [&'static [&'static str]],
    environment: Option<&'static str>,
    /// Whether what they do needs the file, so that they have to name it.
    needed: bool,
}

const KEY: &str = "AKIACANARY000000\ncanaryOther\n";

const fn case(file: &'static str, commands: &'static [&'static [&'static str]]) -> Case {
    Case {
        file,
        commands,
        environment: None,
        needed: true,
    }
}

const fn named(variable: &'static str, case: Case) -> Case {
    Case {
        environment: Some(variable),
        ..case
    }
}

const fn in_passing(case: Case) -> Case {
    Case {
        needed: false,
        ..case
    }
}

const CASES: &[Case] = &[
    case(
        "workspace.json",
        &[
            &["status"],
            &["session", "list"],
            &["session", "start", "app"],
            &["workspace", "validate"],
            &["doctor", "--offline"],
            &["integration", "list"],
        ],
    ),
    case(
        "dayfly.toml",
        &[
            &["session", "start", "app"],
            &["policy", "list"],
            &["policy", "disable", "own"],
            &["doctor", "--offline"],
        ],
    ),
    case("dayfly.lock", &[&["policy", "list"], &["policy", "pull"]]),
    case(
        "vault.age",
        &[
            &["secret", "list"],
            &["secret", "set", "user"],
            &["session", "start", "user"],
            &["doctor", "--offline"],
        ],
    ),
    case(
        "vault.key",
        &[
            &["secret", "list"],
            &["secret", "set", "user"],
            &["session", "start", "user"],
        ],
    ),
    case("vault.lock", &[&["secret", "set", "user"]]),
    case(
        ".aws/credentials",
        &[
            &["session", "start", "app"],
            &["secret", "import-aws", "old"],
            &["doctor", "--offline"],
        ],
    ),
    case(
        ".aws/config",
        &[&["secret", "import-aws", "old"], &["doctor", "--offline"]],
    ),
    case(
        ".docker/config.json",
        &[&["policy", "add", "oci://127.0.0.1:9/p:1"]],
    ),
    case(
        "own.wasm",
        &[
            &["policy", "list"],
            &["policy", "inspect", "own"],
            &["policy", "check", "own.wasm"],
            &["policy", "simulate", "week.toml"],
            &["policy", "add", "own.wasm", "--name", "again"],
            &["policy", "sign", "own.wasm"],
            &["policy", "push", "own.wasm", "folder"],
        ],
    ),
    case(
        "own.wasm.minisig",
        &[&["policy", "verify", "own.wasm", "--key", PUBLIC]],
    ),
    case(
        "week.toml",
        &[
            &["policy", "simulate", "week.toml"],
            &["policy", "test", "week.toml"],
        ],
    ),
    case("policy.toml", &[&["policy", "build"], &["policy", "test"]]),
    case("bundle.toml", &[&["policy", "add", "."]]),
    case(
        "state/journal/journal.jsonl",
        &[&["events"], &["explain", "app"]],
    ),
    case("state/recording/recording.jsonl", &[&["replay"]]),
    case("state/destinations.json", &[&["session", "start", "app"]]),
    case("web-token", &[&["session", "start", "web"]]),
    named(
        "DAYFLY_PASSPHRASE_FILE",
        case("phrase", &[&["secret", "rekey", "passphrase"]]),
    ),
    named(
        "AWS_CA_BUNDLE",
        case(
            "roots.pem",
            &[&["doctor", "--offline"], &["session", "start", "user"]],
        ),
    ),
    in_passing(case(
        "state/last-dayfly.toml",
        &[&["session", "start", "app"], &["status"]],
    )),
    in_passing(case(
        "state/words.json",
        &[&["status"], &["session", "stop", "app"]],
    )),
    in_passing(case("state/endpoint.json", &[&["env", "app"]])),
    in_passing(case("state/kept.age", &[&["credential-process", "app"]])),
    in_passing(case(
        "state/engine.lock",
        &[&["session", "start", "app"], &["status"]],
    )),
];

/// Any public key of minisign.
const PUBLIC: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

#[test]
fn no_command_hangs_and_each_names_the_file() {
    let mut faults = Vec::new();
    for odd in [Odd::Pipe, Odd::Zero] {
        for case in CASES {
            let policies = ["own.wasm", "dayfly.lock", "week.toml"];
            let home = home(policies.contains(&case.file));
            let path = home.path().join(case.file);
            odd.put(&path);
            for args in case.commands {
                let mut command = home.command(*args);
                command.current_dir(home.path());
                if let Some(variable) = case.environment {
                    command.env(variable, &path);
                }
                let told = said(command, KEY);
                if told == HANGS || (case.needed && !told.contains(case.file)) {
                    faults.push(format!("{args:?} with {odd:?} at {}: {told}", case.file));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Files that an engine opens, and whether what it does needs them.
const OF_ENGINES: &[(&str, bool)] = &[
    ("workspace.json", true),
    ("dayfly.toml", true),
    ("dayfly.lock", true),
    ("own.wasm", true),
    ("vault.age", false),
    ("vault.key", false),
    (".aws/credentials", true),
    (".aws/config", true),
    ("state/journal/journal.jsonl", true),
    ("state/recording/recording.jsonl", true),
    ("state/last-dayfly.toml", false),
    ("state/destinations.json", true),
    ("state/words.json", true),
    ("state/endpoint.json", false),
    ("state/kept.age", false),
    ("state/engine.lock", true),
];

fn ends(engine: Daemon, what: &str) -> Result<(), String> {
    let begun = Instant::now();
    engine.terminate();
    let took = begun.elapsed();
    (took < END)
        .then_some(())
        .ok_or(format!("{what}: ended after {took:?}"))
}

/// An engine that starts with one of these in the place of a file answers, or says why it does not
/// start; what is wrong with that.
fn started(file: &str, needed: bool, odd: Odd) -> Result<(), String> {
    let what = format!("an engine with {odd:?} at {file}");
    let home = home(matches!(
        file,
        "own.wasm" | "dayfly.lock" | "state/recording/recording.jsonl"
    ));
    odd.put(&home.path().join(file));
    let mut engine = Daemon::spawn(&home);
    let begun = Instant::now();
    let mut status;
    loop {
        status = said(home.command(["status", "--json"]), "");
        let answers = status.contains("\"pid\"") && !status.contains("\"loading\"");
        if answers || !engine.is_alive() || begun.elapsed() > LIMIT {
            break;
        }
    }
    if engine.is_alive() {
        if !status.contains("\"pid\"") {
            return Err(format!(
                "{what} does not answer: {status}{}",
                engine.output()
            ));
        }
        // What is opened only when it is needed is opened now.
        let start = said(home.command(["session", "start", "app"]), "");
        let start = start + &said(home.command(["session", "start", "user"]), "");
        if start.contains(HANGS) {
            return Err(format!("{what} answers no longer"));
        }
        status = said(home.command(["status", "--json"]), "") + &start;
    }
    let told = status + &engine.output();
    if needed && !told.contains(file) {
        return Err(format!("{what} does not name it: {told}"));
    }
    if engine.is_alive() {
        return ends(engine, &what);
    }
    Ok(())
}

#[test]
fn an_engine_that_starts_with_one_answers_and_ends() {
    let mut faults = Vec::new();
    for odd in [Odd::Pipe, Odd::Zero] {
        for (file, needed) in OF_ENGINES {
            faults.extend(started(file, *needed, odd).err());
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn an_engine_goes_on_and_ends_where_all_its_files_become_pipes() {
    let home = home(true);
    let engine = Daemon::start(&home);
    home.run(["session", "start", "app"]).ok();
    for (file, _) in OF_ENGINES {
        Odd::Pipe.put(&home.path().join(file));
    }
    for args in [
        &["session", "rotate", "app"][..],
        &["session", "start", "user"],
        &["session", "stop", "app"],
        &["events"],
        &["explain", "app"],
        &["doctor", "--offline"],
    ] {
        let told = said(home.command(args), "");
        assert_ne!(told, HANGS, "{args:?}");
    }
    let status = said(home.command(["status"]), "");
    assert!(
        status.contains("workspace.json is not a regular file"),
        "{status}"
    );
    ends(engine, "an engine whose files became pipes").expect("it ends");
}
