//! A long-lived key moves from the AWS credentials file into the vault, and programs go on under the same
//! profile with temporary credentials.

use dayfly_tests::{Home, Ministack, aws, ini};

#[test]
fn a_profile_with_a_long_lived_key_becomes_a_session() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let (id, secret) = sts.user("alice");
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        sts.endpoint()
    ));
    let folder = home.path().join(".aws");
    std::fs::create_dir(&folder).expect("a folder");
    let others = "# by hand\n[other]\nregion = x ; kept\r\n\n";
    let legacy = format!("[legacy]\naws_access_key_id = {id}\naws_secret_access_key={secret}\n");
    home.save(&home.credentials(), &format!("{others}{legacy}"));
    home.save(
        &folder.join("config"),
        "[profile legacy]\nregion = eu-north-1\n",
    );
    let caller = |profile: &str| {
        let caller = aws::boto3_caller(&home, profile, &sts.endpoint());
        caller.expect("a caller")
    };

    let missing = home.run(["secret", "import-aws", "lagacy"]);
    assert_eq!(missing.code, 3, "{}", missing.err);
    assert!(
        missing.err.contains("there are: other, legacy"),
        "{}",
        missing.err
    );
    assert!(!home.workspace().exists());

    let taken = home.run(["secret", "import-aws", "legacy"]).ok();
    assert!(taken.out.contains("--remove takes it out"), "{}", taken.out);
    let session = home.session("legacy").expect("a session");
    assert_eq!(session["region"], "eu-north-1", "{session:#}");
    home.run(["session", "start", "legacy"]).ok();
    assert!(caller("legacy-dayfly").ends_with(":user/alice"));
    let profiles = ini::profiles(&home.credentials_text());
    assert_eq!(profiles["legacy"]["aws_access_key_id"], id);
    assert_ne!(profiles["legacy-dayfly"]["aws_access_key_id"], id);
    home.run(["session", "stop", "legacy"]).ok();

    let moved = home
        .run(["secret", "import-aws", "legacy", "--remove"])
        .ok();
    assert!(moved.out.contains("is removed from"), "{}", moved.out);
    assert_eq!(home.credentials_text(), others);
    home.run(["session", "start", "legacy"]).ok();
    assert!(caller("legacy").ends_with(":user/alice"));
    let profiles = ini::profiles(&home.credentials_text());
    assert_ne!(profiles["legacy"]["aws_access_key_id"], id);
    assert!(home.credentials_text().starts_with(others));
    // What is temporary is not taken for a long-lived key.
    let temporary = home.run(["secret", "import-aws", "legacy"]);
    assert_eq!(temporary.code, 2, "{}", temporary.err);
    home.nowhere(&[&secret], &[]);
}
