//! A Workspace layer in a real registry that says one thing and is another, or is an older one.

use std::path::{Path, PathBuf};
use std::process::Command;

use dayfly_tests::Home;
use dayfly_tests::authoring::prebuilt;
use dayfly_tests::home::Ended;
use serde_json::{Value, json};

use crate::signatures::{INDEX, MANIFEST, Scene, ask, text};

const LAYER: &str = "application/vnd.dayfly.workspace.v1+json";

/// A Workspace of this version with one session per name.
fn workspace(version: Option<&str>, names: &[&str]) -> String {
    let sessions: Vec<Value> = { names.iter() }
        .map(|name| {
            json!({ "sessionId": name, "sessionName": name, "type": "localstack",
                "region": "eu-west-1", "profileName": name })
        })
        .collect();
    let mut whole = json!({ "sessions": sessions });
    if let Some(version) = version {
        whole["layerVersion"] = json!(version);
    }
    whole.to_string()
}

fn saved(home: &Home, name: &str, text: &str) -> PathBuf {
    let file = home.path().join(name);
    std::fs::write(&file, text).expect("a file");
    file
}

/// Pushes a Workspace, signed or not; the digest of its manifest.
fn push(scene: &Scene, by: &Home, version: &str, names: &[&str], signed: bool, to: &str) -> String {
    let file = saved(by, "cloud.json", &workspace(Some(version), names));
    let _ = std::fs::remove_file(file.with_extension("json.minisig"));
    if signed {
        by.run(["policy", "sign", text(&file)]).ok();
    }
    let pushed = by.run(["layer", "push", text(&file), &scene.at(to), "--json"]);
    let digest = pushed.ok().json()["digest"].take();
    digest.as_str().expect("a digest").to_owned()
}

/// Puts a file into a repository as whoever may write to it can, past `dayfly layer push`; its descriptor.
fn blob(scene: &Scene, repository: &str, file: &Path) -> Value {
    let host = &scene.registry.host;
    let bytes = std::fs::read(file).expect("it is there");
    let sum = Command::new("sha256sum").arg(file).output().expect("a sum");
    let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
    let hex = sum.split(' ').next().expect("a digest");
    let body = String::from_utf8(bytes).expect("text");
    let uploads = format!("/v2/{repository}/blobs/uploads/?digest=sha256:{hex}");
    let curl = Command::new("curl")
        .args(["-sS", "-i", "-X", "POST"])
        .arg(format!("http://{host}/v2/{repository}/blobs/uploads/"))
        .output()
        .expect("an answer");
    let head = String::from_utf8_lossy(&curl.stdout).into_owned();
    let mut lines = head.lines();
    let location = lines.find_map(|line| line.strip_prefix("Location: "));
    let location = location
        .unwrap_or_else(|| panic!("{uploads}: {head}"))
        .trim();
    let (_, path) = location.split_once(host.as_str()).expect("at the registry");
    let path = format!("{path}&digest=sha256:{hex}");
    let (status, told) = ask(host, "PUT", &path, "application/octet-stream", &body);
    assert_eq!(status, 201, "{told}");
    json!({ "mediaType": LAYER, "digest": format!("sha256:{hex}"), "size": body.len() })
}

fn add(home: &Home, source: &str) -> Ended {
    home.run(["layer", "add", source, "--yes"])
}

fn whole(home: &Home) -> Vec<Option<Vec<u8>>> {
    let files = ["workspace.json", "dayfly.toml", "dayfly.lock"];
    let files = files
        .iter()
        .map(|name| std::fs::read(home.path().join(name)).ok());
    files.collect()
}

/// It is refused with this code and these words, and nothing of the home is changed.
fn refused(home: &Home, args: &[&str], code: i32, says: &str) {
    let before = whole(home);
    let ended = home.run(args);
    assert_eq!(ended.code, code, "{args:?}: {}{}", ended.out, ended.err);
    assert!(ended.err.contains(says), "{args:?}: {}", ended.err);
    assert!(whole(home) == before, "{args:?} changed something");
}

#[test]
fn a_layer_of_a_registry_has_to_be_signed_by_whom_the_trust_root_names() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let user = scene.user(&scene.at("team/*"));
    let source = scene.at("team/cloud:1");
    let yes = ["layer", "add", &source, "--yes"];
    let stranger = Home::new();
    stranger.run(["policy", "keygen"]).ok();

    push(
        &scene,
        &scene.author,
        "1.0.0",
        &["dev"],
        false,
        "team/cloud:1",
    );
    refused(&user, &yes, 4, "must be signed");
    push(&scene, &stranger, "1.0.1", &["evil"], true, "team/cloud:1");
    refused(&user, &yes, 4, "another key signed it");

    // The author's signature of something else beside it.
    let good = push(
        &scene,
        &scene.author,
        "1.0.0",
        &["dev"],
        true,
        "team/other:1",
    );
    let tag = |digest: &str| digest.replace(':', "-");
    let evil = push(&scene, &stranger, "1.0.2", &["evil"], false, "team/other:2");
    let list = scene.manifest("team/other", &tag(&good), INDEX);
    scene.put("team/other", &tag(&evil), INDEX, &list);
    let moved = scene.at("team/other:2");
    refused(
        &user,
        &["layer", "add", &moved, "--yes"],
        4,
        "for other content",
    );
    let exact = scene.at(&format!("team/other@{evil}"));
    refused(
        &user,
        &["layer", "add", &exact, "--yes"],
        4,
        "for other content",
    );

    push(
        &scene,
        &scene.author,
        "1.0.0",
        &["dev"],
        true,
        "team/cloud:1",
    );
    let added = add(&user, &source).ok().out;
    assert!(
        added.contains(&format!("signed by {}", scene.key)),
        "{added}"
    );
    // What was merged stays where a later one is refused.
    push(
        &scene,
        &stranger,
        "1.1.0",
        &["dev", "evil"],
        true,
        "team/cloud:1",
    );
    refused(
        &user,
        &["layer", "update", "--yes"],
        4,
        "another key signed it",
    );
    assert!(user.session("dev").is_some());
}

#[test]
fn an_older_layer_is_refused_however_well_it_is_signed() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let user = scene.user(&scene.at("team/*"));
    let source = scene.at("team/cloud:1");
    let update = ["layer", "update", "--yes"];
    push(
        &scene,
        &scene.author,
        "1.9.0",
        &["dev", "gone"],
        true,
        "team/cloud:1",
    );
    let first = scene.manifest("team/cloud", "1", MANIFEST);
    add(&user, &source).ok();
    let older_lock = std::fs::read(user.path().join("dayfly.lock")).expect("it is there");
    push(
        &scene,
        &scene.author,
        "1.10.0",
        &["dev"],
        true,
        "team/cloud:1",
    );
    let told = user.run(update).ok().out;
    assert!(told.contains("cloud 1.9.0 → 1.10.0"), "{told}");
    assert!(user.session("gone").is_none());

    // Somebody moves the tag back to what was signed just as well.
    push(
        &scene,
        &scene.author,
        "1.9.0",
        &["dev", "gone"],
        true,
        "team/cloud:1",
    );
    refused(
        &user,
        &update,
        4,
        "version 1.9.0, which is older than 1.10.0",
    );
    refused(
        &user,
        &["layer", "update", "--check"],
        4,
        "older than 1.10.0",
    );

    // One that does not say its version any more is no way around it.
    let file = saved(
        &scene.author,
        "bare.json",
        &workspace(None, &["dev", "gone"]),
    );
    let pushed = scene.author.run(["layer", "push", text(&file), &source]);
    assert_eq!(pushed.code, 2, "{}", pushed.err);
    assert!(
        pushed.err.contains("does not say its version"),
        "{}",
        pushed.err
    );
    scene.author.run(["policy", "sign", text(&file)]).ok();
    let layer = blob(&scene, "team/cloud", &file);
    let mut bare = first.clone();
    bare["layers"][0] = layer;
    scene.put("team/cloud", "bare", MANIFEST, &bare);
    let anybody = Home::new();
    anybody.save_workspace(&json!({ "sessions": [] }));
    let noted = add(&anybody, &scene.at("team/cloud:bare")).ok().out;
    assert!(
        noted.contains("nobody would notice an older one"),
        "{noted}"
    );
    push(
        &scene,
        &scene.author,
        "1.10.0",
        &["dev"],
        false,
        "team/open:1",
    );
    add(&anybody, &scene.at("team/open:1")).ok();
    let config = std::fs::read_to_string(anybody.path().join("dayfly.toml")).expect("it is there");
    let bare = config.replace("team/open:1", "team/cloud:bare");
    anybody.save_config(&bare);
    refused(
        &anybody,
        &["layer", "update", "open", "--yes"],
        4,
        "no longer says its version",
    );

    // An older lock file makes no older layer the newest.
    let newer_lock = std::fs::read(user.path().join("dayfly.lock")).expect("it is there");
    std::fs::write(user.path().join("dayfly.lock"), &older_lock).expect("a file");
    refused(
        &user,
        &update,
        4,
        "dayfly.lock is older than the one last seen",
    );
    let doctor = user.run(["doctor"]);
    assert!(doctor.out.contains("layer \"cloud\""), "{}", doctor.out);
    std::fs::write(user.path().join("dayfly.lock"), &newer_lock).expect("a file");

    // Whoever means it says so.
    user.run(["layer", "update", "cloud", "--downgrade", "--yes"])
        .ok();
    assert!(user.session("gone").is_some());
}

#[test]
fn what_a_registry_serves_as_a_layer_is_the_bytes_that_were_named() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let user = Home::new();
    user.save_workspace(&json!({ "sessions": [] }));
    user.save_config("");
    let source = scene.at("team/cloud:1");
    let first = push(
        &scene,
        &scene.author,
        "1.0.0",
        &["dev"],
        false,
        "team/cloud:1",
    );
    let manifest = scene.manifest("team/cloud", "1", MANIFEST);
    let digest = manifest["layers"][0]["digest"].as_str().expect("a digest");
    let kept = scene.registry.blob(digest);
    let good = std::fs::read(&kept).expect("it is there");
    // Other bytes under the same digest, of the same length.
    let text = String::from_utf8(good.clone()).expect("text");
    std::fs::write(&kept, text.replace("\"dev\"", "\"evl\"")).expect("a file");
    refused(
        &user,
        &["layer", "add", &source, "--yes"],
        4,
        "served different content",
    );
    // Broken off, then longer than announced.
    std::fs::write(&kept, &good[..20]).expect("a file");
    refused(
        &user,
        &["layer", "add", &source, "--yes"],
        1,
        "stopped sending",
    );
    std::fs::write(&kept, &good).expect("a file");
    // A digest holds a source to what it names, whatever becomes of the tag.
    push(
        &scene,
        &scene.author,
        "1.1.0",
        &["dev", "qa"],
        false,
        "team/cloud:1",
    );
    add(&user, &scene.at(&format!("team/cloud:1@{first}"))).ok();
    user.run(["layer", "update", "--yes"]).ok();
    assert!(user.session("dev").is_some() && user.session("qa").is_none());
}

#[test]
fn what_is_no_workspace_or_too_long_is_refused_out_of_a_registry() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let user = Home::new();
    user.save_workspace(&json!({ "sessions": [] }));
    user.save_config("");
    push(
        &scene,
        &scene.author,
        "1.0.0",
        &["dev"],
        false,
        "team/cloud:1",
    );
    let good = scene.manifest("team/cloud", "1", MANIFEST);
    let layer = |tag: &str| scene.at(&format!("team/cloud:{tag}"));

    let mut long = good.clone();
    long["layers"][0]["size"] = json!((64 << 20) + 1);
    let mut image = good.clone();
    image["artifactType"] = Value::Null;
    image["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
    let mut component = good.clone();
    component["layers"][0]["mediaType"] = json!("application/wasm");
    let mut two = good.clone();
    two["layers"] = json!([good["layers"][0], good["layers"][0]]);
    for (tag, manifest, says) in [
        ("long", &long, "67108864 are allowed"),
        (
            "image",
            &image,
            "neither a component, a bundle nor a Workspace",
        ),
        (
            "component",
            &component,
            "its layer is of type application/wasm",
        ),
        ("two", &two, "it has 2 layers"),
    ] {
        let path = format!("/v2/team/cloud/manifests/{tag}");
        let body = manifest.to_string();
        let (status, _) = ask(&scene.registry.host, "PUT", &path, MANIFEST, &body);
        assert_eq!(status, 201, "{tag}");
        refused(&user, &["layer", "add", &layer(tag), "--yes"], 1, says);
    }

    // Texts that are no Workspace.
    for (n, (content, says)) in [
        ("[]", "is not a Workspace"),
        ("{}", "`sessions` is missing"),
        ("{ \"sessions\": [", "is not a Workspace"),
        (
            "{ \"sessions\": [], \"layerVersion\": \"new\" }",
            "is not a version",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let file = saved(&scene.author, "odd.json", content);
        let mut odd = good.clone();
        odd["layers"][0] = blob(&scene, "team/cloud", &file);
        scene.put("team/cloud", &format!("odd{n}"), MANIFEST, &odd);
        let source = layer(&format!("odd{n}"));
        refused(&user, &["layer", "add", &source, "--yes"], 2, says);
        let pushed = scene
            .author
            .run(["layer", "push", text(&file), &layer("pushed")]);
        assert_eq!(pushed.code, 2, "{content}: {}", pushed.err);
    }

    // A policy in the place of a Workspace, and the other way round.
    let keep = scene.at("team/keep:1");
    let component = prebuilt("keep-active");
    scene
        .author
        .run(["policy", "push", text(&component), &keep])
        .ok();
    refused(
        &user,
        &["layer", "add", &keep, "--yes"],
        2,
        "is a policy, not a Workspace",
    );
    let wrong = ["policy", "add", &layer("1"), "--yes"];
    refused(&user, &wrong, 2, "is a Workspace, not a policy");
    let pushed = scene.author.run(["layer", "push", text(&component), &keep]);
    assert_eq!(pushed.code, 2, "{}", pushed.err);
    let file = saved(&scene.author, "w.json", &workspace(Some("1.0.0"), &["dev"]));
    let pushed = scene.author.run(["policy", "push", text(&file), &keep]);
    assert!(pushed.err.contains("dayfly layer push"), "{}", pushed.err);
    add(&user, &layer("1")).ok();
}
