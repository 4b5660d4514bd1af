//! What is searched for: classes of queries, each with values that vary, and what each must find.

use domain::event::Kind;

use crate::events::{METHODS, Shape, World, plan, route, service, trace, trace_id, unit, user};

/// Newest or oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Newest,
    Oldest,
}

/// A search, and whether an event of the big tenant is among its answers.
pub(crate) struct Query {
    pub(crate) q: String,
    pub(crate) matches: Box<dyn Fn(&Shape) -> bool + Send + Sync>,
    pub(crate) order: Order,
    /// Pages before the one that is measured.
    pub(crate) pages_before: usize,
}

impl Query {
    fn new(q: String, matches: impl Fn(&Shape) -> bool + Send + Sync + 'static) -> Self {
        Self {
            q,
            matches: Box::new(matches),
            order: Order::Newest,
            pages_before: 0,
        }
    }
}

/// Queries of one kind.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&mut Values<'_>) -> Query,
}

pub(crate) const CLASSES: [Class; 16] = [
    Class {
        name: "no filter",
        make: |_| Query::new(String::new(), |_| true),
    },
    Class {
        name: "three common terms",
        make: three_common,
    },
    Class {
        name: "one rare user (about 500 events)",
        make: |values| rare_user(values, 500.0),
    },
    Class {
        name: "one rare user (about 20 events)",
        make: |values| rare_user(values, 20.0),
    },
    Class {
        name: "rare user (500) AND two common",
        make: rare_user_and_two_common,
    },
    Class {
        name: "three medium terms, tiny intersection",
        make: three_medium,
    },
    Class {
        name: "trace id",
        make: one_trace,
    },
    Class {
        name: "OR of two medium and one rare",
        make: two_medium_or_one_rare,
    },
    Class {
        name: "common AND NOT common",
        make: common_and_not_common,
    },
    Class {
        name: "phrase of two words",
        make: phrase,
    },
    Class {
        name: "one rare word",
        make: rare_word,
    },
    Class {
        name: "duration over a bound (0.1 %) AND service",
        make: slow_requests,
    },
    Class {
        name: "status_code:>=500",
        make: |_| {
            Query::new("status_code:>=500".to_owned(), |it| {
                it.kind == Kind::ApiRequest && it.status >= 500
            })
        },
    },
    Class {
        name: "three common terms, second page",
        make: |values| Query {
            pages_before: 1,
            ..three_common(values)
        },
    },
    Class {
        name: "three common terms, oldest first",
        make: |values| Query {
            order: Order::Oldest,
            ..three_common(values)
        },
    },
    Class {
        name: "rare user (500), oldest first",
        make: |values| Query {
            order: Order::Oldest,
            ..rare_user(values, 500.0)
        },
    },
];

/// What the values of queries are drawn from; the same for the same seed.
pub(crate) struct Values<'a> {
    world: &'a World,
    events: f64,
    state: u64,
}

impl<'a> Values<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a number of events")]
    pub(crate) fn new(world: &'a World, events: u64, seed: u64) -> Self {
        Self {
            world,
            events: events as f64,
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }

    fn bits(&mut self) -> u64 {
        // Xorshift, "Xorshift RNGs" by Marsaglia (2003).
        self.state |= 1;
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(((self.bits() >> 32) * u64::from(end)) >> 32).unwrap()
    }

    fn within(&mut self, range: std::ops::Range<u32>) -> u32 {
        range.start + self.below(range.end - range.start)
    }

    /// A user with about so many events.
    fn user(&mut self, events: f64) -> u32 {
        let range = self.world.users.around(events / self.events / 0.85);
        self.within(range)
    }

    /// The first of some events that is as wanted, beginning anywhere.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "any event"
    )]
    fn event(&mut self, wanted: impl Fn(&Shape) -> bool) -> Shape {
        let total = self.world.total;
        let first = (unit(self.bits()) * total as f64) as u64;
        let mut numbers = (first..total)
            .chain(0..first)
            .filter(|number| World::is_big(*number));
        numbers
            .find_map(|number| Some(self.world.shape(number)).filter(&wanted))
            .expect("there are such events")
    }
}

fn three_common(values: &mut Values<'_>) -> Query {
    let (of, method) = (values.below(6), values.below(2));
    let q = format!(
        "service:{} environment:production method:{}",
        service(of),
        METHODS[method as usize]
    );
    Query::new(q, move |it| {
        it.kind == Kind::ApiRequest && it.service == of && it.environment == 0 && it.method == method
    })
}

fn rare_user(values: &mut Values<'_>, events: f64) -> Query {
    let who = values.user(events);
    Query::new(format!("user_id:{}", user(who)), move |it| it.user == Some(who))
}

fn rare_user_and_two_common(values: &mut Values<'_>) -> Query {
    let (who, of) = (values.user(500.0), values.below(3));
    let q = format!(
        "user_id:{} service:{} environment:production",
        user(who),
        service(of)
    );
    Query::new(q, move |it| {
        it.user == Some(who) && it.service == of && it.environment == 0
    })
}

fn three_medium(values: &mut Values<'_>) -> Query {
    let medium = |it: &Shape| {
        it.kind == Kind::ApiRequest
            && (15..60).contains(&it.route)
            && (10..60).contains(&it.plan)
            && it.service >= 8
    };
    let Shape {
        route: at,
        plan: with,
        service: of,
        ..
    } = values.event(medium);
    let q = format!(
        "route:\"{}\" attributes.plan:{} service:{}",
        route(at),
        plan(with),
        service(of)
    );
    Query::new(q, move |it| {
        it.kind == Kind::ApiRequest && it.route == at && it.plan == with && it.service == of
    })
}

fn one_trace(values: &mut Values<'_>) -> Query {
    let of = trace(values.event(|_| true).number);
    Query::new(format!("trace_id:{}", trace_id(of * 3)), move |it| {
        trace(it.number) == of
    })
}

fn two_medium_or_one_rare(values: &mut Values<'_>) -> Query {
    let (at, with, who) = (values.within(15..60), values.within(10..60), values.user(500.0));
    let q = format!(
        "route:\"{}\" OR attributes.plan:{} OR user_id:{}",
        route(at),
        plan(with),
        user(who)
    );
    Query::new(q, move |it| {
        (it.kind == Kind::ApiRequest && it.route == at) || it.plan == with || it.user == Some(who)
    })
}

fn common_and_not_common(values: &mut Values<'_>) -> Query {
    let of = values.below(10);
    Query::new(
        format!("service:{} -environment:production", service(of)),
        move |it| it.service == of && it.environment != 0,
    )
}

fn phrase(values: &mut Values<'_>) -> Query {
    let words = values.event(|it| it.kind == Kind::Error).words;
    let at = values.below(7) as usize;
    let pair = [words[at], words[at + 1]];
    let q = format!("\"{}\"", values.world.text(&pair));
    Query::new(q, move |it| {
        it.kind == Kind::Error && it.words.windows(2).any(|words| words == pair)
    })
}

fn rare_word(values: &mut Values<'_>) -> Query {
    let word = values.within(3_000..5_000);
    let q = values.world.text(&[word]);
    Query::new(q, move |it| it.kind == Kind::Error && it.words.contains(&word))
}

fn slow_requests(values: &mut Values<'_>) -> Query {
    let of = values.below(10);
    // The mean times ln 1000, and a bit of it.
    let bound = 550 + values.below(10);
    let q = format!("duration_ms:>{bound} service:{}", service(of));
    Query::new(q, move |it| {
        it.kind == Kind::ApiRequest && it.duration_ms > f64::from(bound) && it.service == of
    })
}
