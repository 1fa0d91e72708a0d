//! A real browser walks through the pages of both sign-ins.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dayfly_tests::Portal;

/// The walker; none where there is no browser.
fn walker() -> Option<PathBuf> {
    let there = |name| std::env::var_os(name).is_some();
    if !(there("DAYFLY_TEST_CHROMIUM") && there("DAYFLY_TEST_PLAYWRIGHT")) {
        assert!(!there("DAYFLY_TEST_ALL"), "there is no browser");
        #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
        {
            eprintln!("not run: needs a browser");
        }
        return None;
    }
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("fakes/walk.mjs"))
}

#[test]
fn a_person_allows_access_in_the_browser_that_opens() {
    let (Some(walker), Some(portal)) = (walker(), Portal::start(None)) else {
        return;
    };
    let home = portal.home("");
    let browser = home.path().join("browser");
    let picture = home.path().join("signed-in.png");
    let quoted = |name: &str| {
        let value = std::env::var(name).expect("it is there");
        format!("{name}='{value}'")
    };
    let script = format!(
        "#!/bin/sh\n{} {} exec node '{}' \"$1\" '#allow' 'You can close this page' '{}' >\"$0.page\" 2>&1\n",
        quoted("DAYFLY_TEST_CHROMIUM"),
        quoted("DAYFLY_TEST_PLAYWRIGHT"),
        walker.display(),
        picture.display(),
    );
    std::fs::write(&browser, script).expect("a script");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&browser, mode).expect("its mode");
    let output = home
        .command(["integration", "login", "corp"])
        .env("BROWSER", &browser)
        .output()
        .expect("it runs");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("signed in to corp"), "{out}");
    assert_eq!(portal.count("grant authorization_code"), 1);
    dayfly_tests::until(
        std::time::Duration::from_secs(60),
        "the page is seen",
        || {
            let page = std::fs::read_to_string(home.path().join("browser.page"));
            page.is_ok_and(|page| page.contains("Signed in") && page.contains("corp"))
        },
    );
    if let Some(folder) = std::env::var_os("DAYFLY_TEST_PICTURES") {
        std::fs::copy(&picture, Path::new(&folder).join("signed-in.png")).expect("a picture");
    }
    portal.assert_honest();
}

#[test]
fn a_person_confirms_the_code_on_another_device() {
    let (Some(walker), Some(portal)) = (walker(), Portal::start(None)) else {
        return;
    };
    let home = portal.home("");
    for (button, code) in [("#deny", 5), ("#allow", 0)] {
        let mut child = home
            .command(["integration", "login", "corp", "--device"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(child.stdout.take().expect("it prints")).lines();
        let page = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("or open ").map(str::to_owned))
            .expect("it says where the code is confirmed");
        let walked = Command::new("node")
            .arg(&walker)
            .args([&page, button, "Request decided"])
            .env("HOME", home.path())
            .output()
            .expect("node runs");
        let err = String::from_utf8_lossy(&walked.stderr);
        assert!(walked.status.success(), "{err}");
        let rest: Vec<String> = lines.map_while(Result::ok).collect();
        let ended = child.wait().expect("it ends");
        assert_eq!(ended.code(), Some(code), "{rest:?}");
    }
    portal.assert_honest();
}

#[test]
fn a_hostile_name_is_nothing_but_text_in_the_page() {
    let (Some(walker), Some(portal)) = (walker(), Portal::start(None)) else {
        return;
    };
    let home = portal.home("");
    let name = "<img src=x onerror=document.body.remove()>\u{202e}<h1>\"'&amp;";
    let text = std::fs::read_to_string(home.workspace()).expect("a Workspace");
    let mut workspace: serde_json::Value = serde_json::from_str(&text).expect("a Workspace");
    workspace["awsSsoIntegrations"][0]["alias"] = name.into();
    home.save_workspace(&workspace);
    let browser = home.path().join("browser");
    let quoted = |name: &str| {
        let value = std::env::var(name).expect("it is there");
        format!("{name}='{value}'")
    };
    let script = format!(
        "#!/bin/sh\n{} {} exec node '{}' \"$1\" '#allow' 'You can close this page' >\"$0.page\" 2>&1\n",
        quoted("DAYFLY_TEST_CHROMIUM"),
        quoted("DAYFLY_TEST_PLAYWRIGHT"),
        walker.display(),
    );
    std::fs::write(&browser, script).expect("a script");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&browser, mode).expect("its mode");
    let output = home
        .command(["integration", "login", "corp-id"])
        .env("BROWSER", &browser)
        .output()
        .expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    let page = || std::fs::read_to_string(home.path().join("browser.page")).unwrap_or_default();
    dayfly_tests::until(
        std::time::Duration::from_secs(60),
        "the page is seen",
        || page().contains("You can close this page"),
    );
    // The browser shows it letter for letter, so that it made no element of it.
    let page = page();
    assert!(
        page.contains("<img src=x onerror=document.body.remove()>"),
        "{page}"
    );
    assert!(page.contains("<h1>\"'&amp;"), "{page}");
    assert!(!page.contains('\u{202e}'), "{page}");
}
