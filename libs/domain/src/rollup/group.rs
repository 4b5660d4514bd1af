//! What the events of one group have in common.

/// What a group has in one dimension.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// Its events have nothing there.
    Absent,
    /// Its events all have this text.
    Text(Box<str>),
    /// Its events have anything there: there was no room for groups of their own.
    Other,
}

impl Value {
    /// The text, if there is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Other => None,
        }
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(text.into()))
    }
}

/// A value for each dimension of a rollup, in the order of [`Rollup::dimensions`](super::Rollup::dimensions).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group(Vec<Value>);

impl Group {
    pub(super) const fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// One value for each dimension of the rollup.
    pub fn values(&self) -> &[Value] {
        &self.0
    }
}
