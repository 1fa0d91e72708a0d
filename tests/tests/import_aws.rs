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
        missing.err.contains("the profiles are: other, legacy"),
        "{}",
        missing.err
    );
    assert!(!home.workspace().exists());

    let taken = home.run(["secret", "import-aws", "legacy"]).ok();
    assert!(
        taken.out.contains("--remove removes it there"),
        "{}",
        taken.out
    );
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
    assert!(moved.out.contains("removed the key from"), "{}", moved.out);
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

const PAIR: &str = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = canary/new\n";

/// Home with these shared files.
fn with(credentials: &[u8], config: &[u8]) -> Home {
    let home = Home::new();
    let folder = home.path().join(".aws");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(home.credentials(), credentials).expect("a file");
    std::fs::write(folder.join("config"), config).expect("a file");
    home
}

/// An import that is refused: what it says. Nothing is changed.
fn refused(credentials: &[u8], config: &[u8], profile: &str) -> String {
    let home = with(credentials, config);
    let run = home.run(["secret", "import-aws", profile, "--remove"]);
    assert_ne!(run.code, 0, "{}", run.out);
    assert!(!run.err.contains("canary"), "{}", run.err);
    let left = std::fs::read(home.credentials()).expect("a file");
    assert_eq!(left, credentials);
    let left = std::fs::read(home.path().join(".aws/config")).expect("a file");
    assert_eq!(left, config);
    assert!(!home.workspace().exists());
    run.err
}

#[test]
fn a_key_that_stands_there_twice_is_not_taken() {
    let old =
        "[legacy]\naws_access_key_id = AKIAOLDOLDOLDOLDOLDO\naws_secret_access_key = canary/old\n";
    let told = refused(format!("{old}{PAIR}").as_bytes(), b"", "legacy");
    let wanted = "line 4, byte 1: `aws_access_key_id` is already in this section, in line 2";
    assert!(told.contains(wanted), "{told}");
    let told = refused(
        format!("{old}{}", PAIR.to_uppercase()).as_str().as_bytes(),
        b"",
        "legacy",
    );
    assert!(told.contains("line 4"), "{told}");
    let told = refused(format!("{old}[legacy]\n{PAIR}").as_bytes(), b"", "legacy");
    assert!(
        told.contains("the section [legacy] is already in the file"),
        "{told}"
    );
    let config = format!("[profile legacy]\n{PAIR}");
    let told = refused(old.as_bytes(), config.as_bytes(), "legacy");
    assert!(told.contains("a key in both files"), "{told}");
}

#[test]
fn a_file_that_the_aws_cli_cannot_read_is_named_with_line_and_byte() {
    let good = format!("[legacy]\n{PAIR}");
    let wide: Vec<u8> = std::iter::once(0xfeff_u16)
        .chain(good.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for (credentials, told) in [
        (
            format!("\u{feff}{good}").into_bytes(),
            "line 1, byte 1: the file begins with a byte order",
        ),
        (wide, "UTF-16"),
        (
            [good.as_bytes(), b"# gr\xf6\xdfe\n"].concat(),
            "line 4, byte 5: the byte 0xf6",
        ),
        (
            format!("{good}nonsense\n").into_bytes(),
            "line 4, byte 1: the line has no `=`",
        ),
        (
            format!("k = v\n{good}").into_bytes(),
            "line 1, byte 1: this line is before",
        ),
    ] {
        let said = refused(&credentials, b"", "legacy");
        assert!(said.contains(told), "{told}: {said}");
        // The same in the config file, which says which region the key is for.
        let said = refused(good.as_bytes(), &credentials, "legacy");
        assert!(
            said.contains(told) && said.contains(".aws/config"),
            "{told}: {said}"
        );
        let home = with(&credentials, b"");
        let doctor = home.run(["doctor", "--offline"]);
        assert_eq!(doctor.code, 1, "{}", doctor.out);
        assert!(doctor.out.contains(told), "{told}: {}", doctor.out);
    }
}

#[test]
fn what_the_aws_cli_reads_is_what_is_taken() {
    let credentials =
        format!("[my acct]\n  region = us-gov-west-1\n  mfa_serial = GAHT12345678\n{PAIR}");
    let home = with(
        credentials.replace("\naws", "\n  aws").as_bytes(),
        b"[profile \"my acct\"]\nregion = eu-west-1\n",
    );
    let taken = home
        .run([
            "secret",
            "import-aws",
            "my acct",
            "--session",
            "gov",
            "--remove",
        ])
        .ok();
    assert!(taken.out.contains("removed the key from"), "{}", taken.out);
    let session = home.session("gov").expect("a session");
    assert_eq!(session["region"], "us-gov-west-1", "{session:#}");
    let written = std::fs::read_to_string(home.workspace()).expect("a file");
    assert!(
        written.contains(r#""mfaDevice": "GAHT12345678""#),
        "{written}"
    );
    let wanted = "[my acct]\n  region = us-gov-west-1\n  mfa_serial = GAHT12345678\n";
    assert_eq!(home.credentials_text(), wanted);
    // A key in the config file.
    let home = with(
        b"",
        format!("[profile \"other one\"]\n{PAIR}output = json\n").as_bytes(),
    );
    home.run([
        "secret",
        "import-aws",
        "other one",
        "--session",
        "other",
        "--remove",
    ])
    .ok();
    let left = std::fs::read_to_string(home.path().join(".aws/config")).expect("a file");
    assert_eq!(left, "[profile \"other one\"]\noutput = json\n");
    // Another key of the session is not lost.
    let text = format!("[other one]\n{}", PAIR.replace("EXAMPLE", "ANOTHER"));
    home.save(&home.credentials(), &text);
    let lost = home.run([
        "secret",
        "import-aws",
        "other one",
        "--session",
        "other",
        "--remove",
    ]);
    assert!(lost.err.contains("already has another key"), "{}", lost.err);
    assert_eq!(home.credentials_text(), text);
}
