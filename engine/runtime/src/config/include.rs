//! `[[include]]`: Workspaces of others that are merged into one's own.

use std::path::Path;

use dayfly_store::Remote;
use serde::Deserialize;
use toml::Spanned;

use super::error::ConfigError;
use super::policy::{At, ModuleSource, is_entry_name};

/// `[[include]]`: a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludeSettings {
    /// Its name, which its sessions carry.
    pub name: String,
    /// Where it comes from; never what is built in.
    pub source: ModuleSource,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct IncludeTable {
    name: Spanned<String>,
    source: Spanned<String>,
}

/// Reads the tables; `folder` is that of the configuration.
pub(super) fn includes(
    tables: Vec<IncludeTable>,
    folder: &Path,
    at: At<'_>,
) -> Result<Vec<IncludeSettings>, ConfigError> {
    let mut all: Vec<IncludeSettings> = Vec::new();
    for table in tables {
        let name = table.name.get_ref().clone();
        if !is_entry_name(&name) {
            let message = format!("\"{name}\" is not a valid name for a layer");
            let hint = "use 1 to 64 letters, digits, \"-\", \"_\" and \".\"".to_owned();
            return Err(at(Some(table.name.span()), message, Some(hint)));
        }
        if all.iter().any(|one| one.name == name) {
            let message = format!("there are two layers \"{name}\"");
            let hint = "give one of them another name".to_owned();
            return Err(at(Some(table.name.span()), message, Some(hint)));
        }
        let source = IncludeSettings::source(folder, table.source.get_ref());
        let source = source.map_err(|(message, hint)| {
            let message = format!("layer \"{name}\": {message}");
            at(Some(table.source.span()), message, Some(hint))
        })?;
        all.push(IncludeSettings { name, source });
    }
    Ok(all)
}

impl IncludeSettings {
    /// Reads what `source` says; a relative path begins at `folder`.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn source(folder: &Path, text: &str) -> Result<ModuleSource, (String, String)> {
        let forms = "use the path of a Workspace or of a folder of them, git:FOLDER//FILE, or \
                     oci://HOST/REPOSITORY:TAG";
        let part = |remote: &Remote| match remote {
            Remote::Oci(oci) => oci.file.is_some(),
            Remote::Git(git) => git.module.is_some(),
        };
        match ModuleSource::parse(folder, text) {
            Ok(ModuleSource::Builtin(_)) => {
                Err(("no Workspace is built in".to_owned(), forms.to_owned()))
            }
            Ok(ModuleSource::Remote(remote)) if part(&remote) => Err((
                format!("{remote} names a file of a bundle of policies, not a Workspace"),
                forms.to_owned(),
            )),
            Ok(source) => Ok(source),
            Err((message, _)) => Err((message, forms.to_owned())),
        }
    }
}
