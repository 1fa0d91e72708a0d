//! Every file that Dayfly reads, with something in its place that nobody would write.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use dayfly_tests::{Daemon, Home, processor, until};
use serde_json::json;

/// Processor time for one command, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(40);
/// For a command that waits for ever.
const HANGS: Duration = Duration::from_secs(400);
/// KiB that a command may take: some compile a policy, which is a process of its own.
const MEMORY: u64 = 768 << 10;

/// A home in which everything that is kept was written once.
fn home() -> Home {
    let home = Home::new();
    home.save_config(
        "[recording]\nenabled = true\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [policy.config]\nmatch = { labels = [\"team=a\"] }\n",
    );
    home.save_workspace(&json!({
        "sessions": [
            { "sessionId": "one", "sessionName": "one", "type": "localstack", "profileName": "one", "labels": { "team": "a" } },
            { "sessionId": "two", "sessionName": "two", "type": "awsIamUser", "profileName": "two", "region": "eu-west-1" },
            { "sessionId": "sso", "sessionName": "sso", "type": "awsSsoRole", "profileName": "sso", "region": "eu-west-1",
              "roleArn": "arn:aws:iam::123456789012:role/x", "awsSsoConfigurationId": "corp" },
            { "sessionId": "az", "sessionName": "az", "type": "azure", "subscriptionId": "s", "tenantId": "t",
              "azureIntegrationId": "az" },
        ],
        "awsSsoIntegrations": [{ "id": "corp", "alias": "corp", "portalUrl": "https://corp.awsapps.com/start", "region": "eu-west-1",
            "browserOpening": "In-browser" }],
        "azureIntegrations": [{ "id": "az", "alias": "az", "tenantId": "t", "region": "westeurope" }],
    }));
    let key = format!("AKIAIOSFODNN7EXAMPLE\n{}\n", "k".repeat(40));
    home.run_with(["secret", "set", "two"], &key).ok();
    let daemon = Daemon::start(&home);
    until(Duration::from_secs(30), "it is active", || {
        home.status("one") == "active"
    });
    home.run(["emit", "hello"]).ok();
    home.run(["session", "stop", "one"]).ok();
    assert_eq!(daemon.terminate(), 0);
    // Those of other programs, which Dayfly reads.
    for name in [
        ".aws/config",
        ".aws/sso/cache/0123456789abcdef0123456789abcdef01234567.json",
        ".azure/azureProfile.json",
        ".docker/config.json",
        "dayfly.lock",
    ] {
        let path = home.path().join(name);
        if !path.exists() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, "").expect("a file");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    }
    home
}

/// What nobody would write: deep, wide, long. What is no JSON is for the other files.
fn odd(json: bool) -> Vec<(&'static str, String)> {
    let deep = 300_000;
    let wide: String = (0..300_000).map(|n| format!("\"k{n}\":0,")).collect();
    if json {
        return vec![
            ("deep lists", "[".repeat(deep) + &"]".repeat(deep)),
            (
                "deep objects",
                "{\"a\":".repeat(deep) + "0" + &"}".repeat(deep),
            ),
            ("many keys", format!("{{{wide}\"z\":0}}")),
            (
                "many keys of a part",
                format!("{{\"sessions\":[{{{wide}\"z\":0}}]}}"),
            ),
            (
                "many parts",
                format!("{{\"sessions\":[{}0]}}", "{},".repeat(1_000_000)),
            ),
            (
                "a deep part",
                format!("{{\"sessions\":{}{}}}", "[".repeat(deep), "]".repeat(deep)),
            ),
            ("a long text", format!("\"{}\"", "\\u0000".repeat(500_000))),
            ("many lines", "{}\n".repeat(700_000)),
        ];
    }
    let sections = (0..150_000).map(|n| format!("[profile p{n}]\nregion=x\n"));
    vec![
        (
            "deep lists",
            format!("a = {}{}\n", "[".repeat(deep), "]".repeat(deep)),
        ),
        (
            "deep tables",
            format!("{} = 1\n", vec!["a"; deep].join(".")),
        ),
        ("many tables", "[[policy]]\n".repeat(100_000)),
        ("many sections", sections.collect()),
        ("no text", "\u{0}".repeat(4 << 20)),
    ]
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Ends by itself, soon, with a code, and takes little.
fn bounded(home: &Home, args: &[&str]) -> Result<(), String> {
    let mut command = home.command(args);
    let said = fs::File::create(home.path().join("said")).expect("a file");
    let mut child = command
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .expect("it runs");
    let (begun, pid) = (Instant::now(), child.id());
    let mut most = 0;
    let status = loop {
        most = most.max(resident_kib(pid));
        if let Some(status) = child.try_wait().expect("it is ours") {
            break status;
        }
        if processor::used(pid) > LIMIT || begun.elapsed() > HANGS || most > MEMORY {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
            return Err(format!("{:?}, {most} KiB", begun.elapsed()));
        }
        // Sleeps between two looks at its memory, until the limit.
        std::thread::sleep(Duration::from_millis(5));
    };
    let said = fs::read(home.path().join("said")).expect("a file");
    let text = String::from_utf8_lossy(&said);
    let shown: String = text.chars().take(600).collect();
    match status.code() {
        None => Err(format!("{status}: {shown}")),
        Some(_) if text.contains("panicked") => Err(shown),
        // A person can read what is wrong.
        Some(_) if said.len() > 64 << 10 => Err(format!("{} bytes: {shown}", said.len())),
        Some(_) => Ok(()),
    }
}

/// The files that Dayfly and others keep, but not what is no text.
fn kept(home: &Home) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = home
        .files()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let code = path.components().any(|part| part.as_os_str() == "code");
            !code && !name.ends_with(".lock") || name == "dayfly.lock"
        })
        .filter(|path| path.file_name().is_none_or(|name| name != "said"))
        .collect();
    files.sort();
    files
}

#[test]
fn nothing_odd_in_a_file_costs_much_or_stops_a_command_in_the_middle() {
    let home = home();
    let files = kept(&home);
    let has = |part: &str| files.iter().any(|path| path.ends_with(Path::new(part)));
    assert!(
        has("workspace.json") && has("dayfly.toml") && has(".aws/credentials"),
        "{files:?}"
    );
    assert!(files.len() > 8, "{files:?}");
    let mut wrong = Vec::new();
    for file in &files {
        let good = fs::read(file).expect("it is there");
        let mode = fs::metadata(file).expect("it is there").permissions();
        let name = file.to_string_lossy().into_owned();
        // What reads it besides an engine and `doctor`.
        let reader = match () {
            () if name.contains("recording") => "replay",
            () if name.contains("journal") => "events",
            () => "status",
        };
        for (kind, text) in odd(name.contains(".json")) {
            fs::write(file, text).expect("a file");
            for args in [&["run", "--once"][..], &["doctor"], &[reader]] {
                if let Err(problem) = bounded(&home, args) {
                    wrong.push(format!("{name}: {kind}: {args:?}: {problem}"));
                }
            }
            fs::write(file, &good).expect("a file");
            fs::set_permissions(file, mode.clone()).expect("a mode");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    home.run(["session", "start", "one"]).ok();
}
