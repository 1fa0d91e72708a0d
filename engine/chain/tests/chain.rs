//! Several targets at once: what goes where, what a failing one changes, and what is found again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dayfly_chain::{
    Applied, Chain, ChainError, ConfigFile, CredentialsFile, Deliver, Kept, Order, Placed, Process,
};
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::session::SessionId;
use dayfly_vault::Vault;

mod support;
use support::credentials;

struct Here {
    folder: tempfile::TempDir,
}

impl Here {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn chain(&self) -> Chain {
        let process = Process {
            program: "/my bin/dayfly".into(),
            home: Some("/h".into()),
        };
        let vault = Vault::new(self.path("vault.age"), self.path("vault.key"));
        Chain::new(
            vec![
                Box::new(CredentialsFile::new(self.path("credentials")).of_home("w")),
                Box::new(ConfigFile::new(self.path("config"), process).of_home("w")),
            ],
            Kept::new(vault.beside(self.path("kept.age"))),
        )
    }
}

fn publish(session: &str, profile: Option<&str>, n: u64, delivery: &[Place]) -> Deliver {
    Deliver {
        session: SessionId::new(session),
        session_name: session.into(),
        profile: profile.map(str::to_owned),
        credentials: Arc::new(credentials(n)),
        displaced: Vec::new(),
        region: Some("eu-west-1".into()),
        delivery: delivery.iter().copied().collect(),
    }
}

fn order(deliver: Deliver) -> Order {
    Order::Publish(Box::new(deliver))
}

fn retract(session: &str) -> Order {
    Order::Retract {
        session: SessionId::new(session),
    }
}

fn one(applied: Applied) -> Result<Placed, ChainError> {
    assert!(applied.unkept.is_none(), "{applied:?}");
    applied.results.into_iter().next().unwrap()
}

const BOTH: [Place; 2] = [Place::CredentialsFile, Place::CredentialProcess];
const FILE: [Place; 1] = [Place::CredentialsFile];
const PROCESS: [Place; 1] = [Place::CredentialProcess];

#[test]
fn a_profile_with_a_process_comes_and_goes_and_leaves_the_rest_alone() {
    let here = Here::new();
    let own = "# mine\n[default]\nregion = us-east-1\n\n[profile other]\nrole_arn = x\n\n\
               [profile app]\noutput = json\n; about app\n";
    fs::write(here.path("config"), own).unwrap();
    let chain = here.chain();
    let placed = one(chain.apply(&[order(publish("s1", Some("app"), 1, &PROCESS))])).unwrap();
    assert_eq!(placed.in_force, Delivery::from(PROCESS));
    let text = here.text("config");
    assert!(
        text.contains(
            "[profile app]\noutput = json\ncredential_process = '/my bin/dayfly' \
             credential-process --home /h s1\nregion = eu-west-1\n"
        ),
        "{text}"
    );
    assert!(!text.contains("secret1") && !text.contains("token1"));
    // The credentials are nowhere in the clear.
    assert!(!here.path("credentials").exists());
    let kept = fs::read(here.path("kept.age")).unwrap();
    assert!(!kept.windows(6).any(|w| w == b"secret"));
    // A new one, on the same files.
    let found = here.chain().observe();
    let session = &found.sessions[&SessionId::new("s1")];
    assert_eq!(session.credentials, credentials(1));
    assert_eq!(session.profile.as_deref(), Some("app"));
    assert_eq!(session.in_force, Delivery::from(PROCESS));
    // A rotation changes nothing in the file.
    one(chain.apply(&[order(publish("s1", Some("app"), 2, &PROCESS))])).unwrap();
    assert_eq!(here.text("config"), text);
    one(chain.apply(&[retract("s1")])).unwrap();
    assert_eq!(here.text("config"), own);
    assert!(here.chain().observe().sessions.is_empty());
}

#[test]
fn the_default_profile_and_new_sections_are_written_as_clients_read_them() {
    let here = Here::new();
    fs::write(here.path("config"), "[profile \"a b\"]\nregion=x\n").unwrap();
    let chain = here.chain();
    for (session, profile) in [("s1", "default"), ("s2", "new")] {
        one(chain.apply(&[order(publish(session, Some(profile), 1, &PROCESS))])).unwrap();
    }
    let text = here.text("config");
    assert!(
        text.contains("\n[default]\n") && text.contains("\n[profile new]\n"),
        "{text}"
    );
    let refused = one(chain.apply(&[order(publish("s3", Some("a b"), 1, &PROCESS))]));
    assert!(refused.unwrap_err().to_string().contains("blank"));
}

#[test]
fn what_a_person_wrote_is_refused_and_named() {
    for (text, named) in [
        ("[profile app]\nrole_arn = x\n", "role_arn"),
        (
            "[profile app]\ncredential_process = mine\n",
            "credential_process",
        ),
        (
            "[profile app]\naws_access_key_id = AKIA\n",
            "aws_access_key_id",
        ),
        ("[profile \"app\"]\nsso_session = x\n", "sso_session"),
        ("[profile app]\n[profile \"app\"]\n", "twice"),
        ("[profile app]\n[profile app]\n", "line 2, byte 1"),
    ] {
        let here = Here::new();
        fs::write(here.path("config"), text).unwrap();
        let refused = one(here
            .chain()
            .apply(&[order(publish("s1", Some("app"), 1, &PROCESS))]));
        assert!(refused.unwrap_err().to_string().contains(named), "{text}");
        assert_eq!(here.text("config"), text);
        assert!(here.chain().observe().sessions.is_empty());
    }
}

#[test]
fn a_target_that_fails_leaves_the_others_in_force() {
    let here = Here::new();
    let own = "[profile app]\nrole_arn = x\n";
    fs::write(here.path("config"), own).unwrap();
    let chain = here.chain();
    let mut both = publish("s2", Some("app"), 2, &BOTH);
    one(chain.apply(&[order(publish("s1", Some("app"), 1, &FILE))])).unwrap();
    both.displaced.push(SessionId::new("s1"));
    let placed = one(chain.apply(&[order(both.clone())])).unwrap();
    assert_eq!(placed.in_force, Delivery::from(FILE));
    assert_eq!(placed.failed.len(), 1);
    assert_eq!(placed.failed[0].0, Place::CredentialProcess);
    assert!(here.text("credentials").contains("secret2"));
    assert!(!here.text("credentials").contains("secret1"));
    // Mended, it is in force at both.
    fs::write(here.path("config"), "").unwrap();
    let placed = one(chain.apply(&[order(both)])).unwrap();
    assert_eq!(placed.in_force, Delivery::from(BOTH));
    one(chain.apply(&[retract("s2")])).unwrap();
    assert_eq!(
        (here.text("config"), here.text("credentials")),
        Default::default()
    );
}

#[test]
fn another_delivery_takes_away_only_once_the_new_place_has_it() {
    let here = Here::new();
    let chain = here.chain();
    one(chain.apply(&[order(publish("s1", Some("app"), 1, &FILE))])).unwrap();
    fs::write(here.path("config"), "[profile app]\nrole_arn = x\n").unwrap();
    one(chain.apply(&[order(publish("s1", Some("app"), 2, &PROCESS))])).unwrap_err();
    assert!(here.text("credentials").contains("secret1"));
    fs::remove_file(here.path("config")).unwrap();
    one(chain.apply(&[order(publish("s1", Some("app"), 2, &PROCESS))])).unwrap();
    assert_eq!(here.text("credentials"), "");
    assert!(here.text("config").contains("credential-process"));
    // And nowhere: only for those who ask.
    one(chain.apply(&[order(publish("s1", Some("app"), 3, &[]))])).unwrap();
    assert_eq!(here.text("config"), "");
    let found = here.chain().observe();
    assert_eq!(
        found.sessions[&SessionId::new("s1")].credentials,
        credentials(3)
    );
}

#[test]
fn what_a_crash_left_under_an_earlier_profile_does_not_count_as_delivered() {
    let here = Here::new();
    one(here
        .chain()
        .apply(&[order(publish("s1", Some("x"), 1, &BOTH))]))
    .unwrap();
    // The move to another profile got as far as the first of the two files.
    let before = here.text("config");
    one(here
        .chain()
        .apply(&[order(publish("s1", Some("y"), 2, &BOTH))]))
    .unwrap();
    fs::write(here.path("config"), before).unwrap();
    let found = here.chain().observe();
    let found = &found.sessions[&SessionId::new("s1")];
    assert_eq!(found.profile.as_deref(), Some("y"));
    assert_eq!(found.in_force, Delivery::from([Place::CredentialsFile]));
}

#[test]
fn a_session_without_a_profile_is_kept_and_a_batch_keeps_its_order() {
    let here = Here::new();
    let chain = here.chain();
    let applied = chain.apply(&[
        order(publish("s1", None, 1, &BOTH)),
        order(publish("s2", Some("b"), 2, &BOTH)),
        retract("s2"),
        order(publish("s1", None, 3, &BOTH)),
    ]);
    assert!(applied.results.iter().all(Result::is_ok), "{applied:?}");
    let found = here.chain().observe();
    assert_eq!(found.sessions.len(), 1);
    let session = &found.sessions[&SessionId::new("s1")];
    assert_eq!(
        (&session.credentials, &session.profile),
        (&credentials(3), &None)
    );
    assert_eq!(here.text("credentials") + &here.text("config"), "");
}

#[test]
fn a_lost_key_or_a_damaged_file_only_means_to_begin_anew() {
    let here = Here::new();
    one(here.chain().apply(&[order(publish("s1", None, 1, &[]))])).unwrap();
    for harm in [
        (|here: &Here| fs::remove_file(here.path("vault.key")).unwrap()) as fn(&Here),
        |here| harm(&here.path("kept.age")),
    ] {
        harm(&here);
        let found = here.chain().observe();
        assert!(found.sessions.is_empty() && found.unread.is_none());
        one(here.chain().apply(&[order(publish("s1", None, 2, &[]))])).unwrap();
        assert_eq!(here.chain().observe().sessions.len(), 1);
    }
    fn harm(path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_profile_that_runs_another_program_is_found_hollow_or_is_written_anew() {
    let here = Here::new();
    let chain = here.chain();
    one(chain.apply(&[order(publish("s1", Some("app"), 1, &PROCESS))])).unwrap();
    // The credentials are lost, the profile is there.
    fs::remove_file(here.path("kept.age")).unwrap();
    let found = here.chain().observe();
    assert_eq!(found.hollow, [SessionId::new("s1")]);
    assert!(found.sessions.is_empty());
    one(here.chain().apply(&[retract("s1")])).unwrap();
    assert_eq!(here.text("config"), "");
}
