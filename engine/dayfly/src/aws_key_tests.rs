use super::*;

const KEY: &str =
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = canary/Secret\n";

struct Case(tempfile::TempDir);

impl Case {
    fn new(credentials: &str, config: &str) -> Self {
        let case = Self(tempfile::tempdir().unwrap());
        std::fs::write(case.path("credentials"), credentials).unwrap();
        std::fs::write(case.path("config"), config).unwrap();
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn files(&self) -> Files {
        let [credentials, config] = ["credentials", "config"].map(|name| self.path(name));
        let both = Both {
            credentials: load(&credentials, Kind::Credentials).unwrap(),
            config: load(&config, Kind::Config).unwrap(),
        };
        Files {
            credentials,
            config,
            both,
        }
    }

    fn find(&self, profile: &str) -> Result<Found, String> {
        self.files().find(profile).map_err(|trouble| {
            let told = format!(
                "{trouble} / {}",
                trouble.hint.as_deref().unwrap_or_default()
            );
            assert!(!told.contains("canary"), "{told}");
            told
        })
    }
}

fn refused(credentials: &str, config: &str) -> String {
    let case = Case::new(credentials, config);
    case.find("a").expect_err("it is not clear what is meant")
}

#[test]
fn what_the_aws_cli_reads_is_found() {
    let case = Case::new(
        &format!("[my acct]\n{KEY}region = us-gov-west-1\nmfa_serial = GAHT12345678\n"),
        "[profile \"my acct\"]\nregion = eu-west-1\noutput = json\n",
    );
    let found = case.find("my acct").unwrap();
    assert_eq!(found.key.secret_access_key.expose(), "canary/Secret");
    // The credentials file counts before the config file.
    assert_eq!(found.region.as_deref(), Some("us-gov-west-1"));
    assert_eq!(found.mfa_device.as_deref(), Some("GAHT12345678"));
    let case = Case::new(
        "",
        &format!("[profile a]\n  region = x\n  {}", KEY.replace('\n', "\n  ")),
    );
    let found = case.find("a").unwrap();
    assert_eq!(found.file, case.path("config"));
    found.remove().unwrap();
    let left = std::fs::read_to_string(case.path("config")).unwrap();
    assert_eq!(left, "[profile a]\n  region = x\n  ");
}

#[test]
fn what_is_not_clear_is_refused() {
    let both = refused(&format!("[a]\n{KEY}"), &format!("[profile a]\n{KEY}"));
    assert!(both.contains("has a key in both files"), "{both}");
    let half = refused("[a]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n", "");
    assert!(half.contains("only half a key"), "{half}");
    let split = refused(
        "[a]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
        "[profile a]\naws_secret_access_key = canary\n",
    );
    assert!(split.contains("in both files"), "{split}");
    let shared = refused(&format!("[DEFAULT]\n{KEY}[a]\nregion = x\n"), "");
    assert!(shared.contains("[DEFAULT]"), "{shared}");
    let role = refused(
        &format!("[a]\n{KEY}"),
        "[profile a]\nrole_arn = x\nsource_profile = a\n",
    );
    assert!(role.contains("also has role_arn"), "{role}");
    let process = refused("", &format!("[profile a]\n{KEY}credential_process = x\n"));
    assert!(process.contains("also has credential_process"), "{process}");
    for (line, told) in [
        ("region = \"eu-west-1\"", "quotes"),
        ("region = eu-west-1 # Ireland", "comment"),
        ("region =\n  eu = west", "nested list"),
        ("region = eu-west-1\n  b", "next lines"),
        ("mfa_serial = arn: x", "space"),
        ("mfa_serial = GAHT\u{200b}12345678", "invisible"),
    ] {
        let error = refused(&format!("[a]\n{KEY}{line}\n"), "");
        assert!(
            error.contains(told) && error.contains("credentials:4"),
            "{error}"
        );
    }
    let quoted =
        "[a]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = 'canary'\n";
    assert!(refused(quoted, "").contains("credentials:3"));
}

#[test]
fn a_temporary_key_is_not_taken() {
    for (line, profile) in [
        ("aws_session_token = t", "a"),
        ("aws_security_token = t", "a"),
        ("dayfly_session = s", "a"),
        ("region = x", "b"),
    ] {
        let case = Case::new(&format!("[a]\n{KEY}{line}\n"), "");
        case.find(profile).expect_err("it is refused");
    }
    let none = refused("[a]\nrole_arn = x\n", "");
    assert!(none.contains("no access key"), "{none}");
}

#[test]
fn a_file_that_changed_meanwhile_keeps_its_key() {
    let case = Case::new(&format!("[a]\n{KEY}"), "");
    let found = case.find("a").unwrap();
    for text in [
        format!("[a]\n{}", KEY.replace("canary", "other")),
        format!("[a]\n{KEY}{}", KEY.to_uppercase()),
        format!("[a]\n{KEY}nonsense\n"),
        format!("[b]\n{KEY}"),
    ] {
        std::fs::write(case.path("credentials"), &text).unwrap();
        found.remove().expect_err("it is not what was read");
        let left = std::fs::read_to_string(case.path("credentials")).unwrap();
        assert_eq!(left, text);
    }
}

#[test]
fn profiles_with_the_same_key_are_named() {
    let case = Case::new(&format!("[a]\n{KEY}[b]\n{KEY}"), "");
    let found = case.find("a").unwrap();
    assert_eq!(found.twins.len(), 1);
    assert!(found.twins[0].starts_with("b ("), "{:?}", found.twins);
}
