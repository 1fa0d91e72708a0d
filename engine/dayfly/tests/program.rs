//! The program itself answers. A test of this package, so that whoever runs the tests of the workspace has
//! the program built: the end-to-end suites in `tests/` start it.

use std::process::Command;

fn dayfly(argument: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dayfly"))
        .arg(argument)
        .output()
        .expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(text).expect("the program prints UTF-8"),
    )
}

#[test]
fn it_says_its_version_and_refuses_a_command_that_there_is_not() {
    let (code, text) = dayfly("--version");
    let version = format!("dayfly {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((code, text), (Some(0), version));
    let (code, text) = dayfly("rotate-everything");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("rotate-everything"), "{text}");
}
