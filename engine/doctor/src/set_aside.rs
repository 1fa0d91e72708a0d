//! Lines of the shared AWS files that were set aside for sessions which are gone.

use std::collections::BTreeSet;

use dayfly_awsfiles::{Kind, set_asides};
use dayfly_core::session::SessionId;
use dayfly_dialog::CliError;
use dayfly_host::settings;
use dayfly_runtime::Home;
use dayfly_workspace::Workspace;

use crate::findings::Findings;

/// The longest shared file that is read, in bytes.
const LIMIT: u64 = 64 << 20;

/// Names each profile whose lines are set aside for a session that the Workspace does not have: no
/// program finds its credentials any more, and no command gives the lines back by itself.
///
/// # Errors
/// The folder of the shared files is not known.
pub fn set_aside_lines(
    home: &Home,
    workspace: &Workspace,
    findings: &mut Findings,
) -> Result<(), CliError> {
    let Ok(config) = settings::in_force(home) else {
        // Told where dayfly.toml is looked at.
        return Ok(());
    };
    for (kind, about, path) in [
        (Kind::Config, "config file", settings::config_file(&config)?),
        (
            Kind::Credentials,
            "credentials file",
            settings::credentials_file(&config)?,
        ),
    ] {
        // A file that cannot be read is told where it is looked at.
        let Ok(Some(text)) = dayfly_fs::bounded::read_secret(&path, LIMIT) else {
            continue;
        };
        let gone: BTreeSet<(String, String)> = set_asides(&text, kind)
            .into_iter()
            .filter(|aside| workspace.get(&SessionId::new(&aside.owner)).is_none())
            .map(|aside| (aside.profile, aside.owner))
            .collect();
        for (profile, owner) in gone {
            let message = format!(
                "lines of profile \"{profile}\" in {} are set aside for session {owner}, which the \
                 Workspace does not have",
                path.display()
            );
            let hint = format!(
                "remove \"# set aside by Dayfly for {owner}: \" at the beginning of those lines to have \
                 them back; `dayfly secret list` shows whether the vault still has their key"
            );
            findings.notice(about, message, &hint);
        }
    }
    Ok(())
}
