use std::fs::{self, Permissions};
use std::time::Instant;

use super::*;

const HOST: &str = "registry.example:5000";

/// A Docker of somebody, with a helper of this script.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let home = Self { folder };
        home.save("config.json", config, 0o600);
        home
    }

    /// One whose registry is asked of this script.
    fn asking(script: &str) -> Self {
        let home = Self::with(&format!(r#"{{"credHelpers":{{"{HOST}":"test"}}}}"#));
        let script = format!("#!/bin/sh\n{script}\n");
        home.save("bin/docker-credential-test", &script, 0o755);
        home
    }

    fn save(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    async fn within(&self, deadline: Duration) -> Result<Option<String>, String> {
        let docker = Docker {
            folder: Some(self.folder.path().to_owned()),
            path: self.folder.path().join("bin").into(),
            deadline,
        };
        let shown = docker.of(HOST).await?;
        Ok(shown.map(|shown| {
            assert!(shown.is_sensitive());
            let shown = shown.to_str().unwrap().strip_prefix("Basic ").unwrap();
            String::from_utf8(BASE64.decode(shown.as_bytes()).unwrap()).unwrap()
        }))
    }

    async fn of(&self) -> Result<Option<String>, String> {
        self.within(Duration::from_secs(60)).await
    }
}

#[tokio::test]
async fn what_docker_knows_is_shown() {
    let pair = BASE64.encode(b"robot:pass:word");
    let bare = pair.trim_end_matches('=');
    for auths in [
        format!(r#""{HOST}":{{"auth":"{pair}"}}"#),
        format!(r#""{HOST}":{{"auth":"{bare}"}}"#),
        format!(r#""https://{HOST}/v2/":{{"auth":"{pair}"}}"#),
        format!(r#""{HOST}":{{"username":"robot","password":"pass:word"}}"#),
    ] {
        let home = Home::with(&format!(r#"{{"auths":{{{auths}}}}}"#));
        assert_eq!(home.of().await.unwrap().unwrap(), "robot:pass:word");
    }
    for config in [r#"{"auths":{"other.example":{"auth":"eA=="}}}"#, "{}"] {
        assert_eq!(Home::with(config).of().await, Ok(None));
    }
    let token = format!(r#"{{"auths":{{"{HOST}":{{"auth":"eDo=","identitytoken":"t"}}}}}}"#);
    assert!(
        Home::with(&token)
            .of()
            .await
            .unwrap_err()
            .contains("identity token")
    );
}

#[tokio::test]
async fn a_helper_is_told_the_server_and_asked_for_it() {
    let script = r#"[ "$1" = get ] && read -r server || true
[ "$server" = registry.example:5000 ] && echo '{"ServerURL":"x","Username":"robot","Secret":"s"}'"#;
    assert_eq!(Home::asking(script).of().await.unwrap().unwrap(), "robot:s");
    let unknown = "echo 'credentials not found in native keychain'; exit 1";
    assert_eq!(Home::asking(unknown).of().await, Ok(None));
}

#[tokio::test]
async fn what_a_hostile_helper_prints_is_bounded_and_passed_on_to_nobody() {
    let escape = r"\033]0;canary\007\033[2J";
    for (script, told) in [
        (
            "yes canary",
            "docker-credential-test printed more than 65536 bytes",
        ),
        (
            "yes canary >&2 & exec yes canary",
            "printed more than 65536 bytes",
        ),
        (
            &format!("printf '{escape}'"),
            "something else than credentials",
        ),
        (
            &format!("printf '{escape}' >&2; printf '{escape}'; exit 3"),
            "ended with status 3",
        ),
        ("kill -9 $$", "ended by signal 9"),
        ("true", "something else than credentials"),
        ("echo '[canary'", "something else than credentials"),
        (
            "echo '{\"Username\":\"canary\"}'",
            "something else than credentials",
        ),
        (
            "printf '{\"Username\":\"\\377\",\"Secret\":\"canary\"}'",
            "something else than credentials",
        ),
        (
            r#"printf '%s' '{"Username":"a\nX-Canary: b","Secret":"canary"}'"#,
            "they are malformed",
        ),
        (
            r#"printf '%s' '{"Username":"a:b","Secret":"canary"}'"#,
            "they are malformed",
        ),
        (
            r#"printf '%s' '{"Username":"a","Secret":"canary\u0007"}'"#,
            "they are malformed",
        ),
        (
            r#"printf '%s' '{"Username":"<token>","Secret":"canary"}'"#,
            "identity token",
        ),
        (
            "printf '{\"Username\":\"a\",\"Secret\":\"'; head -c 1000000 /dev/zero | tr '\\0' c; echo '\"}'",
            "printed more than 65536 bytes",
        ),
    ] {
        let error = Home::asking(script).of().await.unwrap_err();
        assert!(error.contains(told), "{script}: {error}");
        assert!(!error.contains("canary"), "{script}: {error}");
        assert!(!error.chars().any(char::is_control), "{script}: {error}");
    }
}

#[tokio::test]
async fn one_that_does_not_end_or_leaves_others_behind_is_ended_with_them() {
    for script in [
        "sleep 600",
        "sleep 600 & echo $! >\"$0.pid\"; exit 0",
        "trap '' TERM; cat; sleep 600",
    ] {
        let home = Home::asking(script);
        let begun = Instant::now();
        let error = home.within(Duration::from_secs(2)).await.unwrap_err();
        assert!(
            error.contains("did not answer within 2 s"),
            "{script}: {error}"
        );
        assert!(begun.elapsed() < Duration::from_secs(60));
        let pid = home.folder.path().join("bin/docker-credential-test.pid");
        let Ok(pid) = fs::read_to_string(pid) else {
            continue;
        };
        let gone = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let give_up = Instant::now() + Duration::from_secs(30);
        while !gone() && Instant::now() < give_up {
            tokio::task::yield_now().await;
        }
        assert!(gone(), "what {script} started goes on");
    }
}

#[tokio::test]
async fn what_others_could_have_written_decides_nothing() {
    let answer = r#"echo '{"Username":"a","Secret":"s"}'; echo >"$0.ran""#;
    let home = Home::asking(answer);
    let helper = home.folder.path().join("bin/docker-credential-test");
    let ran = home.folder.path().join("bin/docker-credential-test.ran");
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let bin = home.folder.path().join("bin");
    for (path, wrong, right) in [
        (helper.clone(), 0o757, 0o755),
        (bin.clone(), 0o757, 0o755),
        (home.folder.path().join("config.json"), 0o606, 0o600),
        (home.folder.path().to_owned(), 0o707, 0o700),
    ] {
        mode(&path, wrong);
        let error = home.of().await.unwrap_err();
        let told = format!("chmod go-w {}", path.canonicalize().unwrap().display());
        assert!(error.contains(&told), "{error}");
        assert!(!ran.exists());
        mode(&path, right);
    }
    assert_eq!(home.of().await.unwrap().unwrap(), "a:s");
    assert!(ran.exists());
}

#[tokio::test]
async fn a_helper_is_a_name_in_a_folder_of_path_and_nothing_else() {
    for name in ["../../evil", "test;true", "test evil", "te\\u0007st"] {
        let home = Home::with(&format!(r#"{{"credsStore":"{name}"}}"#));
        let error = home.of().await.unwrap_err();
        assert!(error.contains("not a valid program name"), "{error}");
    }
    let home = Home::with(r#"{"credsStore":"nowhere"}"#);
    let error = home.of().await.unwrap_err();
    assert!(error.contains("is not on the PATH"), "{error}");
}
