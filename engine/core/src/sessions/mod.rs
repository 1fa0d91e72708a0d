//! Sessions come, change and go with the Workspace; policies and the Workspace file are told.

mod changed_fields;
mod forget;
mod notify;
mod user_input;
mod view;
mod workspace;
