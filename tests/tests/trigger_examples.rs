//! The examples of triggers come to what they say.

use std::fs;
use std::path::{Path, PathBuf};

use dayfly_tests::Home;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/triggers")
}

#[test]
fn each_example_comes_to_what_it_says() {
    let mut seen = 0;
    for entry in fs::read_dir(examples()).expect("there are examples") {
        let folder = entry.expect("a folder is read").path();
        if !folder.join("dayfly.toml").exists() {
            continue;
        }
        let home = Home::new();
        let mut scenarios = Vec::new();
        for file in fs::read_dir(&folder).expect("an example is read") {
            let file = file.expect("a folder is read").path();
            let name = file.file_name().expect("a file has a name").to_owned();
            let copy = home.path().join(&name);
            fs::copy(&file, &copy).expect("a file is copied");
            if name != "dayfly.toml" && file.extension().is_some_and(|e| e == "toml") {
                scenarios.push(copy.to_str().expect("a path is text").to_owned());
            }
        }
        assert!(
            !scenarios.is_empty(),
            "{} has no scenario",
            folder.display()
        );
        seen += scenarios.len();
        let mut args = vec!["policy".to_owned(), "test".to_owned()];
        args.extend(scenarios);
        let ended = home.run(&args);
        assert_eq!(
            ended.code,
            0,
            "{}: {}{}",
            folder.display(),
            ended.out,
            ended.err
        );
    }
    assert!(seen >= 9, "{seen}");
}

#[test]
fn a_scenario_with_a_mistake_says_which() {
    for (wrong, said) in [
        (
            "[[event]]\nat = \"1h\"\nfile = \"src/x\"\n",
            "start it with / or ~/",
        ),
        (
            "[[event]]\nat = \"1h\"\nset-clock = \"later\"\n",
            "not a time span",
        ),
        (
            "[[event]]\nat = \"1h\"\nengine = \"start\"\n",
            "the only valid value is stop",
        ),
        ("[[event]]\nat = \"1h\"\n", "`emit`, `file`, `repository`"),
        (
            "[[disk]]\nfile = \"/x\"\nbranch = \"b\"\n",
            "`repository` and `branch`",
        ),
    ] {
        let home = Home::new();
        home.save_workspace(&serde_json::json!({ "sessions": [] }));
        home.save_config("");
        let path = home.path().join("s.toml");
        fs::write(&path, wrong).expect("a file is written");
        let ended = home.run(["policy", "simulate", path.to_str().expect("a path is text")]);
        assert_eq!(ended.code, 2, "{}{}", ended.out, ended.err);
        assert!(ended.err.contains(said), "{wrong}: {}", ended.err);
    }
}
