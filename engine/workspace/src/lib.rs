//! The Workspace file: parse, validate, diff, load, watch, merge and write.
//!
//! Pure: [`Workspace::parse`] (text to sessions and problems), [`diff`] (what changed),
//! [`splice`] (text to text, touching nothing but what is to change), [`schema`].
//! With the file system: [`WorkspaceFile`] (load, project, edit) and [`watch()`].
//!
//! ```
//! use std::path::Path;
//!
//! use dayfly_workspace::{Workspace, diff};
//!
//! let text = r#"{"sessions": [{"sessionId": "a", "sessionName": "dev", "type": "localstack"}]}"#;
//! let path = Path::new("workspace.json");
//! let before = Workspace::parse(text, path, None).expect("it is a Workspace");
//! let edited = text.replace("dev", "test");
//! let after = Workspace::parse(&edited, path, Some(&before)).expect("it is a Workspace");
//!
//! let change = diff(Some(&before), &after);
//! assert_eq!(change.upserts[0].session.name, "test");
//! assert!(change.removed.is_empty());
//! ```

mod access;
mod anywhere;
mod azure_sync;
mod bulk;
mod check;
mod derived_id;
mod diff;
mod disk;
mod export;
mod fault;
mod file;
mod find;
mod format;
pub mod layer_files;
pub mod layers;
mod lock;
mod login;
mod method;
mod parents;
mod parse;
mod position;
mod problem;
mod profile_template;
mod projection;
mod raw;
mod read;
mod references;
mod region;
mod render;
mod schema;
mod section;
pub mod splice;
mod sync;
mod timestamp;
mod tree;
mod versions_in_force;
mod watch;
mod web_identity;
mod workspace;
mod write;

pub use azure_sync::{AzureSyncPlan, ListedSubscription};
pub use derived_id::derived_id;
pub use diff::diff;
pub use disk::DiskError;
pub use export::export;
pub use file::{DEFAULT_LIMIT, EditError, Loaded, WorkspaceFile, WriteError, Written};
pub use find::{Candidate, ResolveError};
pub use format::{
    AwsSsoIntegration, AzureCloudWord, AzureCredentialWord, AzureIntegration, IdpUrl, NamedProfile,
};
pub use login::login_session_problem;
pub use method::{requires, takes};
pub use problem::{Problem, Rejected, Severity};
pub use profile_template::{ProfileTemplate, TemplateError};
pub use region::partition;
pub use schema::schema;
pub use sync::{ListedRole, SyncPlan};
pub use watch::{Backend, Watch, WatchError, no_notices, watch, watch_by_polling, watch_folder};
pub use workspace::{Entry, Workspace};
pub use write::session_object;
