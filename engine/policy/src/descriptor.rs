//! Whether what a policy says of itself makes sense.

use dayfly_core::policy::Descriptor;

use crate::text;
use crate::world::World;

/// Bytes of a name.
const NAME: usize = 64;
/// Bytes of the line for a list.
const SUMMARY: usize = 256;
/// Bytes of the schema.
const SCHEMA: usize = 256 << 10;

/// Checks a description; the answer says what is wrong with it, as the end of a sentence.
pub(crate) fn check(mut descriptor: Descriptor, world: World) -> Result<Descriptor, String> {
    if descriptor.name.len() > NAME || !text::is_kebab_case(&descriptor.name) {
        return Err(format!(
            "its name must be a word such as `rotate-before-expiry`, of at most {NAME} characters"
        ));
    }
    if descriptor.version.len() > NAME || semver::Version::parse(&descriptor.version).is_err() {
        return Err("its version must look like `1.2.0`".into());
    }
    if descriptor.summary.is_empty() || descriptor.summary.len() > SUMMARY {
        return Err(format!(
            "its summary must be one line of 1 to {SUMMARY} bytes"
        ));
    }
    descriptor.summary = text::sanitize(descriptor.summary);
    if descriptor.config_schema.len() > SCHEMA {
        return Err(format!(
            "its configuration schema is larger than {SCHEMA} bytes"
        ));
    }
    match serde_json::from_str::<serde_json::Value>(&descriptor.config_schema) {
        Ok(serde_json::Value::Object(_) | serde_json::Value::Bool(_)) => {}
        Ok(_) => return Err("its configuration schema is JSON, but not a JSON Schema".into()),
        Err(error) => return Err(format!("its configuration schema is not JSON: {error}")),
    }
    descriptor.actions.sort_unstable();
    descriptor.actions.dedup();
    if world == World::Pure && descriptor.state_bytes > 0 {
        return Err("it asks for state but does not import `state`, so it could not use it".into());
    }
    Ok(descriptor)
}

#[cfg(test)]
mod tests {
    use dayfly_core::policy::Action;

    use super::*;

    fn good() -> Descriptor {
        Descriptor {
            name: "keep-active".into(),
            version: "1.0.0".into(),
            summary: "starts sessions".into(),
            config_schema: "{}".into(),
            actions: vec![Action::Stop, Action::Start, Action::Stop],
            may_hold: false,
            state_bytes: 0,
        }
    }

    #[test]
    fn a_good_one_passes() {
        let checked = check(good(), World::Pure).unwrap();
        assert_eq!(checked.actions.len(), 2);
    }

    #[test]
    fn each_flaw_is_found() {
        type Flaw = fn(&mut Descriptor);
        let flaws: [(&str, Flaw); 8] = [
            ("name", |d| d.name = "Keep Active".into()),
            ("name", |d| d.name = "a".repeat(65)),
            ("version", |d| d.version = "1".into()),
            ("summary", |d| d.summary = String::new()),
            ("summary", |d| d.summary = "x".repeat(257)),
            ("schema", |d| d.config_schema = "{".into()),
            ("schema", |d| d.config_schema = "[]".into()),
            ("state", |d| d.state_bytes = 1),
        ];
        for (word, spoil) in flaws {
            let mut descriptor = good();
            spoil(&mut descriptor);
            let problem = check(descriptor, World::Pure).unwrap_err();
            assert!(problem.contains(word), "{problem}");
        }
    }

    #[test]
    fn state_is_for_the_larger_world() {
        let mut descriptor = good();
        descriptor.state_bytes = 1;
        assert!(check(descriptor, World::Stateful).is_ok());
    }
}
