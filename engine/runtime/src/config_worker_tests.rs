use std::collections::BTreeMap as Labels;
use std::fs;

use dayfly_core::policy::{Revision, SessionFacts};
use dayfly_core::session::{SessionId, SessionType, Status};
use dayfly_policy::HostConfig;

use super::*;
use crate::builtin;

/// A guard rail over `prod*`, whose component lies beside the configuration.
const PROD: &str = "[[policy]]\nname = 'prod'\nmodule = 'prod.wasm'\ntier = 'guard-rail'\n\
                    config = { match = { names = ['prod*'] } }\n\
                    grant = { actions = ['start'], sessions = { names = ['prod*'] } }\n";

struct Home {
    folder: tempfile::TempDir,
    reader: Reader,
}

impl Home {
    /// A home with this configuration, and with the component of the guard rail or without.
    fn new(text: &str, there: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dayfly.toml");
        let reader = Reader {
            path,
            loader: Loader::new(Host::new(HostConfig::default()).unwrap()),
            recording: folder.path().join("recording"),
            policies: Policies::All,
            record: folder.path().join("last-dayfly.toml"),
            witness: None,
            suspicions: Vec::new(),
            unrecorded: None,
            text: String::new(),
            seen: false,
            known: false,
            good: BTreeMap::new(),
            closed: Vec::new(),
            problems: Vec::new(),
            guards: BTreeSet::new(),
            modules: Vec::new(),
            pause: Box::new(|| ()),
            watches: BTreeMap::new(),
        };
        let home = Self { folder, reader };
        home.write(text);
        if there {
            home.bring_module();
        }
        home
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("dayfly.toml")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn bring_module(&self) {
        let component = builtin::component("keep-active").unwrap();
        fs::write(self.folder.path().join("prod.wasm"), component).unwrap();
    }

    fn lose_module(&self) {
        fs::remove_file(self.folder.path().join("prod.wasm")).unwrap();
    }

    fn read(&mut self) -> Configured {
        self.reader.read()
    }
}

fn session(name: &str) -> SessionFacts {
    SessionFacts {
        id: SessionId::new(name),
        name: name.to_owned(),
        session_type: SessionType::Localstack,
        status: Status::Inactive,
        region: None,
        started_at: None,
        expires_at: None,
        named_profile: None,
        account: None,
        role: None,
        chained_to: None,
        labels: Labels::new(),
        last_error: None,
        failures: 0,
        last_use: None,
        reason: None,
        revision: Revision(0),
    }
}

/// Whether what stands in for a guard rail holds a session of this name.
fn holds(configured: &Configured, name: &str) -> bool {
    let session = session(name);
    let mut closed = configured.closed.iter();
    closed.any(|entry| is_guard_rail(entry) && entry.grant.sessions.matches(&session))
}

/// Whether a guard rail that can be asked is for a session of this name.
fn guards(configured: &Configured, name: &str) -> bool {
    let session = session(name);
    let mut entries = configured.entries.iter().map(|prepared| &prepared.entry);
    entries.any(|entry| is_guard_rail(entry) && entry.grant.sessions.matches(&session))
}

/// What it is, and makes it.
type Mistake = (&'static str, Box<dyn Fn()>);

/// Every mistake that somebody can make with the file.
fn mistakes(home: &Home) -> Vec<Mistake> {
    let path = home.path();
    let write = |text: &'static str| {
        let path = path.clone();
        move || {
            let _ = fs::remove_dir(&path);
            fs::write(&path, text).unwrap();
        }
    };
    let (gone, folder, link) = (path.clone(), path.clone(), path.clone());
    vec![
        ("a typo", Box::new(write("[[policy]\n"))),
        (
            "another typo",
            Box::new(write("[aws]\nregio = 'eu-west-1'\n")),
        ),
        ("a name twice", Box::new(write("a = 1\na = 2\n"))),
        (
            "the file is gone",
            Box::new(move || fs::remove_file(&gone).unwrap()),
        ),
        (
            "a link that leads nowhere",
            Box::new(move || std::os::unix::fs::symlink("nowhere", &link).unwrap()),
        ),
        (
            "a folder in its place",
            Box::new(move || {
                fs::remove_file(&folder).unwrap();
                fs::create_dir(&folder).unwrap();
            }),
        ),
    ]
}

#[test]
fn a_guard_rail_that_is_closed_stays_closed_whatever_happens_to_the_file() {
    let mut home = Home::new(PROD, false);
    let first = home.read();
    assert!(holds(&first, "prod"), "{:?}", first.closed);
    assert!(!holds(&first, "dev"));
    assert_eq!(first.problems.len(), 1);
    // One mistake after another: none is mended in between.
    for (what, make) in mistakes(&home) {
        make();
        let configured = home.read();
        assert!(configured.config.is_err(), "{what}");
        assert_eq!(configured.closed, first.closed, "{what}");
        // It is not reported as well again either.
        assert_eq!(configured.problems, first.problems, "{what}");
        assert!(configured.known, "{what}");
    }
    fs::remove_dir(home.path()).unwrap();
    // Only a configuration that can be read replaces it: here with what was missing.
    home.write(PROD);
    home.bring_module();
    let mended = home.read();
    assert!(mended.closed.is_empty() && mended.problems.is_empty());
    assert!(guards(&mended, "prod"));
}

#[test]
fn a_guard_rail_in_force_stays_so_whatever_happens_to_the_file() {
    let mut home = Home::new(PROD, true);
    assert!(guards(&home.read(), "prod"));
    for (what, make) in mistakes(&home) {
        make();
        assert!(guards(&home.read(), "prod"), "{what}");
    }
}

#[test]
fn the_component_comes_and_goes_while_the_configuration_is_broken() {
    let mut home = Home::new(PROD, true);
    assert!(guards(&home.read(), "prod"));
    home.write("[[policy]\n");
    home.lose_module();
    assert!(guards(&home.read(), "prod"));
    // The last good form is still there when the file can be read and the component cannot.
    home.write(PROD);
    let configured = home.read();
    assert!(guards(&configured, "prod") && configured.problems.len() == 1);
    home.write("[[policy]\n");
    let configured = home.read();
    assert!(guards(&configured, "prod") && configured.problems.len() == 1);
}

#[test]
fn a_start_on_a_broken_file_holds_everything_until_it_can_be_read() {
    let mut home = Home::new("[[policy]\n", true);
    for text in ["[[policy]\n", "a = 1\na = 2\n"] {
        home.write(text);
        let configured = home.read();
        assert!(holds(&configured, "dev") && !configured.known);
    }
    home.write(PROD);
    let configured = home.read();
    assert!(!holds(&configured, "dev") && guards(&configured, "prod"));
}

#[test]
fn a_damaged_lock_file_closes_and_a_typo_does_not_open() {
    let mut home = Home::new(PROD, true);
    fs::write(home.folder.path().join("dayfly.lock"), "[[module]\n").unwrap();
    assert!(holds(&home.read(), "prod"));
    home.write("[[policy]\n");
    assert!(holds(&home.read(), "prod"));
}

#[test]
fn what_an_edit_adds_to_a_guard_rail_that_cannot_be_used_is_closed() {
    let mut home = Home::new(PROD, true);
    home.read();
    home.lose_module();
    let wider = PROD.replace(
        "sessions = { names = ['prod*'] }",
        "sessions = { names = ['prod*', 'stage*'] }",
    );
    home.write(&wider);
    let configured = home.read();
    assert!(guards(&configured, "prod") && !holds(&configured, "prod"));
    assert!(holds(&configured, "stage") && !holds(&configured, "dev"));
    let told = &configured.problems[0].message;
    assert!(
        told.contains("none of the other sessions in its scope"),
        "{told}"
    );
    // An edit of one that is closed counts as it is written.
    let mut home = Home::new(PROD, false);
    home.read();
    home.write(&wider);
    let configured = home.read();
    assert!(holds(&configured, "prod") && holds(&configured, "stage"));
}

#[test]
fn what_becomes_a_guard_rail_and_cannot_be_used_is_closed() {
    for earlier in [
        PROD.replace("tier = 'guard-rail'", "tier = 'personal'"),
        PROD.replace(
            "tier = 'guard-rail'",
            "tier = 'guard-rail'\nmode = 'shadow'",
        ),
        PROD.replace("name = 'prod'", "name = 'production'"),
    ] {
        let mut home = Home::new(&earlier, true);
        assert!(!home.read().entries.is_empty(), "{earlier}");
        home.lose_module();
        home.write(PROD);
        let configured = home.read();
        assert!(holds(&configured, "prod"), "{earlier}");
        assert!(configured.entries.is_empty(), "{earlier}");
    }
}

#[test]
fn a_file_that_is_empty_for_a_moment_takes_no_guard_rail_away() {
    for there in [true, false] {
        let mut home = Home::new(PROD, there);
        home.read();
        home.write("");
        let path = home.path();
        home.reader.pause = Box::new(move || fs::write(&path, PROD).unwrap());
        let configured = home.read();
        assert!(holds(&configured, "prod") || guards(&configured, "prod"));
        // One that stays empty is the wish for none.
        home.reader.pause = Box::new(|| ());
        home.write("");
        let configured = home.read();
        assert!(!holds(&configured, "prod") && !guards(&configured, "prod"));
    }
}

#[test]
fn components_are_watched_while_the_configuration_is_broken() {
    let mut home = Home::new(PROD, true);
    let work = Arc::new(Mailbox::new());
    let module = home.folder.path().join("prod.wasm");
    home.read();
    assert!(home.reader.watch(&work), "they are new");
    assert!(home.reader.watches.contains_key(&module));
    for (what, make) in mistakes(&home) {
        make();
        home.read();
        home.reader.watch(&work);
        assert!(home.reader.watches.contains_key(&module), "{what}");
    }
    fs::remove_dir(home.path()).unwrap();
    home.write("");
    home.read();
    home.reader.watch(&work);
    assert!(!home.reader.watches.contains_key(&module), "named no more");
}
