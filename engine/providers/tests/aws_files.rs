//! Where the AWS SDK for Rust reads the shared files in another way than botocore, and so than Dayfly:
//! only where `engine/awsfiles/DIFFERENCES.md` says so, and there indeed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_config::profile;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};
use dayfly_awsfiles::{AwsFile, Kind};

#[path = "../../awsfiles/tests/corpus/mod.rs"]
mod corpus;

const FILES: usize = 4000;

/// Keys that the generated files have, in small letters.
const KEYS: [&str; 15] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "region",
    "mfa_serial",
    "role_arn",
    "source_profile",
    "sso_session",
    "sso_start_url",
    "sso_region",
    "sso_registration_scopes",
    "credential_process",
    "output",
    "s3",
    "k",
];

/// Names, each with the values of its keys.
type Read = BTreeMap<String, BTreeMap<&'static str, String>>;

/// Profiles and sessions as the SDK has them; none where it refuses the file.
async fn by_sdk(text: &str, kind: Kind) -> Option<[Read; 2]> {
    let kind = match kind {
        Kind::Config => EnvConfigFileKind::Config,
        Kind::Credentials => EnvConfigFileKind::Credentials,
    };
    let files = EnvConfigFiles::builder().with_contents(kind, text).build();
    let any = Some(Cow::Borrowed("default"));
    let set = profile::load(&Fs::from_slice(&[]), &Env::from_slice(&[]), &files, any)
        .await
        .ok()?;
    let values = |get: &dyn Fn(&str) -> Option<String>| {
        let found = KEYS.iter().filter_map(|key| Some((*key, get(key)?)));
        found.collect::<BTreeMap<_, _>>()
    };
    let profiles = set.profiles().map(|name| {
        let profile = set.get_profile(name).unwrap();
        (
            name.to_owned(),
            values(&|key| profile.get(key).map(str::to_owned)),
        )
    });
    let sessions = set.sso_sessions().map(|name| {
        let session = set.sso_session(name).unwrap();
        (
            name.to_owned(),
            values(&|key| session.get(key).map(str::to_owned)),
        )
    });
    Some([profiles.collect(), sessions.collect()])
}

/// The same as Dayfly, and botocore, have them.
fn by_dayfly(text: &[u8], kind: Kind) -> Option<[Read; 2]> {
    let file = AwsFile::read(text, kind).ok()?;
    let values = |section: &dayfly_awsfiles::Section| {
        let found = KEYS.iter().filter_map(|key| {
            let found = section.keys.get(*key)?;
            // Keys of their own are one text for the SDK.
            Some((*key, found.text().unwrap_or("nested").to_owned()))
        });
        found.collect::<BTreeMap<_, _>>()
    };
    let profiles = file
        .profiles()
        .map(|(name, s)| (name.to_owned(), values(s)));
    let sessions = file
        .sso_sessions()
        .map(|(name, s)| (name.to_owned(), values(s)));
    Some([profiles.collect(), sessions.collect()])
}

/// Why the two may differ on this text; by what stands in it, whoever reads it.
fn reasons(text: &str, kind: Kind) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut add = |reason, is: bool| {
        if is && !found.contains(&reason) {
            found.push(reason);
        }
    };
    let plain = |name: &str| {
        let sign = |c: char| c.is_ascii_alphanumeric() || "_-/.%@:+".contains(c);
        !name.is_empty() && name.chars().all(sign)
    };
    let mut names: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        let whole = line
            .strip_suffix('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line));
        let line = whole.unwrap_or(line);
        let odd = |c: char| (c.is_whitespace() || c.is_control()) && c != ' ' && c != '\t';
        add("white space or control characters", line.chars().any(odd));
        if line.trim().is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        add("an indented line", line.starts_with(char::is_whitespace));
        let header = line
            .trim()
            .strip_prefix('[')
            .filter(|rest| rest.contains(']'));
        let Some(header) = header else {
            let key = line.split(['=', ':']).next().unwrap_or_default();
            add(
                "a colon",
                line.split('=').next().unwrap_or_default().contains(':'),
            );
            add("a key that is no identifier", !plain(key.trim()));
            let behind = line.char_indices().any(|(at, c)| {
                let before = line[..at].chars().next_back();
                matches!(c, '#' | ';') && before.is_some_and(char::is_whitespace)
            });
            add("a comment behind a value", behind);
            continue;
        };
        let name = header.rsplit_once(']').map_or(header, |(name, _)| name);
        add(
            "a sign in a header",
            line.contains(['#', ';']) || !line.trim_end().ends_with(']'),
        );
        add("[DEFAULT]", name == "DEFAULT");
        let (first, rest) = name
            .trim()
            .split_once([' ', '\t'])
            .unwrap_or((name.trim(), ""));
        let rest = rest.trim();
        let usual = match kind {
            Kind::Credentials => rest.is_empty() && plain(name),
            Kind::Config => match first {
                "profile" | "sso-session" => name.starts_with(first) && plain(rest),
                "default" => name == "default",
                // Neither takes it for anything.
                _ => !name.trim().starts_with("profile") && !name.trim().starts_with("sso-session"),
            },
        };
        add("a name", !usual);
        let name = if rest.is_empty() { first } else { rest };
        let same = names
            .iter()
            .any(|other| other == &format!("{first} {name}"));
        let both = name == "default" && names.iter().any(|other| other.ends_with(" default"));
        add("two spellings of a name", same || both);
        names.push(format!("{first} {name}"));
    }
    found
}

#[tokio::test]
async fn the_sdk_differs_only_where_it_is_said() {
    let mut alike = 0;
    let mut unexplained = Vec::new();
    let mut only: BTreeMap<&str, usize> = BTreeMap::new();
    for text in corpus::files(20_261_130, FILES) {
        // The SDK takes any bytes for text by putting signs in the place of wrong ones.
        let Ok(text) = String::from_utf8(text) else {
            continue;
        };
        for kind in [Kind::Config, Kind::Credentials] {
            let Some(ours) = by_dayfly(text.as_bytes(), kind) else {
                continue;
            };
            let theirs = by_sdk(&text, kind).await;
            let reasons = reasons(&text, kind);
            if theirs.as_ref() == Some(&ours) {
                alike += usize::from(reasons.is_empty());
            } else if let [reason] = reasons.as_slice() {
                *only.entry(reason).or_default() += 1;
            } else {
                if reasons.is_empty() {
                    unexplained.push(format!("{text:?} as {kind:?}\n{ours:?}\n{theirs:?}"));
                }
            }
        }
    }
    let first: Vec<&str> = unexplained.iter().take(9).map(String::as_str).collect();
    assert!(
        unexplained.is_empty(),
        "{}: {}",
        unexplained.len(),
        first.join("\n\n")
    );
    println!("{alike} alike; they differ for one reason alone: {only:?}");
    assert!(alike > FILES / 40, "{alike}");
    for reason in [
        "a colon",
        "a comment behind a value",
        "a name",
        "a sign in a header",
        "an indented line",
        "two spellings of a name",
        "white space or control characters",
        "[DEFAULT]",
    ] {
        assert!(only.contains_key(reason), "never for {reason}: {only:?}");
    }
}

#[tokio::test]
async fn what_botocore_refuses_the_sdk_merges() {
    for (text, wanted) in [
        ("[profile a]\nregion = x\nregion = y\n", "y"),
        ("[profile a]\nregion = x\n[profile a]\nregion = y\n", "y"),
    ] {
        assert!(by_dayfly(text.as_bytes(), Kind::Config).is_none());
        let [profiles, _] = by_sdk(text, Kind::Config).await.unwrap();
        assert_eq!(profiles["a"]["region"], wanted, "{text}");
    }
}
