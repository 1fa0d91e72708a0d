use std::time::Duration;

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_core::policy::Action;
use dayfly_core::rates::Rate;
use dayfly_core::session::SessionType;
use dayfly_core::settings::Settings;

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/c/dayfly.toml"), text)
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(parse("").unwrap(), Config::default());
    let none = Config::load(Path::new("/nowhere/dayfly.toml")).unwrap();
    assert_eq!(none, Config::default());
}

#[test]
fn an_entry_with_everything() {
    let config = parse(
        r#"
[aws]
sts-endpoint-url = "http://127.0.0.1:4566"
credentials-file = "creds"

[[policy]]
name = "keep-dev"
module = "builtin:keep-active"
tier = "team"
priority = 3
mode = "shadow"
config = { match = { labels = ["dev"] }, since = 2026-01-02 }
[policy.grant]
sessions = { types = ["awsIamUser"], names = ["dev-*"] }
actions = ["start"]
hold = true
paths = ["~/src/**", "/etc/hosts"]
rate = "10/min"
[policy.limits]
deadline-ms = 50
effects = 7
log-bytes = 100
state-value-bytes = 9

[[policy]]
name = "mine"
module = "rules/mine.wasm"

[[policy]]
name = "off"
module = "builtin:keep-active"
enabled = false
"#,
    )
    .unwrap();
    assert_eq!(config.aws.credentials_file, Some("/c/creds".into()));
    let [keep, mine] = config.policies.as_slice() else {
        panic!("{:?}", config.policies);
    };
    assert_eq!(keep.module, ModuleSource::Builtin("keep-active".into()));
    assert_eq!(
        keep.rank,
        Rank {
            tier: Tier::Team,
            priority: 3
        }
    );
    assert!(keep.shadow);
    assert_eq!(keep.config["since"], "2026-01-02");
    let grant = keep.grant.as_ref().unwrap();
    assert_eq!(grant.sessions.types, [SessionType::AwsIamUser]);
    assert!(grant.may_hold && grant.actions.contains(Action::Start));
    assert_eq!(grant.paths, ["~/src/**", "/etc/hosts"]);
    assert_eq!(grant.rate, "10/min".parse().ok());
    assert_eq!(keep.limits.limits().deadline, Duration::from_millis(50));
    let limits = keep.limits.limits();
    let set = (limits.effects, limits.log_bytes, limits.state_value_bytes);
    assert_eq!(set, (7, 100, 9));
    assert_eq!(limits.wakes, dayfly_policy::Limits::default().wakes);
    assert_eq!(keep.line, 6);
    assert_eq!(mine.module, ModuleSource::Path("/c/rules/mine.wasm".into()));
    assert_eq!(mine.grant, None);
}

#[test]
fn rates_and_damping_are_set_beside_their_defaults() {
    let usual = Settings::default();
    assert_eq!(parse("").unwrap().settings().damping, usual.damping);
    assert_eq!(parse("").unwrap().settings().calls, usual.calls);
    let text = "[rates]\nsso = '5/s'\n[damping]\ndwell-seconds = 7\nflaps-max = 9";
    let settings = parse(text).unwrap().settings();
    assert_eq!(settings.calls.sso, Rate::per_second(5));
    assert_eq!(settings.calls.sts, usual.calls.sts);
    let damping = settings.damping;
    assert_eq!(
        (damping.dwell, damping.flaps_max),
        (Duration::from_secs(7), 9)
    );
    assert_eq!(damping.freeze, usual.damping.freeze);
}

#[test]
fn sessions_can_be_granted_by_an_expression() {
    let text = |sessions: &str| {
        format!("[[policy]]\nname='a'\nmodule='m'\n[policy.grant]\nsessions = {sessions}")
    };
    let selector = |sessions: &str| {
        let config = parse(&text(sessions)).expect(sessions);
        config.policies[0].grant.clone().expect("a grant").sessions
    };
    let alone = selector("\"labels.env == 'dev'\"");
    assert_eq!(alone.condition.unwrap().0.text(), "labels.env == 'dev'");
    let both = selector("{ types = ['azure'], where = \"region != ''\" }");
    assert_eq!(both.types, [SessionType::Azure]);
    assert_eq!(both.condition.unwrap().0.text(), "region != ''");
    // The expression is the problem of its entry; what is no selector at all is one of the file.
    for (wrong, part) in [
        ("'statu == 1'", "no \"statu\""),
        ("'name =='", "character 8"),
    ] {
        let config = parse(&text(wrong)).unwrap();
        let problem = config.policies[0].grant_problem.clone().unwrap();
        assert!(problem.contains("line "), "{wrong}: {problem}");
        assert!(problem.contains(part), "{wrong}: {problem}");
    }
    for (wrong, part) in [
        ("3", "an expression such as"),
        ("{ were = 'true' }", "were"),
    ] {
        let error = parse(&text(wrong)).unwrap_err();
        assert!(error.line >= 4, "{wrong}: {error}");
        assert!(error.message.contains(part), "{wrong}: {error}");
    }
}

#[test]
fn mistakes_name_their_place() {
    for (text, line, part) in [
        ("[aws]\nregoin = 'x'", 2, "regoin"),
        ("[[policy]]\nname = 'a'", 1, "module"),
        (
            "[[policy]]\nname = 'a b'\nmodule = 'builtin:x'",
            2,
            "\"a b\" is not a valid name",
        ),
        (
            "[[policy]]\nname='a'\nmodule='m'\n[[policy]]\nname='a'\nmodule='m'",
            5,
            "two policy entries",
        ),
        ("[[policy]]\nname='a'\nmodule='ftp://h/r'", 3, "ftp://"),
        (
            "[[policy]]\nname='a'\nmodule='oci://h'",
            3,
            "not an OCI reference",
        ),
        (
            "[[trust]]\nsource='*'\nkeys=['RW']",
            1,
            "not a minisign public key",
        ),
        ("[[trust]]\nsource='*'\nkeys=[]", 1, "has no key"),
        (
            "[[trust]]\nsource='ghcr.io/team/*'\nkeys=['RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3']",
            1,
            "matches no source",
        ),
        (
            "[[policy]]\nname='a'\nmodule='m'\ntier='person'",
            4,
            "person",
        ),
        (
            "[rates]\nsts = '20'",
            2,
            "a rate is a number of 1 to 1,000,000 and a unit",
        ),
        ("[engine\n", 1, ""),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(error.column > 0, "{text}: {error}");
        assert!(error.message.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_wrong_grant_is_the_problem_of_its_entry_alone() {
    for (grant, part) in [
        (
            "{ sessions = { types = ['aws'] }, actions = ['start'] }",
            "\"aws\" is not an access method",
        ),
        (
            "{ paths = ['src/*'], actions = ['start'] }",
            "the file pattern \"src/*\" does not begin with / or ~/",
        ),
        (
            "{ sessions = \"nam == 'x'\", actions = ['start'] }",
            "at character 1: there is no \"nam\"",
        ),
    ] {
        let config = parse(&format!(
            "[[policy]]\nname='a'\nmodule='m'\ngrant = {grant}\n[[policy]]\nname='b'\nmodule='m'"
        ))
        .unwrap();
        let [wrong, right] = &config.policies[..] else {
            panic!("two entries");
        };
        let problem = wrong.grant_problem.as_deref().unwrap();
        assert!(problem.contains(part), "{problem}");
        assert!(problem.contains("line 4, column 9"), "{problem}");
        // It is granted nothing until that is mended.
        assert!(wrong.grant.as_ref().unwrap().actions.is_empty());
        assert_eq!(right.grant_problem, None);
    }
}
