//! `dayfly leapp`: what scripts that were written for Leapp call.
//!
//! Source: Leapp, `packages/cli/src/commands/session/{generate,start,stop,list}.ts`.

use dayfly_control::protocol::SessionOrder;
use dayfly_core::policy::Action;
use dayfly_core::session::SessionType;
use dayfly_dialog::{CliError, Code, Exit, Table, sanitize};
use dayfly_host::{paths, reports};
use dayfly_runtime::report::SessionReport;
use serde_json::{Map, Value};

use crate::commands::{credential_process, session};
use crate::terminal::{print, print_json};

/// Take the commands of Leapp that scripts use, for sessions of Dayfly.
///
/// A link with the name `leapp` that leads to this program takes the same commands without this word, so
/// that scripts and profiles go on: `ln -s "$(command -v dayfly)" ~/.local/bin/leapp`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly leapp session generate 0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d\n  dayfly leapp session start prod --sessionRole Admin\n  dayfly leapp session list -x"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Sessions.
    #[command(subcommand)]
    Session(OfSession),
}

#[derive(Debug, clap::Subcommand)]
enum OfSession {
    /// Print the credentials of a session as a `credential_process` does.
    Generate {
        /// The id of the session.
        #[arg(value_name = "SESSIONID")]
        id: String,
    },
    /// Start a session.
    Start(Which),
    /// Stop a session.
    Stop(Which),
    /// List the sessions.
    List(List),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The name of the session, or a part of it.
    #[arg(value_name = "SESSIONNAME")]
    name: Option<String>,
    /// The id of the session.
    #[arg(long = "sessionId", value_name = "ID")]
    id: Option<String>,
    /// The role of the session: what follows the last slash of its ARN.
    #[arg(long = "sessionRole", value_name = "ROLE")]
    role: Option<String>,
    /// Taken for Leapp's sake; nobody is asked which session is meant in any case.
    #[arg(long = "noInteractive")]
    _not_interactive: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Show ids and roles too.
    #[arg(short = 'x', long)]
    extended: bool,
    /// Show the rows alone in which a column has this text: "Session Name=prod".
    #[arg(long, value_name = "COLUMN=TEXT")]
    filter: Option<String>,
    /// How to print: json.
    #[arg(long, value_name = "FORM", value_parser = ["json"])]
    output: Option<String>,
    /// Leave the head of the table out.
    #[arg(long = "no-header")]
    no_header: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let What::Session(what) = &args.what;
    match what {
        OfSession::Generate { id } => credential_process::print(id, None),
        OfSession::Start(which) => order(which, Action::Start),
        OfSession::Stop(which) => order(which, Action::Stop),
        OfSession::List(args) => list(args),
    }
}

fn sessions() -> Result<Vec<SessionReport>, CliError> {
    Ok(reports::of(&paths::home()?)?.sessions)
}

fn order(which: &Which, action: Action) -> Result<Exit, CliError> {
    let known = sessions()?;
    let order = SessionOrder::plain(which.find(&known)?.id.as_str(), action);
    session::order::carry_out(&order, false)
}

/// The role of a session, as Leapp shows it.
fn role(session: &SessionReport) -> Option<&str> {
    session.role_arn.as_deref()?.rsplit('/').next()
}

impl Which {
    fn fits(&self, session: &SessionReport) -> bool {
        let name = |part: &String| session.name.contains(part.as_str());
        let is_role = |wanted: &String| role(session).is_none_or(|role| role == wanted);
        self.name.as_ref().is_none_or(name)
            && self.role.as_ref().is_none_or(is_role)
            && self.id.as_ref().is_none_or(|id| session.id.as_str() == id)
    }

    /// The one session that is meant. A part of a name is enough; of several, the one with that very name.
    fn find<'a>(&self, known: &'a [SessionReport]) -> Result<&'a SessionReport, CliError> {
        let found: Vec<_> = known.iter().filter(|session| self.fits(session)).collect();
        let mut exact = found
            .iter()
            .filter(|session| Some(&session.name) == self.name.as_ref());
        match (found.as_slice(), exact.next(), exact.next()) {
            ([], _, _) => Err(CliError::new(Code::NotFound, "no session is meant by that")
                .hint("`dayfly leapp session list -x` shows names, ids and roles")),
            ([one], _, _) => Ok(one),
            (_, Some(one), None) => Ok(one),
            (several, _, _) => {
                let names: Vec<_> = several.iter().map(|one| sanitize(&one.name)).collect();
                let message = format!("several sessions are meant by that: {}", names.join(", "));
                Err(CliError::usage(message).hint("name one by --sessionId"))
            }
        }
    }
}

/// What Leapp calls an access method.
const fn label(kind: SessionType) -> Option<&'static str> {
    match kind {
        SessionType::AwsIamUser => Some("AWS IAM User"),
        SessionType::AwsIamRoleFederated => Some("AWS IAM Role Federated"),
        SessionType::AwsIamRoleChained => Some("AWS IAM Role Chained"),
        SessionType::AwsSsoRole => Some("AWS Single Sign-On"),
        SessionType::Azure => Some("Azure"),
        SessionType::Localstack => Some("LocalStack"),
        _ => None,
    }
}

/// A column of Leapp's: its head, its name in JSON, and whether it is shown only by -x.
const COLUMNS: [(&str, &str, bool); 7] = [
    ("ID", "id", true),
    ("Session Name", "sessionName", false),
    ("Role", "role", true),
    ("Type", "type", false),
    ("Named Profile", "profileId", false),
    ("Region/Location", "region", false),
    ("Status", "status", false),
];

fn list(args: &List) -> Result<Exit, CliError> {
    let known = sessions()?;
    let row = |session: &SessionReport| {
        let or = |text: Option<&str>, other: &str| text.unwrap_or(other).to_owned();
        let kind = session.session_type;
        [
            session.id.to_string(),
            session.name.clone(),
            or(role(session), ""),
            or(label(kind), kind.as_str()),
            or(session.profile.as_deref(), "-"),
            or(session.region.as_deref(), ""),
            session.status.as_str().to_owned(),
        ]
    };
    let mut rows: Vec<[String; 7]> = known.iter().map(row).collect();
    if let Some(filter) = &args.filter {
        let (column, text) = filter
            .split_once('=')
            .ok_or_else(|| CliError::usage("--filter takes COLUMN=TEXT"))?;
        let at = COLUMNS.iter().position(|(head, _, _)| *head == column);
        let at = at.ok_or_else(|| {
            let heads: Vec<_> = COLUMNS.iter().map(|(head, _, _)| *head).collect();
            CliError::usage(format!("there is no column \"{}\"", sanitize(column)))
                .hint(format!("the columns are: {}", heads.join(", ")))
        })?;
        rows.retain(|row| row[at].contains(text));
    }
    if args.output.is_some() {
        return print_json(&as_json(&rows, args.extended));
    }
    print(&table(&rows, args));
    Ok(Exit::Done)
}

fn as_json(rows: &[[String; 7]], extended: bool) -> Vec<Map<String, Value>> {
    let object = |row: &[String; 7]| {
        let cells = COLUMNS.iter().zip(row);
        let shown = cells.filter(|((_, _, extra), _)| extended || !extra);
        let fields =
            shown.map(|((_, name, _), cell)| ((*name).to_owned(), Value::from(cell.as_str())));
        fields.collect()
    };
    rows.iter().map(object).collect()
}

fn table(rows: &[[String; 7]], args: &List) -> String {
    let rows = rows
        .iter()
        .map(|row| row.clone().map(|cell| sanitize(&cell)));
    let mut text = if args.extended {
        let mut table = Table::new(COLUMNS.map(|(head, _, _)| head));
        rows.for_each(|row| table.row(row));
        table.to_string()
    } else {
        let short = |[_, name, _, kind, profile, region, status]: [String; 7]| {
            [name, kind, profile, region, status]
        };
        let heads = [
            "Session Name",
            "Type",
            "Named Profile",
            "Region/Location",
            "Status",
        ];
        let mut table = Table::new(heads);
        rows.for_each(|row| table.row(short(row)));
        table.to_string()
    };
    if args.no_header {
        text = text
            .split_once('\n')
            .map(|(_, rest)| rest.to_owned())
            .unwrap_or_default();
    }
    text
}
