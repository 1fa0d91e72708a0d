//! The journal: whatever stands in it, the reader comes to its end, and finds the whole lines.

use dayfly_fuzz::{fuzz, seeds};
use dayfly_runtime::journal::{self, Reader};

const WHOLE: &str = r#"{"run":"0123456789ab","at":1800000000000,"cause":7,"event":"halted"}"#;
const WORDS: [&str; 10] = [
    "\n",
    "\n\n",
    "\r\n",
    "{\"run\":\"x\",",
    "\"event\":\"ended\"",
    "\"at\":-1",
    "\"at\":1e300",
    "\u{0}",
    "}",
    "\"cause\":18446744073709551616",
];

#[test]
fn journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = journal::current(folder.path());
    fuzz!(&seeds("journal", &[], ""), &WORDS, |bytes| {
        let mut text = bytes.to_vec();
        text.extend_from_slice(b"\n");
        text.extend_from_slice(WHOLE.as_bytes());
        text.extend_from_slice(b"\n");
        std::fs::write(&path, &text).expect("it is written");
        let mut reader = Reader::open(folder.path());
        let mut last = None;
        let mut read = 0;
        while let Some(line) = reader.next_line().expect("it is read") {
            last = serde_json::to_string(&line).ok();
            read += 1;
        }
        let newlines = text.iter().filter(|byte| **byte == b'\n').count();
        assert!(read + reader.unreadable <= newlines as u64);
        assert!(
            last.is_some_and(|last| last.contains("halted")),
            "the last line is whole"
        );
    });
}
