//! What is said of Workspaces of others: as they come, change, cannot be read, and go.

use dayfly_tests::Home;
use serde_json::{Value, json};

use crate::situations::Transcript;

fn local(id: &str, region: &str) -> Value {
    json!({ "sessionId": id, "sessionName": id, "type": "localstack", "region": region, "profileName": id })
}

/// A layer of this version with these sessions.
fn write(home: &Home, version: Option<&str>, sessions: &[Value]) {
    let mut whole = json!({ "sessions": sessions });
    if let Some(version) = version {
        whole["layerVersion"] = json!(version);
    }
    std::fs::write(home.path().join("team.json"), whole.to_string()).unwrap();
}

#[test]
fn a_workspace_of_others_comes_changes_and_goes() {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [local("own", "eu-west-1")] }));
    let source = home.path().join("team.json");
    let source = source.to_str().unwrap();
    let add = format!("layer add {source}");
    let mut said = Transcript::of(&home);
    said.now("it comes");
    said.runs(&[
        "layer list",
        "layer update",
        "layer update team",
        "layer remove team",
    ]);
    write(
        &home,
        Some("1.1.0"),
        &[local("dev", "eu-west-1"), local("own", "us-east-1")],
    );
    said.runs(&[
        &add,
        &format!("{add} --yes --json"),
        &format!("{add} --yes"),
        "layer list --json",
        "layer update",
    ]);
    said.now("it changes");
    said.run("session edit dev --region eu-north-1");
    write(
        &home,
        Some("1.2.0"),
        &[local("dev", "us-east-1"), local("new", "us-east-1")],
    );
    said.runs(&[
        "layer list --json",
        "doctor --offline",
        "layer update --check",
        "layer update",
        "layer update --yes",
        "session remove new --yes",
        "layer update",
    ]);
    said.now("an older one");
    write(&home, Some("1.1.9"), &[local("dev", "us-east-1")]);
    said.run("layer update --yes");
    write(&home, None, &[local("dev", "us-east-1")]);
    said.runs(&["layer update --yes", "layer update team --downgrade --yes"]);
    said.now("it cannot be read");
    for text in [
        "{ \"sessions\": [",
        "{}",
        "{ \"sessions\": [], \"layerVersion\": 2 }",
    ] {
        std::fs::write(home.path().join("team.json"), text).unwrap();
        said.run("layer update --yes");
    }
    std::fs::remove_file(home.path().join("team.json")).unwrap();
    said.runs(&[
        "layer update --yes",
        "layer list --json",
        "doctor --offline",
    ]);
    said.now("it goes");
    said.runs(&[
        "layer remove team",
        "layer remove team --yes",
        "session list",
    ]);
    said.now("other places");
    write(&home, None, &[local("dev", "eu-west-1")]);
    said.runs(&[
        "layer add oci://127.0.0.1:1/team/cloud:1 --yes",
        "layer add oci://127.0.0.1:1/team/cloud:1#a.json --yes",
        "layer add oci://UPPER --yes",
        "layer add builtin:keep-active --yes",
        "layer add git:/nowhere//team.json --yes",
        "policy add oci://127.0.0.1:1/team/cloud:1 --yes",
        &format!("policy add {source} --yes"),
        &format!("layer push {source} oci://127.0.0.1:1/team/cloud:1"),
        &format!("layer push {source} ~/nowhere"),
        "workspace export --layer-version next",
        "workspace export --layer-version 1.0.0 --format json",
        "workspace export own --layer-version 1.0.0",
    ]);
    write(
        &home,
        Some("1.0.0"),
        &[json!({ "sessionId": "a", "sessionName": "a", "type": "awsIamUsr" })],
    );
    said.runs(&[
        &format!("layer push {source} oci://127.0.0.1:1/team/cloud:1"),
        &format!("{add} --yes"),
    ]);
    write(&home, Some("1.0.0"), &[local("dev", "eu-west-1")]);
    said.run(&format!(
        "layer push {source} oci://127.0.0.1:1/team/cloud:1"
    ));
    said.compare("layers");
}
