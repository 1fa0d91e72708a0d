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
        ("module='none.wasm'", "/c/none.wasm cannot be read", ""),
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
fn files_beyond_the_grant_are_an_error_that_says_what_to_add() {
    let told = |paths: &str, asked: &[&str]| {
        let text = format!(
            "[[policy]]\nname='k'\nmodule='builtin:keep-active'\ngrant = {{ paths = {paths} }}"
        );
        let config = Config::parse(Path::new("/c/dayfly.toml"), &text).unwrap();
        let asked: Vec<_> = asked
            .iter()
            .map(|pattern| Subscription::Files((*pattern).to_owned()))
            .collect();
        files_granted(&config.policies[0], &asked)
    };
    assert_eq!(told("['~/src/**']", &["~/src/*/main.tf"]), Ok(()));
    assert_eq!(told("[]", &[]), Ok(()));
    let text =
        "[[policy]]\nname='k'\nmodule='builtin:keep-active'\ngrant = { paths = ['~/src/*'] }";
    let config = Config::parse(Path::new("/c/dayfly.toml"), text).unwrap();
    let branch = |of: &str| files_granted(&config.policies[0], &[Subscription::Branch(of.into())]);
    assert_eq!(branch("~/src/dayfly"), Ok(()));
    assert!(branch("~/elsewhere").is_err());
    let (message, hint) = told("['~/src/**']", &["~/src/a", "~/.aws/config"]).unwrap_err();
    assert!(
        message.contains("(~/.aws/config), which it is not granted"),
        "{message}"
    );
    let hint = hint.unwrap();
    assert!(
        hint.contains(r#"paths = ["~/src/**", "~/.aws/config"]"#),
        "{hint}"
    );
    let (message, _) = told("['~/src/**']", &["../x"]).unwrap_err();
    assert!(message.contains("does not begin with / or ~/"), "{message}");
}
