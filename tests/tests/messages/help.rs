//! Every page of help.

use std::fmt::Write as _;

use dayfly_tests::Home;

use crate::compare;

/// The names of the commands that a page lists.
fn commands(page: &str) -> Vec<String> {
    let lines = page.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let name = |line: &str| {
        let inner = line.strip_prefix("  ")?;
        let is_name = inner.starts_with(|c: char| c.is_ascii_lowercase());
        let name = inner.split_whitespace().next()?;
        (is_name && name != "help").then(|| name.to_owned())
    };
    lines.filter_map(name).collect()
}

fn pages(home: &Home, command: &[String], list: &mut String) {
    let mut args = command.to_vec();
    args.push("--help".to_owned());
    let page = home.run(&args).ok().out;
    let name = [&["dayfly".to_owned()], command].concat().join(" ");
    writeln!(list, "================ {name}\n{page}").unwrap();
    for inner in commands(&page) {
        pages(home, &[command, &[inner]].concat(), list);
    }
}

#[test]
fn every_page_of_help_is_in_the_list() {
    let home = Home::new();
    let mut list = String::new();
    pages(&home, &[], &mut list);
    let count = list.matches("================").count();
    assert!(count > 40, "only {count} pages were found");
    compare("help", &list);
}
