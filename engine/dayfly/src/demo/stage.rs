//! The throw-away home of the demo, and its STS.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use dayfly_core::session::SessionId;
use dayfly_dialog::CliError;
use dayfly_host::vault;
use dayfly_runtime::Home;
use dayfly_sts::{EmulatedRole, EmulatorOptions, StsEmulator};
use dayfly_vault::{AccessKey, SecretString};
use dayfly_workspace::splice::{self, List};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const USER: &str = "user-main";
const ACCOUNT: &str = "123456789012";

/// Everything that the demo is played on; gone when dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) sts: StsEmulator,
    folder: TempDir,
}

impl Stage {
    /// Builds it. Credentials will live so long.
    pub(crate) async fn build(lifetime: Duration) -> Result<Self, CliError> {
        let failed = |e: io::Error| CliError::failed(format!("cannot prepare the demo: {e}"));
        let folder = tempfile::Builder::new()
            .prefix("dayfly-demo-")
            .tempdir()
            .map_err(failed)?;
        let home = Home::in_one(folder.path().to_owned());
        let key = AccessKey {
            access_key_id: "AKIADEMODEMODEMODEMO".into(),
            // Made anew for each demo, so that it is worth nothing anywhere.
            secret_access_key: SecretString::from(uuid::Uuid::new_v4().simple().to_string()),
        };
        let roles = ["deploy", "audit", "hotfix"].map(|name| EmulatedRole {
            arn: role_arn(name),
            external_id: None,
        });
        let sts = StsEmulator::start(EmulatorOptions {
            users: vec![(key.clone(), format!("arn:aws:iam::{ACCOUNT}:user/you"))],
            roles: roles.into(),
            max_lifetime: Some(lifetime),
        })
        .await
        .map_err(failed)?;
        let stage = Self { home, sts, folder };
        vault::open(&stage.home)?
            .set_access_key(&SessionId::new(USER), &key)
            .map_err(|e| CliError::failed(format!("cannot prepare the demo: {e}")))?;
        std::fs::write(stage.home.workspace(), workspace()).map_err(failed)?;
        std::fs::write(stage.home.config(), stage.config()).map_err(failed)?;
        Ok(stage)
    }

    /// The credentials file of the demo, and of nobody else.
    pub(crate) fn credentials_file(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }

    fn config(&self) -> String {
        format!(
            r#"[aws]
sts-endpoint-url = "{}"
credentials-file = "credentials"

[[policy]]
name = "keep-work"
module = "builtin:keep-active"
config = {{ match = {{ labels = ["work"] }} }}

[[policy]]
name = "rotate-early"
module = "builtin:rotate-before-expiry"
"#,
            self.sts.endpoint_url()
        )
    }

    /// Adds a session to the Workspace file, as with a text editor.
    pub(crate) fn add(&self, name: &str) -> Result<(), CliError> {
        let session = chained(name);
        self.edit(|text| splice::add(text, List::Sessions, &session))
    }

    /// Removes a session from the Workspace file, as with a text editor.
    pub(crate) fn remove(&self, name: &str) -> Result<(), CliError> {
        self.edit(|text| splice::remove(text, List::Sessions, &id(name)))
    }

    fn edit(
        &self,
        change: impl FnOnce(&str) -> Result<String, splice::SpliceError>,
    ) -> Result<(), CliError> {
        let path = self.home.workspace();
        let failed = |e: io::Error| CliError::failed(format!("cannot edit the Workspace: {e}"));
        let text = dayfly_fs::bounded::read_text(&path, 1 << 20).map_err(io::Error::other);
        let text = text.map_err(failed)?.unwrap_or_default();
        let text = change(&text).map_err(|e| CliError::failed(e.to_string()))?;
        let part = self.folder.path().join("workspace.part");
        std::fs::write(&part, text)
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(failed)
    }

    /// Removes everything.
    pub(crate) fn strike(self) -> Result<(), CliError> {
        drop(self.sts);
        self.folder
            .close()
            .map_err(|e| CliError::failed(format!("cannot remove the demo's folder: {e}")))
    }
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn id(name: &str) -> String {
    format!("role-{name}")
}

fn chained(name: &str) -> Map<String, Value> {
    let session = json!({
        "sessionId": id(name),
        "sessionName": name,
        "type": "awsIamRoleChained",
        "region": "eu-west-1",
        "profileName": name,
        "roleArn": role_arn(name),
        "parentSessionId": USER,
        "labels": { "work": "" },
    });
    match session {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn workspace() -> String {
    let user = json!({
        "sessionId": USER,
        "sessionName": "main",
        "type": "awsIamUser",
        "region": "eu-west-1",
        "profileName": "main",
    });
    let local = json!({
        "sessionId": "localstack",
        "sessionName": "local",
        "type": "localstack",
        "region": "eu-west-1",
        "profileName": "local",
        "labels": { "work": "" },
    });
    let sessions = json!({ "sessions": [user, chained("deploy"), chained("audit"), local] });
    format!("{sessions:#}\n")
}
