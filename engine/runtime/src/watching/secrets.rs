//! Files that hold secrets: no policy is told anything of them, whatever its grant names.

use std::fs;
use std::path::{Path, PathBuf};

use super::identity::identity;

/// Names in one folder of secrets that are compared with a file of several names.
const NAMES: usize = 4_096;

/// Where secrets are known to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    places: Vec<PathBuf>,
}

impl Secrets {
    /// Those of this user, and these.
    pub(crate) fn of_user(own: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut places: Vec<PathBuf> = own.into_iter().collect();
        if let Some(home) = std::env::home_dir().filter(|home| home.is_absolute()) {
            let known = [
                ".aws/credentials",
                ".aws/sso",
                ".aws/cli",
                ".aws/login",
                ".azure",
                ".ssh",
                ".gnupg",
                ".netrc",
                ".git-credentials",
                ".docker/config.json",
                ".config/gcloud/credentials.db",
                ".config/gcloud/access_tokens.db",
                ".config/gcloud/legacy_credentials",
                ".config/gcloud/application_default_credentials.json",
                ".local/share/keyrings",
                ".password-store",
            ];
            places.extend(known.map(|path| home.join(path)));
        }
        for variable in [
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AZURE_CONFIG_DIR",
        ] {
            let set = std::env::var_os(variable).filter(|value| !value.is_empty());
            places.extend(set.map(PathBuf::from));
        }
        Self { places }
    }

    /// Whether this is one: by its path without links, or, where it has several names, by what it
    /// is.
    pub(super) fn hold(&self, path: &Path, metadata: &fs::Metadata) -> bool {
        self.places.iter().any(|place| {
            let real = fs::canonicalize(place);
            let real = real.as_deref().unwrap_or(place);
            path.starts_with(real) || is_named_in(real, metadata)
        })
    }
}

/// Whether a file is this one, or one in this folder, under another name.
fn is_named_in(place: &Path, metadata: &fs::Metadata) -> bool {
    let same = |other: &fs::Metadata| identity(other) == identity(metadata);
    let Ok(found) = fs::symlink_metadata(place) else {
        return false;
    };
    if !found.is_dir() {
        return same(&found);
    }
    if !has_other_names(metadata) {
        return false;
    }
    // The folders of secrets are flat, or nearly so.
    let mut left = NAMES;
    let mut folders = vec![(place.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Some(fewer) = left.checked_sub(1) else {
                // What cannot be told apart is not told.
                return true;
            };
            left = fewer;
            match entry.metadata() {
                Ok(found) if found.is_dir() && depth < 3 => {
                    folders.push((entry.path(), depth + 1));
                }
                Ok(found) if same(&found) => return true,
                _ => {}
            }
        }
    }
    false
}

#[cfg(unix)]
fn has_other_names(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) != 1
}

#[cfg(not(unix))]
fn has_other_names(_: &fs::Metadata) -> bool {
    true
}
