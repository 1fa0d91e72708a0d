//! Signatures, tags and manifests that say one thing and are another, in a real registry.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use dayfly_tests::Home;
use dayfly_tests::authoring::{Registry, prebuilt};
use serde_json::{Value, json};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Asks the registry itself, as whoever may write to it can.
pub(crate) fn ask(host: &str, method: &str, path: &str, kind: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(host).expect("it listens");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {kind}\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    (status.expect("a status"), body.to_owned())
}

pub(crate) struct Scene {
    pub(crate) registry: Registry,
    pub(crate) author: Home,
    pub(crate) key: String,
}

impl Scene {
    pub(crate) fn new() -> Option<Self> {
        let registry = Registry::start()?;
        let author = Home::new();
        let key = author.run(["policy", "keygen"]).ok().out.trim().to_owned();
        Some(Self {
            registry,
            author,
            key,
        })
    }

    /// A person who trusts the author's key for sources like this.
    pub(crate) fn user(&self, sources: &str) -> Home {
        let user = Home::new();
        user.save_workspace(&json!({ "sessions": [] }));
        user.save_config(&format!(
            "[[trust]]\nsource = \"{sources}\"\nkeys = [\"{}\"]\n",
            self.key
        ));
        user
    }

    pub(crate) fn at(&self, place: &str) -> String {
        format!("oci://{}/{place}", self.registry.host)
    }

    /// A policy of this name, signed by the author.
    fn signed(&self, policy: &str) -> PathBuf {
        let file = self.author.path().join(format!("{policy}.wasm"));
        std::fs::copy(prebuilt(policy), &file).expect("a copy");
        self.author.run(["policy", "sign", text(&file)]).ok();
        file
    }

    fn push(&self, file: &Path, place: &str) -> String {
        let pushed = self
            .author
            .run(["policy", "push", text(file), &self.at(place), "--json"]);
        let digest = pushed.ok().json()["digest"].take();
        digest.as_str().expect("a digest").to_owned()
    }

    pub(crate) fn manifest(&self, repository: &str, reference: &str, kind: &str) -> Value {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let (status, body) = ask(&self.registry.host, "GET", &path, kind, "");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("a manifest")
    }

    pub(crate) fn put(&self, repository: &str, reference: &str, kind: &str, manifest: &Value) {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let (status, body) = ask(
            &self.registry.host,
            "PUT",
            &path,
            kind,
            &manifest.to_string(),
        );
        assert_eq!(status, 201, "{body}");
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Nothing of it may be in force.
fn refused(user: &Home, source: &str, says: &str) {
    let config = std::fs::read_to_string(user.path().join("dayfly.toml")).expect("it is there");
    let added = user.run(["policy", "add", source, "--yes"]);
    assert_ne!(added.code, 0, "{source}: {}", added.out);
    assert!(added.err.contains(says), "{source}: {}", added.err);
    let now = std::fs::read_to_string(user.path().join("dayfly.toml")).expect("it is there");
    assert_eq!(now, config, "{source}");
    assert!(!user.path().join("dayfly.lock").exists(), "{source}");
}

#[test]
fn a_signature_made_for_something_else_opens_nothing() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let user = scene.user(&scene.at("team/*"));
    let keep = scene.signed("keep-active");
    let first = scene.push(&keep, "team/keep:1");
    // Another artifact, with the signature of the first beside it under its own name.
    let rotate = scene.author.path().join("rotate.wasm");
    std::fs::copy(prebuilt("rotate-before-expiry"), &rotate).expect("a copy");
    let second = scene.push(&rotate, "team/keep:2");
    let tag = |digest: &str| digest.replace(':', "-");
    let list = scene.manifest("team/keep", &tag(&first), INDEX);
    scene.put("team/keep", &tag(&second), INDEX, &list);
    refused(&user, &scene.at("team/keep:2"), "for other content");
    // Without a tag, and by its digest: no other name leads around whose signature is needed.
    let exact = scene.user(&scene.at("team/keep"));
    for place in ["team/keep:2".to_owned(), format!("team/keep@{second}")] {
        refused(&exact, &scene.at(&place), "for other content");
    }
    let tagged = scene.user(&scene.at("team/keep:2"));
    refused(
        &tagged,
        &scene.at(&format!("team/keep@{second}")),
        "for other content",
    );
    // The right one is let in beside.
    user.run(["policy", "add", &scene.at("team/keep:1"), "--yes"])
        .ok();
}

#[test]
fn a_key_that_is_trusted_elsewhere_signs_nothing_here() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let stranger = Home::new();
    let other = stranger
        .run(["policy", "keygen"])
        .ok()
        .out
        .trim()
        .to_owned();
    let user = scene.user(&scene.at("team/*"));
    let config = std::fs::read_to_string(user.path().join("dayfly.toml")).expect("it is there");
    user.save_config(&format!(
        "{config}[[trust]]\nsource = \"{}\"\nkeys = [\"{other}\"]\n",
        scene.at("guard/*")
    ));
    // A module, and a bundle whose text is signed.
    let keep = scene.signed("keep-active");
    scene.push(&keep, "guard/keep:1");
    refused(&user, &scene.at("guard/keep:1"), "another key signed it");
    let folder = scene.author.path().join("rules");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::copy(&keep, folder.join("keep.wasm")).expect("a copy");
    let bundle = "[bundle]\nname = \"team\"\nversion = \"1.0.0\"\n\
                  [[policy]]\nname = \"keep\"\nmodule = \"keep.wasm\"\n\
                  grant = { actions = [\"start\"] }\n";
    std::fs::write(folder.join("bundle.toml"), bundle).expect("a file");
    scene.author.run(["policy", "sign", text(&folder)]).ok();
    scene.push(&folder, "guard/rules:1");
    refused(&user, &scene.at("guard/rules:1"), "another key signed it");
    // One file of it by itself is not what was signed.
    refused(&user, &scene.at("guard/rules:1#keep.wasm"), "");
    scene.push(&folder, "team/rules:1");
    user.run(["policy", "add", &scene.at("team/rules:1"), "--yes"])
        .ok();
}

#[test]
fn a_tag_that_moves_after_the_look_changes_nothing() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let user = scene.user(&scene.at("team/*"));
    let keep = scene.signed("keep-active");
    let to = scene.at("team/keep:1");
    scene.push(&keep, "team/keep:1");
    user.run(["policy", "add", &to, "--yes"]).ok();
    // Somebody moves the tag, to what is just as well signed.
    let rotate = scene.signed("rotate-before-expiry");
    scene.push(&rotate, "team/keep:1");
    let other = Home::new();
    other.save_workspace(&json!({ "sessions": [] }));
    for file in ["dayfly.toml", "dayfly.lock"] {
        std::fs::copy(user.path().join(file), other.path().join(file)).expect("a copy");
    }
    other.run(["policy", "pull"]).ok();
    for home in [&user, &other] {
        let shown = home.run(["policy", "inspect", "keep-active", "--json"]);
        assert_eq!(shown.ok().json()["name"], "keep-active");
    }
    let update = user.run(["policy", "update"]);
    assert_eq!(update.code, 4, "{}", update.out);
    assert!(
        update.err.contains("now has another policy"),
        "{}",
        update.err
    );
}

#[test]
fn manifests_that_are_something_else_are_refused() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let user = Home::new();
    user.save_workspace(&json!({ "sessions": [] }));
    user.save_config("");
    let keep = scene.signed("keep-active");
    scene.push(&keep, "team/keep:1");
    let good = scene.manifest("team/keep", "1", MANIFEST);
    let layer = good["layers"][0].clone();
    let mut bundle = layer.clone();
    bundle["mediaType"] = json!("application/vnd.dayfly.bundle.v1+toml");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        manifest
    };
    let mut tries = vec![
        (
            "two layers",
            changed(&|m| m["layers"] = json!([layer, layer])),
        ),
        ("no layer", changed(&|m| m["layers"] = json!([]))),
        (
            "another kind of layer",
            changed(&|m| {
                m["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar")
            }),
        ),
        (
            "a component that is called a bundle",
            changed(&|m| m["layers"] = json!([bundle, layer])),
        ),
    ];
    for (what, size) in [
        ("too short", json!(10)),
        ("none", json!(0)),
        ("below none", json!(-1)),
    ] {
        let manifest = changed(&|m| m["layers"][0]["size"] = size.clone());
        tries.push((what, manifest));
    }
    for (n, (what, manifest)) in tries.into_iter().enumerate() {
        let path = format!("/v2/team/keep/manifests/bad{n}");
        let (status, body) = ask(
            &scene.registry.host,
            "PUT",
            &path,
            MANIFEST,
            &manifest.to_string(),
        );
        // A registry that does not take it is as good.
        if status == 201 {
            refused(&user, &scene.at(&format!("team/keep:bad{n}")), "");
        } else {
            assert!((400..500).contains(&status), "{what}: {status} {body}");
        }
    }
    // An index in the place of a manifest is nothing that could be run.
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
    let path = "/v2/team/keep/manifests/index";
    if ask(&scene.registry.host, "PUT", path, INDEX, &index.to_string()).0 == 201 {
        refused(&user, &scene.at("team/keep:index"), "");
    }
    user.run(["policy", "add", &scene.at("team/keep:1"), "--yes"])
        .ok();
}
