//! Violations as a person reads them; each family has its own texts.

use std::fmt;

use crate::audit::violation::Violation;
use crate::audit::{chain, delivery, entries, keys, operations, sessions};

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families = [
            chain::text,
            delivery::text,
            sessions::text,
            operations::text,
            entries::text,
            keys::text,
        ];
        match families.iter().find_map(|text| text(self)) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{self:?}"),
        }
    }
}
