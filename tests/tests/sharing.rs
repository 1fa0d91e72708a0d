//! Policies of others: by registry, git checkout and file; held to what was looked at; signed; in bundles.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dayfly_tests::authoring::{Registry, prebuilt, repository, tool};
use dayfly_tests::{Daemon, Home, until};
use serde_json::json;

const LONG: Duration = Duration::from_secs(30);

fn home() -> Home {
    let home = Home::new();
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "tools", "sessionName": "tools", "type": "localstack",
          "profileName": "tools", "labels": { "auto": "" } },
    ]}));
    home
}

/// A built-in policy that says it is of another version, as a file of this home.
fn version(home: &Home, policy: &str, version: &str) -> PathBuf {
    assert_eq!(version.len(), 5);
    let mut bytes = std::fs::read(prebuilt(policy)).unwrap();
    let mut changed = 0;
    for at in 1..bytes.len() - 5 {
        // The version of the contract stands behind an @.
        if &bytes[at..at + 5] == b"0.1.0" && bytes[at - 1] != b'@' {
            bytes[at..at + 5].copy_from_slice(version.as_bytes());
            changed += 1;
        }
    }
    assert!(changed > 0);
    let file = home.path().join(format!("{policy}-{version}.wasm"));
    std::fs::write(&file, bytes).unwrap();
    file
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path is text")
}

fn config(home: &Home) -> String {
    std::fs::read_to_string(home.path().join("dayfly.toml")).unwrap_or_default()
}

fn lock(home: &Home) -> String {
    std::fs::read_to_string(home.path().join("dayfly.lock")).unwrap_or_default()
}

/// Pushes a component; the digest of its manifest.
fn push(home: &Home, file: &Path, to: &str) -> String {
    let pushed = home
        .run(["policy", "push", text(file), to, "--json"])
        .ok()
        .json();
    pushed["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn a_policy_goes_through_a_registry_and_runs_without_it() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let author = home();
    let to = format!("oci://{}/team/keep:1", registry.host);
    let one = version(&author, "keep-active", "1.0.0");
    let first = push(&author, &one, &to);
    assert_eq!(
        push(&author, &one, &to),
        first,
        "the same artifact has the same digest"
    );

    let user = home();
    let asked = user.run(["policy", "add", &to]);
    assert_eq!(asked.code, 4, "{}", asked.err);
    assert!(asked.out.contains("start tools"), "{}", asked.out);
    assert_eq!(config(&user), "");
    user.save_config("[recording]\nenabled = true\n");
    user.run(["policy", "add", &to, "--yes"]).ok();
    assert!(lock(&user).contains(&first), "{}", lock(&user));
    assert!(config(&user).contains(&to));

    let two = version(&author, "keep-active", "1.1.0");
    push(&author, &two, &to);
    // What runs is what was looked at, until somebody looks again.
    user.run(["run", "--once"]).ok();
    assert_eq!(user.status("tools"), "active");
    let shown = user
        .run(["policy", "inspect", "keep-active", "--json"])
        .ok()
        .json();
    assert_eq!(shown["version"], "1.0.0");
    let check = user.run(["policy", "update", "--check"]).ok().out;
    assert!(check.contains("1.0.0 → 1.1.0"), "{check}");
    let tried = user
        .run(["policy", "update", "--check", "--replay"])
        .ok()
        .out;
    assert!(tried.contains("none decides differently"), "{tried}");
    let shown = user
        .run(["policy", "inspect", "keep-active", "--json"])
        .ok()
        .json();
    assert_eq!(shown["version"], "1.0.0");
    let update = user.run(["policy", "update", "--json"]).ok().json();
    assert_eq!(update[0]["wider"], false, "{update}");
    let again = user.run(["policy", "update"]).ok().out;
    assert!(again.contains("is the newest"), "{again}");

    // Another machine with the same configuration and lock file gets the same module.
    let other = home();
    for file in ["dayfly.toml", "dayfly.lock"] {
        std::fs::copy(user.path().join(file), other.path().join(file)).unwrap();
    }
    let before = other.run(["policy", "list"]);
    assert_eq!(before.code, 1);
    assert!(before.out.contains("dayfly policy pull"), "{}", before.out);
    other.run(["policy", "pull"]).ok();
    drop(registry);
    for one in [&user, &other] {
        let shown = one
            .run(["policy", "inspect", "keep-active", "--json"])
            .ok()
            .json();
        assert_eq!(shown["version"], "1.1.0");
    }
    let gone = user.run(["policy", "update"]);
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("Dayfly cannot reach"), "{}", gone.err);
    other.run(["run", "--once"]).ok();
    assert_eq!(other.status("tools"), "active");
}

#[test]
fn what_a_registry_does_to_it_is_noticed() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let author = home();
    let user = home();
    let to = format!("oci://{}/team/keep:1", registry.host);
    let one = version(&author, "keep-active", "1.0.0");
    push(&author, &one, &to);
    let bytes = std::fs::read(&one).unwrap();
    let component = user
        .run(["policy", "check", text(&one), "--json"])
        .ok()
        .json();
    let digest = component["sha256"].as_str().unwrap().to_owned();
    let blob = registry.blob(&digest);
    assert_eq!(std::fs::read(&blob).unwrap(), bytes);
    let parts = user.path().join("policies/parts");

    // A blob that is broken off: what came is kept, and the next try goes on from there.
    std::fs::write(&blob, &bytes[..20_000]).unwrap();
    let broken = user.run(["policy", "add", &to, "--yes"]);
    assert_eq!(broken.code, 1, "{}", broken.out);
    assert!(broken.err.contains("stopped sending"), "{}", broken.err);
    assert_eq!(
        std::fs::read(parts.join(&digest)).unwrap(),
        &bytes[..20_000]
    );
    // What it goes on with is the second part of the right bytes, and the first is not asked for again.
    let mut marked = bytes.clone();
    marked[100] ^= 1;
    std::fs::write(&blob, &marked).unwrap();
    user.run(["policy", "add", &to, "--yes"]).ok();
    user.run(["policy", "remove", "keep-active"]).ok();
    assert_eq!(lock(&user), "");

    // Other bytes under the same digest.
    let other = user.run(["policy", "add", &to, "--yes"]);
    assert_eq!(other.code, 4, "{}", other.out);
    assert!(
        other.err.contains("served different content"),
        "{}",
        other.err
    );
    assert!(!parts.join(&digest).exists(), "a wrong part is not kept");
    std::fs::write(&blob, &bytes).unwrap();
    user.run(["policy", "add", &to, "--yes"]).ok();

    // Another policy under the same tag.
    push(&author, &prebuilt("rotate-before-expiry"), &to);
    let another = user.run(["policy", "update"]);
    assert_eq!(another.code, 4, "{}", another.out);
    assert!(
        another.err.contains("now has another policy"),
        "{}",
        another.err
    );

    // An older version under the same tag.
    push(&author, &version(&author, "keep-active", "0.9.0"), &to);
    let older = user.run(["policy", "update"]);
    assert_eq!(older.code, 4, "{}", older.out);
    assert!(older.err.contains("older than 1.0.0"), "{}", older.err);
    user.run(["policy", "update", "--downgrade"]).ok();

    // What is kept was changed on this machine.
    let kept = user.path().join("policies/sha256");
    for entry in std::fs::read_dir(kept).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[200] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    let damaged = user.run(["policy", "list"]);
    assert_eq!(damaged.code, 1);
    assert!(damaged.out.contains("is damaged"), "{}", damaged.out);

    let nowhere = user.run([
        "policy",
        "add",
        &format!("oci://{}/team/none:1", registry.host),
    ]);
    assert_eq!(nowhere.code, 3, "{}", nowhere.err);
}

#[test]
fn who_signs_is_asked_where_trust_is_set() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let (ours, theirs, user) = (home(), home(), home());
    let key = ours.run(["policy", "keygen"]).ok().out.trim().to_owned();
    assert_eq!(ours.run(["policy", "keygen"]).ok().out.trim(), key);
    let other = theirs.run(["policy", "keygen"]).ok().out.trim().to_owned();
    assert_ne!(key, other);
    let listed = ours.run(["secret", "list", "--json"]).ok().out;
    assert!(listed.contains("signing key"), "{listed}");
    user.save_config(&format!(
        "[[trust]]\nsource = \"oci://{}/team/*\"\nkeys = [\"{key}\"]\n",
        registry.host
    ));
    let to = format!("oci://{}/team/keep:1", registry.host);
    let add = || user.run(["policy", "add", &to, "--yes"]);

    let file = version(&ours, "keep-active", "1.0.0");
    push(&ours, &file, &to);
    let unsigned = add();
    assert_eq!(unsigned.code, 4, "{}", unsigned.out);
    assert!(unsigned.err.contains("must be signed"), "{}", unsigned.err);

    // Signed by somebody else.
    let copy = version(&theirs, "keep-active", "1.0.0");
    theirs.run(["policy", "sign", text(&copy)]).ok();
    push(&theirs, &copy, &to);
    let wrong = add();
    assert_eq!(wrong.code, 4, "{}", wrong.out);
    assert!(wrong.err.contains("another key signed it"), "{}", wrong.err);

    // Both signatures lie beside it; ours counts.
    ours.run(["policy", "sign", text(&file)]).ok();
    push(&ours, &file, &to);
    add().ok();
    assert!(lock(&user).contains(&key), "{}", lock(&user));
    user.run(["policy", "verify", &to]).ok();
    user.run(["run", "--once"]).ok();
    assert_eq!(user.status("tools"), "active");

    // A signature of something else.
    let newer = version(&ours, "keep-active", "1.1.0");
    let name = |file: &Path| format!("{}.minisig", file.display());
    std::fs::copy(name(&file), name(&newer)).unwrap();
    push(&ours, &newer, &to);
    let stale = user.run(["policy", "update"]);
    assert_eq!(stale.code, 4, "{}", stale.out);
    assert!(stale.err.contains("for other content"), "{}", stale.err);

    // An older version that is well signed.
    let older = version(&ours, "keep-active", "0.9.0");
    ours.run(["policy", "sign", text(&older)]).ok();
    push(&ours, &older, &to);
    let refused = user.run(["policy", "update"]);
    assert_eq!(refused.code, 4, "{}", refused.out);
    assert!(refused.err.contains("older than"), "{}", refused.err);

    // Trust that is taken back counts at once.
    let daemon = Daemon::start(&user);
    let in_force = || {
        let status = user.report();
        status["policies"].as_array().map_or(0, Vec::len)
    };
    until(LONG, "it is in force", || in_force() == 1);
    let third = home();
    let stranger = third.run(["policy", "keygen"]).ok().out.trim().to_owned();
    user.save_config(&config(&user).replace(&key, &stranger));
    until(LONG, "it is not in force any more", || in_force() == 0);
    let list = user.run(["policy", "list"]);
    assert_eq!(list.code, 1);
    assert!(list.out.contains("no key that you trust"), "{}", list.out);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn signatures_are_those_of_minisign() {
    let Some(minisign) = tool("minisign") else {
        return;
    };
    let home = home();
    let key = home
        .run(["policy", "keygen", "team"])
        .ok()
        .out
        .trim()
        .to_owned();
    let file = version(&home, "keep-active", "1.0.0");
    let signed = home
        .run(["policy", "sign", text(&file), "--key", "team"])
        .ok();
    assert!(signed.out.contains("keep-active 1.0.0"), "{}", signed.out);
    let run = |args: &[&str]| {
        let output = Command::new(&minisign).args(args).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (good, said) = run(&["-Vm", text(&file), "-P", &key]);
    assert!(good && said.contains("keep-active 1.0.0"), "{said}");

    // And the other way round.
    let (public, secret) = (home.path().join("m.pub"), home.path().join("m.key"));
    assert!(run(&["-GW", "-p", text(&public), "-s", text(&secret)]).0);
    assert!(run(&["-Sm", text(&file), "-s", text(&secret), "-t", "by hand"]).0);
    let theirs = std::fs::read_to_string(public)
        .unwrap()
        .lines()
        .nth(1)
        .unwrap()
        .to_owned();
    let verified = home
        .run(["policy", "verify", text(&file), "--key", &theirs])
        .ok();
    assert!(verified.out.contains("by hand"), "{}", verified.out);
    let wrong = home.run(["policy", "verify", text(&file), "--key", &key]);
    assert_eq!(wrong.code, 4, "{}", wrong.out);
    // The key itself is nowhere but in the vault, and there encrypted.
    for (path, content) in home.files() {
        let content = String::from_utf8_lossy(&content);
        let own = path.ends_with("m.key");
        assert!(
            own || !content.contains("encrypted secret key"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_file_runs_only_as_it_was_looked_at() {
    let home = home();
    let rule = home.path().join("rule.wasm");
    std::fs::copy(version(&home, "keep-active", "1.0.0"), &rule).unwrap();
    home.run(["policy", "add", text(&rule), "--name", "mine", "--yes"])
        .ok();
    home.run(["policy", "list"]).ok();
    std::fs::copy(version(&home, "keep-active", "1.1.0"), &rule).unwrap();
    let changed = home.run(["policy", "list"]);
    assert_eq!(changed.code, 1);
    assert!(
        changed.out.contains("dayfly policy update mine"),
        "{}",
        changed.out
    );
    assert_eq!(home.run(["run", "--once"]).code, 1);
    assert_eq!(home.status("tools"), "inactive");
    home.run(["policy", "update", "mine"]).ok();
    home.run(["run", "--once"]).ok();
    assert_eq!(home.status("tools"), "active");

    // One that is being worked on is followed, where the person wants that.
    home.run(["policy", "remove", "mine"]).ok();
    home.run([
        "policy",
        "add",
        text(&rule),
        "--name",
        "mine",
        "--follow",
        "--yes",
    ])
    .ok();
    std::fs::copy(version(&home, "keep-active", "1.2.0"), &rule).unwrap();
    home.run(["policy", "list"]).ok();
    let text = config(&home);
    home.run(["policy", "disable", "mine"]).ok();
    assert!(config(&home).contains("enabled = false"));
    home.run(["policy", "enable", "mine"]).ok();
    assert_eq!(config(&home), text);

    std::fs::write(home.path().join("dayfly.lock"), "nonsense").unwrap();
    let broken = home.run(["policy", "list"]);
    assert_eq!(broken.code, 1);
    assert!(broken.out.contains("is not a lock file"), "{}", broken.out);
}

fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_git_checkout_gives_what_is_committed() {
    if tool("git").is_none() {
        return;
    }
    let home = home();
    let repo = home.path().join("rules");
    std::fs::create_dir_all(repo.join("x")).unwrap();
    let file = repo.join("x/keep.wasm");
    let set = |v: &str| std::fs::copy(version(&home, "keep-active", v), &file).unwrap();
    set("1.0.0");
    git(&repo, &["init", "-q", "-b", "main"]);
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "-qm", "one"]);
    // What is not committed is not there.
    set("6.6.6");
    let source = format!("git:{}//x/keep.wasm?ref=main", repo.display());
    home.run(["policy", "add", &source, "--yes"]).ok();
    let shown = || {
        home.run(["policy", "inspect", "keep-active", "--json"])
            .ok()
            .json()
    };
    assert_eq!(shown()["version"], "1.0.0");
    set("1.1.0");
    git(&repo, &["commit", "-qam", "two"]);
    assert_eq!(shown()["version"], "1.0.0");
    home.run(["policy", "update"]).ok();
    assert_eq!(shown()["version"], "1.1.0");
    let missing = home.run([
        "policy",
        "add",
        &format!("git:{}//x/none.wasm", repo.display()),
        "--yes",
    ]);
    assert_eq!(missing.code, 3, "{}", missing.err);
}

#[test]
fn a_bundle_comes_and_is_updated_as_one() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let (team, user) = (home(), home());
    let key = team.run(["policy", "keygen"]).ok().out.trim().to_owned();
    let folder = team.path().join("rules");
    std::fs::create_dir_all(&folder).unwrap();
    let to = format!("oci://{}/team/rules:stable", registry.host);
    let publish = |v: &str, label: &str, rest: &str| {
        std::fs::copy(version(&team, "keep-active", v), folder.join("keep.wasm")).unwrap();
        let text = format!(
            "[bundle]\nname = \"team\"\nversion = \"{v}\"\nsummary = \"what the team agreed on\"\n\n\
             [[policy]]\nname = \"keep\"\nmodule = \"keep.wasm\"\ntier = \"team\"\n\
             config = {{ match = {{ labels = [\"{label}\"] }} }}\ngrant = {{ actions = [\"start\"] }}\n\n{rest}"
        );
        std::fs::write(folder.join("bundle.toml"), text).unwrap();
        team.run(["policy", "sign", text_of(&folder)]).ok();
        team.run(["policy", "push", text_of(&folder), &to]).ok();
    };
    publish("1.0.0", "auto", "");
    user.save_config(&format!(
        "# mine\n[[trust]]\nsource = \"oci://*\"\nkeys = [\"{key}\"]\n"
    ));
    let before = config(&user);
    let asked = user.run(["policy", "add", &to]);
    assert_eq!(asked.code, 4, "{}", asked.err);
    for part in ["team 1.0.0", "asks for  start", "start tools", "tier team"] {
        assert!(asked.out.contains(part), "{part}: {}", asked.out);
    }
    assert_eq!(config(&user), before);
    // On trial first: it decides, and nothing is done.
    user.run(["policy", "add", &to, "--shadow", "--yes"]).ok();
    user.run(["run", "--once"]).ok();
    assert_eq!(user.status("tools"), "inactive");
    user.save_config(&config(&user).replace("mode = \"shadow\"\n", ""));
    user.run(["run", "--once"]).ok();
    assert_eq!(user.status("tools"), "active");

    // New code and another configuration are taken; another grant and a further policy are asked for.
    publish("1.1.0", "other", "");
    let update = user.run(["policy", "update", "team"]).ok().out;
    assert!(update.contains("1.0.0 → 1.1.0"), "{update}");
    assert!(config(&user).contains("\"other\""), "{}", config(&user));
    let rotate = "[[policy]]\nname = \"rotate\"\nmodule = \"builtin:rotate-before-expiry\"\n";
    // What the person changed stays.
    user.save_config(&config(&user).replace("\"other\"", "\"own\""));
    publish("1.2.0", "auto", rotate);
    let asked = user.run(["policy", "update", "team"]);
    assert_eq!(asked.code, 4, "{}", asked.out);
    assert!(asked.out.contains("+ rotate is new"), "{}", asked.out);
    assert!(!config(&user).contains("rotate"));
    let update = user.run(["policy", "update", "team", "--grant"]).ok().out;
    assert!(update.contains("stays as you have it"), "{update}");
    assert!(config(&user).contains("\"own\"") && config(&user).contains("name = \"rotate\""));

    // An older version of the whole, well signed.
    publish("1.1.0", "auto", "");
    let older = user.run(["policy", "update"]);
    assert_eq!(older.code, 4, "{}", older.out);
    assert!(older.err.contains("older than 1.2.0"), "{}", older.err);

    // A file that is not the one that the signed text names.
    let newer = version(&team, "keep-active", "1.3.0");
    publish("1.3.0", "auto", "");
    std::fs::copy(prebuilt("business-hours"), folder.join("keep.wasm")).unwrap();
    let pushed = team.run(["policy", "push", text_of(&folder), &to]);
    assert_eq!(pushed.code, 4, "{}", pushed.out);
    std::fs::copy(newer, folder.join("keep.wasm")).unwrap();

    user.run(["policy", "remove", "team"]).ok();
    assert_eq!(config(&user).trim_end(), before.trim_end());
    assert_eq!(lock(&user), "");
}

fn text_of(path: &Path) -> &str {
    text(path)
}

/// `robot` with the password `open-sesame-canary`, as htpasswd -B has it.
const DOORKEEPER: &str = "robot:$2y$05$nMn0ngzVb6/bpSY.jrncqOQFFT0hFbDLoIpZbzVf8ok800Y1DyErq";

#[test]
fn a_registry_that_asks_who_one_is_is_told_what_docker_knows() {
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("htpasswd");
    std::fs::write(&file, format!("{DOORKEEPER}\n")).unwrap();
    let door = format!(
        "auth:\n  htpasswd:\n    realm: team\n    path: {}\n",
        file.display()
    );
    let Some(registry) = Registry::with(&door) else {
        return;
    };
    let home = home();
    let one = version(&home, "keep-active", "1.0.0");
    let to = format!("oci://{}/team/keep:1", registry.host);
    let push = || home.run(["policy", "push", text(&one), &to]);
    let config = home.path().join(".docker/config.json");
    std::fs::create_dir(config.parent().unwrap()).unwrap();
    let stranger = push();
    assert_eq!(stranger.code, 5, "{}", stranger.out);
    assert!(stranger.err.contains("docker login"), "{}", stranger.err);

    let says = |user: &str, password: &str| {
        use std::io::Write as _;
        let mut base64 = Command::new("base64")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = base64.stdin.take().unwrap();
        write!(stdin, "{user}:{password}").unwrap();
        drop(stdin);
        let auth = base64.wait_with_output().unwrap().stdout;
        let auth = String::from_utf8(auth).unwrap();
        let known = json!({ "auths": { registry.host.clone(): { "auth": auth.trim() } } });
        home.save(&config, &known.to_string());
    };
    says("robot", "guess-canary");
    let wrong = push();
    assert_eq!(wrong.code, 5, "{}", wrong.out);
    assert!(wrong.err.contains("docker login"), "{}", wrong.err);
    assert!(!wrong.err.contains("guess-canary"), "{}", wrong.err);
    says("robot", "open-sesame-canary");
    push().ok();

    // The same from a helper, which is asked for this registry only.
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let helper = bin.join("docker-credential-canary");
    let script = "#!/bin/sh\nread -r server\nprintf '%s' \"$server\" >\"$HOME/asked\"\n\
                  echo '{\"Username\":\"robot\",\"Secret\":\"open-sesame-canary\"}'\n";
    home.save(&helper, script);
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o700)).unwrap();
    let known = json!({ "credHelpers": { registry.host.clone(): "canary" } });
    home.save(&config, &known.to_string());
    let mut paths = vec![bin];
    let usual = std::env::var_os("PATH").unwrap();
    paths.extend(std::env::split_paths(&usual));
    let path = std::env::join_paths(paths).unwrap();
    let added = home
        .command(["policy", "add", &to, "--yes"])
        .env("PATH", path)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&added.stderr);
    assert!(added.status.success(), "{err}");
    let asked = std::fs::read_to_string(home.path().join("asked")).unwrap();
    assert_eq!(asked, registry.host);
    // It is in no file of ours.
    for (file, bytes) in home.files() {
        let ours = !file.ends_with("config.json") && !file.ends_with("docker-credential-canary");
        let found = String::from_utf8_lossy(&bytes).contains("open-sesame-canary");
        assert!(!(ours && found), "{}", file.display());
    }
}

#[test]
fn a_policy_goes_through_a_folder_and_is_updated_there() {
    let author = home();
    let share = author.path().join("share/team");
    let pushed = |file: &Path, to: &Path| {
        let pushed = author.run(["policy", "push", text(file), text(to), "--json"]);
        let source = pushed.ok().json()["source"].take();
        source.as_str().expect("a place").to_owned()
    };
    let one = version(&author, "keep-active", "1.0.0");
    author.run(["policy", "keygen"]).ok();
    author.run(["policy", "sign", text(&one)]).ok();
    let place = pushed(&one, &share);
    assert_eq!(Path::new(&place), share.join("keep-active.wasm"));
    assert!(share.join("keep-active.wasm.minisig").exists());
    let user = home();
    user.run(["policy", "add", &place, "--name", "mine", "--yes"])
        .ok();
    user.run(["run", "--once"]).ok();
    assert_eq!(user.status("tools"), "active");
    // A newer one, which nobody signed: no signature of the older one is left beside it.
    assert_eq!(
        pushed(&version(&author, "keep-active", "1.1.0"), &share),
        place
    );
    assert!(!share.join("keep-active.wasm.minisig").exists());
    let changed = user.run(["policy", "list"]);
    assert_eq!(changed.code, 1, "{}", changed.out);
    user.run(["policy", "update", "mine"]).ok();
    user.run(["policy", "list"]).ok();
    // Under a name of one's own.
    let named = share.join("rule.wasm");
    assert_eq!(Path::new(&pushed(&one, &named)), named);
    // Nothing half-written is left.
    let left = std::fs::read_dir(&share)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["keep-active.wasm", "rule.wasm", "rule.wasm.minisig"]);
    // A bundle goes as it is.
    let rules = author.path().join("rules");
    std::fs::create_dir_all(&rules).unwrap();
    std::fs::copy(&one, rules.join("keep.wasm")).unwrap();
    let bundle = "[bundle]\nname = \"team\"\nversion = \"1.0.0\"\nsummary = \"agreed on\"\n\n\
                  [[policy]]\nname = \"keep\"\nmodule = \"keep.wasm\"\ntier = \"team\"\n\
                  config = { match = { labels = [\"auto\"] } }\ngrant = { actions = [\"start\"] }\n";
    std::fs::write(rules.join("bundle.toml"), bundle).unwrap();
    let bundles = author.path().join("share/bundle");
    assert_eq!(Path::new(&pushed(&rules, &bundles)), bundles);
    let other = home();
    other.run(["policy", "add", text(&bundles), "--yes"]).ok();
    other.run(["run", "--once"]).ok();
    assert_eq!(other.status("tools"), "active");
    let git = author.run(["policy", "push", text(&one), "git:/x//y"]);
    assert_eq!(git.code, 2, "{}", git.err);
}

#[test]
fn the_list_says_which_version_of_the_contract_each_policy_speaks() {
    let user = home();
    let earlier = repository().join("tests/guests/contract-0.1/keep-active.wasm");
    user.save_config(&format!(
        "[[policy]]\nname = \"earlier\"\nmodule = \"{}\"\ngrant = {{ actions = [\"start\"] }}\n\
         [[policy]]\nname = \"today\"\nmodule = \"builtin:keep-active\"\n",
        text(&earlier)
    ));
    let contracts = |listed: serde_json::Value| {
        let of = |n: usize| {
            listed["policies"][n]["contract"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        (of(0), of(1))
    };
    let wanted = ("0.1.0".to_owned(), "0.2.0".to_owned());
    let list = || user.run(["policy", "list", "--json"]).ok().json();
    assert_eq!(contracts(list()), wanted);
    let shown = user.run(["policy", "list"]).ok().out;
    assert!(
        shown.contains("CONTRACT") && shown.contains("0.1.0"),
        "{shown}"
    );
    // A running engine says the same.
    let daemon = Daemon::start(&user);
    until(LONG, "the engine has them", || {
        list()["policies"].as_array().unwrap().len() == 2
    });
    assert_eq!(contracts(list()), wanted);
    assert_eq!(daemon.terminate(), 0);
}
