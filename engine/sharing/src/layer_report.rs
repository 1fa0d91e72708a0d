//! What a merge of a layer changes and leaves, for a person and for a program.

use dayfly_dialog::sanitize;
use dayfly_store::lock::LockedLayer;
use dayfly_workspace::layers::{LayerPlan, Named};
use serde::Serialize;

/// What a merge did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    layer: String,
    source: String,
    /// The version that the layer says it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The version that was merged before.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_version: Option<String>,
    /// What the source names it: the digest of a manifest, a commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<String>,
    /// Who signed it, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    /// Others could hand an older one out, and nobody would notice.
    #[serde(skip)]
    unversioned: bool,
    /// What the layer said is not kept, so that only its sessions go with it.
    #[serde(skip)]
    pub(crate) lost: bool,
    /// How many sessions the layer has.
    sessions: usize,
    /// Whether the Workspace is as told; not where only what would change was asked.
    merged: bool,
    added: Vec<Row>,
    changed: Vec<Row>,
    removed: Vec<Row>,
    /// Fields that stay as the person changed them.
    overridden: Vec<Row>,
    /// Entries that stay away, since the person removed them.
    hidden: Vec<Row>,
    /// Entries that do not come: the Workspace has others of the same ids.
    taken: Vec<Row>,
    /// How many entries are there already, the same, as the person's own or as those of another layer.
    there: usize,
    /// Sessions that stay, since others are chained to them.
    kept: Vec<Kept>,
    /// Programs that Dayfly would run and did not run before.
    programs: Vec<Program>,
}

#[derive(Debug, Serialize)]
struct Row {
    list: &'static str,
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Kept {
    id: String,
    child: String,
}

#[derive(Debug, Serialize)]
struct Program {
    session: String,
    command: String,
}

/// Lines of one sort that are printed; a number says how many more there are.
const SHOWN: usize = 20;

impl LayerReport {
    pub(crate) fn new(
        now: &LockedLayer,
        sessions: usize,
        plan: &LayerPlan,
        kept: &[(String, String)],
    ) -> Self {
        let plain = |all: &[Named]| all.iter().map(|one| row(one, &[])).collect();
        let fields = |all: &[(Named, Vec<String>)]| {
            all.iter().map(|(one, fields)| row(one, fields)).collect()
        };
        Self {
            layer: now.name.clone(),
            source: now.source.clone(),
            version: now.version.clone(),
            previous_version: None,
            resolved: now.resolved.clone(),
            signer: now.signer.clone(),
            unversioned: false,
            lost: false,
            sessions,
            merged: false,
            added: plain(&plan.added),
            changed: fields(&plan.changed),
            removed: plain(&plan.removed),
            overridden: fields(&plan.overridden),
            hidden: plain(&plan.hidden),
            taken: plain(&plan.taken),
            there: plan.aside.len() - plan.taken.len(),
            kept: { kept.iter() }
                .map(|(id, child)| Kept {
                    id: id.clone(),
                    child: child.clone(),
                })
                .collect(),
            programs: { plan.programs.iter() }
                .map(|(named, command)| Program {
                    session: named.name.clone(),
                    command: command.clone(),
                })
                .collect(),
        }
    }

    /// Says what was merged before.
    pub(crate) fn since(&mut self, before: Option<&LockedLayer>) {
        self.previous_version = before.and_then(|before| before.version.clone());
    }

    /// Says where the layer has no version, so that an older one would not show.
    pub(crate) fn ask_for_version(&mut self) {
        self.unversioned = self.version.is_none();
    }

    pub(crate) fn merged(self) -> Self {
        Self {
            merged: true,
            ..self
        }
    }

    /// How many entries change.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.added.len() + self.changed.len() + self.removed.len()
    }

    /// The lines for a person.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.head();
        let mut part = |mark: &str, rows: &[Row], what: &dyn Fn(&Row) -> String| {
            for row in rows.iter().take(SHOWN) {
                text += &format!("{mark} {}{}\n", shown(row), what(row));
            }
            if let Some(more) = rows.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                text += &format!("{mark} … and {more} more\n");
            }
        };
        let fields = |row: &Row| format!(": {}", row.fields.join(", "));
        part("+ add    ", &self.added, &|_| String::new());
        part("~ change ", &self.changed, &fields);
        part("- remove ", &self.removed, &|_| String::new());
        part("= yours  ", &self.overridden, &|row| {
            let stay = if row.fields.len() == 1 {
                "stays"
            } else {
                "stay"
            };
            format!("{} {stay} as you changed {}", fields(row), them(row))
        });
        part("= hidden ", &self.hidden, &|_| {
            ": you removed it; --restore brings it back".to_owned()
        });
        part("! taken  ", &self.taken, &|row| {
            format!(
                ": your Workspace has another entry {}; it stays",
                sanitize(&row.id)
            )
        });
        text + &self.notes()
    }

    /// What is to be known beside.
    fn notes(&self) -> String {
        let mut text = String::new();
        if self.there > 0 {
            let (entries, stay) = match self.there {
                1 => ("entry is", "it stays"),
                _ => ("entries are", "they stay"),
            };
            text += &format!(
                "= there   {} {entries} in your Workspace already; {stay} there without the layer too\n",
                self.there
            );
        }
        for kept in &self.kept {
            let (id, child) = (sanitize(&kept.id), sanitize(&kept.child));
            text += &format!(
                "! keep    {id}: the layer no longer has it, but \"{child}\" is chained to it\n"
            );
        }
        for program in &self.programs {
            let (session, command) = (sanitize(&program.session), sanitize(&program.command));
            text += &format!("! runs    {session}: Dayfly would run {command}\n");
        }
        if self.unversioned {
            text += "! note    the layer does not say its version, so that nobody would notice an older one\n";
        }
        if self.lost {
            text += "! stays   what came with its sessions (profiles, providers): Dayfly does not have the list\n";
        }
        if self.changes() == 0 {
            text += "  nothing changes in the Workspace\n";
        }
        text
    }
}

impl LayerReport {
    /// Which layer, of which version, from where, signed by whom.
    fn head(&self) -> String {
        let versions = match (&self.previous_version, &self.version) {
            (Some(before), Some(now)) if before != now => format!(" {before} → {now}"),
            (_, Some(now)) => format!(" {now}"),
            (_, None) => String::new(),
        };
        let signer = self.signer.as_ref();
        let signed = signer.map(|key| format!(", signed by {key}"));
        let signed = signed.unwrap_or_default();
        let (layer, source) = (&self.layer, &self.source);
        sanitize(&format!("{layer}{versions}, from {source}{signed}")) + "\n"
    }
}

fn row(named: &Named, fields: &[String]) -> Row {
    Row {
        list: named.list,
        id: named.id.clone(),
        name: named.name.clone(),
        fields: fields.to_vec(),
    }
}

fn them(row: &Row) -> &'static str {
    if row.fields.len() == 1 { "it" } else { "them" }
}

/// An entry by its name; what is no session says what it is.
fn shown(row: &Row) -> String {
    let name = sanitize(&row.name);
    match row.list {
        "sessions" => name,
        list => format!("{name} ({list})"),
    }
}
