//! Subscriptions that a person signed in to with the Azure CLI become sessions, and the sign-in stays the Azure CLI's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;

use dayfly_tests::door::exported;
use dayfly_tests::entra::{APPLICATION, Entra, SECRET, TENANT, claims};
use dayfly_tests::{Daemon, Home};
use serde_json::Value;

/// The Azure CLI in this environment; what it printed.
fn az(program: &Path, environment: &[(String, String)], args: &[&str]) -> Value {
    let mut command = Command::new(program);
    command.env_clear().envs(environment.iter().cloned());
    let output = command
        .args(args)
        .args(["--output", "json"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[test]
fn a_subscription_of_the_azure_cli_goes_on_with_its_sign_in() {
    let Some(program) = std::env::var_os("DAYFLY_TEST_AZ").map(PathBuf::from) else {
        return;
    };
    let Some(entra) = Entra::start(3600) else {
        return;
    };
    let mut home = Home::new();
    entra.trusted_by(&mut home);
    let folder = program.parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    home.set("PATH", format!("{folder}:{path}"));
    home.set("AZURE_CORE_INSTANCE_DISCOVERY", "false");
    home.set("AZURE_CORE_COLLECT_TELEMETRY", "no");
    let own = home.command([""; 0]);
    let own: Vec<(String, String)> = own
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
        .collect();
    let origin = entra.origin();
    let places = [
        "--endpoint-active-directory",
        &origin,
        "--endpoint-resource-manager",
        &origin,
    ];
    let cloud = [&["cloud", "update", "-n", "AzureCloud"][..], &places].concat();
    az(&program, &own, &cloud);
    let who = ["-u", APPLICATION, "-p", SECRET, "--tenant", TENANT];
    az(
        &program,
        &own,
        &[&["login", "--service-principal"][..], &who].concat(),
    );
    let list = home.path().join(".azure/azureProfile.json");
    let before = std::fs::read(&list).unwrap();
    assert!(before.starts_with("\u{feff}".as_bytes()));

    let told = home.run(["import", "--apply", "--json"]).ok().json();
    let session = told["sessions"][0]["sessionName"]
        .as_str()
        .unwrap()
        .to_owned();
    let daemon = Daemon::start(&home);
    home.run(["session", "start", &session]).ok();
    // Another Azure CLI, in which nobody signed in, has the session's endpoint alone.
    let mut theirs: Vec<_> = own
        .iter()
        .filter(|(name, _)| !name.starts_with("AZURE_"))
        .cloned()
        .collect();
    for (name, value) in exported(&home, &session, &[]) {
        theirs.push((name.to_string(), value.to_string()));
    }
    theirs.push((
        "AZURE_CONFIG_DIR".into(),
        home.path().join("other").display().to_string(),
    ));
    az(
        &program,
        &theirs,
        &[&["cloud", "update", "-n", "AzureCloud"][..], &places].concat(),
    );
    az(&program, &theirs, &["login", "--identity"]);
    let token = az(&program, &theirs, &["account", "get-access-token"]);
    let claims = claims(token["accessToken"].as_str().unwrap());
    assert_eq!(claims["client_id"], APPLICATION, "{claims}");
    // What the Azure CLI has is as it was.
    assert_eq!(std::fs::read(&list).unwrap(), before);
    home.run(["session", "stop", &session]).ok();
    home.run(["import", "--undo"]).ok();
    assert_eq!(std::fs::read(&list).unwrap(), before);
    assert_eq!(daemon.terminate(), 0);
}
