//! What an expression is made of.

/// A part of an expression, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Bytes from the beginning of the text.
    pub at: usize,
    /// What it is.
    pub(crate) kind: Kind,
    /// How many parts lie within each other at most: evaluation takes stack for each.
    pub(crate) height: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// A variable, or the name of a type.
    Name(String),
    /// The name of a type that has points in it.
    Type(&'static str),
    /// `of.field`
    Field(Box<Expr>, String),
    /// `has(of.field)`
    Has(Box<Expr>, String),
    /// `of[index]`
    Index(Box<Expr>, Box<Expr>),
    /// A function, what it is called on first.
    Call(Function, Vec<Expr>),
    /// A function that there is not, or not with so many arguments: what to say of it.
    NoCall(String, Vec<Expr>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// All of them, two at least.
    And(Vec<Expr>),
    /// Any of them.
    Or(Vec<Expr>),
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

impl Expr {
    pub(crate) fn new(at: usize, kind: Kind) -> Self {
        let mut expr = Self {
            at,
            kind,
            height: 0,
        };
        let mut most = 0;
        expr.parts(&mut |part| most = most.max(part.height));
        expr.height = most + 1;
        expr
    }

    /// Tells of each part that lies directly within.
    fn parts<'e>(&'e self, tell: &mut dyn FnMut(&'e Self)) {
        match &self.kind {
            Kind::Field(of, _) | Kind::Has(of, _) | Kind::Not(of) | Kind::Negative(of) => tell(of),
            Kind::Index(a, b) | Kind::Binary(_, a, b) => {
                tell(a);
                tell(b);
            }
            Kind::Call(_, all)
            | Kind::NoCall(_, all)
            | Kind::And(all)
            | Kind::Or(all)
            | Kind::List(all) => all.iter().for_each(tell),
            Kind::If(a, b, c) => {
                tell(a);
                tell(b);
                tell(c);
            }
            Kind::Map(pairs) => pairs.iter().for_each(|(key, value)| {
                tell(key);
                tell(value);
            }),
            Kind::Each { range, body, .. } => {
                tell(range);
                tell(body);
            }
            _ => {}
        }
    }

    /// Whether it, or a part of it, is the field of a variable that this says yes to, or the
    /// variable itself, where the field is none.
    pub fn mentions(&self, asked: &dyn Fn(&str, Option<&str>) -> bool) -> bool {
        let mut found = match &self.kind {
            Kind::Name(name) => asked(name, None),
            Kind::Field(of, field) => match &of.kind {
                Kind::Name(name) => asked(name, Some(field)),
                _ => false,
            },
            _ => false,
        };
        self.parts(&mut |part| found = found || part.mentions(asked));
        found
    }
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
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("all", Self::All),
        ("exists", Self::Exists),
        ("exists_one", Self::ExistsOne),
        ("existsOne", Self::ExistsOne),
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
    Matches,
    Like,
    LowerAscii,
    UpperAscii,
    CharAt,
    IndexOf,
    LastIndexOf,
    Join,
    Replace,
    Reverse,
    Split,
    Substring,
    Trim,
    Quote,
    Format,
    Duration,
    Timestamp,
    ToBool,
    ToInt,
    ToUint,
    ToDouble,
    ToText,
    ToBytes,
    TypeOf,
    Dyn,
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
    Seconds,
    Milliseconds,
    TimeOfDay,
}

impl Function {
    /// Whether it asks a moment what a clock or a calendar shows of it.
    pub(crate) const fn is_of_calendar(self) -> bool {
        matches!(
            self,
            Self::FullYear
                | Self::Month
                | Self::DayOfMonth
                | Self::Date
                | Self::DayOfWeek
                | Self::DayOfYear
                | Self::Hours
                | Self::Minutes
                | Self::Seconds
                | Self::Milliseconds
                | Self::TimeOfDay
        )
    }
}

/// What an argument, or an answer, has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Any,
    Bool,
    Text,
    Int,
    List,
    Texts,
}

/// How a function is written.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) function: Function,
    /// Whether it is called on something: `x.name(…)`.
    pub(crate) method: bool,
    /// How many arguments it takes at least, what it is called on among them.
    pub(crate) least: usize,
    /// What it takes, what it is called on first. Those that are of several kinds say `Any`.
    pub(crate) takes: &'static [Sort],
    /// What it comes to; `Any` where that depends.
    pub(crate) gives: Sort,
}

const fn form(
    name: &'static str,
    function: Function,
    method: bool,
    least: usize,
    takes: &'static [Sort],
    gives: Sort,
) -> Form {
    Form {
        name,
        function,
        method,
        least,
        takes,
        gives,
    }
}

/// Every function. `size` and `matches` are written both ways.
pub(crate) const FORMS: [Form; 44] = {
    use Function as F;
    use Sort::{Any, Bool, Int, List, Text, Texts};
    [
        form("size", F::Size, false, 1, &[Any], Int),
        form("size", F::Size, true, 1, &[Any], Int),
        form("contains", F::Contains, true, 2, &[Text, Text], Bool),
        form("startsWith", F::StartsWith, true, 2, &[Text, Text], Bool),
        form("endsWith", F::EndsWith, true, 2, &[Text, Text], Bool),
        form("matches", F::Matches, true, 2, &[Text, Text], Bool),
        form("matches", F::Matches, false, 2, &[Text, Text], Bool),
        form("like", F::Like, true, 2, &[Text, Text], Bool),
        form("lowerAscii", F::LowerAscii, true, 1, &[Text], Text),
        form("upperAscii", F::UpperAscii, true, 1, &[Text], Text),
        form("charAt", F::CharAt, true, 2, &[Text, Int], Text),
        form("indexOf", F::IndexOf, true, 2, &[Text, Text, Int], Int),
        form(
            "lastIndexOf",
            F::LastIndexOf,
            true,
            2,
            &[Text, Text, Int],
            Int,
        ),
        form("join", F::Join, true, 1, &[Texts, Text], Text),
        form(
            "replace",
            F::Replace,
            true,
            3,
            &[Text, Text, Text, Int],
            Text,
        ),
        form("reverse", F::Reverse, true, 1, &[Text], Text),
        form("split", F::Split, true, 2, &[Text, Text, Int], Texts),
        form("substring", F::Substring, true, 2, &[Text, Int, Int], Text),
        form("trim", F::Trim, true, 1, &[Text], Text),
        form("strings.quote", F::Quote, false, 1, &[Text], Text),
        form("format", F::Format, true, 2, &[Text, List], Text),
        form("duration", F::Duration, false, 1, &[Any], Any),
        form("timestamp", F::Timestamp, false, 1, &[Any], Any),
        form("bool", F::ToBool, false, 1, &[Any], Bool),
        form("int", F::ToInt, false, 1, &[Any], Any),
        form("uint", F::ToUint, false, 1, &[Any], Any),
        form("double", F::ToDouble, false, 1, &[Any], Any),
        form("string", F::ToText, false, 1, &[Any], Text),
        form("bytes", F::ToBytes, false, 1, &[Any], Any),
        form("type", F::TypeOf, false, 1, &[Any], Any),
        form("dyn", F::Dyn, false, 1, &[Any], Any),
        form("min", F::Least, false, 2, &[Any; 8], Any),
        form("max", F::Greatest, false, 2, &[Any; 8], Any),
        form("getFullYear", F::FullYear, true, 1, &[Any, Text], Int),
        form("getMonth", F::Month, true, 1, &[Any, Text], Int),
        form("getDayOfMonth", F::DayOfMonth, true, 1, &[Any, Text], Int),
        form("getDate", F::Date, true, 1, &[Any, Text], Int),
        form("getDayOfWeek", F::DayOfWeek, true, 1, &[Any, Text], Int),
        form("getDayOfYear", F::DayOfYear, true, 1, &[Any, Text], Int),
        form("getHours", F::Hours, true, 1, &[Any, Text], Int),
        form("getMinutes", F::Minutes, true, 1, &[Any, Text], Int),
        form("getSeconds", F::Seconds, true, 1, &[Any, Text], Int),
        form(
            "getMilliseconds",
            F::Milliseconds,
            true,
            1,
            &[Any, Text],
            Int,
        ),
        form("timeOfDay", F::TimeOfDay, true, 1, &[Any, Text], Any),
    ]
};

/// The types that expressions can name, as the specification calls them.
pub(crate) const TYPES: [&str; 12] = [
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
    "type",
    TIMESTAMP,
    DURATION,
];
/// The type of moments.
pub(crate) const TIMESTAMP: &str = "google.protobuf.Timestamp";
/// The type of spans.
pub(crate) const DURATION: &str = "google.protobuf.Duration";
