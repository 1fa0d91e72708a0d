//! An STS that fails, hangs, throttles and breaks off, between Dayfly and one that nobody here wrote.

use std::time::{Duration, Instant};

use dayfly_tests::{BadDays, Daemon, Home, Ministack, aws, within};
use serde_json::json;

const LONG: Duration = Duration::from_secs(90);

#[test]
fn on_bad_days_old_credentials_serve_and_each_day_has_its_name() {
    let Some(sts) = Ministack::start() else {
        return;
    };
    let Some(days) = BadDays::before(&sts) else {
        return;
    };
    let home = Home::new();
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{}\"\n",
        days.endpoint()
    ));
    let (id, secret) = sts.user("alice");
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "app", "sessionName": "app", "type": "awsIamUser", "profileName": "app",
          "region": "eu-west-1", "delivery": ["credentials-file"] },
        { "sessionId": "new", "sessionName": "new", "type": "awsIamUser", "profileName": "new",
          "region": "eu-west-1", "delivery": ["credentials-file"] },
    ]}));
    for session in ["app", "new"] {
        home.run_with(["secret", "set", session], &format!("{id}\n{secret}\n"))
            .ok();
    }
    let daemon = Daemon::start(&home);
    home.run(["session", "start", "app"]).ok();
    let caller = |profile: &str| aws::caller(&home, profile, &sts.endpoint());
    caller("app").expect("the credentials are good");

    // What the day is, and what of it a person reads and a program branches on.
    let all = [
        ("error", "InternalFailure", "unavailable"),
        ("throttle", "Throttling", "throttled"),
        ("expired", "ExpiredToken", "denied"),
        ("nonsense", "not STS's answer", "unavailable"),
        ("drop", "could not be reached", "network"),
        ("cut", "not STS's answer", "unavailable"),
        ("hang", "did not answer in time", "network"),
    ];
    let mut told = Vec::new();
    for (day, code, kind) in all {
        days.begin(day);
        let begun = Instant::now();
        let failed = home.run(["session", "rotate", "app"]);
        let took = begun.elapsed();
        let report = home.session("app").expect("it is there");
        told.push(format!(
            "{day} ({took:.1?}, {} requests, exit {}): {}\n    {}",
            days.requests(day),
            failed.code,
            failed.err.trim(),
            report["error"]
        ));
        assert_ne!(failed.code, 0, "{told:#?}");
        assert!(failed.err.contains(code), "{told:#?}");
        assert!(failed.err.contains("app"), "{told:#?}");
        assert!(took < Duration::from_secs(60), "{told:#?}");
        // Nothing is hammered.
        assert!(days.requests(day) <= 5, "{told:#?}");
        assert_eq!(report["error"]["kind"], kind, "{told:#?}");
        // The old credentials are where they were, and good.
        assert_eq!(report["status"], "active", "{told:#?}");
        caller("app").expect("the old credentials are good");
        // A session that had none has none.
        let failed = home.run(["session", "start", "new"]);
        assert_ne!(failed.code, 0, "{told:#?}");
        assert_eq!(home.status("new"), "inactive", "{told:#?}");
        assert!(!home.credentials_text().contains("[new]"), "{told:#?}");

        days.begin("");
        within(LONG, "it goes on by a person's word", || {
            let ended = home.run(["session", "rotate", "app"]);
            if ended.code == 0 { Ok(()) } else { Err(ended) }
        });
        let report = home.session("app").expect("it is there");
        assert!(report["error"].is_null(), "{report}");
    }
    caller("app").expect("the credentials are good");
    assert_eq!(daemon.terminate(), 0);
}
