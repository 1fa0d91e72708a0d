//! A person signs in: the browser, the pages that it comes back to, and what is asked at the terminal.

pub(crate) mod browser;
mod handover;
mod loopback;
pub(crate) mod oauth_callback;
mod saml_acs;
mod saml_capture;
pub(crate) mod saml_login;
pub(crate) mod user_prompts;
