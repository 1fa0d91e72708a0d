//! Several targets at once: what goes where, what a failing one changes, and what is found again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dayfly_chain::{
    Applied, Chain, ChainError, ConfigFile, CredentialsFile, Deliver, EncryptedStore, Order,
    Placed, Process, PublicationCheck, PublicationPlace,
};
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::session::SessionId;
use dayfly_vault::{Material, TemporaryCredentials, Vault};

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
            EncryptedStore::new(vault.beside(self.path("kept.age"))),
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

/// Why what could be put nowhere could not.
fn refusal(result: Result<Placed, ChainError>) -> String {
    let placed = result.unwrap();
    assert_eq!(placed.in_force, Delivery::new());
    placed.failed[0].1.to_string()
}

const AZURE: [Place; 1] = [Place::AzureProfile];
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
    assert!(refusal(refused).contains("space"));
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
        assert!(refusal(refused).contains(named), "{text}");
        assert_eq!(here.text("config"), text);
        let found = here.chain().observe().sessions;
        assert_eq!(found[&SessionId::new("s1")].in_force, Delivery::new());
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
    refusal(one(chain.apply(&[order(publish(
        "s1",
        Some("app"),
        2,
        &PROCESS,
    ))])));
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
fn no_key_is_made_while_the_vault_is_there_that_the_missing_one_is_for() {
    for kept_before in [true, false] {
        let here = Here::new();
        let vault = Vault::new(here.path("vault.age"), here.path("vault.key"));
        vault.set("a", &"secret".to_owned().into()).unwrap();
        if kept_before {
            one(here.chain().apply(&[order(publish("s1", None, 1, &[]))])).unwrap();
        }
        fs::rename(here.path("vault.key"), here.path("elsewhere")).unwrap();
        let applied = here.chain().apply(&[order(publish("s1", None, 2, &[]))]);
        let unkept = applied.unkept.unwrap().to_string();
        assert!(unkept.contains("vault.key, its key, does not"));
        assert!(!here.path("vault.key").exists());
        assert_eq!(here.path("kept.age").exists(), kept_before);
        // Nothing was lost by it.
        fs::rename(here.path("elsewhere"), here.path("vault.key")).unwrap();
        assert!(vault.get("a").unwrap().is_some());
        let found = here.chain().observe().sessions.len();
        assert_eq!(found, usize::from(kept_before));
        // What is to be forgotten is, with the key or without.
        fs::rename(here.path("vault.key"), here.path("elsewhere")).unwrap();
        one(here.chain().apply(&[retract("s1")])).unwrap();
        assert!(!here.path("kept.age").exists() && !here.path("vault.key").exists());
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
    assert_eq!(found.without_credentials, [SessionId::new("s1")]);
    assert!(found.sessions.is_empty());
    one(here.chain().apply(&[retract("s1")])).unwrap();
    assert_eq!(here.text("config"), "");
}

#[test]
fn older_credentials_elsewhere_are_found_outdated_and_not_in_force() {
    let here = Here::new();
    let chain = here.chain();
    let s1 = SessionId::new("s1");
    one(chain.apply(&[order(publish("s1", Some("app"), 1, &FILE))])).unwrap();
    let older = here.text("credentials");
    // Kept encrypted only, as where no file is wanted.
    one(chain.apply(&[order(publish("s1", Some("app"), 2, &[]))])).unwrap();
    fs::write(here.path("credentials"), &older).unwrap();
    let found = here.chain().observe();
    assert_eq!(found.sessions[&s1].credentials, credentials(2));
    assert_eq!(found.sessions[&s1].in_force, Delivery::new());
    assert_eq!(found.outdated, [(s1, Place::CredentialsFile)]);
}

#[test]
fn a_place_that_this_machine_does_not_have_fails_alone() {
    let here = Here::new();
    let chain = here
        .chain()
        .without(Place::AzureProfile, "there is no home folder");
    let mut azure = publish("az", None, 2, &AZURE);
    azure.credentials = Arc::new(TemporaryCredentials {
        lease: azure.credentials.lease,
        material: Material::Azure {
            access_token: "t".to_owned().into(),
            resource: "r".into(),
            subscription_id: "S".into(),
            tenant_id: "t".into(),
            environment: "AzureCloud".into(),
        },
    });
    let mut taker = azure.clone();
    taker.session = SessionId::new("taker");
    taker.displaced = vec![SessionId::new("s0")];
    let applied = chain.apply(&[
        order(publish("s1", Some("one"), 1, &FILE)),
        order(azure),
        order(taker),
        order(publish("s2", Some("two"), 3, &BOTH)),
    ]);
    let results = &applied.results;
    assert_eq!(results[0].as_ref().unwrap().in_force, Delivery::from(FILE));
    let placed = results[1].as_ref().unwrap();
    assert_eq!(placed.in_force, Delivery::new());
    assert_eq!(placed.failed.len(), 1);
    let (place, error) = &placed.failed[0];
    assert_eq!(*place, Place::AzureProfile);
    assert!(error.to_string().contains("no home folder"), "{error}");
    // Nobody gives way for nothing.
    results[2].as_ref().unwrap_err();
    assert_eq!(results[3].as_ref().unwrap().in_force, Delivery::from(BOTH));
    assert!(
        here.chain()
            .observe()
            .sessions
            .contains_key(&SessionId::new("az"))
    );
}

#[test]
fn what_can_be_put_nowhere_is_kept_for_those_who_ask() {
    let here = Here::new();
    fs::create_dir(here.path("credentials")).unwrap();
    let chain = here.chain();
    let placed = one(chain.apply(&[order(publish("s1", Some("app"), 1, &FILE))])).unwrap();
    assert_eq!((placed.in_force, placed.failed.len()), (Delivery::new(), 1));
    assert_eq!(chain.find(&SessionId::new("s1")), Some(credentials(1)));
    // Once it can be put there, it is, and not kept beside.
    fs::remove_dir(here.path("credentials")).unwrap();
    let placed = one(chain.apply(&[order(publish("s1", Some("app"), 1, &FILE))])).unwrap();
    assert_eq!(placed.in_force, Delivery::from(FILE));
    assert_eq!(here.chain().observe().sessions.len(), 1);
    one(chain.apply(&[retract("s1")])).unwrap();
    assert!(here.chain().observe().sessions.is_empty());
}

#[test]
fn who_gives_way_and_cannot_be_taken_away_is_told() {
    let here = Here::new();
    let chain = here.chain();
    one(chain.apply(&[order(publish("s1", Some("app"), 1, &FILE))])).unwrap();
    let aside = here.path("aside");
    fs::rename(here.path("credentials"), &aside).unwrap();
    fs::create_dir(here.path("credentials")).unwrap();
    let mut taker = publish("s2", Some("app"), 2, &PROCESS);
    taker.displaced.push(SessionId::new("s1"));
    let placed = one(chain.apply(&[order(taker)])).unwrap();
    assert_eq!(placed.in_force, Delivery::from(PROCESS));
    assert_eq!(placed.leftover, [SessionId::new("s1")]);
    assert_eq!(chain.stands(&SessionId::new("s1")), Delivery::from(FILE));
    fs::remove_dir(here.path("credentials")).unwrap();
    fs::rename(&aside, here.path("credentials")).unwrap();
    one(chain.apply(&[retract("s1")])).unwrap();
    assert_eq!(here.text("credentials"), "");
}

#[test]
fn what_others_take_away_or_bring_back_is_seen() {
    let here = Here::new();
    let chain = here.chain();
    let (s1, s2) = (SessionId::new("s1"), SessionId::new("s2"));
    for (session, delivery) in [("s1", &BOTH[..]), ("s2", &[])] {
        one(chain.apply(&[order(publish(session, Some("app"), 1, delivery))])).unwrap();
    }
    let spots = [
        PublicationPlace::At(Place::CredentialsFile),
        PublicationPlace::At(Place::CredentialProcess),
        PublicationPlace::Kept,
    ];
    for spot in spots {
        assert_eq!(chain.look(spot), PublicationCheck::default(), "{spot:?}");
    }
    let before = here.text("credentials");
    for (name, spot, session) in [
        ("credentials", spots[0], &s1),
        ("config", spots[1], &s1),
        ("kept.age", spots[2], &s2),
    ] {
        fs::remove_file(here.path(name)).unwrap();
        let look = chain.look(spot);
        assert_eq!(
            (&look.lost[..], look.gone),
            (std::slice::from_ref(session), true)
        );
        // It is told once.
        assert_eq!(chain.look(spot).lost, []);
    }
    // What stands there is older than what was put there, or a line of it was changed.
    for (n, text) in [(2, before.clone()), (3, before.replace("secret1", "other"))] {
        one(chain.apply(&[order(publish("s1", Some("app"), n, &FILE))])).unwrap();
        fs::write(here.path("credentials"), text).unwrap();
        let look = chain.look(spots[0]);
        assert_eq!(
            (&look.lost[..], look.gone),
            (&[s1.clone()][..], false),
            "{n} {look:?}"
        );
    }
    // Somebody's own key is not written over.
    refusal(one(chain.apply(&[order(publish(
        "s1",
        Some("app"),
        4,
        &FILE,
    ))])));
    fs::remove_file(here.path("credentials")).unwrap();
    // What was taken away comes back from a copy.
    one(chain.apply(&[retract("s1")])).unwrap();
    fs::write(here.path("credentials"), &before).unwrap();
    let look = chain.look(spots[0]);
    assert_eq!((look.lost, look.strange), (vec![], vec![s1]));
    fs::remove_file(here.path("credentials")).unwrap();
    fs::create_dir(here.path("credentials")).unwrap();
    assert!(chain.look(spots[0]).unread.is_some());
}

#[test]
fn what_is_in_no_file_and_cannot_be_kept_is_not_published() {
    let here = Here::new();
    fs::create_dir(here.path("kept.age")).unwrap();
    let chain = here.chain();
    // A folder stands where the file should be.
    fs::create_dir(here.path("credentials")).unwrap();
    let applied = chain.apply(&[order(publish("s1", Some("app"), 1, &FILE))]);
    assert!(applied.unkept.is_some(), "{applied:?}");
    assert!(applied.results[0].is_err(), "{applied:?}");
    // Elsewhere it is, so that programs find it.
    fs::remove_dir(here.path("credentials")).unwrap();
    let applied = chain.apply(&[order(publish("s1", Some("app"), 1, &FILE))]);
    assert!(applied.unkept.is_some(), "{applied:?}");
    let placed = applied.results[0].as_ref().unwrap();
    assert_eq!(placed.in_force, Delivery::from(FILE));
}
