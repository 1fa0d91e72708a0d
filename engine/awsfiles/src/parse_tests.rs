use super::*;

fn faults(text: &[u8]) -> Vec<String> {
    let faults = raw(text).expect_err("it cannot be read");
    faults.all().map(ToString::to_string).collect()
}

#[test]
fn what_cannot_be_read_is_told_with_line_and_byte() {
    let first = |text: &[u8]| faults(text).remove(0);
    assert!(first(b"\xef\xbb\xbf[a]\n").starts_with("line 1, byte 1: the file begins with a byte"));
    assert!(first(b"\xff\xfe[\0").starts_with("line 1, byte 1: the file is UTF-16"));
    assert!(first(b"[a]\nk = v\nname = gr\xf6\n").starts_with("line 3, byte 10: the byte 0xf6"));
    assert!(first(b"[a]\n\0\n").starts_with("line 2, byte 1: there is a NUL"));
    assert!(first(b"\n# c\n  k = v\nl = w\n").starts_with("line 3, byte 3: this line is before"));
    assert!(first(b"[a]\n  nonsense\n").starts_with("line 2, byte 3: the line has no `=`"));
    assert!(first(b"[a]\n= v\n").starts_with("line 2, byte 1: the line has no key"));
    assert!(
        first(b"[a]\ns3 =\n  x\n").starts_with("line 3, byte 1: the line has no `=`, and the key")
    );
    let twice = first(b"[a]\nregion = x\n\nREGION = y\n");
    assert_eq!(
        twice,
        "line 4, byte 1: `region` is already in this section, in line 2"
    );
    let twice = first(b"[a]\nk = v\n[b]\n[a]\nk = w\n");
    assert_eq!(
        twice,
        "line 4, byte 1: the section [a] is already in the file, in line 1"
    );
}

#[test]
fn all_faults_are_told_and_no_secret() {
    let all = faults(b"x\n[a]\ncanary/Secret+Key/canary==\ncanary/Secret+Key/canary==\ny\n");
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all.iter().all(|told| !told.contains("anary")), "{all:?}");
    let read = raw(b"[a]\nk = canary\ns3 =\n  k = canary\n").unwrap();
    assert!(!format!("{read:?}").contains("canary"));
}

#[test]
fn values_are_what_configparser_makes_of_them() {
    let sections = raw(
        b"[a]\n  k = v\n  l : \"w\" ; x\n\n    more\n  s3 =\n     a = b\n[DEFAULT]\nd = 1\nk = 2\n",
    )
    .unwrap();
    let section = &sections[0];
    assert_eq!(section.text("k"), Some("v"));
    assert_eq!(section.text("l"), Some("\"w\" ; x\n\nmore"));
    assert_eq!(section.text("s3"), None);
    assert_eq!(section.text("d"), Some("1"));
    assert!(section.keys["d"].inherited && !section.keys["k"].inherited);
    assert_eq!((section.line, section.keys["l"].line), (1, 3));
}
