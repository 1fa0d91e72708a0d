//! One file an access method: obtains temporary credentials.
