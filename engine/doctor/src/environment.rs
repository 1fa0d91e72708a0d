//! What this shell says to SDKs.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use dayfly_awsfiles::{Kind, load};
use dayfly_endpoints::environment::CONFLICTING;
use dayfly_endpoints::hiding::hiding_files;

use crate::findings::Findings;

/// How long an endpoint on this machine may take to answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What SDKs find in the environment of this shell before any profile.
pub fn environment(findings: &mut Findings) {
    let keys = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ];
    let set: Vec<&str> = CONFLICTING
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        .collect();
    let shadows: Vec<&str> = set
        .iter()
        .copied()
        .filter(|name| keys.contains(name))
        .collect();
    if !shadows.is_empty() {
        let message = format!(
            "{}, set in this shell, hides every profile from SDKs",
            shadows.join(", ")
        );
        findings.wrong(
            "environment",
            message,
            &format!("unset {}", shadows.join(" ")),
        );
    }
    let named = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .find(|(_, profile)| !profile.is_empty());
    if let Some((variable, profile)) = named
        && profiles().is_some_and(|known| !known.contains(&profile))
    {
        let message = format!(
            "{variable} names profile \"{profile}\", which is not in the shared AWS files now"
        );
        let hint = format!("start the session of that profile, or unset {variable}");
        findings.wrong("environment", message, &hint);
    }
    dead_endpoint(findings);
    for (kind, path) in hiding_files() {
        let variable = kind.variable();
        let message = format!(
            "the profile default in {} has its own credentials",
            path.display()
        );
        let hint = format!(
            "programs that name no profile use those; `dayfly exec` and `dayfly env` set \
             {variable} to prevent that"
        );
        findings.notice("environment", message, &hint);
    }
    if set.is_empty() {
        findings.good("environment", "nothing in this shell hides profiles");
    }
}

/// An endpoint of an engine or of a command that is gone: SDKs wait for it, and find nothing else.
fn dead_endpoint(findings: &mut Findings) {
    for variable in [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    ] {
        let Ok(url) = std::env::var(variable) else {
            continue;
        };
        let Some(address) = loopback(&url) else {
            continue;
        };
        if TcpStream::connect_timeout(&address, TIMEOUT).is_err() {
            let message = format!("{variable} names {address}, where no endpoint answers");
            let hint = format!("run `dayfly env SESSION` again, or unset {variable}");
            findings.wrong("environment", message, &hint);
        }
    }
    if let Some(file) = std::env::var_os("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        && let Err(error) = std::fs::metadata(&file)
    {
        let variable = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
        let message = format!(
            "{variable}: {} cannot be read: {error}",
            Path::new(&file).display()
        );
        let hint = format!("run `dayfly env SESSION --token-file` again, or unset {variable}");
        findings.wrong("environment", message, &hint);
    }
}

/// The address in a URL, where that is on this machine.
fn loopback(url: &str) -> Option<SocketAddr> {
    let rest = url.strip_prefix("http://")?;
    let address = rest.split('/').next()?.replace("localhost", "127.0.0.1");
    let address: SocketAddr = address.parse().ok()?;
    address.ip().is_loopback().then_some(address)
}

/// The profiles in both shared files; none where one cannot be read, which is told of the file.
fn profiles() -> Option<BTreeSet<String>> {
    let own = std::env::home_dir().unwrap_or_default();
    let mut found = BTreeSet::from(["default".to_owned()]);
    for kind in [Kind::Credentials, Kind::Config] {
        let path = kind.place(&own);
        let file = load(&path, kind).ok()?;
        found.extend(file.profiles().map(|(name, _)| name.to_owned()));
    }
    Some(found)
}
