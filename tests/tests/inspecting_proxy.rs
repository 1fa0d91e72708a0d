//! Behind a proxy that reads TLS with a certificate of its own, which only the settings of the AWS CLI
//! name: every call goes through it and trusts it, and a setting that is wrong stops the call.

use std::path::Path;

use dayfly_tests::{Daemon, Home, Inspecting, Ministack};
use serde_json::json;

const STS: &str = "sts.eu-west-1.amazonaws.com";

struct Stage {
    home: Home,
    proxy: Inspecting,
    sts: Ministack,
}

fn stage() -> Option<Stage> {
    let sts = Ministack::start()?;
    let endpoint = sts.endpoint();
    let address = endpoint.strip_prefix("http://").expect("an address");
    let proxy = Inspecting::start(&[(STS, address)])?;
    let mut home = Home::new();
    home.save_workspace(&json!({
        "sessions": [
            { "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "region": "eu-west-1",
              "profileName": "user" },
            { "sessionId": "cloud", "sessionName": "cloud", "type": "azure",
              "subscriptionId": "6f2f4d3c-0000-0000-0000-000000000000", "azureIntegrationId": "entra" },
        ],
        "awsSsoIntegrations": [{ "id": "corp", "alias": "corp", "portalUrl": "https://corp.awsapps.com/start",
            "region": "eu-west-1" }],
        "azureIntegrations": [{ "id": "entra", "alias": "entra",
            "tenantId": "6f2f4d3c-1111-1111-1111-000000000000" }],
    }));
    let (id, secret) = sts.user("user");
    home.run_with(["secret", "set", "user"], &format!("{id}\n{secret}\n"))
        .ok();
    home.set("HTTPS_PROXY", proxy.url());
    Some(Stage { home, proxy, sts })
}

/// Writes an AWS config file with a bundle of this profile.
fn config(home: &Home, section: &str, bundle: &Path) {
    let folder = home.path().join(".aws");
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = format!("[{section}]\nca_bundle = {}\n", bundle.display());
    std::fs::write(folder.join("config"), text).expect("a file");
}

#[test]
fn the_bundle_of_the_aws_cli_is_trusted_for_every_call() {
    let Some(Stage {
        mut home,
        proxy,
        sts: _sts,
    }) = stage()
    else {
        return;
    };
    // Without it nobody is trusted, and nothing is told to the proxy.
    let refused = home.run(["session", "start", "user"]);
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(
        refused.err.contains("could not be trusted") && refused.err.contains("AWS_CA_BUNDLE"),
        "{}",
        refused.err
    );
    assert!(!proxy.read().iter().any(|line| line.starts_with(STS)));

    home.set("AWS_CA_BUNDLE", proxy.authority());
    home.run(["session", "start", "user"]).ok();
    assert_eq!(home.status("user"), "active");
    let found = home.run(["doctor"]).out;
    for part in [
        proxy.url(),
        proxy.authority().display().to_string(),
        "because of AWS_CA_BUNDLE".to_owned(),
    ] {
        assert!(found.contains(&part), "{found}");
    }
    // The others: the sign-in of a portal and of Entra, a registry. They are only seen to arrive, since nobody answers for them here.
    for args in [
        &["integration", "login", "corp"][..],
        &["integration", "login", "entra"],
        &["policy", "add", "oci://registry.example/team/x:1", "--yes"],
    ] {
        let ended = home.run(args);
        assert_ne!(ended.code, 0, "{args:?}: {}", ended.out);
        assert!(!ended.err.contains("trusted"), "{args:?}: {}", ended.err);
    }
    let read = proxy.read();
    for host in [
        STS,
        "oidc.eu-west-1.amazonaws.com /client/register",
        "login.microsoftonline.com /",
        "registry.example /v2/",
    ] {
        assert!(
            read.iter().any(|line| line.starts_with(host)),
            "{host}: {read:?}"
        );
    }
}

#[test]
fn the_config_file_names_it_too_and_a_running_engine_has_what_it_was_started_with() {
    let Some(Stage {
        mut home,
        proxy,
        sts: _sts,
    }) = stage()
    else {
        return;
    };
    config(&home, "profile work", &proxy.authority());
    let refused = home.run(["session", "start", "user"]);
    assert_eq!(refused.code, 1, "another profile's is not taken");
    config(&home, "default", &proxy.authority());
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "user"]).ok();
    assert_eq!(home.status("user"), "active");
    drop(daemon);
    home.run(["session", "stop", "user"]).ok();
    config(&home, "profile work", &proxy.authority());
    home.set("AWS_PROFILE", "work");
    home.run(["session", "start", "user"]).ok();
    let found = home.run(["doctor"]).out;
    assert!(found.contains("ca_bundle of profile work"), "{found}");
}

#[test]
fn a_bundle_or_a_proxy_that_is_none_stops_the_call() {
    let Some(Stage {
        mut home,
        proxy,
        sts: _sts,
    }) = stage()
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    home.set("AWS_CA_BUNDLE", &file);
    let start = |home: &Home, said: &str| {
        let refused = home.run(["session", "start", "user"]);
        assert_ne!(refused.code, 0, "{}", refused.out);
        assert!(refused.err.contains(said), "{}", refused.err);
        let found = home.run(["doctor"]);
        assert_ne!(found.code, 0);
        assert!(found.out.contains(said), "{}", found.out);
    };
    let named = |problem: &str| format!("{} {problem}", file.display());
    start(&home, &named("does not exist"));
    std::fs::write(&file, "").expect("a file");
    start(&home, &named("has no certificate"));
    std::fs::write(&file, "garbage").expect("a file");
    start(&home, &named("has no certificate"));
    home.set("AWS_CA_BUNDLE", proxy.authority());
    home.set("HTTPS_PROXY", "socks5://user:canary@127.0.0.1:1");
    start(&home, "Dayfly cannot use the proxy in HTTPS_PROXY");
    for args in [
        ["session", "start", "user"],
        ["doctor", "--json", "--offline"],
    ] {
        let ended = home.run(args);
        assert!(!format!("{}{}", ended.out, ended.err).contains("canary"));
    }
    assert!(!proxy.read().iter().any(|line| line.starts_with(STS)));
}
