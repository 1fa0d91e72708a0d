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
    for part in [
        "rule 2 (lunch)",
        "`when`",
        "column 26",
        "`25` is not a valid hour",
    ] {
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
            "session.weather == 'red'",
            9,
            "there is no `session.weather`; its fields are id, name, type, cloud, status, region, profile, account, role, labels, chained, started_at, expires_at, last_use, age, left, idle, reason, error, failures",
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
            "a rule without `when` has no event; give the rule a `when`",
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
            "`like` knows only `*` and takes `[` literally; write `matches(\"…\")` for a regular expression, or `== \"…\"` and `contains` for the character itself",
        ),
        (
            "session.name.matches('prod-[')",
            22,
            "`prod-[` is not a regular expression: found unclosed character class",
        ),
        (
            "now.getSeconds() < 30",
            5,
            "`getSeconds` of a time that runs with the clock would be evaluated again each second; compare with `duration(\"90s\")`",
        ),
        (
            "startsWith(session.name, 'a')",
            1,
            "`startsWith` is called on a value; write `session.name.startsWith(…)`",
        ),
        (
            "now() > session.expires_at",
            1,
            "`now` is not a function; write it without brackets",
        ),
        // Words of a list.
        (
            "session.status == 'actve'",
            19,
            "\"actve\" is not a status; did you mean \"active\"?",
        ),
        (
            "session.type in ['azure', 'awsSsoRol']",
            27,
            "\"awsSsoRol\" is not a session type; did you mean \"awsSsoRole\"?",
        ),
        (
            "session.error == 'broken'",
            18,
            "\"broken\" is not a failure; there are needs-sign-in, needs-mfa, denied, throttled, network, unavailable, misconfigured, parent, delivery, other, ",
        ),
        // Types.
        (
            "session.failures == '3'",
            18,
            "`==` compares a whole number with a text, which are never equal; put the number in quotes, or take them away",
        ),
        (
            "session.age > 30",
            13,
            "`>` compares a span of time with a whole number, which are never equal; write the span as `duration(\"30m\")`",
        ),
        (
            "session.expires_at < '2026-12-24'",
            20,
            "`<` compares a moment with a text, which are never equal; write the moment as `timestamp(\"2026-12-24T18:00:00Z\")`",
        ),
        (
            "now + 30 > now",
            5,
            "there is no `+` between a moment and a whole number; write the span as `duration(\"30m\")`",
        ),
        (
            "session.name",
            9,
            "the expression gives a text, but must give true or false; compare it: `== \"…\"`",
        ),
        (
            "session.failures && true",
            9,
            "`&&` needs true or false here, and this is a whole number; compare it with something",
        ),
        (
            "session.failures.contains('a')",
            9,
            "`contains` works on a text, and this is a whole number",
        ),
        (
            "session.name.startsWith(3)",
            25,
            "`startsWith` takes a text, and this is a whole number",
        ),
        (
            "session.name.size(1) > 1",
            14,
            "`size` takes no argument, but the call gives 1",
        ),
        (
            "'x' in session.name",
            16,
            "`in` looks into a text; write a list: `in [\"a\", \"b\"]`",
        ),
        (
            "session.age > duration('30 minutes')",
            24,
            "`30 minutes` is not a duration; write `20m`, `1h30m`, `90s` or `2d`",
        ),
        (
            "now > timestamp('tomorrow')",
            17,
            "`tomorrow` is not a moment; write `2026-12-24T18:00:00Z`",
        ),
        (
            "now.getHours('Europe/Berln') > 8",
            14,
            "`Europe/Berln` is not a time zone; did you mean `Europe/Berlin`?",
        ),
        // Signs.
        (
            "session.status = 'active'",
            16,
            "`=` does not compare; write `==`",
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
            "write `!` before the condition that must not hold",
        ),
        (
            "session.chained & true",
            17,
            "`&` has no meaning here; write `&&`",
        ),
        (
            "session.status == “active”",
            19,
            "`“` has no meaning here; write a plain quote: \"text\"",
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
            "a name, a value or a bracket must follow",
        ),
        (
            "&& session.chained",
            1,
            "`&&` joins two conditions, and one of them is missing",
        ),
        (
            "session.age > 30m",
            15,
            "`30m` is not a number; write `duration(\"30m\")` for a span of time, or quotes around a text",
        ),
        (
            "1 < session.failures < 3",
            22,
            "a comparison cannot be compared again; write `a < b && b < c`",
        ),
        (
            "session.",
            9,
            "the name of a field or function must follow the `.`",
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
        "rule 2 (stop-idle), `if`, column 49: the expression is nested too deeply; split it"
    );
    let minus = format!("{}true", "!".repeat(5_000));
    assert!(condition(&minus).contains("the expression is longer than 4096 bytes"));
}

#[test]
fn mistakes_in_other_keys_have_a_rule_and_a_suggestion() {
    for (rule, message) in [
        (
            r#"{"iff":"true","then":"stop"}"#,
            "`iff` is not a key of this policy; did you mean `if`?",
        ),
        (
            r#"{"name":"Stop idle!","then":"stop"}"#,
            "`name`: `Stop idle!` must consist of lower-case letters, digits and single hyphens: `stop-idle`",
        ),
        (
            r#"{"name":"x","then":"stpo"}"#,
            "`then`: `stpo` is not something a rule can do; did you mean `stop`?",
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
            "`then`: `warn` is not a severity; there are info, warning and error; what it says goes into `because`",
        ),
        (
            r#"{"name":"x","if":"true"}"#,
            "`then` is missing: what the rule does: `start`, `stop`, `rotate`, `hold start`, `wake NAME`, `notify info` or `leave`",
        ),
        (
            r#"{"name":"x","when":"startd","then":"stop"}"#,
            "`when`: `startd` is not an event; did you mean `started`?",
        ),
        (
            r#"{"name":"x","when":"event","then":"stop"}"#,
            "`when`: `event` needs a name after it: `event deploy`",
        ),
        (
            r#"{"name":"x","when":"failed twice","then":"stop"}"#,
            "`when`: `twice` is too much after `failed`; put conditions into `if`",
        ),
        (
            r#"{"name":"x","then":"stop","for":"1h"}"#,
            "`for`: needs a `when`: a rule without `when` applies while its condition holds; say so with `if`, or write `until`",
        ),
        (
            r#"{"name":"x","when":"started","then":"hold stop"}"#,
            "`for` is missing: how long the hold stands: `for = \"1h\"`, or `until`",
        ),
        (
            r#"{"name":"x","when":"started","then":"stop","for":"1 hour"}"#,
            "`for`: `1 hour` is not a duration; write `20m`, `1h30m`, `90s` or `2d`",
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
            "`until`, column 1: the expression gives a span of time, but must give a moment; write `now + …`",
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
            "`if`, column 9: there is no `session.name`; the event here is about no session",
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
        "`rules` is not a key of this policy; did you mean `rule`?"
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
         rule 2 (b), `then`: `sto` is not something a rule can do; did you mean `stop`?; \
         rule 4 (d), `if`, column 1: the expression gives a whole number, but must give true or false; compare it: `> 0`"
    );
}
