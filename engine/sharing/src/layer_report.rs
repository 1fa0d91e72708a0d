//! What a merge of a layer changes and leaves, for a person and for a program.

use dayfly_dialog::sanitize;
use dayfly_workspace::layers::{LayerPlan, Named};
use serde::Serialize;

/// What a merge did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    layer: String,
    source: String,
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
        layer: &str,
        source: &str,
        sessions: usize,
        plan: &LayerPlan,
        kept: &[(String, String)],
    ) -> Self {
        let plain = |all: &[Named]| all.iter().map(|one| row(one, &[])).collect();
        let fields = |all: &[(Named, Vec<String>)]| {
            all.iter().map(|(one, fields)| row(one, fields)).collect()
        };
        Self {
            layer: layer.to_owned(),
            source: source.to_owned(),
            sessions,
            merged: false,
            added: plain(&plan.added),
            changed: fields(&plan.changed),
            removed: plain(&plan.removed),
            overridden: fields(&plan.overridden),
            hidden: plain(&plan.hidden),
            taken: plain(&plan.taken),
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
        let mut text = format!(
            "{}, from {}\n",
            sanitize(&self.layer),
            sanitize(&self.source)
        );
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
        if self.changes() == 0 {
            text += "  nothing changes in the Workspace\n";
        }
        text
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
