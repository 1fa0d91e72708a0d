//! `dayfly secret rekey`

use clap::ValueEnum;
use dayfly_dialog::{CliError, Exit};
use dayfly_fs::bounded;
use dayfly_fs::edited::Edited;
use dayfly_host::{paths, settings, vault};
use dayfly_runtime::config::{LIMIT, VaultKey};
use dayfly_vault::VaultError;

use crate::terminal::print;

/// Replace the key of the vault, in the same place or another.
///
/// Dayfly writes the place into dayfly.toml. The previous key stays where it is, for older copies
/// of the vault. Without a terminal, the passphrase is the first line of the file that
/// DAYFLY_PASSPHRASE_FILE names.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly secret rekey keyring\n  dayfly secret rekey passphrase"
)]
pub(crate) struct Args {
    /// Where Dayfly stores the new key.
    place: Place,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Place {
    /// In a file that only you can read.
    File,
    /// In the keyring of the operating system.
    Keyring,
    /// In a file that a passphrase opens.
    Passphrase,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = paths::home()?;
    let (key, word) = match args.place {
        Place::File => (VaultKey::File, "file"),
        Place::Keyring => (VaultKey::Keyring, "keyring"),
        Place::Passphrase => (VaultKey::Passphrase, "passphrase"),
    };
    let vault = vault::of(&home, &settings::load(&home)?);
    let target = vault::source(&home, key);
    let place = target.place();
    let config = home.config();
    vault
        .rekey(target, || write_down(&config, word))
        .map_err(|failed| failed.0)?;
    print(&format!(
        "{place} now opens the vault; if an engine is running, restart it\n"
    ));
    Ok(Exit::Done)
}

/// How often the configuration is read anew because somebody changed it meanwhile.
const ATTEMPTS: usize = 5;

/// A failure on either side.
struct Failed(CliError);

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        Self(CliError::failed(error.to_string()))
    }
}

/// Writes `[vault] key` into the configuration; everything else in it stays as it is.
fn write_down(config: &std::path::Path, word: &str) -> Result<(), Failed> {
    let failed = |what: String| {
        let message = format!("Dayfly cannot edit {}: {what}", config.display());
        Failed(CliError::failed(message).hint("nothing was changed; fix the file and try again"))
    };
    for _ in 0..ATTEMPTS {
        let mut file = Edited::open(config, LIMIT).map_err(|e| failed(e.to_string()))?;
        let text = file.bytes().unwrap_or_default().to_vec();
        let text = bounded::text(config, text).map_err(|e| failed(e.to_string()))?;
        let text = edited(&text, word).map_err(failed)?;
        // What somebody else wrote meanwhile is read, and kept.
        if file
            .replace(text.as_bytes())
            .map_err(|e| failed(e.to_string()))?
        {
            return Ok(());
        }
    }
    Err(failed("other programs keep changing it".to_owned()))
}

fn edited(text: &str, word: &str) -> Result<String, String> {
    let mut document: toml_edit::DocumentMut = text
        .parse()
        .map_err(|e: toml_edit::TomlError| e.to_string())?;
    let table = document
        .entry("vault")
        .or_insert_with(toml_edit::table)
        .as_table_like_mut()
        .ok_or("`vault` is not a table")?;
    table.insert("key", toml_edit::value(word));
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_configuration_stays() {
        let text = "# mine\n[aws] # here\ndefault-region = 'x'\n\n[vault]\nkey = \"file\" # now\n";
        let edited = edited(text, "keyring").unwrap();
        assert!(edited.starts_with("# mine\n[aws] # here\n"), "{edited}");
        assert!(edited.contains("key = \"keyring\""), "{edited}");
        assert_eq!(
            super::edited("", "file").unwrap(),
            "[vault]\nkey = \"file\"\n"
        );
        assert!(super::edited("vault = 3", "file").is_err());
    }
}
