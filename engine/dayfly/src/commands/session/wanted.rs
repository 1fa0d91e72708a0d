//! Which sessions a person wants listed.

use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_dialog::time::parse_span;
use dayfly_host::workspace;
use dayfly_runtime::report::SessionReport;
use dayfly_runtime::{Home, clock};
use dayfly_views::filter::{Field, Filter};

/// What a list says where no session is as it was wanted.
pub(crate) const NONE_FITS: &str = "no session is like this; `dayfly session list` lists all\n";

/// What all listed sessions have in common. Case does not matter, and `*` stands for any text.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Only sessions")]
pub(crate) struct Wanted {
    /// With this text somewhere in their name, profile, account, role, labels or notes.
    text: Vec<String>,
    /// With this status: active, pending, inactive.
    #[arg(long, value_name = "STATUS")]
    status: Vec<String>,
    /// With this access method: awsSsoRole, 'aws*'.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Vec<String>,
    /// With this named profile.
    #[arg(long, value_name = "NAME")]
    profile: Vec<String>,
    /// With this region.
    #[arg(long, value_name = "NAME")]
    region: Vec<String>,
    /// With this account or subscription.
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
    /// With this role, by its name or ARN.
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    /// Chained to this session.
    #[arg(long, value_name = "SESSION")]
    parent: Vec<String>,
    /// From this layer.
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// With this label.
    #[arg(long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
    /// Whose credentials end within this time: 15m, 2h.
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ends_within: Option<Duration>,
}

impl Wanted {
    /// Leaves those that are wanted.
    pub(crate) fn apply(
        &self,
        home: &Home,
        sessions: &mut Vec<SessionReport>,
    ) -> Result<(), CliError> {
        self.filter().apply(sessions, clock::now());
        if let Some(layer) = &self.layer {
            let workspace = workspace::require(home)?;
            sessions.retain(|session| workspace.layer(&session.id) == Some(layer));
        }
        Ok(())
    }

    fn filter(&self) -> Filter {
        let fields = [
            (Field::Status, &self.status),
            (Field::Type, &self.kind),
            (Field::Profile, &self.profile),
            (Field::Region, &self.region),
            (Field::Account, &self.account),
            (Field::Role, &self.role),
            (Field::Parent, &self.parent),
        ];
        Filter {
            texts: self.text.clone(),
            fields: fields.map(|(field, values)| (field, values.clone())).into(),
            labels: self.label.clone(),
            ends_within: self.ends_within,
        }
    }
}
