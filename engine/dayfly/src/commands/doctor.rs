//! `dayfly doctor`

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use dayfly_chain::ini::Document;
use dayfly_chain::{Change, Profiles, Publication};
use dayfly_core::delivery::{self, Place};
use dayfly_core::session::Lease;
use dayfly_core::time::Timestamp;
use dayfly_runtime::{Config, Home};
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use dayfly_workspace::Workspace;
use serde::Serialize;

use crate::clients::environment::CONFLICTING;
use crate::clients::shadow::shadowing;
use crate::commands::{print, print_json};
use crate::control::client;
use crate::control::protocol::Request;
use crate::exit::Exit;
use crate::policies::Loaded;
use crate::show::table::tame;
use crate::trouble::Trouble;
use crate::{engine, locate, policies};

/// Look for what keeps credentials from being obtained or found, and say how to mend it.
///
/// Ends with 1 where something is wrong. Changes nothing and calls no cloud.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly doctor\n  dayfly doctor --json")]
pub(crate) struct Args {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Grade {
    Good,
    Notice,
    Wrong,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    grade: Grade,
    about: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, about: &'static str, message: impl Into<String>) {
        self.add(Grade::Good, about, message.into(), None);
    }

    fn notice(&mut self, about: &'static str, message: impl Into<String>, hint: &str) {
        self.add(Grade::Notice, about, message.into(), Some(hint.to_owned()));
    }

    fn wrong(&mut self, about: &'static str, message: impl Into<String>, hint: &str) {
        let hint = Some(hint.to_owned()).filter(|h| !h.is_empty());
        self.add(Grade::Wrong, about, message.into(), hint);
    }

    fn add(&mut self, grade: Grade, about: &'static str, message: String, hint: Option<String>) {
        self.0.push(Finding {
            grade,
            about,
            message,
            hint,
        });
    }
}

pub(crate) fn run(args: &Args) -> Result<Exit, Trouble> {
    let home = locate::home()?;
    let mut findings = Findings::default();
    engine_runs(&home, &mut findings);
    let workspace = workspace(&home, &mut findings);
    configuration(&home, &mut findings);
    modes(&home, &mut findings);
    vault(&home, workspace.as_deref(), &mut findings);
    environment(&mut findings);
    shared_files(&home, workspace.as_deref(), &mut findings)?;
    let wrong = findings.0.iter().any(|f| f.grade == Grade::Wrong);
    let exit = if wrong { Exit::Failed } else { Exit::Done };
    if args.json {
        print_json(&findings.0)?;
        return Ok(exit);
    }
    let mut text = String::new();
    for finding in &findings.0 {
        let mark = match finding.grade {
            Grade::Good => '✓',
            Grade::Notice => '·',
            Grade::Wrong => '✗',
        };
        text += &format!("{mark} {}: {}\n", finding.about, tame(&finding.message));
        if let Some(hint) = &finding.hint {
            text += &format!("    {}\n", tame(hint));
        }
    }
    print(&text);
    Ok(exit)
}

fn engine_runs(home: &Home, findings: &mut Findings) {
    let report = client::ask::<dayfly_runtime::report::EngineReport>(home, &Request::Report {});
    match report {
        Some(Ok(report)) => {
            let Some(engine) = report.engine else { return };
            let own = env!("CARGO_PKG_VERSION");
            if engine.version == own {
                findings.good("engine", format!("runs (process {})", engine.pid));
            } else {
                let message = format!("version {} runs, this is {own}", engine.version);
                findings.notice("engine", message, "restart it");
            }
            for session in report.sessions.iter().filter(|s| s.error.is_some()) {
                let Some(error) = &session.error else {
                    continue;
                };
                let message = format!("\"{}\": {}", session.name, error.message);
                findings.wrong("session", message, error.hint.as_deref().unwrap_or(""));
            }
        }
        Some(Err(trouble)) => {
            let hint = trouble.hint.unwrap_or_default();
            findings.wrong("engine", trouble.message, &hint);
        }
        None => findings.notice(
            "engine",
            "none runs, so nothing is started, renewed or stopped by rule",
            "`dayfly run` starts one",
        ),
    }
}

fn workspace(home: &Home, findings: &mut Findings) -> Option<Arc<Workspace>> {
    let loaded = engine::load(home);
    let problems = match &loaded {
        Ok(workspace) => workspace.problems().to_vec(),
        Err(rejected) => rejected.problems.clone(),
    };
    for problem in &problems {
        let mut bare = problem.clone();
        let hint = bare.hint.take().unwrap_or_default();
        if problem.severity == dayfly_workspace::Severity::Error {
            let missing = !home.workspace().exists();
            let hint = if missing {
                "`dayfly init` makes one".to_owned()
            } else {
                hint
            };
            findings.wrong("workspace", bare.to_string(), &hint);
        } else {
            findings.notice("workspace", bare.to_string(), &hint);
        }
    }
    let workspace = loaded.ok()?;
    if problems.is_empty() {
        let count = workspace.sessions().len();
        findings.good(
            "workspace",
            format!("{}: sessions: {count}", home.workspace().display()),
        );
    }
    Some(workspace)
}

fn configuration(home: &Home, findings: &mut Findings) {
    if let Err(mut error) = Config::load(&home.config()) {
        let hint = error.hint.take().unwrap_or_default();
        findings.wrong("config", error.to_string(), &hint);
        return;
    }
    match policies::load(home) {
        Ok(Loaded { entries, problems }) => {
            for mut problem in problems {
                let hint = problem.hint.take().unwrap_or_default();
                findings.wrong("policy", problem.to_string(), &hint);
            }
            let names: Vec<&str> = entries.iter().map(|e| e.entry.name.as_str()).collect();
            if names.is_empty() {
                let hint = "write [[policy]] entries into dayfly.toml";
                findings.notice("policies", "none is configured", hint);
            } else {
                findings.good("policies", names.join(", "));
            }
        }
        Err(trouble) => findings.wrong("policies", trouble.message, ""),
    }
}

/// Files that others must not read, or must not write.
fn modes(home: &Home, findings: &mut Findings) {
    let credentials = engine::credentials_file(home).ok();
    let private = [
        home.vault(),
        home.vault_key(),
        home.wrapped_vault_key(),
        home.endpoint(),
        home.kept(),
    ];
    let mut odd = false;
    let mut check = |path: &Path, forbidden: u32, mend: &str| {
        let Ok(meta) = std::fs::metadata(path) else {
            return;
        };
        let mode = meta.permissions().mode() & 0o777;
        if mode & forbidden != 0 {
            odd = true;
            let message = format!(
                "{} has mode {mode:o}, so that others can get at it",
                path.display()
            );
            findings.wrong("modes", message, &format!("{mend} {}", path.display()));
        }
    };
    for path in private.iter().chain(&credentials) {
        check(path, 0o077, "chmod 600");
    }
    for path in [home.workspace(), home.config()] {
        check(&path, 0o022, "chmod go-w");
    }
    check(home.folder(), 0o022, "chmod go-w");
    check(home.state(), 0o077, "chmod 700");
    if !odd {
        findings.good(
            "modes",
            "nobody else can get at secrets, Workspace or configuration",
        );
    }
}

fn vault(home: &Home, workspace: Option<&Workspace>, findings: &mut Findings) {
    use dayfly_core::session::SessionType;
    let users: Vec<_> = workspace
        .map(Workspace::sessions)
        .unwrap_or_default()
        .iter()
        .filter(|e| e.session.session_type() == SessionType::AwsIamUser)
        .collect();
    if users.is_empty() {
        return;
    }
    let vault = engine::vault(home);
    let kept = if home.vault().exists() {
        vault.list()
    } else {
        Ok(Vec::new())
    };
    match kept {
        Ok(kept) => {
            let kept: BTreeSet<String> = kept.into_iter().map(|info| info.name).collect();
            let without = users.iter().filter(|e| {
                !kept.contains(&format!("{}{}", dayfly_vault::ACCESS_KEY, e.session.id))
            });
            let mut complete = true;
            for entry in without {
                complete = false;
                let name = &entry.session.name;
                let message = format!("no access key is kept for session \"{name}\"");
                findings.wrong("vault", message, &format!("dayfly secret set {name}"));
            }
            if complete {
                findings.good("vault", "opens, and has a key for every IAM user");
            }
        }
        Err(error) => findings.wrong("vault", error.to_string(), ""),
    }
}

/// What SDKs find in the environment of this shell before any profile.
fn environment(findings: &mut Findings) {
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
            "{} set here hides every profile from SDKs",
            shadows.join(", ")
        );
        findings.wrong(
            "environment",
            message,
            &format!("unset {}", shadows.join(" ")),
        );
    }
    if let Some(profile) = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|name| !name.is_empty())
        && !profiles().contains(&profile)
    {
        let message =
            format!("AWS_PROFILE names \"{profile}\", which is in no shared file at present");
        findings.wrong(
            "environment",
            message,
            "start its session, or unset AWS_PROFILE",
        );
    }
    for (variable, path) in shadowing() {
        let message = format!(
            "the profile default in {} has credentials of its own",
            path.display()
        );
        let hint = format!(
            "programs without a profile use those; `dayfly exec` and `dayfly env` set {variable} so that they do not"
        );
        findings.notice("environment", message, &hint);
    }
    if set.is_empty() {
        findings.good("environment", "nothing in this shell hides profiles");
    }
}

/// The profiles in both shared files.
fn profiles() -> BTreeSet<String> {
    let own = std::env::home_dir().unwrap_or_default().join(".aws");
    let mut found = BTreeSet::from(["default".to_owned()]);
    for (variable, file) in [
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        ("AWS_CONFIG_FILE", "config"),
    ] {
        let path = std::env::var_os(variable).map_or_else(|| own.join(file), Into::into);
        let text = zeroize::Zeroizing::new(std::fs::read(path).unwrap_or_default());
        for section in &Document::parse(&text).sections {
            let name = String::from_utf8_lossy(section.name.as_deref().unwrap_or_default());
            let name = name.trim();
            found.insert(
                name.strip_prefix("profile ")
                    .unwrap_or(name)
                    .trim()
                    .to_owned(),
            );
        }
    }
    found
}

/// Whether each session could be published under its profile, wherever it is to be.
fn shared_files(
    home: &Home,
    workspace: Option<&Workspace>,
    findings: &mut Findings,
) -> Result<(), Trouble> {
    let config = Config::load(&home.config()).unwrap_or_default();
    let process = locate::process(home)?;
    for (place, about, path) in [
        (
            Place::CredentialsFile,
            "credentials file",
            engine::credentials_file(home)?,
        ),
        (
            Place::CredentialProcess,
            "config file",
            engine::config_file(home)?,
        ),
    ] {
        let text = match std::fs::read(&path) {
            Ok(text) => zeroize::Zeroizing::new(text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => zeroize::Zeroizing::default(),
            Err(e) => {
                findings.wrong(about, format!("{} cannot be read: {e}", path.display()), "");
                continue;
            }
        };
        let word = home.word();
        let profiles = || match place {
            Place::CredentialsFile => Profiles::parse_for(&path, &text, Some(&word)),
            Place::CredentialProcess => Profiles::parse_config(&path, &text, Some(&word), &process),
        };
        let (mut tried, mut well) = (false, true);
        for entry in workspace.map(Workspace::sessions).unwrap_or_default() {
            let session = &entry.session;
            let Some(profile) = session.named_profile.clone() else {
                continue;
            };
            let said = workspace.and_then(|w| w.delivery(&session.id));
            let said = said.or(config.delivery.as_ref()).cloned();
            if !said.unwrap_or_else(delivery::usual).contains(&place) {
                continue;
            }
            tried = true;
            // Tried on a copy in memory, with nothing that is worth anything.
            let attempt = Change::Publish(Publication {
                session: session.id.clone(),
                session_name: session.name.clone(),
                profile,
                credentials: Arc::new(nothing()),
                displaced: Vec::new(),
                region: None,
            });
            if let Err(error) = profiles().apply(&attempt) {
                well = false;
                let hint = error.hint().unwrap_or_default();
                let message = format!("session \"{}\": {error}", session.name);
                findings.wrong(about, message, &hint);
            }
        }
        if tried && well {
            let message = format!("{} can take every session that goes there", path.display());
            findings.good(about, message);
        }
    }
    Ok(())
}

fn nothing() -> TemporaryCredentials {
    TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::ZERO,
            expires_at: None,
        },
        material: Material::Aws {
            access_key_id: "none".into(),
            secret_access_key: SecretString::from("none".to_owned()),
            session_token: None,
            region: None,
        },
    }
}
