//! Sessions come, change and go with the Workspace.

mod session_changes;
mod user_input;
