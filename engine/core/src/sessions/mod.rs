//! Sessions come, change and go with the Workspace, and policies and the Workspace file follow.

mod changed_fields;
mod forget;
mod notify;
mod user_input;
mod view;
mod workspace;
