//! The engine, and what the person and the engine wrote.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::text::shell_word;
use dayfly_host::policies::{self, Loaded};
use dayfly_host::{settings, vault, workspace};
use dayfly_runtime::{Config, Home};
use dayfly_workspace::Workspace;

use crate::findings::Findings;

/// Whether an engine runs, and answers.
pub fn engine_runs(home: &Home, findings: &mut Findings) {
    let report = client::ask::<dayfly_runtime::report::EngineReport>(home, &Request::Report {});
    match report {
        Some(Ok(report)) => {
            let Some(engine) = report.engine else { return };
            let own = env!("CARGO_PKG_VERSION");
            if engine.version == own {
                findings.good("engine", format!("is running (process {})", engine.pid));
            } else {
                let message = format!(
                    "the running engine is version {}, this command is version {own}",
                    engine.version
                );
                findings.notice("engine", message, "restart it");
            }
            locked(engine.unlocked, findings);
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
            "no engine is running, so no policy starts, renews or stops sessions",
            "start one with `dayfly run`",
        ),
    }
}

/// Whether what holds secrets in the engine's memory stays out of the swap.
fn locked(unlocked: usize, findings: &mut Findings) {
    if unlocked == 0 {
        findings.good("memory", "the engine's memory for secrets is locked");
        return;
    }
    let message = format!(
        "the system limits locked memory too much: it may write {} KiB of the engine's secrets to \
         swap",
        unlocked.div_ceil(1024)
    );
    let hint = "raise the limit on locked memory (`LimitMEMLOCK=` of a systemd service, `ulimit \
                -l` in a shell) and restart the engine, or encrypt the swap";
    findings.notice("memory", message, hint);
}

/// Whether the Workspace can be read; the Workspace, where it can.
pub fn workspace(home: &Home, findings: &mut Findings) -> Option<Arc<Workspace>> {
    let loaded = workspace::load(home);
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
                "create it with `dayfly init`".to_owned()
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

/// Whether the configuration and the policies that it names can be used.
pub fn configuration(home: &Home, findings: &mut Findings) {
    if let Err(mut error) = Config::load(&home.config()) {
        let hint = error.hint.take().unwrap_or_default();
        findings.wrong("config", error.to_string(), &hint);
        return;
    }
    match policies::load(home) {
        Ok(Loaded { entries, problems }) => {
            let all_well = problems.is_empty();
            for mut problem in problems {
                let hint = problem.hint.take().unwrap_or_default();
                findings.wrong("policy", problem.to_string(), &hint);
            }
            let names: Vec<&str> = entries.iter().map(|e| e.entry.name.as_str()).collect();
            if names.is_empty() && !all_well {
                // Why none can be used is told.
            } else if names.is_empty() {
                let hint = "add one with `dayfly policy add`, or write [[policy]] entries into \
                            dayfly.toml";
                findings.notice("policies", "no policy is configured", hint);
            } else {
                findings.good("policies", names.join(", "));
            }
        }
        Err(trouble) => findings.wrong("policies", trouble.message, ""),
    }
}

/// Files that others must not read, or must not write.
pub fn modes(home: &Home, findings: &mut Findings) {
    let credentials = settings::in_force(home)
        .and_then(|c| settings::credentials_file(&c))
        .ok();
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
        // Root's are root's to judge: nobody else could change their modes.
        if meta.uid() == 0 && !rustix::process::geteuid().is_root() {
            return;
        }
        let mode = meta.permissions().mode() & 0o777;
        if mode & forbidden != 0 {
            odd = true;
            let message = format!(
                "{} has mode {mode:o}, which gives other users access",
                path.display()
            );
            let shown = path.display().to_string();
            findings.wrong("modes", message, &format!("{mend} {}", shell_word(&shown)));
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
            "other users have no access to secrets, Workspace or configuration",
        );
    }
}

/// Whether the vault opens, and has what sessions need.
pub fn vault(home: &Home, workspace: Option<&Workspace>, findings: &mut Findings) {
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
    let Ok(vault) = vault::open(home) else {
        // Where its key is cannot be known; that the configuration is wrong is told already.
        return;
    };
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
                let message = format!("the vault has no access key for session \"{name}\"");
                findings.wrong(
                    "vault",
                    message,
                    &format!("dayfly secret set {}", shell_word(name)),
                );
            }
            if complete {
                findings.good(
                    "vault",
                    "Dayfly can open it, and it has a key for every IAM user",
                );
            }
        }
        Err(error) => findings.wrong("vault", error.to_string(), ""),
    }
}
