//! One event: the few members that matter, borrowed from the file where they can be, everything else skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// An event as it stands in the file.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) phase: Scalar<'a>,
    pub(super) name: Scalar<'a>,
    pub(super) pid: Scalar<'a>,
    pub(super) tid: Scalar<'a>,
    /// Microseconds.
    pub(super) time: Option<f64>,
    /// Microseconds.
    pub(super) duration: Option<f64>,
    pub(super) args: Args<'a>,
}

/// The arguments that matter.
#[derive(Debug, Default)]
pub(super) struct Args<'a> {
    pub(super) loop_id: Option<Scalar<'a>>,
    /// Of a metadata event.
    pub(super) name: Option<Scalar<'a>>,
}

/// A value that one tool writes as text and another as a number. Structures are skipped and count as nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Whole(i128),
    Real(f64),
}

impl Scalar<'_> {
    /// As text: numbers in decimal, exact beyond 2⁵³.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Scalar::Nothing => Cow::Borrowed(""),
            Scalar::Text(text) => Cow::Borrowed(text),
            Scalar::Whole(number) => Cow::Owned(number.to_string()),
            Scalar::Real(number) => Cow::Owned(number.to_string()),
        }
    }

    fn number(&self) -> Option<f64> {
        let number = match self {
            Scalar::Nothing => None,
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Whole(number) => Some(*number as f64),
            Scalar::Real(number) => Some(*number),
        };
        number.filter(|n| n.is_finite())
    }
}

impl<'de> Deserialize<'de> for Event<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Event<'de>, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Event<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event<'de>, A::Error> {
        let mut event = Event::default();
        while let Some(key) = map.next_key::<Scalar<'de>>()? {
            match &*key.text() {
                "ph" => event.phase = map.next_value()?,
                "name" => event.name = map.next_value()?,
                "pid" => event.pid = map.next_value()?,
                "tid" => event.tid = map.next_value()?,
                "ts" => event.time = map.next_value::<Scalar<'de>>()?.number(),
                "dur" => event.duration = map.next_value::<Scalar<'de>>()?.number(),
                "args" => event.args = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(event)
    }
}

/// The visits of everything that is not a map, for values whose form no tool agrees on.
macro_rules! scalar_visits {
    ($text:expr, $whole:expr, $real:expr, $nothing:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
        fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
            Ok($text(Cow::Borrowed(v)))
        }
        fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
            Ok($text(Cow::Owned(v.to_owned())))
        }
        fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
            Ok($whole(v.into()))
        }
        fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
            Ok($whole(v.into()))
        }
        fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
            Ok($real(v))
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }
    };
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;
    scalar_visits!(Scalar::Text, Scalar::Whole, Scalar::Real, Scalar::Nothing);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nothing)
    }
}

impl<'de> Deserialize<'de> for Args<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Args<'de>, D::Error> {
        deserializer.deserialize_any(ArgsVisitor)
    }
}

struct ArgsVisitor;

impl<'de> Visitor<'de> for ArgsVisitor {
    type Value = Args<'de>;
    scalar_visits!(
        |_: Cow<'de, str>| Args::default(),
        |_: i128| Args::default(),
        |_: f64| Args::default(),
        Args::default()
    );

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Args<'de>, A::Error> {
        let mut args = Args::default();
        while let Some(key) = map.next_key::<Scalar<'de>>()? {
            match &*key.text() {
                "loop_id" => args.loop_id = Some(map.next_value()?),
                "name" => args.name = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(args)
    }
}
