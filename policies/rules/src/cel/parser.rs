//! Words to an expression: recursive descent, an operator's operands at one level of precedence
//! higher.

use dayfly_policy_sdk::closest;

use super::Mistake;
use super::ast::{Expr, FORMS, Form, Kind, Macro, Operator};
use super::lexer::{Token, Word, words};

/// Bytes of an expression.
pub(crate) const LENGTH: usize = 4_096;
/// How deep brackets and operators may nest: each level takes stack.
const DEPTH: usize = 48;

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Expr, Mistake> {
    if text.len() > LENGTH {
        let message = format!("it is longer than {LENGTH} bytes; split the rule");
        return Err(Mistake::new(0, message));
    }
    if text.trim().is_empty() {
        return Err(Mistake::new(
            0,
            "it is empty; leave the key out for a rule that always holds",
        ));
    }
    let mut parser = Parser {
        tokens: words(text)?,
        next: 0,
        depth: 0,
    };
    let expr = parser.expression()?;
    match parser.word() {
        Word::End => Ok(expr),
        found => Err(parser.wrong(beyond(found))),
    }
}

/// What to say of a word behind a whole expression.
fn beyond(found: &Word) -> String {
    match found {
        Word::Name(name) => match name.as_str() {
            "and" | "AND" => "write `&&` for and".into(),
            "or" | "OR" => "write `||` for or".into(),
            "is" => "write `==` for is".into(),
            "not" => "write `!` before what is not to be so".into(),
            _ => format!("`{name}` follows without an operator; write `&&` or `||` before it"),
        },
        Word::Sign(")") => "there is no `(` for this `)`; take it away, or add one".into(),
        Word::Sign(close @ ("]" | "}")) => {
            format!("nothing is open that `{close}` closes; take it away")
        }
        found => format!(
            "{} follows without an operator; write `&&` or `||` before it",
            shown(found)
        ),
    }
}

fn shown(word: &Word) -> String {
    match word {
        Word::Int(number) => format!("`{number}`"),
        Word::Double(_) => "a number".into(),
        Word::Text(text) => format!("\"{text}\""),
        Word::Name(name) => format!("`{name}`"),
        Word::Sign(sign) => format!("`{sign}`"),
        Word::End => "the end".into(),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        // The last is the end, and nothing goes beyond it.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn word(&self) -> &Word {
        &self.token().word
    }

    fn at(&self) -> usize {
        self.token().at
    }

    fn wrong(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.at(), message)
    }

    fn take(&mut self) -> Word {
        let word = self.word().clone();
        self.next += 1;
        word
    }

    /// Takes the sign if it comes next.
    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.word(), Word::Sign(found) if *found == sign);
        self.next += usize::from(there);
        there
    }

    fn close(&mut self, sign: &str, opened: usize) -> Result<(), Mistake> {
        if self.sign(sign) {
            return Ok(());
        }
        match self.word() {
            Word::End => {
                let message = format!("the bracket that opens here is not closed; add `{sign}`");
                Err(Mistake::new(opened, message))
            }
            Word::Name(_) => Err(self.wrong(beyond(self.word()))),
            found => {
                let message = format!(
                    "`{sign}` or an operator has to come here, and {} does",
                    shown(found)
                );
                Err(self.wrong(message))
            }
        }
    }

    fn expression(&mut self) -> Result<Expr, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("it nests too deep; split the rule"));
        }
        let condition = self.or()?;
        let at = self.at();
        let expr = if self.sign("?") {
            let yes = self.or()?;
            if !self.sign(":") {
                return Err(Mistake::new(
                    at,
                    "the choice that begins here has no `:`; write `condition ? this : that`",
                ));
            }
            let no = self.expression()?;
            Expr {
                at,
                kind: Kind::If(condition.into(), yes.into(), no.into()),
            }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn or(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.and()?;
        loop {
            let at = self.at();
            if !self.sign("||") {
                return Ok(left);
            }
            let right = self.and()?;
            let kind = Kind::Or(left.into(), right.into());
            left = Expr { at, kind };
        }
    }

    fn and(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.relation()?;
        loop {
            let at = self.at();
            if !self.sign("&&") {
                return Ok(left);
            }
            let right = self.relation()?;
            let kind = Kind::And(left.into(), right.into());
            left = Expr { at, kind };
        }
    }

    fn relation(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.sum()?;
        let mut compared = false;
        loop {
            let at = self.at();
            let operator = match self.word() {
                Word::Sign("==") => Operator::Equal,
                Word::Sign("!=") => Operator::Unequal,
                Word::Sign("<") => Operator::Less,
                Word::Sign("<=") => Operator::LessEqual,
                Word::Sign(">") => Operator::Greater,
                Word::Sign(">=") => Operator::GreaterEqual,
                Word::Name(name) if name == "in" => Operator::In,
                _ => return Ok(left),
            };
            if compared {
                return Err(
                    self.wrong("a comparison cannot be compared again; write `a < b && b < c`")
                );
            }
            compared = true;
            self.next += 1;
            let right = self.sum()?;
            let kind = Kind::Binary(operator, left.into(), right.into());
            left = Expr { at, kind };
        }
    }

    fn sum(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.product()?;
        loop {
            let at = self.at();
            let operator = match self.word() {
                Word::Sign("+") => Operator::Add,
                Word::Sign("-") => Operator::Subtract,
                _ => return Ok(left),
            };
            self.next += 1;
            let right = self.product()?;
            let kind = Kind::Binary(operator, left.into(), right.into());
            left = Expr { at, kind };
        }
    }

    fn product(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.unary()?;
        loop {
            let at = self.at();
            let operator = match self.word() {
                Word::Sign("*") => Operator::Multiply,
                Word::Sign("/") => Operator::Divide,
                Word::Sign("%") => Operator::Remainder,
                _ => return Ok(left),
            };
            self.next += 1;
            let right = self.unary()?;
            let kind = Kind::Binary(operator, left.into(), right.into());
            left = Expr { at, kind };
        }
    }

    fn unary(&mut self) -> Result<Expr, Mistake> {
        let at = self.at();
        let negation = match self.word() {
            Word::Sign("!") => true,
            Word::Sign("-") => false,
            Word::Name(name) if name == "not" || name == "NOT" => {
                return Err(self.wrong("write `!` before what is not to be so"));
            }
            _ => return self.member(),
        };
        self.next += 1;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("it nests too deep; split the rule"));
        }
        let of = Box::new(self.unary()?);
        self.depth -= 1;
        let kind = match negation {
            true => Kind::Not(of),
            false => Kind::Negative(of),
        };
        Ok(Expr { at, kind })
    }

    fn member(&mut self) -> Result<Expr, Mistake> {
        let mut expr = self.primary()?;
        loop {
            let opened = self.at();
            if self.sign(".") {
                let at = self.at();
                let Word::Name(name) = self.take() else {
                    self.next -= 1;
                    return Err(self.wrong("the name of a field or function has to follow the `.`"));
                };
                expr = if self.sign("(") {
                    self.method(expr, &name, at)?
                } else {
                    let kind = Kind::Field(expr.into(), name);
                    Expr { at, kind }
                };
            } else if self.sign("[") {
                let index = self.expression()?;
                self.close("]", opened)?;
                let kind = Kind::Index(expr.into(), index.into());
                expr = Expr { at: opened, kind };
            } else {
                return Ok(expr);
            }
        }
    }

    /// A method, its bracket open.
    fn method(&mut self, of: Expr, name: &str, at: usize) -> Result<Expr, Mistake> {
        if let Some((_, what)) = Macro::NAMES.into_iter().find(|(known, _)| *known == name) {
            return self.each(of, what, name, at);
        }
        let (opened, mut arguments) = (self.at(), vec![of]);
        arguments.extend(self.arguments(opened)?);
        call(name, at, true, arguments)
    }

    fn each(&mut self, range: Expr, what: Macro, name: &str, at: usize) -> Result<Expr, Mistake> {
        let usage =
            format!("write `{name}(x, …)`: a name for each element, then what is asked of it");
        let Word::Name(variable) = self.word().clone() else {
            return Err(self.wrong(usage));
        };
        self.next += 1;
        if !self.sign(",") {
            return Err(self.wrong(usage));
        }
        let body = self.expression()?;
        self.close(")", at)?;
        let kind = Kind::Each {
            what,
            range: range.into(),
            variable,
            body: body.into(),
        };
        Ok(Expr { at, kind })
    }

    /// Arguments up to the closing bracket.
    fn arguments(&mut self, opened: usize) -> Result<Vec<Expr>, Mistake> {
        let mut arguments = Vec::new();
        if self.sign(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if !self.sign(",") {
                self.close(")", opened)?;
                return Ok(arguments);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, Mistake> {
        let at = self.at();
        let kind = match self.take() {
            Word::Int(number) => Kind::Int(number),
            Word::Double(number) => Kind::Double(number),
            Word::Text(text) => Kind::Text(text),
            Word::Name(name) => match name.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => Kind::Null,
                _ if self.sign("(") => return self.call(&name, at),
                _ => Kind::Name(name),
            },
            Word::Sign("(") => {
                let inner = self.expression()?;
                self.close(")", at)?;
                return Ok(inner);
            }
            Word::Sign("[") => Kind::List(self.list(at)?),
            Word::Sign("{") => Kind::Map(self.map(at)?),
            found => {
                self.next -= 1;
                let hint = match found {
                    Word::End => "something has to follow; a name, a value or a bracket".into(),
                    Word::Sign("&&" | "||") => {
                        format!(
                            "{} joins two conditions, and one of them is missing",
                            shown(&found)
                        )
                    }
                    Word::Sign("=") => "write `==` to compare".into(),
                    _ => format!(
                        "a name, a value or a bracket has to come here, and {} does",
                        shown(&found)
                    ),
                };
                return Err(self.wrong(hint));
            }
        };
        Ok(Expr { at, kind })
    }

    /// A function, its bracket open.
    fn call(&mut self, name: &str, at: usize) -> Result<Expr, Mistake> {
        let opened = self.at();
        let mut arguments = self.arguments(opened.saturating_sub(1))?;
        if name != "has" {
            return call(name, at, false, arguments);
        }
        let usage = "write `has(session.region)`: whether the field is there";
        match (arguments.pop(), arguments.is_empty()) {
            (
                Some(Expr {
                    kind: Kind::Field(of, field),
                    at,
                }),
                true,
            ) => Ok(Expr {
                at,
                kind: Kind::Has(of, field),
            }),
            _ => Err(Mistake::new(at, usage)),
        }
    }

    fn list(&mut self, opened: usize) -> Result<Vec<Expr>, Mistake> {
        let mut items = Vec::new();
        while !self.sign("]") {
            items.push(self.expression()?);
            if !self.sign(",") {
                self.close("]", opened)?;
                break;
            }
        }
        Ok(items)
    }

    fn map(&mut self, opened: usize) -> Result<Vec<(Expr, Expr)>, Mistake> {
        let mut pairs = Vec::new();
        while !self.sign("}") {
            let key = self.expression()?;
            if !self.sign(":") {
                return Err(self.wrong("a `:` and a value have to follow the key of a map"));
            }
            pairs.push((key, self.expression()?));
            if !self.sign(",") {
                self.close("}", opened)?;
                break;
            }
        }
        Ok(pairs)
    }
}

/// A call of a function that has to be there and to take so many arguments.
fn call(name: &str, at: usize, method: bool, arguments: Vec<Expr>) -> Result<Expr, Mistake> {
    let fits = |form: &&Form| form.name == name && form.method == method;
    let Some(form) = FORMS.iter().find(fits) else {
        return Err(Mistake::new(at, unknown(name, method)));
    };
    let given = arguments.len() - usize::from(method);
    let (least, most) = form.takes;
    if !(least..=most).contains(&given) {
        let wanted = match (least, most) {
            (0, 0) => "no argument".to_owned(),
            (1, 1) => "one argument".to_owned(),
            (0, 1) => "one argument or none".to_owned(),
            _ => format!("{least} to {most} arguments"),
        };
        let message = format!("`{name}` takes {wanted}, and {given} are given");
        return Err(Mistake::new(at, message));
    }
    let kind = Kind::Call(form.function, arguments);
    Ok(Expr { at, kind })
}

fn unknown(name: &str, method: bool) -> String {
    if let Some(other) = FORMS.iter().find(|form| form.name == name) {
        return match other.method {
            true => format!("`{name}` is asked of something; write `session.name.{name}(…)`"),
            false => format!("`{name}` stands alone; write `{name}(…)`"),
        };
    }
    match name {
        "matches" => {
            return "there are no regular expressions; write `like(\"prod-*\")`, `startsWith`, \
                    `endsWith` or `contains`"
                .into();
        }
        "getSeconds" => {
            return "there is no `getSeconds`: a rule would be looked at each second; compare with \
                    `duration(\"90s\")`"
                .into();
        }
        "now" => return "`now` is no function; write it without brackets".into(),
        _ => {}
    }
    let known = FORMS
        .iter()
        .filter(|form| form.method == method)
        .map(|form| form.name);
    let macros = Macro::NAMES
        .iter()
        .map(|(name, _)| *name)
        .filter(|_| method);
    let also = (!method).then_some("has");
    match closest(name, known.chain(macros).chain(also)) {
        Some(meant) => format!("there is no function `{name}`; did you mean `{meant}`?"),
        None if method => format!(
            "there is no function `{name}`; texts have `contains`, `startsWith`, `endsWith`, \
             `like`, and moments `timeOfDay`, `getHours`, `getDayOfWeek` and the like"
        ),
        None => format!(
            "there is no function `{name}`; there are `has`, `duration`, `timestamp`, `size`, \
             `min`, `max`, `int`, `double`, `string`"
        ),
    }
}
