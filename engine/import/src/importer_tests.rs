use std::path::PathBuf;

use dayfly_workspace::WorkspaceFile;
use tempfile::TempDir;

use super::*;
use crate::{AwsProfiles, Plan, Source as _};

const CONFIG: &str = "# mine\n[default]\nregion = eu-west-1\n\n[profile admin]\n# the big one\n\
    role_arn = arn:aws:iam::222222222222:role/Admin\nsource_profile = default\nregion = eu-central-1\n\
    [sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
    [profile dev]\nsso_session = corp\nsso_account_id = 333333333333\nsso_role_name = R";
const CREDENTIALS: &str = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
    aws_secret_access_key = wJalrXUtnFEMI/K7MDENG ; no comment\n\n[other]\naws_access_key_id = AKIAIOSFODNN7OTHER00\n\
    aws_secret_access_key = other\naws_session_token = t\n";

/// A machine with files of its own.
struct Machine {
    folder: TempDir,
    workspace: WorkspaceFile,
    vault: Vault,
    files: AwsProfiles,
}

impl Machine {
    fn new(sessions: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let aws = at(".aws");
        std::fs::create_dir(&aws).unwrap();
        std::fs::write(aws.join("config"), CONFIG).unwrap();
        std::fs::write(aws.join("credentials"), CREDENTIALS).unwrap();
        let workspace = WorkspaceFile::at(&at("workspace.json"));
        workspace
            .create(&format!("{{\n  \"sessions\": {sessions}\n}}\n"))
            .unwrap();
        Self {
            workspace,
            vault: Vault::new(at("vault.age"), at("vault.key")),
            files: AwsProfiles {
                config: aws.join("config"),
                credentials: aws.join("credentials"),
            },
            folder,
        }
    }

    fn record(&self) -> PathBuf {
        self.folder.path().join("import.json")
    }

    fn plan(&self) -> Plan {
        self.workspace.load().unwrap();
        Plan::new(
            &self.workspace.current().unwrap(),
            &[("aws", self.files.list().unwrap())],
        )
    }

    fn with<T>(&self, act: impl FnOnce(Importer<'_>) -> T) -> T {
        act(Importer {
            workspace: &self.workspace,
            vault: &self.vault,
            files: &self.files,
            record: &self.record(),
        })
    }

    fn apply(&self) -> Applied {
        let plan = self.plan();
        self.with(|importer| importer.apply(&plan)).unwrap()
    }

    /// The Workspace and both AWS files.
    fn texts(&self) -> [String; 3] {
        [
            self.workspace.path(),
            &self.files.config,
            &self.files.credentials,
        ]
        .map(|path| std::fs::read_to_string(path).unwrap())
    }
}

#[test]
fn an_import_is_made_once_and_taken_back_byte_for_byte() {
    let machine = Machine::new("[]");
    let before = machine.texts();
    let applied = machine.apply();
    assert_eq!(applied.sessions, ["default", "admin", "dev"]);
    assert_eq!(applied.keys, 1);
    assert_eq!(
        Vec::from_iter(&applied.profiles),
        ["admin", "default", "dev"]
    );
    let after = machine.texts();
    let [workspace, config, credentials] = &after;
    assert!(workspace.contains("awsIamRoleChained"));
    assert!(
        !credentials.contains("wJalr") && credentials.contains("[other]\naws_access_key_id"),
        "{credentials}"
    );
    assert!(
        config.contains(": role_arn = arn:aws:iam::222222222222:role/Admin\n"),
        "{config}"
    );
    let record = std::fs::read_to_string(machine.record()).unwrap();
    assert!(!record.contains("wJalr"));

    assert_eq!(machine.apply(), Applied::default());
    assert_eq!(machine.texts(), after);
    assert_eq!(std::fs::read_to_string(machine.record()).unwrap(), record);

    let mut gone = machine.with(|importer| importer.undo()).unwrap();
    gone.sort();
    assert_eq!(gone, ["admin", "default", "dev"]);
    let [_, config, credentials] = machine.texts();
    assert_eq!(
        [config, credentials],
        [before[1].clone(), before[2].clone()]
    );
    machine.workspace.load().unwrap();
    let workspace = machine.workspace.current().unwrap();
    assert!(workspace.sessions().is_empty() && workspace.aws_sso_integrations().is_empty());
    assert_eq!(machine.vault.list().unwrap().len(), 0);
    let again = machine.with(|importer| importer.undo()).unwrap_err();
    assert!(matches!(again, ImportError::NoRecord), "{again}");
}

#[test]
fn an_import_that_is_interrupted_at_any_step_is_ended_by_the_next() {
    for step in 0..3 {
        let machine = Machine::new("[]");
        let before = machine.texts();
        let plan = machine.plan();
        // What had been done when the machine was lost.
        machine.with(|importer| {
            importer.note(&plan, &owners(&plan)).unwrap();
            if step > 0 {
                importer.keep_keys(&plan).unwrap();
            }
            if step > 1 {
                importer.workspace.edit(|text| plan.apply(text)).unwrap();
            }
        });
        machine.apply();
        let whole = Machine::new("[]");
        whole.apply();
        assert_eq!(machine.texts(), whole.texts(), "step {step}");
        machine.with(|importer| importer.undo()).unwrap();
        assert_eq!(machine.texts()[1..], before[1..], "step {step}");
    }
}

#[test]
fn what_was_edited_or_is_in_use_is_not_taken_back() {
    let edits = [
        ("\"eu-central-1\"", "\"eu-north-1\"", "\"admin\" was edited"),
        (
            "\"sessionName\": \"dev\",",
            "\"sessionName\": \"dev\", \"status\": \"active\",",
            "\"dev\" is in use",
        ),
    ];
    for (from, to, told) in edits {
        let machine = Machine::new("[]");
        machine.apply();
        machine
            .workspace
            .edit::<SpliceError>(|text| Ok(text.replace(from, to)))
            .unwrap();
        let before = machine.texts();
        let refused = machine.with(|importer| importer.undo()).unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
        assert_eq!(machine.texts(), before);
    }
    let machine = Machine::new("[]");
    machine.apply();
    let admin = machine.plan();
    assert!(
        admin.rows.is_empty(),
        "what is taken over is no source: {admin:?}"
    );
    let child = r#"{"sessionId": "mine", "sessionName": "mine", "type": "awsIamRoleChained",
        "roleArn": "arn:aws:iam::222222222222:role/X", "parentSessionId": "PARENT"}"#;
    let workspace = machine.workspace.current().unwrap();
    let parent = workspace.sessions()[0].session.id.to_string();
    let child: Map<String, Value> =
        serde_json::from_str(&child.replace("PARENT", &parent)).unwrap();
    machine
        .workspace
        .edit(|text| splice::add(text, List::Sessions, &child))
        .unwrap();
    let refused = machine.with(|importer| importer.undo()).unwrap_err();
    assert!(
        refused.to_string().contains("\"mine\" was added since"),
        "{refused}"
    );
}

#[test]
fn another_key_of_the_vault_is_not_lost() {
    let machine = Machine::new("[]");
    let plan = machine.plan();
    let id = id_of(&plan.rows[0].verdict).unwrap();
    let other = dayfly_vault::AccessKey {
        access_key_id: "AKIAOTHER".into(),
        secret_access_key: "x".to_owned().into(),
    };
    machine.vault.set_access_key(&id, &other).unwrap();
    let before = machine.texts();
    let refused = machine.with(|importer| importer.apply(&plan)).unwrap_err();
    assert!(
        matches!(&refused, ImportError::OtherKey(name) if name == "default"),
        "{refused}"
    );
    assert_eq!(machine.texts(), before);
}
