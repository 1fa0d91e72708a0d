use std::sync::Arc;

use dayfly_core::session::Lease;
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, TemporaryCredentials};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

fn credentials(n: u64, token: bool, region: Option<&str>) -> TemporaryCredentials {
    TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::from_millis(1_795_000_000_123 + n),
            expires_at: token.then(|| Timestamp::from_millis(1_795_003_600_000 + n)),
        },
        material: Material::Aws {
            access_key_id: format!("ASIA{n:016}"),
            secret_access_key: format!("sec+/ret={n}").into(),
            session_token: token.then(|| format!("tok+/en=={n}").into()),
            region: region.map(str::to_owned),
        },
    }
}

fn publication(session: &str, profile: &str, n: u64, region: Option<&str>) -> Publication {
    Publication {
        session: SessionId::new(session),
        session_name: format!("name of {session}"),
        profile: profile.into(),
        credentials: Arc::new(credentials(n, !n.is_multiple_of(5), region)),
        displaced: Vec::new(),
        region: region.map(str::to_owned),
    }
}

fn retract(session: &str) -> Change {
    Change::Retract {
        session: SessionId::new(session),
    }
}

fn edit(source: &[u8], changes: &[Change]) -> (Vec<u8>, Vec<Result<(), ChainError>>) {
    let mut profiles = Profiles::parse(Path::new("file"), source);
    let results = changes.iter().map(|c| profiles.apply(c)).collect();
    (profiles.render().to_vec(), results)
}

fn publish(source: &str, publication: Publication) -> String {
    let (text, results) = edit(source.as_bytes(), &[Change::Publish(publication)]);
    results.into_iter().for_each(Result::unwrap);
    String::from_utf8(text).unwrap()
}

fn taken_back(source: &str, session: &str) -> String {
    String::from_utf8(edit(source.as_bytes(), &[retract(session)]).0).unwrap()
}

fn refusal(source: &str, publication: Publication) -> String {
    let (text, results) = edit(source.as_bytes(), &[Change::Publish(publication)]);
    assert_eq!(text, source.as_bytes());
    results[0].as_ref().unwrap_err().to_string()
}

#[test]
fn several_homes_leave_each_others_sections_alone() {
    let edit = |source: &str, home: &str, change: Change| {
        let mut profiles = Profiles::parse_for(Path::new("file"), source.as_bytes(), Some(home));
        let result = profiles.apply(&change);
        (
            String::from_utf8(profiles.render().to_vec()).unwrap(),
            result,
        )
    };
    let observed = |source: &str, home: Option<&str>| {
        let profiles = Profiles::parse_for(Path::new("file"), source.as_bytes(), home);
        profiles.observe().len()
    };
    // The same session id in both, as in a copied Workspace.
    let (one, result) = edit("", "h1", Change::Publish(publication("s", "p1", 1, None)));
    result.unwrap();
    let (two, result) = edit(&one, "h2", Change::Publish(publication("s", "p2", 2, None)));
    result.unwrap();
    assert!(two.starts_with(&one), "{two}");
    assert_eq!(
        (observed(&two, Some("h1")), observed(&two, Some("h2"))),
        (1, 1)
    );
    assert_eq!((observed(&two, Some("h3")), observed(&two, None)), (0, 2));
    let (left, _) = edit(&two, "h1", retract("s"));
    assert!(!left.contains("[p1]") && left.contains("[p2]"), "{left}");
    let (same, result) = edit(&two, "h2", Change::Publish(publication("t", "p1", 3, None)));
    assert!(result.unwrap_err().to_string().contains("another Dayfly"));
    assert_eq!(same, two);
    // What was written before there were words is everybody's.
    let old = publish("", publication("s", "p1", 1, None));
    assert_eq!(observed(&old, Some("h1")), 1);
}

#[test]
fn the_displaced_go_with_what_displaces_them_or_stay_with_its_refusal() {
    let before = publish("", publication("a", "old", 1, None));
    let taking = |profile: &str| Publication {
        displaced: vec![SessionId::new("a")],
        ..publication("b", profile, 2, None)
    };
    let after = publish(&before, taking("new"));
    assert!(
        !after.contains("[old]") && after.contains("[new]"),
        "{after}"
    );
    let (kept, results) = edit(before.as_bytes(), &[Change::Publish(taking("[no]"))]);
    assert!(results[0].is_err());
    assert_eq!(kept, before.as_bytes());
}

#[test]
fn a_section_is_made_and_removed_whole() {
    let text = publish("", publication("s1", "prod", 1, Some("eu-west-1")));
    let expected = "[prod]\n\
        aws_access_key_id = ASIA0000000000000001\n\
        aws_secret_access_key = sec+/ret=1\n\
        aws_session_token = tok+/en==1\n\
        region = eu-west-1\n\
        x_security_token_expires = 2026-11-18T12:06:40.001Z\n\
        dayfly_session = s1\n\
        dayfly_issued = 2026-11-18T11:06:40.124Z\n\
        dayfly_wrote = section ";
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(taken_back(&text, "s1"), "");
    for source in ["[a]\nk = v\n", "[a]\r\nk = v", "# c\n\n\n", "\n"] {
        let text = publish(source, publication("s1", "prod", 1, None));
        let two = publish(&text, publication("s2", "dev", 2, None));
        assert_eq!(taken_back(&text, "s1"), source);
        assert_eq!(taken_back(&taken_back(&two, "s1"), "s2"), source);
        assert_eq!(taken_back(&taken_back(&two, "s2"), "s1"), source);
    }
    let windows = publish("[a]\r\nk = v\r\n", publication("s1", "prod", 1, None));
    assert_eq!(
        windows.matches('\n').count(),
        windows.matches("\r\n").count()
    );
}

#[test]
fn keys_go_into_a_persons_section_and_out_again() {
    let source = "[default]\nregion = us-east-1\noutput=json\n# the other\n\n[b]\nk = v\n";
    let text = publish(source, publication("s1", "default", 1, Some("eu-west-1")));
    assert!(text.starts_with("[default]\nregion = us-east-1\noutput=json\naws_access_key_id = "));
    assert_eq!(text.matches("region").count(), 1, "{text}");
    assert!(text.ends_with("\n# the other\n\n[b]\nk = v\n"));
    assert_eq!(taken_back(&text, "s1"), source);
}

#[test]
fn what_a_person_adds_to_our_section_stays() {
    let text = publish("[a]\nk = v\n", publication("s1", "prod", 1, None));
    let edited = text.replace("[prod]\n", "[prod]\n# mine\noutput = json\n") + "\n# end\n";
    let rotated = publish(&edited, publication("s1", "prod", 2, None));
    assert!(
        rotated
            .contains("[prod]\n# mine\noutput = json\naws_access_key_id = ASIA0000000000000002\n")
    );
    let left = "[a]\nk = v\n\n[prod]\n# mine\noutput = json\n\n# end\n";
    assert_eq!(taken_back(&rotated, "s1"), left);
    let commented = text.replace("[prod]\n", "[prod]\n# mine\n");
    assert_eq!(
        taken_back(&commented, "s1"),
        "[a]\nk = v\n\n[prod]\n# mine\n"
    );
    assert_eq!(
        taken_back(&(text + "\n# end\n"), "s1"),
        "[a]\nk = v\n\n# end\n"
    );
}

#[test]
fn a_persons_keys_are_never_lost() {
    let form = Form::Credentials;
    for key in form.written().iter().chain(form.other_ways()) {
        let source = format!(
            "[a]\n\n[prod]\noutput = json\n {} : x\n",
            key.to_uppercase()
        );
        // The indented line goes on with the value above, so it is no key for any client.
        publish(&source, publication("s1", "prod", 1, None));
        let source = source.replace("\n aws", "\naws").replace("\n ", "\n");
        let error = refusal(&source, publication("s1", "prod", 1, None));
        assert!(error.contains("line 5") && error.contains("\"prod\"") && error.contains("file"));
        assert!(error.to_lowercase().contains(key), "{error}");
    }
    // `aws configure` puts long-lived keys over ours, and leaves the rest of the section.
    let text = publish("", publication("s1", "default", 1, None));
    let configured = text
        .replace("ASIA0000000000000001", "AKIAMINE")
        .replace("sec+/ret=1", "only-copy");
    for change in [
        publication("s1", "default", 2, None),
        publication("s2", "default", 2, None),
    ] {
        let error = refusal(&configured, change);
        assert!(
            error.contains("line 2") && error.contains("aws_access_key_id"),
            "{error}"
        );
        assert!(!error.contains("only-copy"));
    }
    let left = "[default]\naws_access_key_id = AKIAMINE\naws_secret_access_key = only-copy\n";
    assert_eq!(taken_back(&configured, "s1"), left);
    assert!(
        Profiles::parse(Path::new("f"), configured.as_bytes())
            .observe()
            .is_empty()
    );
}

#[test]
fn a_profile_is_taken_over_and_a_session_moves_in_one_edit() {
    let text = publish("[a]\n", publication("s1", "prod", 1, Some("eu-west-1")));
    let taken = publish(&text, publication("s2", "prod", 2, None));
    assert!(
        !taken.contains("s1") && !taken.contains("eu-west-1"),
        "{taken}"
    );
    assert_eq!(taken_back(&taken, "s1"), taken);
    assert_eq!(taken_back(&taken, "s2"), "[a]\n");
    let moved = publish(&text, publication("s1", "other", 3, None));
    assert!(!moved.contains("[prod]") && moved.contains("[other]"));
    assert_eq!(taken_back(&moved, "s1"), "[a]\n");
    // A refused move leaves the session where it is.
    let source = text.clone() + "[own]\naws_access_key_id = AKIA\n";
    assert!(refusal(&source, publication("s1", "own", 4, None)).contains("own"));
    // In one batch, in either order, nothing is lost.
    let swap = [
        Change::Publish(publication("s2", "prod", 5, None)),
        Change::Publish(publication("s1", "two", 6, None)),
    ];
    let (swapped, results) = edit(text.as_bytes(), &swap);
    assert!(results.iter().all(Result::is_ok));
    let seen = Profiles::parse(Path::new("f"), &swapped).observe();
    let held: Vec<_> = seen
        .iter()
        .map(|o| (o.session.as_str(), o.profile.as_str()))
        .collect();
    assert_eq!(held, [("s2", "prod"), ("s1", "two")]);
}

#[test]
fn values_that_would_read_differently_are_refused() {
    let profiles = [
        "",
        " a",
        "a]",
        "[a",
        "a\nb",
        "a\u{85}b",
        "DEFAULT",
        "profile x",
        "a # b",
        "a\0",
        "a\u{2028}b",
    ];
    for profile in profiles {
        let error = refusal("[a]\n", publication("s1", profile, 1, None));
        assert!(
            error.contains("named profile") && error.contains("name of s1"),
            "{error}"
        );
    }
    for session in ["", "a\nb", " a", "a\rb"] {
        refusal("", publication(session, "p", 1, None));
    }
    for region in ["", "a b", "a\naws_access_key_id = x", "#", "a\u{a0}b"] {
        refusal("", publication("s1", "p", 1, Some(region)));
    }
    let secret = "sec\n[default]\ncredential_process = evil";
    let bad = |secret: &str, token: &str| {
        let mut publication = publication("s1", "p", 1, None);
        publication.credentials = Arc::new(TemporaryCredentials {
            material: Material::Aws {
                access_key_id: "ASIA".into(),
                secret_access_key: secret.to_owned().into(),
                session_token: Some(token.to_owned().into()),
                region: None,
            },
            ..credentials(1, true, None)
        });
        refusal("", publication)
    };
    assert!(!bad(secret, "t").contains("evil"));
    assert!(bad("s", "").contains("session token is empty"));
    assert!(bad("s", "t ; x").contains("session token"));
    let mut late = publication("s1", "p", 1, None);
    late.credentials = Arc::new(TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::MAX,
            expires_at: None,
        },
        ..credentials(1, true, None)
    });
    assert!(refusal("", late).contains("time of issue"));
}

#[test]
fn files_that_clients_read_in_different_ways_are_refused() {
    for (source, line) in [
        ("[prod]\nk = v\n[prod]\n", "line 3"),
        ("[a]\n[ prod ]\n", "line 2"),
        ("[prod]\n  k = v\n  [b]\n", "line 3"),
        ("[a]\nk = v\rl = w\n", "line 2"),
        ("[a]\nk = \0\n", "line 2"),
        ("[prod]\ndayfly_wrote = section\n", "line 2"),
        ("[a]\n\nnonsense\n", "line 3, byte 1"),
        ("[a]\nk = v\nK = w\n", "line 3, byte 1"),
        ("k = v\n[a]\n", "line 1, byte 1"),
        ("\u{feff}[a]\n", "byte order mark"),
    ] {
        let error = refusal(source, publication("s1", "prod", 1, None));
        assert!(error.contains(line), "{source:?}: {error}");
    }
    let (text, results) = edit(
        b"\xff\xfe[\0",
        &[Change::Publish(publication("s", "p", 1, None))],
    );
    assert_eq!(text, b"\xff\xfe[\0");
    assert!(
        results[0]
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("UTF-16")
    );
}

#[test]
fn a_value_that_goes_on_below_is_no_longer_ours() {
    let text = publish("[prod]\nregion = x\n", publication("s1", "prod", 1, None));
    let edited = text + "  indented = by a person\n";
    refusal(&edited, publication("s1", "prod", 2, None));
    let left = taken_back(&edited, "s1");
    assert!(
        !left.contains("ASIA")
            && !left.contains("sec+")
            && left.contains("  indented = by a person\n")
    );
    // Were the line above it gone too, it would become part of the region.
    let document = Document::parse(left.as_bytes());
    let pairs: Vec<_> = document.sections[1]
        .lines
        .iter()
        .filter_map(Line::pair)
        .collect();
    assert_eq!((pairs.len(), pairs[0]), (2, (&b"region"[..], &b"x"[..])));
}

#[test]
fn the_same_again_changes_no_byte() {
    let text = publish(
        "[prod]\noutput = x\n",
        publication("s1", "prod", 1, Some("r")),
    );
    // Even where the person ordered our lines again.
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2..].reverse();
    let ordered = lines.join("\n");
    assert_eq!(
        publish(&text, publication("s1", "prod", 1, Some("r"))),
        text
    );
    assert_eq!(
        publish(&ordered, publication("s1", "prod", 1, Some("r"))),
        ordered
    );
}

/// Texts with every sort of line, our target profiles among the names. Most of them can be read, so a
/// section or key stands there once, and few have a line that nobody reads.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        12 => select(vec!["", " ", "\t", "# c", "  ; c", ";", "[a]", "[b]", "[p0]", "[p1]", "[p2]"]),
        6 => select(vec!["k = v", "k=v:w", "  k = v", "region = us-east-1", "region:x", "output = json"]),
        2 => select(vec!["  [b]", "[ p1 ]", "  more", "aws_access_key_id = AKIA"]),
        1 => select(vec!["junk", "[x", "= v", "[a]\n[a]", "k = v\nk = w"]),
    ];
    let line = line.prop_map(|l| l.as_bytes().to_vec());
    let odd = prop_oneof![60 => line, 1 => Just(b"n = \xe9\xff".to_vec())];
    let ending = select(vec![&b"\n"[..], b"\n", b"\r\n"]);
    let lines = proptest::collection::vec((odd, ending), 0..14);
    let mark = prop_oneof![15 => Just(false), 1 => Just(true)];
    (mark, lines, any::<bool>()).prop_map(|(mark, lines, cut)| {
        let mut text = if mark {
            b"\xef\xbb\xbf".to_vec()
        } else {
            Vec::new()
        };
        let mut seen = std::collections::HashSet::new();
        let key = |line: &[u8]| {
            line.split(|b| b"=:".contains(b))
                .next()
                .map(<[u8]>::trim_ascii)
                .map(<[u8]>::to_vec)
        };
        let last = lines.len();
        let mut in_section = false;
        for (n, (line, ending)) in lines.into_iter().enumerate() {
            let header = line.trim_ascii_start().starts_with(b"[");
            in_section |= header;
            if header {
                seen.retain(|name: &Vec<u8>| name.starts_with(b"["));
            }
            let filler = line.trim_ascii().is_empty() || line.trim_ascii().starts_with(b"#");
            let twice = !seen.insert(key(&line).unwrap_or_default());
            if !filler && (twice || !in_section) {
                continue;
            }
            text.extend(line);
            if !(cut && n + 1 == last) {
                text.extend(ending);
            }
        }
        text
    })
}

fn publications() -> impl Strategy<Value = Vec<Publication>> {
    let region = select(vec![None, Some("eu-west-1")]);
    let one = (0..3usize, 0..1000u64, region);
    proptest::collection::vec(one, 1..4).prop_map(|list| {
        let each = list.into_iter().enumerate();
        each.map(|(s, (p, n, region))| publication(&format!("s{s}"), &format!("p{p}"), n, region))
            .collect()
    })
}

fn split(text: &[u8]) -> Vec<&[u8]> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = text.split(|b| *b == b'\n');
    lines.map(|l| l.strip_suffix(b"\r").unwrap_or(l)).collect()
}

/// Whether all of `some` stand in `all`, in their order.
fn within(some: &[&[u8]], all: &[&[u8]]) -> bool {
    let mut all = all.iter();
    some.iter().all(|line| all.any(|other| other == line))
}

/// Publishes, one rewrite each, and checks each step; gives the text and how many were accepted.
fn publish_all(source: &[u8], list: &[Publication]) -> (Vec<u8>, usize) {
    let mut text = source.to_vec();
    let mut accepted = 0;
    for publication in list {
        let change = Change::Publish(publication.clone());
        let (next, results) = edit(&text, std::slice::from_ref(&change));
        assert!(
            within(&split(source), &split(&next)),
            "a foreign line changed"
        );
        if results[0].is_err() {
            assert_eq!(next, text, "a refused change left a trace");
            continue;
        }
        accepted += 1;
        assert_eq!(
            edit(&next, &[change]).0,
            next,
            "the same again changed something"
        );
        let seen = Profiles::parse(Path::new("f"), &next).observe();
        let ours = seen
            .iter()
            .find(|o| o.session == publication.session)
            .unwrap();
        let Material::Aws { region, .. } = &ours.credentials.as_ref().unwrap().material else {
            panic!("not for AWS");
        };
        let mut expected = (*publication.credentials).clone();
        if region.is_none() {
            // The person's own region counts.
            if let Material::Aws { region, .. } = &mut expected.material {
                *region = None;
            }
        }
        assert_eq!(
            (ours.credentials.as_ref(), &ours.profile),
            (Some(&expected), &publication.profile)
        );
        text = next;
    }
    (text, accepted)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn publishing_and_retracting_gives_the_same_bytes(
        source in texts(),
        list in publications(),
        order in subsequence(vec!["s0", "s1", "s2"], 3).prop_shuffle(),
    ) {
        let (mut text, _) = publish_all(&source, &list);
        for session in order {
            text = edit(&text, &[retract(session)]).0;
            prop_assert!(within(&split(&source), &split(&text)));
        }
        prop_assert_eq!(text, source);
    }

    #[test]
    fn a_batch_is_the_same_as_one_after_the_other(source in texts(), list in publications()) {
        let changes: Vec<_> = list.iter().cloned().map(Change::Publish).collect();
        let (batch, results) = edit(&source, &changes);
        let (single, accepted) = publish_all(&source, &list);
        prop_assert_eq!(results.iter().filter(|r| r.is_ok()).count(), accepted);
        prop_assert_eq!(&batch, &single);
        let mut all = changes;
        all.extend(["s0", "s1", "s2"].map(retract));
        prop_assert_eq!(edit(&source, &all).0, source);
    }

    #[test]
    fn any_bytes_are_borne(
        source in proptest::collection::vec(any::<u8>(), 0..120),
        list in publications(),
    ) {
        let (text, _) = publish_all(&source, &list);
        let all = ["s0", "s1", "s2"].map(retract);
        prop_assert_eq!(edit(&text, &all).0, source);
    }
}

/// The properties above would hold as well if everything were refused.
#[test]
fn most_of_the_texts_are_accepted() {
    let mut runner = TestRunner::deterministic();
    let mut accepted = 0;
    let mut asked = 0;
    for _ in 0..500 {
        let source = texts().new_tree(&mut runner).unwrap().current();
        let list = publications().new_tree(&mut runner).unwrap().current();
        accepted += publish_all(&source, &list).1;
        asked += list.len();
    }
    assert!(accepted * 10 > asked * 6, "{accepted} of {asked}");
}

#[test]
fn a_thousand_at_once_cost_what_a_thousand_lines_cost() {
    let publications: Vec<Change> = (0..20_000u64)
        .map(|n| Change::Publish(publication(&format!("s{n}"), &format!("p{n}"), n, None)))
        .collect();
    let time = |count: usize| {
        let begun = std::time::Instant::now();
        let (text, results) = edit(b"", &publications[..count]);
        assert!(results.iter().all(Result::is_ok));
        let back: Vec<_> = (0..count).map(|n| retract(&format!("s{n}"))).collect();
        assert_eq!(edit(&text, &back).0, b"");
        begun.elapsed()
    };
    time(1000);
    let (few, many) = (time(1000), time(20_000));
    // Twenty times as many; four hundred times as long if each looked at all others.
    assert!(many < few * 100, "{few:?} and {many:?}");
}
