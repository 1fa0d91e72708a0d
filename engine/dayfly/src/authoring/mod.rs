//! Projects of people who write policies: begun from a template, built with the tools of their
//! language, and checked.
//!
//! [`project`] knows the files of a project, [`templates`] what a new one begins with, [`build`] makes
//! the component, and [`check`] measures what it is and costs.

pub(crate) mod build;
pub(crate) mod c;
pub(crate) mod check;
pub(crate) mod component;
pub(crate) mod js;
pub(crate) mod lang;
pub(crate) mod project;
pub(crate) mod python;
pub(crate) mod rust;
pub(crate) mod templates;
pub(crate) mod tools;
