//! What an expression is made of.

/// A part of an expression, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    /// Bytes from the beginning of the text.
    pub(crate) at: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    /// A variable.
    Name(String),
    /// `of.field`
    Field(Box<Expr>, String),
    /// `has(of.field)`
    Has(Box<Expr>, String),
    /// `of[index]`
    Index(Box<Expr>, Box<Expr>),
    /// A function, what it is called on first.
    Call(Function, Vec<Expr>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// `condition ? yes : no`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    /// `range.exists(variable, body)`
    Each {
        what: Macro,
        range: Box<Expr>,
        variable: String,
        body: Box<Expr>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// What goes through a list, or through the keys of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Macro {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

impl Macro {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("all", Self::All),
        ("exists", Self::Exists),
        ("exists_one", Self::ExistsOne),
        ("filter", Self::Filter),
        ("map", Self::Map),
    ];
}

/// A function. The first argument of a method is what it is called on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Like,
    LowerAscii,
    UpperAscii,
    Duration,
    Timestamp,
    ToInt,
    ToDouble,
    ToText,
    Least,
    Greatest,
    FullYear,
    Month,
    DayOfMonth,
    Date,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    TimeOfDay,
}

/// How a function is written.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) function: Function,
    /// Whether it is called on something: `x.name(…)`.
    pub(crate) method: bool,
    /// How many arguments it takes, at least and at most, without what it is called on.
    pub(crate) takes: (usize, usize),
}

const fn form(name: &'static str, function: Function, method: bool, takes: (usize, usize)) -> Form {
    Form {
        name,
        function,
        method,
        takes,
    }
}

/// Every function. `size` is written both ways.
pub(crate) const FORMS: [Form; 24] = [
    form("size", Function::Size, false, (1, 1)),
    form("size", Function::Size, true, (0, 0)),
    form("contains", Function::Contains, true, (1, 1)),
    form("startsWith", Function::StartsWith, true, (1, 1)),
    form("endsWith", Function::EndsWith, true, (1, 1)),
    form("like", Function::Like, true, (1, 1)),
    form("lowerAscii", Function::LowerAscii, true, (0, 0)),
    form("upperAscii", Function::UpperAscii, true, (0, 0)),
    form("duration", Function::Duration, false, (1, 1)),
    form("timestamp", Function::Timestamp, false, (1, 1)),
    form("int", Function::ToInt, false, (1, 1)),
    form("double", Function::ToDouble, false, (1, 1)),
    form("string", Function::ToText, false, (1, 1)),
    form("min", Function::Least, false, (2, 8)),
    form("max", Function::Greatest, false, (2, 8)),
    form("getFullYear", Function::FullYear, true, (0, 1)),
    form("getMonth", Function::Month, true, (0, 1)),
    form("getDayOfMonth", Function::DayOfMonth, true, (0, 1)),
    form("getDate", Function::Date, true, (0, 1)),
    form("getDayOfWeek", Function::DayOfWeek, true, (0, 1)),
    form("getDayOfYear", Function::DayOfYear, true, (0, 1)),
    form("getHours", Function::Hours, true, (0, 1)),
    form("getMinutes", Function::Minutes, true, (0, 1)),
    form("timeOfDay", Function::TimeOfDay, true, (0, 1)),
];
