//! Words to an expression: recursive descent, an operator's operands at one level of precedence
//! higher.

use crate::Mistake;
use crate::ast::{Expr, Kind, Macro, Operator};
use crate::lexer::{Token, Word, words};
use crate::names::{call, qualified};
use crate::unexpected::{beyond, shown};

/// Bytes of an expression.
pub const LENGTH: usize = 4_096;
/// How deep brackets and signs may nest: each level takes stack of the reader.
const DEPTH: usize = 48;
/// How many parts may lie within each other: each takes stack when the expression is worked out.
const HEIGHT: usize = 160;
/// Words that mean something in other languages, which CEL therefore leaves alone.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Reads an expression.
///
/// # Errors
/// It is no expression, or too long or too deep a one.
pub fn parse(text: &str) -> Result<Expr, Mistake> {
    if text.len() > LENGTH {
        let message = format!("the expression is longer than {LENGTH} bytes; split it");
        return Err(Mistake::new(0, message));
    }
    if text.trim().is_empty() {
        return Err(Mistake::new(0, "it is empty"));
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
                    "`{sign}` or an operator must follow here, not {}",
                    shown(found)
                );
                Err(self.wrong(message))
            }
        }
    }

    fn expression(&mut self) -> Result<Expr, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("the expression is nested too deeply; split it"));
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
            self.made(at, Kind::If(condition.into(), yes.into(), no.into()))?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// A part of the expression, unless too many lie within each other.
    fn made(&self, at: usize, kind: Kind) -> Result<Expr, Mistake> {
        let expr = Expr::new(at, kind);
        match expr.height > HEIGHT {
            true => Err(Mistake::new(
                at,
                "the expression is nested too deeply; split it",
            )),
            false => Ok(expr),
        }
    }

    fn or(&mut self) -> Result<Expr, Mistake> {
        let first = self.and()?;
        let at = self.at();
        let mut all = vec![first];
        while self.sign("||") {
            all.push(self.and()?);
        }
        match all.len() {
            1 => Ok(all.swap_remove(0)),
            _ => self.made(at, Kind::Or(all)),
        }
    }

    fn and(&mut self) -> Result<Expr, Mistake> {
        let first = self.relation()?;
        let at = self.at();
        let mut all = vec![first];
        while self.sign("&&") {
            all.push(self.relation()?);
        }
        match all.len() {
            1 => Ok(all.swap_remove(0)),
            _ => self.made(at, Kind::And(all)),
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
            left = self.made(at, Kind::Binary(operator, left.into(), right.into()))?;
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
            left = self.made(at, Kind::Binary(operator, left.into(), right.into()))?;
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
            left = self.made(at, Kind::Binary(operator, left.into(), right.into()))?;
        }
    }

    fn unary(&mut self) -> Result<Expr, Mistake> {
        let at = self.at();
        let negation = match self.word() {
            Word::Sign("!") => true,
            Word::Sign("-") => false,
            Word::Name(name) if name == "not" || name == "NOT" => {
                return Err(self.wrong("write `!` before the condition that must not hold"));
            }
            _ => return self.member(),
        };
        self.next += 1;
        // The sign of a number belongs to the number, so that the least of all can be written.
        if !negation && matches!(self.word(), Word::Int(_) | Word::Double(_)) {
            if let Word::Int(number) = self.word() {
                let least = 0_i64.checked_sub_unsigned(*number);
                let Some(number) = least else {
                    return Err(self.wrong(format!("`-{number}` is too small for a number")));
                };
                self.next += 1;
                return self.members(Expr::new(at, Kind::Int(number)));
            }
            if let Word::Double(number) = *self.word() {
                self.next += 1;
                return self.members(Expr::new(at, Kind::Double(-number)));
            }
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("the expression is nested too deeply; split it"));
        }
        let of = Box::new(self.unary()?);
        self.depth -= 1;
        let kind = match negation {
            true => Kind::Not(of),
            false => Kind::Negative(of),
        };
        self.made(at, kind)
    }

    fn member(&mut self) -> Result<Expr, Mistake> {
        let first = self.primary()?;
        self.members(first)
    }

    /// What is asked of an expression: fields, elements, methods.
    fn members(&mut self, first: Expr) -> Result<Expr, Mistake> {
        let mut expr = first;
        loop {
            let opened = self.at();
            if self.sign(".") {
                let at = self.at();
                let Word::Name(name) = self.take() else {
                    self.next -= 1;
                    return Err(self.wrong("the name of a field or function must follow the `.`"));
                };
                expr = if self.sign("(") {
                    self.method(expr, &name, at)?
                } else {
                    let kind = match qualified(&expr, &name) {
                        Some(known) => Kind::Type(known),
                        None => Kind::Field(expr.into(), name),
                    };
                    self.made(at, kind)?
                };
            } else if self.sign("[") {
                let index = self.expression()?;
                self.close("]", opened)?;
                expr = self.made(opened, Kind::Index(expr.into(), index.into()))?;
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
        let opened = self.at();
        if matches!(&of.kind, Kind::Name(space) if space == "strings") && name == "quote" {
            let arguments = self.arguments(opened)?;
            return self.made(at, call("strings.quote", false, arguments));
        }
        let mut arguments = vec![of];
        arguments.extend(self.arguments(opened)?);
        self.made(at, call(name, true, arguments))
    }

    fn each(&mut self, range: Expr, what: Macro, name: &str, at: usize) -> Result<Expr, Mistake> {
        let usage =
            format!("write `{name}(x, …)`: a name for each element, then the condition on it");
        let Word::Name(variable) = self.word().clone() else {
            return Err(self.wrong(usage));
        };
        self.next += 1;
        if !self.sign(",") {
            return Err(self.wrong(usage));
        }
        let mut body = self.expression()?;
        let mut range = range;
        // `map(x, condition, …)` goes through those that pass.
        if what == Macro::Map && self.sign(",") {
            let kind = Kind::Each {
                what: Macro::Filter,
                range: range.into(),
                variable: variable.clone(),
                body: body.into(),
            };
            range = self.made(at, kind)?;
            body = self.expression()?;
        }
        self.close(")", at)?;
        let kind = Kind::Each {
            what,
            range: range.into(),
            variable,
            body: body.into(),
        };
        self.made(at, kind)
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
            Word::Int(number) => match i64::try_from(number) {
                Ok(number) => Kind::Int(number),
                Err(_) => {
                    let message = format!("`{number}` is too large for a number");
                    return Err(Mistake::new(at, message));
                }
            },
            Word::Uint(number) => Kind::Uint(number),
            Word::Bytes(bytes) => Kind::Bytes(bytes),
            Word::Double(number) => Kind::Double(number),
            Word::Text(text) => Kind::Text(text),
            Word::Name(name) => match name.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => Kind::Null,
                word if RESERVED.contains(&word) => {
                    let message = format!("`{word}` is a reserved word and names nothing");
                    return Err(Mistake::new(at, message));
                }
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
            // A name from the outermost namespace, which is the only one.
            Word::Sign(".") if matches!(self.word(), Word::Name(_)) => return self.primary(),
            found => {
                self.next -= 1;
                let hint = match found {
                    Word::End => "a name, a value or a bracket must follow".into(),
                    Word::Sign("&&" | "||") => {
                        format!(
                            "{} joins two conditions, and one of them is missing",
                            shown(&found)
                        )
                    }
                    Word::Sign("=") => "write `==` to compare".into(),
                    _ => format!(
                        "a name, a value or a bracket must follow here, not {}",
                        shown(&found)
                    ),
                };
                return Err(self.wrong(hint));
            }
        };
        self.made(at, kind)
    }

    /// A function, its bracket open.
    fn call(&mut self, name: &str, at: usize) -> Result<Expr, Mistake> {
        let opened = self.at();
        let mut arguments = self.arguments(opened.saturating_sub(1))?;
        if name != "has" {
            return self.made(at, call(name, false, arguments));
        }
        let usage = "write `has(session.region)`: whether the field is there";
        match (arguments.pop(), arguments.is_empty()) {
            (
                Some(Expr {
                    kind: Kind::Field(of, field),
                    at,
                    ..
                }),
                true,
            ) => self.made(at, Kind::Has(of, field)),
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
                return Err(self.wrong("a `:` and a value must follow the key of a map"));
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
