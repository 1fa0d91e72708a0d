//! The AWS files: an edit touches its own lines, and taking it back gives the same bytes.

use std::path::Path;
use std::sync::Arc;

use dayfly_awsfiles::ini::Document;
use dayfly_chain::{Change, Profiles, Publication};
use dayfly_core::session::{Lease, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_fuzz::{fuzz, seeds};
use dayfly_vault::{Material, TemporaryCredentials};

const WORDS: [&str; 18] = [
    "[default]\n",
    "[profile a]\n",
    "[a]\n",
    "[a ]\n",
    "[ a]\r\n",
    "aws_access_key_id = AKIA\n",
    "aws_secret_access_key=x\n",
    "dayfly_session = s\n",
    "x_security_token_expires = 2026-01-01T00:00:00Z\n",
    "\r\n",
    "\r",
    "# ",
    "; ",
    "  ",
    "\t",
    ":",
    "=",
    "]",
];

fn publish(profile: &str) -> Change {
    let credentials = TemporaryCredentials {
        lease: Lease {
            issued_at: Timestamp::from_millis(1_800_000_000_000),
            expires_at: Some(Timestamp::from_millis(1_800_003_600_000)),
        },
        material: Material::Aws {
            access_key_id: "ASIA0000000000000000".into(),
            secret_access_key: "secret".to_owned().into(),
            session_token: Some("token".to_owned().into()),
            region: None,
        },
    };
    Change::Publish(Publication {
        session: SessionId::new("fuzzed"),
        session_name: "fuzzed".into(),
        profile: profile.into(),
        credentials: Arc::new(credentials),
        displaced: Vec::new(),
        region: Some("eu-west-1".into()),
    })
}

/// Lines of the text, each with its line break.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Whether the line is one that Dayfly writes: under the profile's name it is Dayfly's own. Keys are
/// the same in capitals.
fn is_ours(line: &[u8]) -> bool {
    let keys: [&[u8]; 4] = [b"dayfly_", b"aws_", b"x_security_", b"region"];
    let line = line.trim_ascii_start().to_ascii_lowercase();
    keys.iter().any(|key| line.starts_with(key))
}

#[test]
fn ini() {
    let path = Path::new("credentials");
    fuzz!(&seeds("ini", &[], ""), &WORDS, |bytes| {
        assert_eq!(&*Document::parse(bytes).render(), bytes);
        for profile in ["new", "a", "default"] {
            let mut profiles = Profiles::parse(path, bytes);
            assert_eq!(&*profiles.render(), bytes);
            let held: Vec<_> = profiles.observe();
            if profiles.apply(&publish(profile)).is_err() {
                assert_eq!(&*profiles.render(), bytes, "a refused edit changes nothing");
                continue;
            }
            let with = profiles.render();
            let mut again = Profiles::parse(path, &with);
            assert!(again.holds(&SessionId::new("fuzzed")));
            let retract = Change::Retract {
                session: SessionId::new("fuzzed"),
            };
            again
                .apply(&retract)
                .expect("what was published is retracted");
            let without = again.render();
            // A profile of ours that stood there is gone; everything else is as it was.
            let marked = bytes
                .windows(7)
                .any(|part| part.eq_ignore_ascii_case(b"dayfly_"));
            if !marked && held.iter().all(|one| one.profile != profile) {
                let (before, after) = (lines(bytes), lines(&without));
                let last = before.last().copied().unwrap_or_default();
                let gone: Vec<_> = before
                    .iter()
                    .filter(|line| !after.contains(line) && !is_ours(line))
                    .collect();
                assert!(
                    gone.is_empty() || gone == [&last],
                    "lost {:?}",
                    gone.iter()
                        .map(|l| String::from_utf8_lossy(l))
                        .collect::<Vec<_>>()
                );
            }
        }
    });
}
