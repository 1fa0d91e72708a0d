//! Lists that are shorter.

use dayfly_tests::Home;

use crate::home;

fn names(home: &Home, args: &[&str]) -> Vec<String> {
    let listed = home
        .run([&["session", "list", "--json"], args].concat())
        .ok();
    let listed = listed.json();
    let sessions = listed.as_array().expect("a list").iter();
    sessions
        .map(|session| session["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn a_list_has_what_was_asked_for() {
    let home = home();
    home.run(["session", "start", "deploy"]).ok();
    home.run(["session", "edit", "deploy", "--label", "team=blue"])
        .ok();
    let admins = ["Acme Dev/Admin", "Acme Prod/Admin"];
    for (args, found) in [
        (&["acme"][..], &admins[..]),
        (&["admin", "prod"], &admins[1..]),
        (&["--status", "active"], &["deploy"]),
        (&["--profile", "*-TWO"], &admins[1..]),
        (&["--label", "team"], &["deploy"]),
        (&["--label", "team=red"], &[]),
        (&["--type", "localstack", "blue"], &["deploy"]),
        (&["--region", "us-*"], &[]),
        (&["--ends-within", "1h"], &[]),
    ] {
        assert_eq!(names(&home, args), found, "{args:?}");
    }
    let text = home.run(["session", "list", "--region", "us-*"]).ok().out;
    assert!(text.contains("no session is like this"), "{text}");
    let mut workspace: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(home.workspace()).expect("a Workspace"))
            .expect("JSON");
    workspace["sessions"][0]["layer"] = "team".into();
    home.save_workspace(&workspace);
    assert_eq!(names(&home, &["--layer", "team"]), &admins[..1]);
    // `status` still counts all, and its exit code tells of all.
    let status = home.run(["status", "dev"]);
    assert_eq!(status.code, 3, "{status:?}");
    assert!(status.out.contains("1 active, 3 inactive"), "{status:?}");
    assert!(status.out.contains("Acme Dev/Admin"), "{status:?}");
    assert!(!status.out.contains("Acme Prod"), "{status:?}");
}

#[test]
fn an_export_takes_the_labels_that_a_list_takes() {
    let home = home();
    home.run(["session", "edit", "deploy", "--label", "Team=Blue"])
        .ok();
    for (label, found) in [
        ("team", true),
        ("TEAM=bl*", true),
        ("t*=*", true),
        ("team=red", false),
        ("teams", false),
    ] {
        let exported = home.run(["workspace", "export", "--label", label, "--format", "json"]);
        let exported = exported.ok().json();
        let names: Vec<_> = exported.as_array().expect("a list").iter().collect();
        assert_eq!(names.len(), usize::from(found), "{label}: {exported}");
        assert_eq!(
            names.is_empty(),
            self::names(&home, &["--label", label]).is_empty()
        );
    }
}
