//! Every chain target, asked by every client: each gets the right credentials, and where the target
//! is one that is asked again, a running program keeps working across a rotation.

#[path = "conformance/azure.rs"]
mod azure;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dayfly_tests::door::exported;
use dayfly_tests::{Cell, Daemon, Entra, Home, Ministack, Table, within};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
/// How long credentials live, in seconds. The SDK for Rust asks anew ten seconds before their end.
const LIFE: u64 = 20;
/// How long a running program is looked at: beyond the end of what it had first.
const LOOK: u64 = 27;

/// Where credentials are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    CredentialsFile,
    CredentialProcess,
    Container,
    ContainerFile,
    Imds,
}

impl Target {
    const ALL: [Self; 5] = [
        Self::CredentialsFile,
        Self::CredentialProcess,
        Self::Container,
        Self::ContainerFile,
        Self::Imds,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::CredentialsFile => "credentials file",
            Self::CredentialProcess => "credential_process",
            Self::Container => "container endpoint, token",
            Self::ContainerFile => "container endpoint, token file",
            Self::Imds => "IMDSv2",
        }
    }

    /// The role that a client is to be.
    const fn role(self) -> &'static str {
        match self {
            Self::CredentialsFile => "filed",
            _ => "app",
        }
    }

    /// What a client's environment says of it.
    fn environment(self, home: &Home) -> Vec<(String, String)> {
        let profile = |name: &str| vec![("AWS_PROFILE".to_owned(), name.to_owned())];
        let more: &[&str] = match self {
            Self::CredentialsFile => return profile("filed"),
            Self::CredentialProcess => return profile("app"),
            Self::Container => &[],
            Self::ContainerFile => &["--token-file"],
            Self::Imds => &["--imds"],
        };
        exported(home, "app", more).into_iter().collect()
    }
}

/// A real client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Client {
    Cli1,
    Cli2,
    Boto3,
    JavaScript,
    Rust,
}

impl Client {
    const ALL: [Self; 5] = [
        Self::Cli1,
        Self::Cli2,
        Self::Boto3,
        Self::JavaScript,
        Self::Rust,
    ];

    const fn is_cli(self) -> bool {
        matches!(self, Self::Cli1 | Self::Cli2)
    }

    /// A program that asks who it is, for so many seconds.
    fn program(self, seconds: u64, sts: &str) -> Command {
        let set = |name: &str| -> OsString {
            std::env::var_os(name).unwrap_or_else(|| panic!("{name} is set by tests/tools"))
        };
        let clients = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
        let seconds = seconds.to_string();
        let cli = ["sts", "get-caller-identity", "--output", "json", "--debug"];
        let mut command = match self {
            Self::Cli1 => Command::new(set("DAYFLY_TEST_AWS")),
            Self::Cli2 => Command::new(set("DAYFLY_TEST_AWS2")),
            Self::Boto3 => Command::new(set("DAYFLY_TEST_PYTHON")),
            Self::JavaScript => Command::new("node"),
            Self::Rust => Command::new(env!("CARGO_BIN_EXE_sdk_client")),
        };
        match self {
            // Version 2 of Debian 12 does not know AWS_ENDPOINT_URL.
            Self::Cli1 | Self::Cli2 => command.args(["--endpoint-url", sts]).args(cli),
            Self::Boto3 => command.arg(clients.join("loop.py")).arg(seconds),
            Self::JavaScript => command.arg(clients.join("js/loop.mjs")).arg(seconds),
            Self::Rust => command.arg(seconds),
        };
        command
    }

    /// Name and version, as the table shows them.
    fn title(self) -> String {
        let printed = |command: &mut Command| {
            let output = command.output().expect("the client runs");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        let version = |text: &str| {
            let word = text.split_whitespace().next().unwrap_or_default();
            word.rsplit('/').next().unwrap_or_default().to_owned()
        };
        match self {
            Self::Cli1 | Self::Cli2 => {
                let mut command = self.program(0, "");
                let program = command.get_program().to_owned();
                command = Command::new(program);
                format!("AWS CLI {}", version(&printed(command.arg("--version"))))
            }
            Self::Boto3 => {
                let program = std::env::var_os("DAYFLY_TEST_PYTHON").expect("it is set");
                let script = "import boto3; print(boto3.__version__)";
                format!(
                    "boto3 {}",
                    printed(Command::new(program).args(["-c", script]))
                )
            }
            Self::JavaScript => {
                let lock = include_str!("../clients/js/package.json");
                let package: Value = serde_json::from_str(lock).expect("JSON");
                let version = package["dependencies"]["@aws-sdk/client-sts"].as_str();
                format!("JavaScript {}", version.unwrap_or_default())
            }
            Self::Rust => "Rust".to_owned(),
        }
    }

    fn spawn(self, target: Target, seconds: u64, home: &Home, sts: &str) -> Child {
        let mut command = self.program(seconds, sts);
        let kept = ["PATH", "DAYFLY_TEST_JS"];
        let kept = kept.map(|name| (name, std::env::var_os(name).unwrap_or_default()));
        command
            .env_clear()
            .envs(kept)
            .env("HOME", home.path())
            .env("AWS_ENDPOINT_URL", sts)
            // Nothing but the target is to be found.
            .env(
                "AWS_EC2_METADATA_DISABLED",
                (target != Target::Imds).to_string(),
            )
            .envs(target.environment(home))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("the client runs")
    }
}

/// What a client was told: each call's key, or what went wrong.
#[derive(Debug)]
struct Seen {
    calls: Vec<Result<String, String>>,
}

impl Seen {
    fn of(client: Client, role: &str, child: Child) -> Self {
        let output = child.wait_with_output().expect("the client ends");
        let out = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        let right = format!(":assumed-role/{role}/");
        let call = |arn: &str, key: Option<&str>| match key {
            Some(key) if arn.contains(&right) => Ok(key.to_owned()),
            _ => Err(format!("it is {arn:?} with the key {key:?}")),
        };
        let calls = if client.is_cli() {
            let key = said.split("Credential=").nth(1);
            let key = key.and_then(|rest| rest.split('/').next());
            let answer: Value = serde_json::from_str(&out).unwrap_or_default();
            vec![match answer["Arn"].as_str() {
                Some(arn) => call(arn, key),
                None => Err(said.lines().last().unwrap_or_default().to_owned()),
            }]
        } else {
            let lines = out.lines().map(|line| {
                let line: Value = serde_json::from_str(line).unwrap_or_default();
                match line["error"].as_str() {
                    Some(error) => Err(error.to_owned()),
                    None => call(
                        line["arn"].as_str().unwrap_or_default(),
                        line["key"].as_str(),
                    ),
                }
            });
            lines.collect()
        };
        match calls.is_empty() {
            true => Self {
                calls: vec![Err(said.into_owned())],
            },
            false => Self { calls },
        }
    }

    /// The keys in their order, each once.
    fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.calls.iter().flatten().map(String::as_str).collect();
        keys.dedup();
        keys
    }

    fn errors(&self) -> Vec<&str> {
        let calls = self.calls.iter();
        calls
            .filter_map(|call| call.as_ref().err().map(String::as_str))
            .collect()
    }

    /// What a running program makes of the target.
    fn cell(&self) -> Cell {
        let (keys, errors) = (self.keys(), self.errors());
        match (keys.len(), errors.len()) {
            (2.., 0) => Cell::Rotates,
            _ => Cell::Wrong(format!("{keys:?} {errors:?}")),
        }
    }
}

/// Whether this client is from before token files were known.
fn knows_no_token_file(client: Client, title: &str) -> bool {
    let version = title.rsplit(' ').next().unwrap_or_default();
    let mut parts = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    client == Client::Cli2 && (parts.next(), parts.next()) < (Some(2), Some(14))
}

#[test]
fn every_target_serves_every_client() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let Some(entra) = Entra::start(azure::LIFE) else {
        return;
    };
    for name in ["DAYFLY_TEST_AWS2", "DAYFLY_TEST_JS", "DAYFLY_TEST_AZ"] {
        if std::env::var_os(name).is_none() {
            assert!(
                std::env::var_os("DAYFLY_TEST_ALL").is_none(),
                "{name} is missing"
            );
            eprintln!("not run: needs the variables that tests/tools prints");
            return;
        }
    }
    let (id, secret) = sts.user("alice");
    let mut home = Home::new();
    entra.trusted_by(&mut home);
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("a port").port();
    drop(free);
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n[imds]\nsession = \"app\"\nport = {port}\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n",
        sts.endpoint()
    ));
    let role = |name: &str, delivery: &str| {
        json!({ "sessionId": name, "sessionName": name, "type": "awsIamRoleChained",
            "region": "eu-west-1", "profileName": name, "roleArn": sts.role(name),
            "parentSessionId": "user", "durationSeconds": LIFE, "delivery": [delivery] })
    };
    let mut sessions = vec![
        json!({ "sessionId": "user", "sessionName": "user", "type": "awsIamUser",
            "region": "eu-west-1", "durationSeconds": 900 }),
        role("app", "credential-process"),
        role("filed", "credentials-file"),
    ];
    sessions.extend(azure::sessions());
    let integrations = [azure::integration(&entra)];
    home.save_workspace(&json!({ "sessions": sessions, "azureIntegrations": integrations }));
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
    azure::login(&home);
    let daemon = Daemon::start(&home);
    within(20 * SECOND, "all are active", || {
        let mut names = ["app", "filed"].iter().chain(&azure::SESSIONS);
        match names.find(|name| home.status(name) != "active") {
            Some(name) => Err(home.session(name)),
            None => Ok(()),
        }
    });

    let titles: BTreeMap<Client, String> = Client::ALL
        .iter()
        .map(|client| (*client, client.title()))
        .collect();
    let mut table = Table::new("Chain targets and the clients that find credentials there");
    // Named first, so that rows and columns stand in this order.
    let sts_at = sts.endpoint();
    let mut running = Vec::new();
    for target in Target::ALL {
        for client in Client::ALL {
            table.set(
                target.name(),
                &titles[&client],
                Cell::Wrong("was not tried".into()),
            );
            if target != Target::CredentialsFile && !client.is_cli() {
                let child = client.spawn(target, LOOK, &home, &sts_at);
                running.push((target, client, child));
            }
        }
    }
    let of_azure = azure::Running::start(&entra, &home, LOOK);
    of_azure.name(&mut table);
    // Those that ask once: before a rotation, and after it.
    let once = || {
        let mut seen = BTreeMap::new();
        for target in Target::ALL {
            let ask = |client: &Client| client.is_cli() || target == Target::CredentialsFile;
            let asked = Client::ALL.into_iter().filter(ask).map(|client| {
                let child = client.spawn(target, 0, &home, &sts_at);
                (client, child)
            });
            for (client, child) in asked.collect::<Vec<_>>() {
                let told = Seen::of(client, target.role(), child);
                seen.insert((target.name(), client), told);
            }
        }
        seen
    };
    let before = once();
    for (target, client, child) in running {
        let seen = Seen::of(client, target.role(), child);
        table.set(target.name(), &titles[&client], seen.cell());
    }
    for name in ["app", "filed"] {
        home.run(["session", "rotate", name]).ok();
    }
    for ((row, client), after) in once() {
        let before = &before[&(row, client)];
        let (keys, errors) = (
            (before.keys(), after.keys()),
            (before.errors(), after.errors()),
        );
        let old =
            row == Target::ContainerFile.name() && knows_no_token_file(client, &titles[&client]);
        let cell = match keys {
            (first, second) if first.len() == 1 && second.len() == 1 && first != second && !old => {
                Cell::EachRun
            }
            (first, second) if first.is_empty() && second.is_empty() && old => Cell::Unknown,
            keys => Cell::Wrong(format!("{keys:?} {errors:?}")),
        };
        table.set(row, &titles[&client], cell);
    }
    of_azure.finish(&entra, &home, &mut table);
    table.leave_the_rest();
    assert_eq!(daemon.terminate(), 0);
    table.finish();
}
