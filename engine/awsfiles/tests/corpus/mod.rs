//! Shared files as people and programs write them, and worse: thousands from one seed.

/// Numbers from a seed, the same on every machine: `SplitMix64`.
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    /// The next one below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        usize::try_from(mixed % end as u64).unwrap_or_default()
    }

    /// Whether something that happens once in `times` happens.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(crate) fn of(&mut self, choice: &[&'static str]) -> &'static str {
        choice[self.below(choice.len())]
    }
}

const HEADERS: [&str; 40] = [
    "[default]",
    "[default]",
    "[profile a]",
    "[profile b]",
    "[profile dev.eu-1]",
    "[a]",
    "[b]",
    "[sso-session corp]",
    "[sso-session other]",
    "[services s]",
    "[profile default]",
    "[profile \"my acct\"]",
    "[profile 'my acct']",
    "[profile my acct]",
    "[sso-session \"corp\"]",
    "[sso-session \"big corp\"]",
    "[my acct]",
    "[\"quoted\"]",
    "[ a ]",
    "[ default ]",
    "[profile  a ]",
    "[profile\ta]",
    "[profilea b]",
    "[sso-sessions x]",
    "[profile a\\ b]",
    "[profile \"a\\\"b\"]",
    "[profile \"open]",
    "[profile]",
    "[DEFAULT]",
    "[Default]",
    "[profile größe]",
    "[profile a] # comment",
    "[profile a];comment",
    "[profile a] trailing]",
    "[a]]",
    "[]",
    "[open",
    "[plugins]",
    "[preview]",
    "[profile a#b]",
];

const KEYS: [&str; 18] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "AWS_ACCESS_KEY_ID",
    "aws_session_token",
    "region",
    "Region",
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
    "a key",
    "\u{212a}ey",
];

const SIGNS: [&str; 7] = [" = ", "=", " =", "= ", ": ", " \t=\t", ":"];

const VALUES: [&str; 26] = [
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "secret==",
    "eu-west-1",
    "us-gov-west-1",
    "\"eu-west-1\"",
    "'eu-west-1'",
    "eu-west-1 # comment",
    "eu-west-1 ; comment",
    "eu-west-1#none",
    "arn:aws:iam::123456789012:mfa/jo",
    "https://corp.awsapps.com/start#/",
    "https://corp.awsapps.com/start/",
    "corp",
    "\"corp\"",
    "a",
    "",
    "",
    "/bin/x 'a b' \"c\"",
    "größe",
    "%(region)s",
    "a\tb",
    "x\u{a0}",
    "[default]",
    "a = b",
    "sso:account:access, x:y",
];

const OTHERS: [&str; 22] = [
    "",
    "",
    "",
    "   ",
    "\t",
    "# comment",
    "; comment",
    "  # indented comment",
    "\t; tabbed",
    "  nested = 1",
    "  addressing_style = path",
    "\tmore",
    "  more words",
    "    deeper = 2",
    "  [default]",
    "  [profile z]",
    "nonsense",
    "= value",
    ": value",
    " = value",
    "\u{a0}odd = 1",
    "\u{1f}x = 1",
];

/// One line, without its end.
fn line(numbers: &mut Numbers, odd: bool) -> String {
    let indent = if odd || numbers.once_in(12) {
        numbers.of(&["", "", " ", "  ", "\t", "\u{3000}"])
    } else {
        ""
    };
    let end = if numbers.once_in(15) {
        numbers.of(&[" ", "\t", "  # end", " ;", "\u{2028}x"])
    } else {
        ""
    };
    match numbers.below(10) {
        0..=1 => format!("{indent}{}{end}", numbers.of(&HEADERS)),
        2..=6 => {
            let key = numbers.of(&KEYS);
            let sign = if odd { numbers.of(&SIGNS) } else { " = " };
            format!("{indent}{key}{sign}{}{end}", numbers.of(&VALUES))
        }
        _ => format!("{}{end}", numbers.of(&OTHERS)),
    }
}

/// What ordinary files are made of: sections with keys of which each stands there once.
fn ordinary(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    let mut headers: Vec<&str> = HEADERS[..30].to_vec();
    for _ in 0..=numbers.below(4) {
        let header = headers.swap_remove(numbers.below(headers.len()));
        text += &format!("{header}\n");
        let indent = if numbers.once_in(6) { "  " } else { "" };
        let mut keys: Vec<&str> = KEYS.to_vec();
        for _ in 0..numbers.below(5) {
            let key = keys.swap_remove(numbers.below(keys.len()));
            let sign = numbers.of(&SIGNS[..4]);
            let value = numbers.of(&VALUES);
            text += &format!("{indent}{key}{sign}{value}\n");
            if value.is_empty() && numbers.once_in(2) {
                text += &format!("{indent}  max_queue_size = {}\n", numbers.below(9));
            }
            if numbers.once_in(8) {
                text += numbers.of(&["\n", "# comment\n", "; comment\n", "  # indented\n"]);
            }
        }
        text += numbers.of(&["", "\n", "\n\n"]);
    }
    text
}

/// Lines in any order.
fn mixed(numbers: &mut Numbers) -> String {
    let odd = numbers.once_in(2);
    let mut text = String::new();
    if !numbers.once_in(6) {
        text += numbers.of(&HEADERS);
        text.push('\n');
    }
    for _ in 0..numbers.below(8) {
        text += &line(numbers, odd);
        text += match numbers.below(24) {
            0 => "\r\n",
            1 => "\r",
            _ => "\n",
        };
    }
    text
}

/// Signs that mean something, in any order.
fn soup(numbers: &mut Numbers) -> String {
    const SIGNS: [&str; 24] = [
        "[", "]", "=", ":", "#", ";", " ", "\t", "\n", "\n", "\r", "\"", "'", "\\", "a", "b",
        "profile ", "default", "region", "[a]\n", "k = v\n", "\u{a0}", "\u{85}", "ä",
    ];
    (0..numbers.below(30)).map(|_| numbers.of(&SIGNS)).collect()
}

/// What an editor, another encoding or a broken disk makes of a text.
fn damaged(numbers: &mut Numbers, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let at = numbers.below(bytes.len() + 1);
    match numbers.below(7) {
        0 => [&[0xef, 0xbb, 0xbf][..], &bytes].concat(),
        1 => {
            bytes.insert(at, 0xff);
            bytes
        }
        2 => {
            bytes.insert(at, 0xe4);
            bytes
        }
        3 => {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        }
        4 => {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_be_bytes).collect()
        }
        5 => {
            bytes.insert(at, 0);
            bytes
        }
        _ => {
            bytes.truncate(at);
            bytes
        }
    }
}

/// `count` files from a seed.
pub(crate) fn files(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut numbers = Numbers(seed);
    let mut files = Vec::with_capacity(count);
    for n in 0..count {
        let text = match n % 8 {
            0..=2 => ordinary(&mut numbers),
            3..=5 => mixed(&mut numbers),
            _ => soup(&mut numbers),
        };
        files.push(if numbers.once_in(25) {
            damaged(&mut numbers, &text)
        } else {
            text.into_bytes()
        });
    }
    files
}
