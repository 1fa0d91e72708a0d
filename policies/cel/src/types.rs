//! What an expression comes to, before anybody works it out.

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Anything: it is known only when it is there.
    Any,
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A whole number.
    Int,
    /// A whole number without a sign.
    Uint,
    /// A number with a point.
    Double,
    /// A text.
    Text,
    /// A text that is one of these words; the first says what they are.
    Word(&'static str, &'static [&'static str]),
    /// Bytes.
    Bytes,
    /// A moment.
    Moment,
    /// A span of time.
    Span,
    /// The type of something.
    Type,
    /// A list of these.
    List(Box<Type>),
    /// A map: keys and values.
    Map(Box<Type>, Box<Type>),
    /// Something with fields of its own, by its name.
    Object(&'static str),
}

impl Type {
    /// With its article.
    #[must_use]
    pub fn name(&self) -> String {
        if let Self::Object(name) = self {
            return format!("the {name}");
        }
        self.plain_name().into()
    }

    const fn plain_name(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a number with a point",
            Self::Text | Self::Word(..) => "a text",
            Self::Moment => "a moment",
            Self::Span => "a span of time",
            Self::List(_) => "a list",
            Self::Map(..) | Self::Object(_) => "a map",
            Self::Uint => "a whole number without a sign",
            Self::Bytes => "bytes",
            Self::Type => "a type",
        }
    }

    pub(crate) const fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Word(..) | Self::Any)
    }

    pub(crate) const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether values of the two can be one and the same, or be compared.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (a, b) if a.is_text() && b.is_text() => true,
            (a, b) if a.is_number() && b.is_number() => true,
            (Self::List(a), Self::List(b)) => a.meets(b),
            (Self::Map(a, x), Self::Map(b, y)) => a.meets(b) && x.meets(y),
            (a, b) => a == b,
        }
    }

    /// The type of both, where there is one.
    pub(crate) fn joined(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (a, b) if a.is_text() && b.is_text() && a != Self::Any && b != Self::Any => Self::Text,
            _ => Self::Any,
        }
    }
}

/// What the elements of a list of these are called.
pub(crate) fn plural(of: &Type) -> &'static str {
    match of {
        Type::Int | Type::Uint | Type::Double => "numbers",
        Type::Text | Type::Word(..) => "texts",
        Type::Moment => "moments",
        Type::Span => "spans of time",
        _ => "something else",
    }
}
