//! What a module wants, and how that differs from what it wanted before.

use dayfly_dialog::sanitize;
use dayfly_policy::Module;
use dayfly_runtime::entries::Prepared;
use dayfly_store::trust::Trusted;
use dayfly_store::{ContentDigest, LockedModule};
use dayfly_views::permissions::{may, wakes_on};
use serde::Serialize;

/// What an entry is held to from now on.
pub fn locked(
    prepared: &Prepared,
    bytes: &[u8],
    source: String,
    resolved: Option<String>,
    signer: Option<&Trusted>,
    bundle: Option<&str>,
) -> LockedModule {
    let module = prepared.policy.module();
    let descriptor = module.descriptor();
    LockedModule {
        entry: prepared.entry.name.to_string(),
        source,
        digest: ContentDigest::of(bytes),
        resolved,
        name: descriptor.name.clone(),
        version: descriptor.version.clone(),
        bytes: bytes.len() as u64,
        signer: signer.map(|trusted| trusted.key.clone()),
        actions: descriptor.actions.iter().map(ToString::to_string).collect(),
        hold: descriptor.may_hold,
        state_bytes: u64::from(descriptor.state_bytes),
        wakes_on: prepared
            .policy
            .subscriptions()
            .iter()
            .map(wakes_on)
            .collect(),
        imports: module.imports().to_vec(),
        bundle: bundle.map(str::to_owned),
    }
}

/// What a module asks for, in words.
pub fn asks(module: &Module) -> String {
    let descriptor = module.descriptor();
    may(descriptor.actions.iter().copied(), descriptor.may_hold)
}

/// A difference between two versions of a module.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// What about.
    pub what: &'static str,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
    /// Whether the newer one wants more.
    pub wider: bool,
}

impl Difference {
    /// A line for a person, indented behind its mark: a plus where the newer one wants more.
    pub fn line(&self, indent: &str) -> String {
        let mark = if self.wider { "+" } else { " " };
        format!(
            "{mark} {indent}{:<10}{} → {}\n",
            self.what,
            sanitize(&self.before),
            sanitize(&self.after)
        )
    }
}

/// What is not the same about two versions.
pub fn differences(old: &LockedModule, new: &LockedModule) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |what, before: String, after: String, wider: bool| {
        if before != after {
            found.push(Difference {
                what,
                before,
                after,
                wider,
            });
        }
    };
    add("version", old.version.clone(), new.version.clone(), false);
    add(
        "size",
        format!("{} bytes", old.bytes),
        format!("{} bytes", new.bytes),
        false,
    );
    add(
        "digest",
        old.digest.to_string(),
        new.digest.to_string(),
        false,
    );
    add("source", old.source.clone(), new.source.clone(), true);
    // Another key is another person until somebody says that it is not.
    add("signer", signer(old), signer(new), old.signer.is_some());
    add(
        "asks for",
        asked(old),
        asked(new),
        grown(&old.actions, &new.actions) || (new.hold && !old.hold),
    );
    add(
        "imports",
        list(&old.imports),
        list(&new.imports),
        grown(&old.imports, &new.imports),
    );
    add(
        "wakes on",
        list(&old.wakes_on),
        list(&new.wakes_on),
        grown(&old.wakes_on, &new.wakes_on),
    );
    add(
        "state",
        format!("{} bytes", old.state_bytes),
        format!("{} bytes", new.state_bytes),
        new.state_bytes > old.state_bytes,
    );
    found
}

/// Whether there is something that was not there.
fn grown(old: &[String], new: &[String]) -> bool {
    new.iter().any(|one| !old.contains(one))
}

fn list(list: &[String]) -> String {
    match list.is_empty() {
        true => "nothing".to_owned(),
        false => list.join(", "),
    }
}

/// What a version asks for, as the lock has it.
fn asked(module: &LockedModule) -> String {
    let hold = module.hold.then(|| "hold".to_owned());
    list(
        &module
            .actions
            .iter()
            .cloned()
            .chain(hold)
            .collect::<Vec<_>>(),
    )
}

fn signer(module: &LockedModule) -> String {
    module.signer.clone().unwrap_or_else(|| "nobody".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module() -> LockedModule {
        LockedModule {
            entry: "e".into(),
            source: "oci://h/r:1".into(),
            digest: ContentDigest::of(b"1"),
            resolved: None,
            name: "rule".into(),
            version: "1.9.0".into(),
            bytes: 1,
            signer: Some("RW1".into()),
            actions: vec!["start".into()],
            hold: false,
            state_bytes: 0,
            wakes_on: vec!["a".into()],
            imports: vec!["log".into()],
            bundle: None,
        }
    }

    #[test]
    fn only_what_is_more_is_wider() {
        let wider = |change: fn(&mut LockedModule)| {
            let mut new = module();
            change(&mut new);
            let differences = differences(&module(), &new);
            assert_eq!(differences.len(), 1);
            differences[0].wider
        };
        assert!(wider(|m| m.actions.push("stop".into())));
        assert!(wider(|m| m.hold = true));
        assert!(wider(|m| m.imports.push("workspace".into())));
        assert!(wider(|m| m.wakes_on = vec!["b".into()]));
        assert!(wider(|m| m.signer = None));
        assert!(wider(|m| m.state_bytes = 1));
        assert!(!wider(|m| m.actions.clear()));
        assert!(!wider(|m| m.version = "2.0.0".into()));
        assert!(!wider(|m| m.bytes = 2));
    }
}
