use serde_json::json;

use super::*;

fn layer(text: &Value) -> Layer {
    Layer::parse("team", &text.to_string()).unwrap()
}

/// A session of a team.
fn session(id: &str, region: &str) -> Value {
    json!({ "sessionId": id, "sessionName": format!("{id}-name"), "type": "localstack", "region": region })
}

fn sessions(all: &[Value]) -> Value {
    json!({ "sessions": all })
}

/// The Workspace after a merge, and the plan.
fn merged(text: &str, before: &Layer, now: &Layer, restore: bool) -> (String, LayerPlan) {
    let plan = LayerPlan::new(text, before, now, "team", restore).unwrap();
    let after = plan.apply(text).unwrap();
    // Once made, nothing is left to be done.
    let kept = now.clone().without(&plan.aside);
    let again = LayerPlan::new(&after, &kept, now, "team", false).unwrap();
    assert!(again.is_empty(), "{again:?}");
    (after, plan)
}

fn ids(all: &[Named]) -> Vec<&str> {
    all.iter().map(|one| one.id.as_str()).collect()
}

const OWN: &str = "{\n  \"sessions\": [\n    {\"sessionId\": \"own\", \"sessionName\": \"mine\", \"type\": \"localstack\"}\n  ]\n}\n";

#[test]
fn entries_come_follow_and_go_and_ones_own_stay() {
    let first = layer(&json!({
        "defaultRegion": "eu-west-1",
        "idpUrls": [{ "id": "u1", "url": "https://idp.example" }],
        "sessions": [
            session("a", "eu-central-1"),
            { "sessionId": "b", "sessionName": "b", "type": "localstack", "status": "active",
              "startDateTime": "2026-01-01T00:00:00Z" },
        ],
    }));
    let (text, plan) = merged(OWN, &Layer::default(), &first, false);
    assert_eq!(ids(&plan.added), ["u1", "a", "b"]);
    let there: Value = serde_json::from_str(&text).unwrap();
    assert!(
        text.starts_with(OWN.trim_end_matches("\n  ]\n}\n")),
        "{text}"
    );
    assert_eq!(there["sessions"][1]["layer"], "team");
    // What the whole layer says holds for those that say nothing, and no state of others comes.
    assert_eq!(there["sessions"][2]["region"], "eu-west-1");
    assert_eq!(there["sessions"][2].get("status"), None);

    // The layer moves one, and drops the other.
    let second = layer(&sessions(&[session("a", "us-east-1")]));
    let (text, plan) = merged(&text, &first, &second, false);
    assert_eq!(ids(&plan.removed), ["u1", "b"]);
    assert_eq!(plan.removed_sessions(), ["b"]);
    assert_eq!(plan.changed[0].1, ["region"]);
    let there: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(there["sessions"][1]["region"], "us-east-1");
    let (text, _) = merged(&text, &second, &Layer::default(), false);
    let there: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(there["sessions"].as_array().unwrap().len(), 1);
}

#[test]
fn what_a_person_changed_or_removed_stays_so_until_it_is_restored() {
    let first = layer(&sessions(&[
        session("a", "eu-central-1"),
        session("b", "eu-central-1"),
    ]));
    let (text, _) = merged(OWN, &Layer::default(), &first, false);
    // One field of `a` is the person's own, and `b` is taken away.
    let fields = json!({ "region": "eu-north-1", "status": "active" });
    let text = bulk::update_all(
        &text,
        List::Sessions,
        &BTreeMap::from([("a", fields.as_object().unwrap().clone())]),
    )
    .unwrap();
    let text = bulk::remove_all(&text, List::Sessions, &BTreeSet::from(["b"])).unwrap();
    let mut renamed = session("a", "us-east-1");
    renamed["sessionName"] = json!("renamed");
    let second = layer(&sessions(&[renamed, session("b", "us-east-1")]));
    let (text, plan) = merged(&text, &first, &second, false);
    assert_eq!(ids(&plan.hidden), ["b"]);
    assert_eq!(plan.overridden[0].1, ["region"]);
    assert_eq!(plan.changed[0].1, ["sessionName"]);
    let there: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(there["sessions"][1]["region"], "eu-north-1");
    assert_eq!(there["sessions"][1]["sessionName"], "renamed");
    assert_eq!(there["sessions"][1]["status"], "active");
    let (text, plan) = merged(&text, &second, &second, true);
    assert_eq!((ids(&plan.added), plan.changed.len()), (vec!["b"], 1));
    let there: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(there["sessions"][1]["region"], "us-east-1");
    // The engine's own fields are nobody's override.
    assert_eq!(there["sessions"][1]["status"], "active");
}

#[test]
fn an_id_that_is_ones_own_is_not_taken_and_a_merge_that_was_not_noted_is_ended() {
    let team = layer(&sessions(&[
        session("own", "eu-central-1"),
        session("a", "eu-central-1"),
    ]));
    let (text, plan) = merged(OWN, &Layer::default(), &team, false);
    assert_eq!(ids(&plan.taken), ["own"]);
    assert_eq!(ids(&plan.added), ["a"]);
    // The Workspace was written, and the machine died before that was noted.
    let moved = layer(&sessions(&[session("a", "us-east-1")]));
    let (text, plan) = merged(&text, &Layer::default(), &moved, true);
    assert_eq!(ids(&plan.taken), [""; 0]);
    assert_eq!(plan.changed.len(), 1);
    assert!(text.contains("us-east-1"));
}

#[test]
fn programs_that_would_run_are_named_when_they_come_and_when_they_change() {
    let with = |program: &str| {
        let mut one = session("a", "eu-central-1");
        one["tokenCommand"] = json!([program, "--now"]);
        layer(&sessions(&[one]))
    };
    let (text, plan) = merged(OWN, &Layer::default(), &with("/bin/a"), false);
    assert_eq!(plan.programs.len(), 1);
    let (text, plan) = merged(&text, &with("/bin/a"), &with("/bin/b"), false);
    assert_eq!(plan.programs[0].1, "[\"/bin/b\",\"--now\"]");
    let plan = LayerPlan::new(&text, &with("/bin/b"), &with("/bin/b"), "team", false).unwrap();
    assert_eq!(plan.programs, []);
}

#[test]
fn what_is_no_layer_is_refused_with_a_reason() {
    for (text, told) in [
        ("[]", "invalid type"),
        ("{\"sessions\": {}}", "`sessions` is not a list"),
        ("{\"sessions\": [1]}", "not an object"),
        ("{\"sessions\": [{}]}", "has no `sessionId`"),
        (
            "{\"sessions\": [{\"sessionId\": \"a\"}, {\"sessionId\": \"a\"}]}",
            "two entries \"a\"",
        ),
    ] {
        let error = Layer::parse("team", text).unwrap_err().to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
    let one = layer(&sessions(&[session("a", "eu-central-1")]));
    let mut two = one.clone();
    assert!(two.join(one.clone()).is_err());
    assert_eq!(Layer::parse("team", &one.text()).unwrap(), one);
}

#[test]
fn what_a_person_had_before_stays_theirs_when_the_layer_changes_or_loses_it() {
    let own = json!({
        "profiles": [{ "id": "p", "name": "mine" }, { "id": "same", "name": "same" }],
        "sessions": [session("own", "eu-west-1"), session("same", "eu-west-1")],
    });
    let text = serde_json::to_string_pretty(&own).unwrap();
    let first = layer(&json!({
        "profiles": [{ "id": "p", "name": "theirs" }, { "id": "same", "name": "same" }],
        "sessions": [session("own", "us-east-1"), session("same", "eu-west-1"), session("dev", "us-east-1")],
    }));
    let (text, plan) = merged(&text, &Layer::default(), &first, false);
    assert_eq!(ids(&plan.taken), ["p", "own"]);
    assert_eq!(ids(&plan.added), ["dev"]);
    let aside = [
        "profiles/p",
        "profiles/same",
        "sessions/own",
        "sessions/same",
    ];
    assert!(plan.aside.iter().eq(aside), "{:?}", plan.aside);
    // Another region, then nothing at all.
    let second = layer(&json!({
        "profiles": [{ "id": "p", "name": "others" }, { "id": "same", "name": "other" }],
        "sessions": [session("own", "ap-south-1"), session("same", "ap-south-1")],
    }));
    let before = first.without(&plan.aside);
    let (text, plan) = merged(&text, &before, &second, false);
    assert_eq!(ids(&plan.removed), ["dev"]);
    assert_eq!(ids(&plan.taken), ["p", "same", "own", "same"]);
    assert!(
        plan.changed.is_empty() && plan.overridden.is_empty(),
        "{plan:?}"
    );
    let before = second.without(&plan.aside);
    let (text, plan) = merged(&text, &before, &Layer::default(), false);
    assert!(plan.removed.is_empty(), "{plan:?}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), own);
}

#[test]
fn each_program_and_each_library_that_a_layer_brings_is_named() {
    let now = layer(&sessions(&[
        json!({ "sessionId": "a", "type": "process", "command": ["/bin/a"],
        "tokenCommand": ["/bin/b"], "pkcs11Module": "/lib/c.so", "region": "eu-west-1" }),
    ]));
    let (_, plan) = merged(OWN, &Layer::default(), &now, false);
    let named: Vec<&str> = { plan.programs.iter() }
        .map(|(_, what)| what.as_str())
        .collect();
    assert_eq!(named, ["[\"/bin/a\"]", "\"/lib/c.so\"", "[\"/bin/b\"]"]);
}
