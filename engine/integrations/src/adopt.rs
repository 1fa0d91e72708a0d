//! Profiles of the shared AWS files that are for roles of a portal. Their sessions have their names, as `dayfly import`
//! has it: the lines that stand there are set aside, and given back when the session is removed.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::session::SessionId;
use dayfly_core::sso_role::account_and_role;
use dayfly_dialog::CliError;
use dayfly_fs::bounded;
use dayfly_host::{settings, vault};
use dayfly_import::{
    AwsProfiles, Importer, LinesError, Plan, Source as _, Verdict, give_lines_back,
    sessions_with_lines,
};
use dayfly_runtime::Home;
use dayfly_workspace::{AwsSsoIntegration, ListedRole, Workspace, WorkspaceFile};
use serde_json::{Map, Value};

/// The longest Workspace that is read, in bytes: as elsewhere.
const LIMIT: u64 = 64 << 20;

/// Profiles that become sessions of the portal.
pub(crate) struct Adoption {
    plan: Plan,
    files: AwsProfiles,
}

impl Adoption {
    /// Those that are for listed roles and for no session yet.
    pub(crate) fn find(
        home: &Home,
        workspace: &Workspace,
        integration: &AwsSsoIntegration,
        roles: &[ListedRole],
    ) -> Result<Self, CliError> {
        let files = aws_profiles(home)?;
        let listing = files.list().map_err(|error| {
            let hint = format!(
                "{}; or pass --new-profiles, which looks at none of its profiles",
                error.hint
            );
            CliError::failed(format!("{error}; nothing was changed")).hint(hint)
        })?;
        let mut plan = Plan::new(workspace, &[(files.name(), listing)]);
        let listed: BTreeSet<(&str, &str)> = roles
            .iter()
            .map(|role| (role.account.as_str(), role.role.as_str()))
            .collect();
        plan.refused.clear();
        plan.rows.retain(|row| match &row.verdict {
            Verdict::Add(object) => {
                let role = text(object, "roleArn").and_then(account_and_role);
                text(object, "awsSsoConfigurationId") == Some(&integration.id)
                    && role.is_some_and(|role| listed.contains(&role))
            }
            _ => false,
        });
        Ok(Self { plan, files })
    }

    /// The sessions that they become, and their profiles.
    pub(crate) fn sessions(&self) -> BTreeMap<SessionId, String> {
        let session = |(_, object): (_, &Map<String, Value>)| {
            let id = SessionId::new(text(object, "sessionId")?);
            Some((id, text(object, "profileName")?.to_owned()))
        };
        self.plan.added().filter_map(session).collect()
    }

    /// The Workspace as it is with them.
    pub(crate) fn workspace(&self, home: &Home) -> Result<Workspace, CliError> {
        let path = home.workspace();
        let unread =
            |e: &dyn std::fmt::Display| CliError::failed(format!("{}: {e}", path.display()));
        let text = bounded::read_text(&path, LIMIT).map_err(|e| unread(&e))?;
        let text = self.plan.apply(&text.unwrap_or_default());
        let text = text.map_err(|e| unread(&e))?;
        Workspace::parse(&text, &path, None).map_err(|e| unread(&e))
    }

    /// Makes sessions of them.
    pub(crate) fn carry_out(&self, home: &Home) -> Result<(), CliError> {
        if self.plan.rows.is_empty() {
            return Ok(());
        }
        let importer = Importer {
            workspace: &WorkspaceFile::at(&home.workspace()),
            vault: &vault::open(home)?,
            files: &self.files,
            record: &home.import_record(),
        };
        let applied = importer.apply(&self.plan);
        applied.map(drop).map_err(|error| {
            CliError::failed(error.to_string())
                .hint("try again: what was begun is ended then; or pass --new-profiles")
        })
    }
}

/// Gives back the lines of profiles that were set aside for sessions which are removed.
pub(crate) fn give_back(home: &Home, removed: &BTreeSet<SessionId>) -> Result<(), CliError> {
    if removed.is_empty() {
        return Ok(());
    }
    let files = aws_profiles(home)?;
    let still = |error: &LinesError| {
        let message = format!(
            "the sessions are removed, but lines of their profiles are still set aside: {error}"
        );
        CliError::failed(message)
            .hint("remove \"# set aside by Dayfly for …: \" before them by hand")
    };
    let owners = sessions_with_lines(&files, &removed.iter().collect()).map_err(|e| still(&e))?;
    if owners.is_empty() {
        return Ok(());
    }
    let vault = vault::open(home)?;
    for owner in &owners {
        give_lines_back(&files, &vault, owner).map_err(|e| still(&e))?;
    }
    Ok(())
}

/// The shared AWS files, where the configuration in force has them.
///
/// # Errors
/// The configuration cannot be read, or the person's own folder is not known.
pub fn aws_profiles(home: &Home) -> Result<AwsProfiles, CliError> {
    let config = settings::in_force(home)?;
    Ok(AwsProfiles {
        config: settings::config_file(&config)?,
        credentials: settings::credentials_file(&config)?,
    })
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    object.get(field).and_then(Value::as_str)
}
