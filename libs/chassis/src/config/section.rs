//! Declaring settings: one place per key says its type, its default and its meaning.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key's own name, without the section's.
    pub key: &'static str,
    /// What it means: the lines of its doc comment.
    pub meaning: &'static [&'static str],
    /// The keys below it, when it leads to a section of its own.
    pub section: Option<&'static [Field]>,
}

/// A rule that a configuration breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key to change, relative to the section that reports it.
    pub key: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl Problem {
    /// No error where there are no problems: what a [`Validate::validate`] answers.
    pub fn none_of(problems: impl IntoIterator<Item = Self>) -> Result<(), Vec<Self>> {
        let problems: Vec<_> = problems.into_iter().collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// A problem with `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// The rules of a section that its types alone don't express.
pub trait Validate {
    /// Reports every rule of this section that is broken; nested sections are asked by themselves.
    fn validate(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }
}

/// A group of settings, declared with [`section!`](crate::section).
pub trait Section: Validate + Default + Serialize + DeserializeOwned {
    /// Its keys, in the order of their declaration.
    const FIELDS: &'static [Field];

    /// Adds the problems of this section and of all below it, with keys relative to this section.
    fn check(&self, problems: &mut Vec<Problem>);
}

/// What [`section!`](crate::section) calls for a nested section.
#[doc(hidden)]
pub fn check_nested<T: Section>(key: &str, section: &T, problems: &mut Vec<Problem>) {
    let first = problems.len();
    section.check(problems);
    for problem in &mut problems[first..] {
        problem.key = format!("{key}.{}", problem.key);
    }
}

/// Declares a section: a struct with public fields, its defaults, its checks against unknown keys and its docs.
///
/// `key: Type = default` is a value, `key: Type => default` leads to another section. Every key needs a doc
/// comment. The rules between values are given by an implementation of [`Validate`](crate::config::Validate),
/// which may be empty.
///
/// ```
/// use chassis::config::{ByteSize, Problem, Validate};
///
/// chassis::section! {
///     /// Bounds of one request.
///     pub struct Limits {
///         /// The largest body that is read.
///         body: ByteSize = ByteSize::mib(8),
///         /// How many events one request may hold.
///         events: u32 = 1_000,
///     }
/// }
///
/// impl Validate for Limits {
///     fn validate(&self) -> Result<(), Vec<Problem>> {
///         if self.events == 0 { Err(vec![Problem::new("events", "must be at least 1")]) } else { Ok(()) }
///     }
/// }
///
/// chassis::section! {
///     /// Settings of the gateway.
///     pub struct Config {
///         /// Bounds of one request.
///         limits: Limits => Limits::default(),
///     }
/// }
///
/// impl Validate for Config {}
///
/// let config: Config = chassis::config::load(None, &[])?;
/// assert_eq!(config.limits.events, 1_000);
/// # Ok::<(), chassis::config::Error>(())
/// ```
#[macro_export]
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $meaning:literal])+
                $key:ident : $kind:ty $(= $default:expr)? $(=> $section:expr)?
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, $crate::config::serde::Serialize, $crate::config::serde::Deserialize)]
        #[serde(crate = "::chassis::config::serde", deny_unknown_fields, default)]
        $visibility struct $name {
            $(
                $(#[doc = $meaning])+
                pub $key: $kind,
            )+
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                Self { $($key: $($default)? $($section)?,)+ }
            }
        }

        impl $crate::config::Section for $name {
            const FIELDS: &'static [$crate::config::Field] = &[
                $($crate::config::Field {
                    key: ::core::stringify!($key),
                    meaning: &[$($meaning),+],
                    section: $crate::section!(@fields $kind $(, $section)?),
                },)+
            ];

            fn check(&self, problems: &mut ::std::vec::Vec<$crate::config::Problem>) {
                if let ::core::result::Result::Err(found) = $crate::config::Validate::validate(self) {
                    problems.extend(found);
                }
                $($crate::section!(@check self, $key, problems $(, $section)?);)+
            }
        }
    };
    (@fields $kind:ty) => { ::core::option::Option::None };
    (@fields $kind:ty, $section:expr) => {
        ::core::option::Option::Some(<$kind as $crate::config::Section>::FIELDS)
    };
    (@check $this:expr, $key:ident, $problems:expr) => {};
    (@check $this:expr, $key:ident, $problems:expr, $section:expr) => {
        $crate::config::check_nested(::core::stringify!($key), &$this.$key, $problems)
    };
}
