//! Sign-ins to the AWS console that the AWS CLI's `aws login` and Dayfly share, with an STS that checks
//! what is signed with their credentials, and with botocore as who shares them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use dayfly_tests::sign_in_service::{self, WHO, file};
use dayfly_tests::{Daemon, Home, Ministack, SignInService, aws, federation, until};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

fn parts() -> Option<(Ministack, SignInService)> {
    let sts = Ministack::start()?;
    let role = sts.role("Console");
    let service = SignInService::start(&sts, &role)?;
    Some((sts, service))
}

/// Who botocore is by `login_session` alone, with what it renews itself.
fn botocore(home: &Home, sts: &Ministack, service: &SignInService) -> Result<String, String> {
    let config = home.path().join("config-of-botocore");
    let text = format!("[profile shared]\nlogin_session = {WHO}\nregion = us-east-1\n");
    std::fs::write(&config, text).unwrap();
    let script = "import boto3\n\
        print(boto3.Session(profile_name='shared').client('sts').get_caller_identity()['Arn'])";
    let output = Command::new(sign_in_service::python().unwrap())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("AWS_CONFIG_FILE", config)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL_STS", sts.endpoint())
        .env("AWS_ENDPOINT_URL_SIGNIN", service.endpoint())
        .args(["-c", script])
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Rules that keep the session active and renew it.
fn ruled(home: &Home, sts: &Ministack) {
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n\
         [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n\
         [[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n",
        sts.endpoint()
    ));
}

/// Makes the credentials that stand in the shared file end in so many seconds.
fn age(home: &Home, seconds: i64) {
    let script = "import datetime, json, sys\n\
        path, seconds = sys.argv[1], int(sys.argv[2])\n\
        token = json.load(open(path))\n\
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)\n\
        token['accessToken']['expiresAt'] = end.strftime('%Y-%m-%dT%H:%M:%SZ')\n\
        json.dump(token, open(path, 'w'))";
    let status = Command::new(sign_in_service::python().unwrap())
        .args(["-c", script])
        .arg(file(home))
        .arg(seconds.to_string())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_sign_in_of_dayfly_serves_botocore_and_the_other_way_round() {
    let Some((sts, service)) = parts() else {
        return;
    };
    let home = service.home(&sts);
    let early = home.run(["session", "start", "console"]);
    assert_eq!(early.code, 5, "{}", early.err);
    let hint = "sign in with `dayfly session login console`";
    assert!(early.err.contains(hint), "{}", early.err);
    assert!(!file(&home).exists());
    let login = home.run(["session", "login", "console"]).ok();
    assert!(login.out.contains("console"), "{}", login.out);
    // The browser writes its page down after it has read it: the command may end before.
    until(MINUTE, "the browser is told", || {
        std::fs::read_to_string(home.path().join("browser.page"))
            .is_ok_and(|page| page.contains("Dayfly has credentials of"))
    });
    let caller = aws::boto3_caller(&home, "console", &sts.endpoint()).unwrap();
    assert!(caller.contains(":assumed-role/Console/"), "{caller}");
    let mode = file(&home).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // What Dayfly signed in with is botocore's.
    let caller = botocore(&home, &sts, &service).unwrap();
    assert!(caller.contains(":assumed-role/Console/"), "{caller}");
    assert_eq!(service.count("refresh_token"), 0);
    // Botocore renews it with the key that Dayfly made, and writes what came of it.
    age(&home, 60);
    let before = service.shared(&home);
    botocore(&home, &sts, &service).unwrap();
    assert_eq!(service.count("refresh_token"), 1);
    let after = service.shared(&home);
    assert_ne!(before["refreshToken"], after["refreshToken"]);
    // Dayfly goes on with what botocore wrote: without a call, and later with botocore's refresh token.
    home.run(["session", "rotate", "console"]).ok();
    assert_eq!(service.count("refresh_token"), 1);
    let published = home.credentials_text();
    let id = after["accessToken"]["accessKeyId"].as_str().unwrap();
    assert!(published.contains(id), "{published}");
    age(&home, 60);
    home.run(["session", "rotate", "console"]).ok();
    assert_eq!(service.count("refresh_token"), 2);
    let renewed = service.shared(&home);
    assert_ne!(renewed["refreshToken"], after["refreshToken"]);
    for kept in [
        "dpopKey",
        "clientId",
        "idToken",
        "tokenType",
        "signInRegion",
    ] {
        assert_eq!(renewed[kept], before[kept], "{kept}");
    }
    // And botocore with what Dayfly renewed.
    botocore(&home, &sts, &service).unwrap();
    assert_eq!(service.count("refresh_token"), 2);
    assert_eq!(service.count("authorization_code"), 1);
    service.assert_honest();
    let shared = file(&home);
    home.nowhere(&service.secrets(), &[home.credentials(), shared]);
}

#[test]
fn a_running_engine_renews_before_the_end_and_tells_when_the_sign_in_has_ended() {
    let Some((sts, service)) = parts() else {
        return;
    };
    // Each lasts 20 seconds; a rule renews before that.
    service.tell(&json!({ "access_ttl": 20 }));
    let home = service.home(&sts);
    ruled(&home, &sts);
    home.run(["session", "login", "console"]).ok();
    let daemon = Daemon::start(&home);
    until(MINUTE, "three renewals", || {
        service.count("refresh_token") >= 3
    });
    let caller = aws::boto3_caller(&home, "console", &sts.endpoint()).unwrap();
    assert!(caller.contains(":assumed-role/Console/"), "{caller}");
    // Twelve hours are over.
    service.tell(&json!({ "fault": [400, "AccessDeniedException", "TOKEN_EXPIRED", "over"] }));
    let needs = |home: &Home| home.session("console").unwrap()["needs"]["kind"].clone();
    until(MINUTE, "the session needs a sign-in", || {
        needs(&home) == json!("needs-sign-in")
    });
    let shown = home.session("console").unwrap();
    let error = &shown["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("has expired (TOKEN_EXPIRED)"), "{message}");
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("dayfly session login console")
    );
    // Somebody signs in anew: the session that waited goes on by itself.
    home.run(["session", "login", "console"]).ok();
    until(MINUTE, "it needs nobody", || needs(&home).is_null());
    drop(daemon);
    service.assert_honest();
}

#[test]
fn a_sign_in_that_another_program_makes_wakes_a_session_that_waits() {
    let Some((sts, service)) = parts() else {
        return;
    };
    let (elsewhere, home) = (service.home(&sts), service.home(&sts));
    elsewhere.run(["session", "login", "console"]).ok();
    ruled(&home, &sts);
    let daemon = Daemon::start(&home);
    until(MINUTE, "the session waits", || {
        home.session("console").unwrap()["needs"]["kind"] == json!("needs-sign-in")
    });
    // As the AWS CLI puts it there: whole, and by its own name.
    let shared = file(&home);
    std::fs::create_dir_all(shared.parent().unwrap()).unwrap();
    let aside = shared.with_extension("tmp");
    std::fs::copy(file(&elsewhere), &aside).unwrap();
    std::fs::rename(&aside, &shared).unwrap();
    until(MINUTE, "the session is active", || {
        home.session("console").unwrap()["status"] == json!("active")
    });
    drop(daemon);
}

#[test]
fn without_a_browser_here_the_code_of_another_machine_is_pasted() {
    let Some((sts, service)) = parts() else {
        return;
    };
    let home = service.home(&sts);
    // The page in a browser elsewhere, which the script reads the code from.
    let script = "import re, subprocess, sys, urllib.request\n\
        child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stderr=subprocess.PIPE,\n\
        \x20   stdout=subprocess.PIPE, text=True)\n\
        url = None\n\
        while url is None:\n\
        \x20   url = re.search(r'http://\\S+/v1/authorize\\S+', child.stderr.readline())\n\
        page = urllib.request.urlopen(url.group()).read().decode()\n\
        code = re.search(r'<code>(.*)</code>', page).group(1)\n\
        out, err = child.communicate((code if sys.argv[1] == 'right' else sys.argv[1]) + '\\n')\n\
        print(out + err)\n\
        sys.exit(child.returncode)";
    let paste = |what: &str| {
        let login = home.command(["session", "login", "console", "--remote"]);
        let mut command = Command::new(sign_in_service::python().unwrap());
        command.args(["-c", script, what]).arg(login.get_program());
        command.args(login.get_args());
        command.env_clear();
        for (name, value) in login.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = paste("c3RhdGU9YSZjb2RlPWNhbmFyeQ==");
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("belongs to another sign-in"), "{text}");
    assert!(!file(&home).exists());
    let (code, text) = paste("right");
    assert_eq!(code, Some(0), "{text}");
    let shared = service.shared(&home);
    assert_eq!(shared["clientId"], "arn:aws:signin:::devtools/cross-device");
    let caller = botocore(&home, &sts, &service).unwrap();
    assert!(caller.contains(":assumed-role/Console/"), "{caller}");
    service.assert_honest();
}

#[test]
fn what_is_not_the_sign_in_that_was_meant_is_refused_and_not_kept() {
    let Some((sts, service)) = parts() else {
        return;
    };
    let home = service.home(&sts);
    let login = || home.run(["session", "login", "console"]);
    let refused = |settings: Value, part: &str| {
        service.tell(&settings);
        let ended = login();
        assert_ne!(ended.code, 0, "{}", ended.out);
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
        assert!(!file(&home).exists(), "{part}");
    };
    let other = "arn:aws:sts::210987654321:assumed-role/Admin/other";
    refused(json!({ "who": other }), "the browser signed in as");
    refused(json!({ "who": WHO, "answer": "deny" }), "you refused it");
    let fault = |status: u16, kind: &str, code: &str| json!({ "answer": "allow", "fault": [status, kind, code, "words"] });
    refused(
        fault(400, "AccessDeniedException", "INSUFFICIENT_PERMISSIONS"),
        "SignInLocalDevelopmentAccess",
    );
    refused(
        fault(400, "AccessDeniedException", "AUTHCODE_EXPIRED"),
        "took too long",
    );
    refused(
        fault(429, "TooManyRequestsError", "rate_exceeded"),
        "asks for fewer calls",
    );
    refused(
        fault(500, "InternalServerException", "server_error"),
        "is out of order",
    );
    login().ok();
    service.assert_honest();
}

#[test]
fn a_shared_file_that_is_no_sign_in_or_leads_elsewhere_is_not_used() {
    let Some((sts, service)) = parts() else {
        return;
    };
    let home = service.home(&sts);
    let doctor = || home.run(["doctor"]).out;
    let told = doctor();
    assert!(
        told.contains("nobody is signed in to the AWS console as"),
        "{told}"
    );
    let place = format!("{} answers", service.endpoint());
    assert!(told.contains(&place), "{told}");
    home.run(["session", "login", "console"]).ok();
    home.run(["session", "stop", "console"]).ok();
    let told = doctor();
    assert!(
        told.contains("user/me is signed in to the AWS console"),
        "{told}"
    );
    let shared = file(&home);
    let whole = std::fs::read_to_string(&shared).unwrap();
    let refused = |part: &str, code: i32| {
        let ended = home.run(["session", "start", "console"]);
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
        assert_eq!(ended.code, code, "{part}: {}", ended.err);
        for secret in service.secrets() {
            assert!(!ended.err.contains(&secret), "{}", ended.err);
        }
    };
    let mut cut: Value = serde_json::from_str(&whole).unwrap();
    cut.as_object_mut().unwrap().remove("dpopKey");
    std::fs::write(&shared, cut.to_string()).unwrap();
    refused("`dpopKey` is missing", 5);
    // The refresh token goes to no host that the file names.
    let mut region: Value = serde_json::from_str(&whole).unwrap();
    region["signInRegion"] = json!("evil.example/");
    region["accessToken"]["expiresAt"] = json!("2020-01-01T00:00:00Z");
    std::fs::write(&shared, region.to_string()).unwrap();
    refused("its region is not one of AWS", 1);
    std::fs::remove_file(&shared).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &shared).unwrap();
    refused("cannot read or store the sign-in", 1);
    let told = doctor();
    assert!(told.contains("✗ sign-in"), "{told}");
    std::fs::remove_file(&shared).unwrap();
    // A link of somebody else's making, to a folder where others may write.
    let open = home.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::write(open.join("theirs"), &whole).unwrap();
    std::os::unix::fs::symlink(open.join("theirs"), &shared).unwrap();
    refused("cannot read or store the sign-in", 1);
    assert_eq!(service.count("refresh_token"), 0);
    service.assert_honest();
}

#[test]
fn no_refresh_token_is_sent_where_others_could_read_it() {
    let Some((sts, service)) = parts() else {
        return;
    };
    let mut home = service.home(&sts);
    home.run(["session", "login", "console"]).ok();
    home.run(["session", "stop", "console"]).ok();
    age(&home, -60);
    home.set("AWS_ENDPOINT_URL_SIGNIN", "http://192.0.2.1");
    let ended = home.run(["session", "start", "console"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    let part = "others on the network could read";
    assert!(ended.err.contains(part), "{}", ended.err);
}

#[test]
fn at_a_terminal_a_command_signs_in_by_itself_also_for_a_role_upon_it() {
    let Some((sts, service)) = parts() else {
        return;
    };
    if federation::python().is_none() {
        return;
    }
    let role = json!({
        "sessionId": "id-role", "sessionName": "role", "type": "awsIamRoleChained",
        "region": "us-east-1", "profileName": "role", "roleArn": sts.role("next"),
        "parentSessionId": "id-console",
    });
    let start = ["session", "start", "role"];
    for with_engine in [false, true] {
        let home = service.home(&sts);
        home.save_workspace(&json!({ "sessions": [sign_in_service::session(), role] }));
        let daemon = with_engine.then(|| Daemon::start(&home));
        let shown = federation::at_terminal(&home, "", &start, &[]);
        assert_eq!(shown.code, 0, "{}{}", shown.out, shown.err);
        let text = format!("{}{}", shown.out, shown.err);
        assert!(text.contains("the browser opens the AWS console"), "{text}");
        let caller = aws::boto3_caller(&home, "role", &sts.endpoint()).unwrap();
        assert!(caller.contains(":assumed-role/next/"), "{caller}");
        drop(daemon);
    }
    assert_eq!(service.count("authorization_code"), 2);
    service.assert_honest();
}
