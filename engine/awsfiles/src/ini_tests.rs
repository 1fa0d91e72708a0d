use proptest::prelude::*;

use super::*;

fn kinds(source: &[u8]) -> Vec<Kind> {
    let document = Document::parse(source);
    let lines = document.sections.into_iter().flat_map(|s| s.lines);
    lines.map(|line| line.kind).collect()
}

fn first_pair(source: &str) -> Option<(String, String)> {
    let document = Document::parse(source.as_bytes());
    let mut lines = document.sections.iter().flat_map(|s| &s.lines);
    lines.find_map(|line| {
        let (key, value) = line.pair()?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some((text(key), text(value)))
    })
}

#[test]
fn lines_are_told_apart_as_configparser_does() {
    let name = |kind: &Kind| match kind {
        Kind::Blank => 'b',
        Kind::Comment => 'c',
        Kind::Header => 'h',
        Kind::Key { .. } => 'k',
        Kind::Continuation => '+',
        Kind::Other => '?',
    };
    let read = |text: &str| kinds(text.as_bytes()).iter().map(name).collect::<String>();
    assert_eq!(read("[a]\nk = v\n  more\n\n  even more\nl=w\n"), "hk+b+k");
    assert_eq!(read("[a]\n  k = v\n  l = w\n   more\n"), "hkk+");
    // An indented header after a key is more of that key's value, unless the key is indented.
    assert_eq!(read("[a]\nk = v\n  [b]\n"), "hk+");
    assert_eq!(read("[a]\n  k = v\n  [b]\n"), "hkh");
    assert_eq!(read("[a]\n  # c\n\t; c\nnonsense\n= v\n[]\n"), "hcc???");
    assert_eq!(read("k = v\n  l = w\n"), "kk");
}

#[test]
fn keys_end_at_the_first_sign() {
    let pair = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
    assert_eq!(first_pair("[a]\nk=v=w:x"), pair("k", "v=w:x"));
    assert_eq!(first_pair("[a]\n k \t:  v = w \r\n"), pair("k", "v = w"));
    assert_eq!(first_pair("[a]\nk =\n"), pair("k", ""));
    assert_eq!(first_pair("[a]\nk\n"), None);
}

#[test]
fn a_last_line_without_a_break_stays_the_last_without_one() {
    let mut document = Document::parse(b"\xef\xbb\xbf[a]\r\nk = v");
    let line = Line::key("l", "w", document.ending);
    document.sections[1].lines.push(line);
    assert_eq!(&**document.render(), b"\xef\xbb\xbf[a]\r\nk = v\r\nl = w");
    document.sections[1].lines.pop();
    assert_eq!(&**document.render(), b"\xef\xbb\xbf[a]\r\nk = v");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_come_back(source in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(&**Document::parse(&source).render(), &source[..]);
    }

    #[test]
    fn any_lines_come_back(source in "(\u{feff})?([ \t]{0,2}[\\[\\]a=:#; ]{0,6}(\n|\r\n|\r)){0,12}[a=]{0,2}") {
        prop_assert_eq!(&**Document::parse(source.as_bytes()).render(), source.as_bytes());
    }
}
