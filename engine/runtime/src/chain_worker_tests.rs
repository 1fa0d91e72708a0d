use std::path::{Path, PathBuf};
use std::sync::Mutex;

use dayfly_chain::{Change, Deliver, EncryptedStore, Observed, Target};
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::session::{Lease, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials, Vault};

use super::*;

/// A place that breaks when it is to take the session "bad", before or after it did.
struct Fragile {
    path: PathBuf,
    after: bool,
    holds: Mutex<BTreeMap<SessionId, TemporaryCredentials>>,
}

impl Target for Fragile {
    fn place(&self) -> Place {
        Place::CredentialsFile
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn apply(&self, changes: &[Change]) -> Vec<Result<(), ChainError>> {
        for change in changes {
            let bad = change.session().as_str() == "bad";
            assert!(!bad || self.after, "broken before");
            let mut holds = self.holds.lock().unwrap();
            match change {
                Change::Publish(p) => {
                    let credentials = TemporaryCredentials::clone(&p.credentials);
                    holds.insert(p.session.clone(), credentials)
                }
                Change::Retract { session } => holds.remove(session),
            };
            drop(holds);
            assert!(!bad, "broken after");
        }
        changes.iter().map(|_| Ok(())).collect()
    }

    fn observe(&self) -> Result<Vec<Observed>, ChainError> {
        let holds = self.holds.lock().unwrap();
        let observed = holds.iter().map(|(session, credentials)| Observed {
            session: session.clone(),
            profile: session.to_string(),
            credentials: Some(credentials.clone()),
        });
        Ok(observed.collect())
    }

    fn holds_any_of(&self, _: &[Change]) -> Result<bool, ChainError> {
        Ok(true)
    }
}

fn publish(session: &str) -> Order {
    let credentials = TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::from_millis(7),
            expires_at: None,
        },
        material: Material::Aws {
            access_key_id: "k".into(),
            secret_access_key: "s".to_owned().into(),
            session_token: None,
            region: None,
        },
    };
    Order::Publish(Box::new(Deliver {
        session: SessionId::new(session),
        session_name: session.into(),
        profile: Some(session.into()),
        credentials: Arc::new(credentials),
        displaced: Vec::new(),
        region: None,
        delivery: Delivery::from([Place::CredentialsFile]),
    }))
}

#[test]
fn what_breaks_fails_alone_and_is_told_as_it_is_found() {
    for after in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let vault = Vault::new(at("vault.age"), at("vault.key"));
        let chain = Chain::new(
            vec![Box::new(Fragile {
                path: at("credentials"),
                after,
                holds: Mutex::default(),
            })],
            EncryptedStore::new(vault.beside(at("kept.age"))),
        );
        let bad = SessionId::new("bad");
        let all = [publish("a"), publish("bad"), publish("b")];
        let applied = apply(&chain, &all);
        let there: Vec<bool> = applied.results.iter().map(Result::is_ok).collect();
        assert_eq!(there, [true, after, true]);
        let found = chain.observe().sessions;
        assert_eq!(found.contains_key(&bad), after);
        // The same of taking it away.
        let gone = Order::Retract { session: bad };
        let applied = apply(&chain, &[gone, publish("c")]);
        let done: Vec<bool> = applied.results.iter().map(Result::is_ok).collect();
        assert_eq!(done, [true, true]);
    }
}
