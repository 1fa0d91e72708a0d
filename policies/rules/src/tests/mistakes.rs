//! Each kind of mistake is named with its rule, its column and what would be right.

use super::*;

fn refused(text: &str) -> String {
    Settings::read(text).map(|_| ()).unwrap_err().to_string()
}

/// The message about the condition of the second of two rules.
fn condition(text: &str) -> String {
    let rule = serde_json::json!({ "name": "stop-idle", "if": text, "then": "stop" });
    refused(&rules(&[r#"{"then":"start"}"#, &rule.to_string()]))
}

#[test]
fn a_wrong_schedule_names_its_rule_and_column() {
    let rule = r#"{"name":"lunch","when":"schedule Europe/Berlin 0 25 * * *","then":"start"}"#;
    let said = refused(&rules(&[r#"{"then":"start"}"#, rule]));
    for part in ["rule 2 (lunch)", "`when`", "column 26", "`25` is no hour"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn mistakes_in_conditions_have_a_rule_a_column_and_a_suggestion() {
    for (text, column, message) in [
        // Names.
        (
            "session.statsu == 'active'",
            9,
            "there is no `session.statsu`; did you mean `session.status`?",
        ),
        (
            "session.colour == 'red'",
            9,
            "there is no `session.colour`; its fields are id, name, type, status, region, profile, account, role, labels, chained, started_at, expires_at, last_use, age, left, idle, reason, error, failures",
        ),
        (
            "labels.env == 'x'",
            1,
            "there is no `labels`; did you mean `session.labels`?",
        ),
        (
            "sesion.name == 'x'",
            1,
            "there is no `sesion`; did you mean `session`?",
        ),
        (
            "session.status == active",
            19,
            "there is no `active`; a text needs quotes: \"active\"",
        ),
        (
            "event.data.x == 1",
            1,
            "there is no event in a rule that always counts; give the rule a `when`",
        ),
        (
            "nothing == 1",
            1,
            "there is no `nothing`; there are `session`, `event`, `state` and `now`, and a text needs quotes: \"nothing\"",
        ),
        (
            "session.name.startWith('a')",
            14,
            "there is no function `startWith`; did you mean `startsWith`?",
        ),
        (
            "sizeof(session.name) > 1",
            1,
            "there is no function `sizeof`; did you mean `size`?",
        ),
        (
            "session.name.like('[A-Z]*-[0-9]*')",
            19,
            "`like` knows `*` only, and takes `[` as it stands; write `matches(\"…\")` for a regular expression, or `== \"…\"` and `contains` for the character itself",
        ),
        (
            "session.name.matches('prod-[')",
            22,
            "`prod-[` is no regular expression: found unclosed character class",
        ),
        (
            "now.getSeconds() < 30",
            5,
            "`getSeconds` of what goes with the clock would be asked again each second; compare with `duration(\"90s\")`",
        ),
        (
            "startsWith(session.name, 'a')",
            1,
            "`startsWith` is asked of something; write `session.name.startsWith(…)`",
        ),
        (
            "now() > session.expires_at",
            1,
            "`now` is no function; write it without brackets",
        ),
        // Words of a list.
        (
            "session.status == 'actve'",
            19,
            "\"actve\" is no status; did you mean \"active\"?",
        ),
        (
            "session.type in ['azure', 'awsSsoRol']",
            27,
            "\"awsSsoRol\" is no session type; did you mean \"awsSsoRole\"?",
        ),
        (
            "session.error == 'broken'",
            18,
            "\"broken\" is no failure; there are needs-sign-in, needs-mfa, denied, throttled, network, unavailable, misconfigured, parent, delivery, other, ",
        ),
        // Types.
        (
            "session.failures == '3'",
            18,
            "`==` compares a whole number with a text, which are never alike; put the number in quotes, or take them away",
        ),
        (
            "session.age > 30",
            13,
            "`>` compares a span of time with a whole number, which are never alike; write the span as `duration(\"30m\")`",
        ),
        (
            "session.expires_at < '2026-12-24'",
            20,
            "`<` compares a moment with a text, which are never alike; write the moment as `timestamp(\"2026-12-24T18:00:00Z\")`",
        ),
        (
            "now + 30 > now",
            5,
            "there is no `+` between a moment and a whole number; write the span as `duration(\"30m\")`",
        ),
        (
            "session.name",
            9,
            "it comes to a text, and has to come to true or false; compare it: `== \"…\"`",
        ),
        (
            "session.failures && true",
            9,
            "`&&` needs true or false here, and this is a whole number; compare it with something",
        ),
        (
            "session.failures.contains('a')",
            9,
            "`contains` is asked of a text, and this is a whole number",
        ),
        (
            "session.name.startsWith(3)",
            25,
            "`startsWith` takes a text, and this is a whole number",
        ),
        (
            "session.name.size(1) > 1",
            14,
            "`size` takes no argument, and 1 are given",
        ),
        (
            "'x' in session.name",
            16,
            "`in` looks into a text; write a list: `in [\"a\", \"b\"]`",
        ),
        (
            "session.age > duration('30 minutes')",
            24,
            "`30 minutes` is no duration; write `20m`, `1h30m`, `90s` or `2d`",
        ),
        (
            "now > timestamp('tomorrow')",
            17,
            "`tomorrow` is no moment; write `2026-12-24T18:00:00Z`",
        ),
        (
            "now.getHours('Europe/Berln') > 8",
            14,
            "`Europe/Berln` is no time zone; did you mean `Europe/Berlin`?",
        ),
        // Signs.
        (
            "session.status = 'active'",
            16,
            "`=` compares nothing; write `==`",
        ),
        (
            "session.status === 'active'",
            16,
            "there is no `===`; write `==`",
        ),
        ("session.chained and true", 17, "write `&&` for and"),
        ("session.chained or true", 17, "write `||` for or"),
        (
            "not session.chained",
            1,
            "write `!` before what is not to be so",
        ),
        (
            "session.chained & true",
            17,
            "`&` means nothing here; write `&&`",
        ),
        (
            "session.status == “active”",
            19,
            "`“` means nothing here; write a plain quote: \"text\"",
        ),
        (
            "(session.chained && true",
            1,
            "the bracket that opens here is not closed; add `)`",
        ),
        (
            "session.chained)",
            16,
            "there is no `(` for this `)`; take it away, or add one",
        ),
        (
            "session.name == 'abc",
            17,
            "the text that begins here has no end; close it with `'`",
        ),
        (
            "session.chained &&",
            19,
            "something has to follow; a name, a value or a bracket",
        ),
        (
            "&& session.chained",
            1,
            "`&&` joins two conditions, and one of them is missing",
        ),
        (
            "session.age > 30m",
            15,
            "`30m` is no number; write `duration(\"30m\")` for a span of time, or quotes around a text",
        ),
        (
            "1 < session.failures < 3",
            22,
            "a comparison cannot be compared again; write `a < b && b < c`",
        ),
        (
            "session.",
            9,
            "the name of a field or function has to follow the `.`",
        ),
        (
            "has(session)",
            1,
            "write `has(session.region)`: whether the field is there",
        ),
        (
            "'é' == session.nam",
            16,
            "there is no `session.nam`; did you mean `session.name`?",
        ),
    ] {
        assert_eq!(
            condition(text),
            format!("rule 2 (stop-idle), `if`, column {column}: {message}"),
            "{text}"
        );
    }
    let deep = format!("{}true{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(
        condition(&deep),
        "rule 2 (stop-idle), `if`, column 49: it nests too deep; split it"
    );
    let minus = format!("{}true", "!".repeat(5_000));
    assert!(condition(&minus).contains("it is longer than 4096 bytes"));
}

#[test]
fn mistakes_in_other_keys_have_a_rule_and_a_suggestion() {
    for (rule, message) in [
        (
            r#"{"iff":"true","then":"stop"}"#,
            "`iff` is no key of this policy; did you mean `if`?",
        ),
        (
            r#"{"name":"Stop idle!","then":"stop"}"#,
            "`name`: `Stop idle!` has to be of small letters, digits and single hyphens: `stop-idle`",
        ),
        (
            r#"{"name":"x","then":"stpo"}"#,
            "`then`: `stpo` is nothing that a rule can do; did you mean `stop`?",
        ),
        (
            r#"{"name":"x","then":"hold strt"}"#,
            "`then`: `strt` cannot be held; did you mean `start`?",
        ),
        (
            r#"{"name":"x","then":"hold"}"#,
            "`then`: `hold` needs to know what: `hold start`, or `hold start, rotate`",
        ),
        (
            r#"{"name":"x","then":"notify warn","if":"true"}"#,
            "`then`: `warn` is no loudness; there are info, warning and error; what it says goes into `because`",
        ),
        (
            r#"{"name":"x","if":"true"}"#,
            "`then` is missing: what the rule does: `start`, `stop`, `rotate`, `hold start`, `wake NAME`, `notify info` or `leave`",
        ),
        (
            r#"{"name":"x","when":"startd","then":"stop"}"#,
            "`when`: `startd` is nothing that happens; did you mean `started`?",
        ),
        (
            r#"{"name":"x","when":"event","then":"stop"}"#,
            "`when`: `event` needs a name behind it: `event deploy`",
        ),
        (
            r#"{"name":"x","when":"failed twice","then":"stop"}"#,
            "`when`: `twice` is too much behind `failed`; put conditions into `if`",
        ),
        (
            r#"{"name":"x","then":"stop","for":"1h"}"#,
            "`for`: needs a `when`: a rule that always counts stands while its condition holds; say so with `if`, or write `until`",
        ),
        (
            r#"{"name":"x","when":"started","then":"hold stop"}"#,
            "`for` is missing: how long the hold stands: `for = \"1h\"`, or `until`",
        ),
        (
            r#"{"name":"x","when":"started","then":"stop","for":"1 hour"}"#,
            "`for`: `1 hour` is no duration; write `20m`, `1h30m`, `90s` or `2d`",
        ),
        (
            r#"{"name":"x","when":"started","then":"wake y"}"#,
            "`at` is missing: when to wake: `now + duration(\"30m\")`",
        ),
        (
            r#"{"name":"x","then":"stop","at":"now"}"#,
            "`at`: says when to wake; did you mean `until`?",
        ),
        (
            r#"{"name":"x","then":"stop","remember":{"a":"1"}}"#,
            "`remember`: needs a `when`: something is remembered when something happens",
        ),
        (
            r#"{"name":"x","when":"event x","then":"stop","remember":{"a":"event.dat"}}"#,
            "`remember.a`, column 7: there is no `event.dat`; did you mean `event.data`?",
        ),
        (
            r#"{"name":"x","then":"hold start","until":"duration('1h')"}"#,
            "`until`, column 1: it comes to a span of time, and has to come to a moment; write `now + …`",
        ),
        (
            r#"{"name":"x","then":"stop","because":"idle for {session.idel}"}"#,
            "`because`, column 19: there is no `session.idel`; did you mean `session.idle`?",
        ),
        (
            r#"{"name":"x","then":"stop","because":"idle for {session.idle"}"#,
            "`because`, column 10: the brace that opens here is not closed; write `{{` for a brace",
        ),
        (
            r#"{"name":"x","when":"event x","if":"session.name == 'a'","then":"notify info"}"#,
            "`if`, column 9: there is no `session.name`; an event is about no session here",
        ),
    ] {
        let text = refused(&rules(&[rule]));
        let place = if rule.contains(r#""x""#) {
            "rule 1 (x), "
        } else if rule.contains("Stop idle") {
            "rule 1 (Stop idle!), "
        } else {
            "rule 1, "
        };
        assert_eq!(text, format!("{place}{message}"), "{rule}");
    }
    assert_eq!(
        refused("{}"),
        "`rule` is missing: the rules; write [[policy.config.rule]] with `if` and `then`"
    );
    assert_eq!(
        refused(r#"{"rules":[]}"#),
        "`rules` is no key of this policy; did you mean `rule`?"
    );
    let twice = rules(&[
        r#"{"name":"x","then":"stop"}"#,
        r#"{"name":"x","then":"stop"}"#,
    ]);
    assert_eq!(
        refused(&twice),
        "rule 2 (x), `name`: another rule is called `x` already; take another name"
    );
}

#[test]
fn all_mistakes_are_named_at_once_in_the_order_of_the_rules() {
    let text = rules(&[
        r#"{"name":"a","if":"session.statsu == 'x'","then":"stop","because":"{sesion}"}"#,
        r#"{"name":"b","then":"sto"}"#,
        r#"{"if":"true","then":"start"}"#,
        r#"{"name":"d","if":"1","then":"start"}"#,
    ]);
    assert_eq!(
        refused(&text),
        "rule 1 (a), `if`, column 9: there is no `session.statsu`; did you mean `session.status`?; \
         rule 1 (a), `because`, column 2: there is no `sesion`; did you mean `session`?; \
         rule 2 (b), `then`: `sto` is nothing that a rule can do; did you mean `stop`?; \
         rule 4 (d), `if`, column 1: it comes to a whole number, and has to come to true or false; compare it: `> 0`"
    );
}
