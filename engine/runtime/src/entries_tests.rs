use dayfly_core::policy::Action;
use dayfly_policy::HostConfig;

use super::*;
use crate::config::Config;

fn prepare(text: &str) -> Result<Prepared, EntryProblem> {
    let path = Path::new("/c/dayfly.toml");
    let config = Config::parse(path, text).unwrap();
    let mut loader = Loader::new(Host::new(HostConfig::default()).unwrap());
    loader.prepare(path, &config.policies[0])
}

#[test]
fn a_builtin_gets_what_it_asks_for() {
    let prepared = prepare("[[policy]]\nname='k'\nmodule='builtin:keep-active'").unwrap();
    assert!(prepared.entry.grant.actions.contains(Action::Start));
    assert!(!prepared.entry.grant.actions.contains(Action::Stop));
    assert!(!prepared.entry.subscriptions.is_empty());
}

#[test]
fn the_generation_changes_with_everything_that_counts() {
    let generation = |more: &str| {
        let text = format!("[[policy]]\nname='k'\nmodule='builtin:keep-active'\n{more}");
        prepare(&text).unwrap().entry.generation
    };
    let plain = generation("");
    assert_eq!(plain, generation(""));
    assert_eq!(plain, generation("# a remark"));
    for more in [
        "priority = 1",
        "mode = 'shadow'",
        "tier = 'team'",
        "config = { match = { names = ['a'] } }",
        "grant = { actions = ['start'] }",
        "grant = { actions = ['start'], rate = '5/min' }",
        "limits = { fuel = 1_000_000_000 }",
    ] {
        assert_ne!(plain, generation(more), "{more}");
    }
}

#[test]
fn problems_say_what_to_do() {
    for (text, message, hint) in [
        (
            "module='builtin:nope'",
            "no built-in policy \"nope\"",
            "keep-active",
        ),
        ("module='none.wasm'", "cannot read /c/none.wasm", ""),
        (
            "module='builtin:keep-active'\nconfig = { mach = 1 }",
            "mach",
            "policy inspect builtin:keep-active",
        ),
        (
            "module='builtin:business-hours'\ngrant = { actions = ['stop'] }\nconfig = { timezone = 'UTC', hours = '08:00-09:00' }",
            "wants to start sessions and to hold",
            "hold = true",
        ),
    ] {
        let problem = prepare(&format!("[[policy]]\nname='k'\n{text}")).unwrap_err();
        assert!(problem.message.contains(message), "{problem}");
        let said = problem.hint.clone().unwrap_or_default();
        assert!(said.contains(hint), "{problem}");
        assert_eq!(problem.line, 1);
    }
}

#[test]
fn a_foreign_module_has_only_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.wasm");
    std::fs::write(&file, builtin::component("keep-active").unwrap()).unwrap();
    let text = format!("[[policy]]\nname='k'\nmodule='{}'\n", file.display());
    let problem = prepare(&text).unwrap_err();
    assert!(problem.message.contains("wants to start"), "{problem}");
    let hint = problem.hint.unwrap();
    assert!(hint.contains("actions = [\"start\"]"), "{hint}");
    assert!(prepare(&format!("{text}grant = {{ actions = ['start'] }}")).is_ok());
}

#[test]
fn files_beyond_the_grant_are_an_error_with_the_whole_grant_to_write() {
    let of = |grant: &str, files: &str| {
        prepare(&format!(
            "[[policy]]\nname='k'\nmodule='builtin:on-event'\n{grant}\nconfig = {{ {files} }}"
        ))
    };
    let all = "grant = { paths = ['~/src/**'], actions = ['stop'] }";
    assert!(of(all, "files = ['~/src/*/main.tf'], then = 'stop'").is_ok());
    assert!(of(all, "branches = ['~/src/dayfly']").is_ok());
    assert!(of(all, "branches = ['~/elsewhere']").is_err());
    let wrong = "files = ['~/src/a', '~/.aws/config'], then = 'stop'";
    let problem = of(all, wrong).unwrap_err();
    let message = "wants to be told about files or repositories (~/.aws/config), which its grant does not allow";
    assert!(problem.message.contains(message), "{problem}");
    assert_eq!(
        problem.hint.as_deref(),
        Some(
            "to grant it that, write grant = { actions = [\"stop\"], paths = [\"~/src/**\", \"~/.aws/config\"] } in place of its current grant"
        )
    );
    let problem = of(all, "files = ['../x']").unwrap_err();
    assert!(
        problem.message.contains("it must begin with `/` or `~/`"),
        "{problem}"
    );
}

/// A list of rules with these beginnings of `then`.
fn list(grant: &str, then: &[&str]) -> Result<Prepared, EntryProblem> {
    let mut text = format!("[[policy]]\nname='k'\nmodule='builtin:rules'\n{grant}\n");
    for then in then {
        text += &format!("[[policy.config.rule]]\nif = \"session.name == 'a'\"\nthen = '{then}'\n");
    }
    prepare(&text)
}

#[test]
fn a_list_of_rules_asks_for_what_it_does_and_nothing_else() {
    let prepared = list("", &["start"]).unwrap();
    let of = |prepared: &Prepared| {
        let grant = &prepared.entry.grant;
        let actions: Vec<_> = grant.actions.iter().map(Action::as_str).collect();
        (actions, grant.may_hold)
    };
    assert_eq!(of(&prepared), (vec!["start"], false));
    let prepared = list("", &["hold start", "stop", "notify info"]).unwrap();
    assert_eq!(of(&prepared), (vec!["stop"], true));
    // The grant that the least needs is enough.
    assert!(list("grant = { actions = ['start'] }", &["start"]).is_ok());
    assert!(list("grant = { hold = true }", &["hold start"]).is_ok());
    let problem = list("grant = { actions = ['start'] }", &["start", "stop"]).unwrap_err();
    assert!(
        problem.message.contains("wants to stop sessions, which"),
        "{problem}"
    );
}

#[test]
fn whoever_follows_the_hint_is_done() {
    for (grant, rule) in [
        ("", "when = 'file ~/code/*/.dayfly'\nthen = 'start'"),
        (
            "grant = { sessions = \"labels.env == 'dev'\", rate = '5/min', paths = ['~/x'] }",
            "when = 'file ~/code/*/.dayfly'\nthen = 'hold stop'\nfor = '1h'",
        ),
        (
            "grant = { sessions = { names = ['a\"b*'], types = ['azure'], where = 'true' }, actions = ['rotate'] }",
            "when = 'branch ~/code/*'\nthen = 'stop'",
        ),
    ] {
        let text = |grant: &str| {
            format!(
                "[[policy]]\nname='k'\nmodule='builtin:rules'\n{grant}\n[[policy.config.rule]]\n{rule}\n"
            )
        };
        let problem = prepare(&text(grant)).unwrap_err();
        let hint = problem.hint.unwrap();
        let end = hint.rfind('}').unwrap();
        let line = &hint[hint.find("grant = ").unwrap()..=end];
        let prepared = prepare(&text(line)).unwrap_or_else(|problem| panic!("{line}: {problem}"));
        // What was there before is still there.
        if !grant.is_empty() {
            let before = format!("[[policy]]\nname='k'\nmodule='builtin:rules'\n{grant}");
            let before = Config::parse(Path::new("/c/dayfly.toml"), &before).unwrap();
            let before = before.policies[0].grant.clone().unwrap();
            assert_eq!(prepared.entry.grant.sessions, before.sessions, "{line}");
            assert_eq!(prepared.entry.grant.rate, before.rate, "{line}");
        }
    }
}
