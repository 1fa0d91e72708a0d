//! Guests of every version of the contract run side by side in one engine, and hear and say the same.
//!
//! The components of 0.1 are the built-in policies as they were checked in when 0.2 came; they stay
//! as they are for as long as the engine speaks 0.1.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use dayfly_core::policy::{
    Event, PolicyEffect, ResyncReason, SessionFacts, SessionKey, SessionView, Subscription,
};
use dayfly_core::session::{SessionType, Status};
use dayfly_policy::policy::ConfigureError;
use dayfly_policy::{Call, Evaluated, Host, HostConfig, Limits, Module, Policy, StateSnapshot};

#[path = "guest/session.rs"]
mod session;

use session::{changed, context, session};

/// The built-in policies, each with a configuration that makes it say something.
const BUILT_IN: [(&str, &str); 9] = [
    (
        "business-hours",
        r#"{"timezone":"Europe/Berlin","hours":"08:00-18:30","start":true}"#,
    ),
    ("idle-stop", r#"{"after":"1s"}"#),
    ("keep-active", r#"{"match":{"names":["team-*"]}}"#),
    ("max-active", r#"{"most":2,"hold":false}"#),
    ("on-event", r#"{"events":["deploy"],"then":"stop"}"#),
    (
        "prod-guard",
        r#"{"for":"1h","match":{"labels":["stage=test"]}}"#,
    ),
    (
        "project-session",
        r#"{"event":"deploy","match":{"labels":["team"]}}"#,
    ),
    ("rotate-before-expiry", r#"{"before":"59m"}"#),
    (
        "rules",
        r#"{"rule":[{"name":"r","if":"session.type == 'awsIamRoleChained' && session.failures > 1","then":"rotate"}]}"#,
    ),
];

static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(HostConfig::default()).unwrap());

fn load(folder: &str, name: &str) -> Module {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let bytes = std::fs::read(root.join(folder).join(format!("{name}.wasm"))).unwrap();
    Module::load(&HOST, name, &bytes).unwrap()
}

fn old(name: &str) -> Module {
    let module = load("tests/guests/contract-0.1", name);
    assert_eq!(module.contract(), "0.1.0", "{name}");
    module
}

fn new(name: &str) -> Module {
    let module = load("policies/prebuilt", name);
    assert_eq!(module.contract(), "0.2.0", "{name}");
    module
}

fn configured(module: &Module, config: &str) -> Policy {
    Policy::configure(module, config, Limits::default())
        .unwrap_or_else(|error| panic!("{}: {error}", module.name()))
}

fn ask(policy: &Policy, events: &[Event], known: &[SessionView]) -> Evaluated {
    let known = known.iter().map(|view| (view.key, view.clone()));
    let known: std::collections::BTreeMap<_, _> = known.collect();
    let call = Call {
        context: context(),
        events,
        workspace: Arc::new(known),
        state: StateSnapshot::default(),
    };
    policy.evaluate(call).unwrap()
}

/// A session of this method, inactive, without what only roles have.
fn of_method(key: u32, method: SessionType) -> SessionView {
    let facts = SessionFacts {
        session_type: method,
        status: Status::Inactive,
        started_at: None,
        expires_at: None,
        last_error: None,
        failures: 0,
        reason: None,
        ..(*session(key).facts).clone()
    };
    SessionView {
        key: SessionKey(key),
        parent: None,
        facts: Arc::new(facts),
    }
}

/// All sessions of the tests: active ones that are chained, and one of each method.
fn all() -> Vec<SessionView> {
    let first = 100;
    let methods = SessionType::ALL.into_iter().zip(first..);
    let of_each = methods.map(|(method, key)| of_method(key, method));
    (1..40).map(session).chain(of_each).collect()
}

fn resync(sessions: Vec<SessionView>) -> Event {
    Event::Resync {
        reason: ResyncReason::ColdStart,
        sessions,
        last: true,
    }
}

/// The sessions that something is proposed for.
fn meant(evaluated: &Evaluated) -> Vec<u32> {
    let effects = evaluated.verdict.effects.iter();
    let sessions = effects.filter_map(|effect| match effect {
        PolicyEffect::Act(act) => Some(act.session.0),
        PolicyEffect::Hold(hold) => Some(hold.session.0),
        _ => None,
    });
    sessions.collect()
}

#[test]
fn each_built_in_policy_says_the_same_in_both_versions() {
    let mut proposals = 0;
    for (name, config) in BUILT_IN {
        let (old, new) = (old(name), new(name));
        assert_eq!(old.descriptor().name, new.descriptor().name);
        assert_eq!(old.world(), new.world(), "{name}");
        let (old, new) = (configured(&old, config), configured(&new, config));
        assert_eq!(old.subscriptions(), new.subscriptions(), "{name}");
        let all = all();
        let changes = all.iter().cloned().map(changed).collect();
        let custom = Event::Custom {
            name: "deploy".into(),
            data: "null".into(),
        };
        for events in [
            vec![resync(all.clone())],
            vec![Event::Sessions(changes)],
            vec![custom],
        ] {
            let (one, other) = (ask(&old, &events, &all), ask(&new, &events, &all));
            assert_eq!(one.verdict, other.verdict, "{name}");
            assert_eq!(one.state_writes, other.state_writes, "{name}");
            assert_eq!(one.log, other.log, "{name}");
            proposals += meant(&one).len();
        }
    }
    assert!(proposals > 100, "{proposals}");
}

/// The same session under every method, asked for by the words of a configuration.
#[test]
fn a_guest_of_0_2_hears_every_method_by_its_own_word() {
    let keep = new("keep-active");
    for method in SessionType::ALL {
        let config = format!(r#"{{"match":{{"types":["{method}"]}}}}"#);
        let policy = configured(&keep, &config);
        let [Subscription::Sessions(filter)] = policy.subscriptions() else {
            panic!("{:?}", policy.subscriptions());
        };
        assert_eq!(filter.types, [method]);
        let all = all();
        let found = meant(&ask(&policy, &[resync(all.clone())], &all));
        let of_method = all.iter().filter(|view| view.facts.session_type == method);
        let own: Vec<u32> = of_method.map(|view| view.key.0).collect();
        assert_eq!(found, own, "{method}");
    }
}

/// A guard rail whose words mean nothing would guard nothing.
#[test]
fn a_method_that_nobody_knows_is_refused_where_it_is_subscribed_to() {
    let config = r#"{"match":{"types":["gcpServiceAccount"]}}"#;
    let error = Policy::configure(&new("prod-guard"), config, Limits::default()).unwrap_err();
    assert!(
        matches!(&error, ConfigureError::Subscription { .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("no access method `gcpServiceAccount`") && text.contains("awsSsoRole"),
        "{text}"
    );
    // A word that is mistyped is told by the policy itself, with the place and what was meant.
    let config = r#"{"match":{"types":["awsSsoRol"]}}"#;
    let error = Policy::configure(&new("prod-guard"), config, Limits::default()).unwrap_err();
    assert!(
        error.to_string().contains("did you mean `awsSsoRole`"),
        "{error}"
    );
}

/// A question of a guest is answered by the same words: `idle-stop` asks for chained sessions.
#[test]
fn a_question_finds_the_sessions_of_a_method_in_both_versions() {
    for module in [old("idle-stop"), new("idle-stop")] {
        let policy = configured(&module, r#"{"after":"1s"}"#);
        let parent = session(1);
        let mut child = session(2);
        child.parent = Some(parent.key);
        let events = [Event::Sessions(vec![changed(parent.clone())])];
        let used = ask(&policy, &events, &[parent.clone(), child]);
        assert!(meant(&used).is_empty(), "{:?}", used.verdict);
        let idle = ask(&policy, &events, &[parent]);
        assert_eq!(meant(&idle), [1], "{}", module.contract());
    }
}

/// The rule for methods that 0.1 has no word for: they are seen, as another one.
#[test]
fn a_guest_of_0_1_sees_a_later_method_as_its_stand_in() {
    let later = [
        SessionType::Process,
        SessionType::AwsInstance,
        SessionType::AwsRolesAnywhere,
        SessionType::AwsLogin,
    ];
    let shown: Vec<_> = old("keep-active").stand_ins().collect();
    assert_eq!(shown, later.map(|method| (method, SessionType::AwsIamUser)));
    assert_eq!(new("keep-active").stand_ins().count(), 0);

    for method in later {
        let of_user = configured(&old("keep-active"), r#"{"match":{"types":["awsIamUser"]}}"#);
        let [Subscription::Sessions(filter)] = of_user.subscriptions() else {
            panic!("{:?}", of_user.subscriptions());
        };
        assert!(filter.types.contains(&method), "{:?}", filter.types);
        let one = [of_method(7, method)];
        let events = [resync(one.to_vec())];
        assert_eq!(meant(&ask(&of_user, &events, &one)), [7], "{method}");
        for other in ["awsSsoRole", "awsIamRoleWebIdentity", "azure", "localstack"] {
            let config = format!(r#"{{"match":{{"types":["{other}"]}}}}"#);
            let policy = configured(&old("keep-active"), &config);
            assert!(meant(&ask(&policy, &events, &one)).is_empty(), "{other}");
        }
        // A guard rail over every session holds it in both versions.
        for guard in [old("prod-guard"), new("prod-guard")] {
            let guard = configured(&guard, r#"{"match":{"labels":["stage=test"]}}"#);
            assert_eq!(meant(&ask(&guard, &events, &one)), [7], "{method}");
        }
    }
}
