//! A person signs in with a browser: it is sent to an address that no command line tells, and the pages that
//! it comes back to lie on loopback.

pub mod browser;
mod handover;
mod loopback;
pub mod oauth_callback;
pub mod saml_acs;
pub mod saml_capture;
