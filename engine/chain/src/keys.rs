//! The names of the keys that a section of ours has.

pub(crate) const KEY_ID: &str = "aws_access_key_id";
pub(crate) const SECRET: &str = "aws_secret_access_key";
pub(crate) const TOKEN: &str = "aws_session_token";
pub(crate) const PROCESS: &str = "credential_process";
pub(crate) const REGION: &str = "region";
pub(crate) const EXPIRES: &str = "x_security_token_expires";
pub(crate) const SESSION: &str = "dayfly_session";
pub(crate) const ISSUED: &str = "dayfly_issued";
pub(crate) const WROTE: &str = "dayfly_wrote";
