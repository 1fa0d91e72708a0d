//! Changes `dayfly.toml` without disturbing the rest of it.

use std::path::{Path, PathBuf};

use dayfly_dialog::{CliError, Code};
use dayfly_fs::bounded;
use dayfly_fs::edited::Edited;
use dayfly_runtime::config::{self, Config, PolicySettings};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

/// The configuration while it is edited.
pub struct Edit {
    path: PathBuf,
    /// The file as it was read: the change counts only where it still is that.
    file: Edited,
    document: DocumentMut,
}

impl Edit {
    /// Reads the configuration, which has to be right before it is changed.
    pub fn open(path: &Path) -> Result<(Self, Config), CliError> {
        let refused =
            |e: String| CliError::failed(e).hint("nothing was changed; fix the file first");
        let file = Edited::open(path, config::LIMIT).map_err(|e| refused(e.to_string()))?;
        let text = file.bytes().unwrap_or_default().to_vec();
        let text = bounded::text(path, text).map_err(|e| refused(e.to_string()))?;
        let config = Config::parse(path, &text).map_err(|e| refused(e.to_string()))?;
        let document = text
            .parse()
            .map_err(|e: toml_edit::TomlError| CliError::failed(e.to_string()))?;
        let edit = Self {
            path: path.to_owned(),
            file,
            document,
        };
        Ok((edit, config))
    }

    fn tables(&mut self, key: &str, what: &str) -> Result<&mut ArrayOfTables, CliError> {
        let path = self.path.display().to_string();
        self.document
            .entry(key)
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
            .as_array_of_tables_mut()
            .ok_or_else(|| {
                CliError::failed(format!("Dayfly cannot edit {what} in {path}"))
                    .hint(format!("write each of them as a [[{key}]] table"))
            })
    }

    fn entries(&mut self) -> Result<&mut ArrayOfTables, CliError> {
        self.tables("policy", "the policies")
    }

    /// Adds a layer.
    pub fn add_layer(&mut self, name: &str, source: &str) -> Result<(), CliError> {
        let mut table = Table::new();
        table.insert("name", value(name));
        table.insert("source", value(source));
        self.tables("include", "the layers")?.push(table);
        Ok(())
    }

    /// Removes a layer, where there is one of this name.
    pub fn remove_layer(&mut self, name: &str) -> Result<(), CliError> {
        let layers = self.tables("include", "the layers")?;
        layers.retain(|table| !is_called(table, name));
        Ok(())
    }

    /// The table of an entry, also of one that is disabled.
    pub fn entry(&mut self, name: &str) -> Result<&mut Table, CliError> {
        let mut names = Vec::new();
        for table in self.entries()?.iter() {
            names.extend(table.get("name").and_then(Item::as_str).map(str::to_owned));
        }
        let found = self
            .entries()?
            .iter_mut()
            .find(|table| is_called(table, name));
        found.ok_or_else(|| {
            let message = format!("there is no policy entry \"{name}\"");
            let hint = match names.is_empty() {
                true => "no policy is configured".to_owned(),
                false => format!("the choices are {}", names.join(", ")),
            };
            CliError::new(Code::NotFound, message).hint(hint)
        })
    }

    /// Whether there is an entry of this name, also a disabled one.
    pub fn has(&mut self, name: &str) -> bool {
        self.entries()
            .is_ok_and(|entries| entries.iter().any(|table| is_called(table, name)))
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: Table) -> Result<(), CliError> {
        self.entries()?.push(entry);
        Ok(())
    }

    /// Removes an entry.
    pub fn remove(&mut self, name: &str) -> Result<(), CliError> {
        self.entry(name)?;
        self.entries()?.retain(|table| !is_called(table, name));
        Ok(())
    }

    /// Grants an entry what it asks for beside what it is granted.
    pub(crate) fn widen(
        &mut self,
        name: &str,
        actions: &[String],
        hold: bool,
    ) -> Result<(), CliError> {
        let path = self.path.display().to_string();
        let entry = self.entry(name)?;
        let grant = entry
            .entry("grant")
            .or_insert_with(|| value(toml_edit::InlineTable::new()))
            .as_table_like_mut()
            .ok_or_else(|| {
                CliError::failed(format!("the grant of {name} in {path} is not a table"))
            })?;
        let had = grant.get("actions").and_then(Item::as_array).cloned();
        let mut had = had.unwrap_or_default();
        for action in actions {
            if !had.iter().any(|one| one.as_str() == Some(action)) {
                had.push(action.as_str());
            }
        }
        if !had.is_empty() {
            grant.insert("actions", value(had));
        }
        if hold {
            grant.insert("hold", value(true));
        }
        Ok(())
    }

    /// The configuration as it would be.
    pub fn config(&self) -> Result<Config, CliError> {
        Config::parse(&self.path, &self.document.to_string())
            .map_err(|e| CliError::usage(e.to_string()))
    }

    /// An entry as it would be.
    pub fn settings(&self, name: &str) -> Result<PolicySettings, CliError> {
        let config = self.config()?;
        let found = config.policies.into_iter().find(|entry| entry.name == name);
        found.ok_or_else(|| {
            CliError::new(
                Code::NotFound,
                format!("the policy entry \"{name}\" is disabled"),
            )
            .hint(format!("enable it with `dayfly policy enable {name}`"))
        })
    }

    /// Whether the file is what this edit, and what a person was asked, are about; before anything
    /// is written that goes with it.
    pub fn unchanged(&self) -> Result<(), CliError> {
        match self.file.still() {
            true => Ok(()),
            false => Err(self.changed()),
        }
    }

    /// Writes the configuration. An edit that was made since it was read is not lost: nothing is
    /// written then.
    pub fn save(&mut self) -> Result<(), CliError> {
        self.config()?;
        let text = self.document.to_string();
        let written = self.file.replace(text.as_bytes());
        match written.map_err(|e| CliError::failed(e.to_string()))? {
            true => Ok(()),
            false => Err(self.changed()),
        }
    }

    fn changed(&self) -> CliError {
        let message = format!(
            "another program changed {} in the meantime, so Dayfly wrote nothing",
            self.path.display()
        );
        CliError::failed(message).hint("run the same command again; it then uses the changed file")
    }
}

fn is_called(table: &Table, name: &str) -> bool {
    table.get("name").and_then(Item::as_str) == Some(name)
}

/// A value as it stands in the table of an entry: lists and tables on one line.
pub fn inline(from: &toml::Value) -> Result<Item, CliError> {
    let text = format!("x = {from}");
    let document: DocumentMut = text
        .parse()
        .map_err(|e: toml_edit::TomlError| CliError::failed(e.to_string()))?;
    Ok(document.get("x").cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dayfly.toml");
        let text = "# mine\n[aws] # here\ndefault-region = 'x'\n\n# the first\n[[policy]]\nname = \"a\" # a\nmodule = \"builtin:keep-active\"\n";
        std::fs::write(&path, text).unwrap();
        let (mut edit, config) = Edit::open(&path).unwrap();
        assert_eq!(config.policies.len(), 1);
        let mut table = Table::new();
        table.insert("name", value("b"));
        table.insert("module", value("./b.wasm"));
        edit.add(table).unwrap();
        edit.widen("b", &["start".into()], true).unwrap();
        edit.widen("b", &["start".into(), "stop".into()], false)
            .unwrap();
        edit.save().unwrap();
        let saved = std::fs::read_to_string(&path).unwrap();
        assert!(saved.starts_with(text), "{saved}");
        let grant = edit.settings("b").unwrap().grant.unwrap();
        assert!(grant.may_hold);
        assert_eq!(grant.actions.iter().count(), 2);
        edit.remove("b").unwrap();
        edit.save().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert!(edit.remove("b").is_err());
        assert!(edit.has("a") && !edit.has("b"));
    }

    #[test]
    fn an_edit_that_was_made_meanwhile_is_kept_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dayfly.toml");
        std::fs::write(
            &path,
            "[[policy]]\nname = \"a\"\nmodule = \"builtin:keep-active\"\n",
        )
        .unwrap();
        let (mut edit, _) = Edit::open(&path).unwrap();
        edit.unchanged().unwrap();
        edit.remove("a").unwrap();
        let by_hand = "[[policy]]\nname = \"guard\"\nmodule = \"builtin:keep-active\"\n";
        std::fs::write(&path, by_hand).unwrap();
        assert!(edit.unchanged().is_err());
        let trouble = edit.save().unwrap_err();
        assert!(
            trouble.message.contains("in the meantime"),
            "{}",
            trouble.message
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), by_hand);
    }

    #[test]
    fn values_go_on_one_line() {
        let table: toml::Table = "x = { match = { labels = [\"a\", \"b\"] }, n = 1.5 }"
            .parse()
            .unwrap();
        let item = inline(&table["x"]).unwrap();
        let mut document = DocumentMut::new();
        document.insert("x", item);
        let again: toml::Table = document.to_string().parse().unwrap();
        assert_eq!(again, table);
        assert_eq!(document.to_string().lines().count(), 1);
    }
}
