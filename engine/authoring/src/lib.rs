//! Projects of people who write policies: begun from a template, built with the tools of their
//! language, and checked.
//!
//! [`project`] knows the files of a project, [`templates`] what a new one begins with, [`build`] makes
//! the component, and [`check`] measures what it is and costs.

pub mod build;
pub mod c;
pub mod check;
mod component;
pub mod foreign;
mod js;
pub mod lang;
pub mod project;
mod python;
mod rust;
pub mod templates;
mod tools;

pub use tools::{Show, read_built};
