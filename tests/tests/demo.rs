//! `dayfly demo`, the first thing that a new user runs.

use dayfly_tests::Home;

#[test]
fn the_demo_shows_everything_and_leaves_nothing_behind() {
    let home = Home::new();
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = home.command(["demo", "--pace", "0.5"]);
    let output = command.env("TMPDIR", &temporary).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{out}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for part in [
        "→ start deploy: policy keep-work:",
        "✓ deploy started, valid until",
        "✓ hotfix started",
        "✗ main failed: STS",
        "✓ main rotated",
        "■ audit stopped",
        "■ hotfix stopped",
        "0 credentials expired without renewal",
        "Dayfly removed",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "{out}");
    let left: Vec<_> = home.files().into_iter().map(|(path, _)| path).collect();
    assert!(left.is_empty(), "{left:?}");
}
