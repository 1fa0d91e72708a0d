//! The rows and columns of Azure.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use dayfly_tests::door::exported;
use dayfly_tests::entra::{APPLICATION, Entra, SECRET, TENANT, claims};
use dayfly_tests::{Cell, Home, Table};
use serde_json::{Value, json};

/// How long access tokens live, in seconds: the Azure SDKs ask anew five minutes before their end.
pub(crate) const LIFE: u32 = 15;
const IDENTITY: &str = "managed identity";
const PROFILE: &str = "azure-profile";
const SUBSCRIPTIONS: [&str; 2] = [
    "aaaaaaaa-0000-0000-0000-000000000001",
    "aaaaaaaa-0000-0000-0000-000000000002",
];

/// The names of the sessions: whose tokens are asked for, and which stands in the Azure CLI's list too.
pub(crate) const SESSIONS: [&str; 2] = ["tokens", "listed"];

/// Both, in the words of the Workspace.
pub(crate) fn sessions() -> Vec<Value> {
    let places = [json!([]), json!(["azure-profile"])];
    let sessions = SESSIONS.iter().zip(SUBSCRIPTIONS).zip(places);
    let sessions = sessions.map(|((name, subscription), delivery)| {
        json!({ "sessionId": name, "sessionName": name, "type": "azure", "tenantId": TENANT,
            "subscriptionId": subscription, "azureIntegrationId": "work", "delivery": delivery })
    });
    sessions.collect()
}

/// Their integration.
pub(crate) fn integration(entra: &Entra) -> Value {
    let mut integration = entra.integration("work", "clientSecret");
    integration["clientId"] = json!(APPLICATION);
    integration
}

/// Gives the integration its secret.
pub(crate) fn login(home: &Home) {
    home.run_with(["integration", "login", "work"], &format!("{SECRET}\n"))
        .ok();
}

/// A real client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Python,
    JavaScript,
    Cli,
}

impl Client {
    const ALL: [Self; 3] = [Self::Python, Self::JavaScript, Self::Cli];

    /// Name and version, as the table shows them.
    fn title(self) -> String {
        let printed = |command: &mut Command| {
            let output = command.output().expect("the client runs");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        match self {
            Self::Python => {
                let script = "import importlib.metadata as m; print(m.version('azure-identity'))";
                let mut python = Command::new(set("DAYFLY_TEST_AZURE_PYTHON"));
                format!("azure-identity {}", printed(python.args(["-c", script])))
            }
            Self::JavaScript => {
                let file = "node_modules/@azure/identity/package.json";
                let package =
                    std::fs::read(set("DAYFLY_TEST_ENTRA").join(file)).expect("a package");
                let package: Value = serde_json::from_slice(&package).expect("JSON");
                let version = package["version"].as_str().unwrap_or_default();
                format!("@azure/identity {version}")
            }
            Self::Cli => {
                let mut az = Command::new(set("DAYFLY_TEST_AZ"));
                let said = printed(az.args(["version", "--output", "json"]));
                let said: Value = serde_json::from_str(&said).unwrap_or_default();
                let version = said["azure-cli"].as_str().unwrap_or_default();
                format!("Azure CLI {version}")
            }
        }
    }
}

fn set(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    value
        .unwrap_or_else(|| panic!("{name} is set by tests/tools"))
        .into()
}

/// What a command finds: the endpoint of this session, and whose certificates to trust.
fn environment(command: &mut Command, entra: &Entra, home: &Home, session: &str) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .envs(exported(home, session, &[]));
    entra.trusted(command);
}

/// What runs while others are looked at.
#[derive(Debug)]
pub(crate) struct Running {
    titles: Vec<(Client, String)>,
    children: Vec<(Client, Child)>,
    listed: [Told; 2],
}

/// What the Azure CLI told in each row.
type Told = Result<String, String>;

impl Running {
    /// Starts programs that ask for so many seconds, and asks with the Azure CLI once in each row.
    pub(crate) fn start(entra: &Entra, home: &Home, seconds: u64) -> Self {
        let address = format!("{}/subscriptions?api-version=2022-12-01", entra.origin());
        let mut children = Vec::new();
        for (client, program, script) in [
            (Client::Python, "DAYFLY_TEST_AZURE_PYTHON", "hold.py"),
            (Client::JavaScript, "DAYFLY_TEST_NODE", "hold.mjs"),
        ] {
            let mut command = Command::new(set(program));
            environment(&mut command, entra, home, SESSIONS[0]);
            command
                .arg(entra.file(script))
                .args(["ManagedIdentityCredential", &entra.origin(), &address])
                .args([&seconds.to_string(), "1"])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            children.push((client, command.spawn().expect("the client runs")));
        }
        let titles = Client::ALL.map(|client| (client, client.title()));
        for row in 0..2 {
            prepared(entra, home, row).expect("the Azure CLI is told where the cloud is");
        }
        Self {
            titles: titles.into(),
            children,
            listed: [cli(entra, home, 0), cli(entra, home, 1)],
        }
    }

    /// Names the rows and columns, so that they stand in this order.
    pub(crate) fn name(&self, table: &mut Table) {
        for row in [IDENTITY, PROFILE] {
            for (_, title) in &self.titles {
                table.set(row, title, Cell::NotFor);
            }
        }
    }

    /// Waits for the programs, asks with the Azure CLI once more, and fills the cells.
    pub(crate) fn finish(self, entra: &Entra, home: &Home, table: &mut Table) {
        let title = |client| {
            let found = self.titles.iter().find(|(c, _)| *c == client);
            found.map_or("", |(_, title)| title)
        };
        for (client, child) in self.children {
            let output = child.wait_with_output().expect("the client ends");
            let seen: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let well = seen["failures"] == json!([])
                && seen["who"] == json!([APPLICATION])
                && seen["tokens"].as_u64() >= Some(2);
            let said = String::from_utf8_lossy(&output.stderr);
            let cell = match well {
                true => Cell::Rotates,
                false => Cell::Wrong(format!("{seen} {said}")),
            };
            table.set(IDENTITY, title(client), cell);
        }
        for (at, row) in [IDENTITY, PROFILE].into_iter().enumerate() {
            let after = cli(entra, home, at);
            let cell = match (&self.listed[at], &after) {
                (Ok(before), Ok(after)) if before != after => Cell::EachRun,
                (Ok(_), Ok(_)) => Cell::Wrong("one token before and after a rotation".into()),
                told => Cell::Wrong(format!("{told:?}")),
            };
            table.set(row, title(Client::Cli), cell);
        }
    }
}

/// The Azure CLI with a folder of its own, in which nobody has signed in, or with the one into
/// which the session is delivered.
fn az(entra: &Entra, home: &Home, row: usize, args: &[&str]) -> Result<Value, String> {
    let mut command = Command::new(set("DAYFLY_TEST_AZ"));
    environment(&mut command, entra, home, SESSIONS[row]);
    let folder = home.path().join([".azure-of-its-own", ".azure"][row]);
    command
        .args(args)
        .args(["--output", "json"])
        .env("AZURE_CONFIG_DIR", folder)
        .env("AZURE_CORE_COLLECT_TELEMETRY", "no");
    let output = command.output().expect("the Azure CLI runs");
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap_or_default()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Tells it where the cloud is, and signs in where no list does that.
fn prepared(entra: &Entra, home: &Home, row: usize) -> Result<(), String> {
    let origin = entra.origin();
    let cloud = ["cloud", "update", "-n", "AzureCloud"];
    let place = ["--endpoint-resource-manager", &origin];
    az(entra, home, row, &[cloud.as_slice(), &place].concat())?;
    if row == 0 {
        az(entra, home, row, &["login", "--identity"])?;
    }
    Ok(())
}

/// The token that it has, with which it has asked the cloud.
fn cli(entra: &Entra, home: &Home, row: usize) -> Told {
    let token = az(entra, home, row, &["account", "get-access-token"])?;
    if token["subscription"] != SUBSCRIPTIONS[row] || token["tenant"] != TENANT {
        return Err(format!("the subscription {}", token["subscription"]));
    }
    let token = token["accessToken"].as_str().unwrap_or_default().to_owned();
    let claims = claims(&token);
    if claims["client_id"] != APPLICATION {
        return Err(format!("it is {claims}"));
    }
    let address = format!("{}/subscriptions?api-version=2022-12-01", entra.origin());
    let seen = az(entra, home, row, &["rest", "--url", &address])?;
    match seen["value"][0]["displayName"] == "Production" {
        true => Ok(token),
        false => Err(seen.to_string()),
    }
}
