//! Events as a case describes them.

use domain::event::{Event, Kind, Priority, Severity};
use domain::id::EventId;
use domain::record::Enriched;
use domain::retention::Class;
use domain::tenant::TenantId;
use domain::time::Millis;
use proptest::prelude::*;
use proptest::sample::select;

use crate::values;

pub(crate) const MINUTE_MS: i64 = 60 * 1000;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// The begin of a period of the manifest, of a week of units, a day and an hour: everything happens around it.
pub(crate) const BASE: Millis = Millis::from_ms(615 * 32 * DAY_MS);

/// Tenants of a case.
pub(crate) const TENANTS: usize = 2;

/// An event whose id and times depend on when it is appended.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) tenant: usize,
    when: When,
    life: Life,
    random: u8,
    what: What,
}

/// What a reprocessed event may have another one of.
#[derive(Clone, Debug)]
pub(crate) struct What {
    class: Class,
    names: [u8; 5],
    severity: u8,
    kind: u8,
    body: [u8; 2],
    context: u8,
}

/// When it happened.
#[derive(Clone, Copy, Debug)]
enum When {
    /// This long before it is appended.
    Ago(i64),
    /// Near the begin of an hour, so many before the hour it is appended in.
    NearHour(i64, i64),
    /// Near [`BASE`], where an event can be as old.
    NearBase(i64),
}

/// How long it is kept.
#[derive(Clone, Copy, Debug)]
enum Life {
    Class,
    /// It has expired before it is appended.
    Over,
    /// This long from when it is appended on.
    Short(i64),
}

impl Spec {
    /// An event of so long ago.
    pub(crate) fn ago(tenant: usize, ms: i64) -> Self {
        Self {
            tenant,
            when: When::Ago(ms),
            life: Life::Class,
            random: 0,
            what: What::PLAIN,
        }
    }
}

impl What {
    const PLAIN: Self = Self {
        class: Class::Days30,
        names: [0; 5],
        severity: 0,
        kind: 3,
        body: [0; 2],
        context: 0,
    };

    /// As a plain one, of the service with this number.
    pub(crate) const fn of_service(number: u8, class: Class) -> Self {
        Self {
            class,
            names: [number, 0, 0, 0, 0],
            ..Self::PLAIN
        }
    }
}

impl Spec {
    /// The event, appended at `now`. Numbers tell events of one time apart.
    pub(crate) fn event(&self, tenant: &TenantId, number: u32, now: Millis) -> Enriched {
        let time = self.when.time(now);
        let mut random = [self.random; 10];
        random[6..].copy_from_slice(&number.to_be_bytes());
        let event = self.what.event(EventId::made(time, random));
        Enriched {
            tenant: tenant.clone(),
            received_at: now,
            event,
            context: values::context(self.what.context),
            class: self.what.class,
            expires_at: match self.life {
                Life::Class => self.what.class.expires_at(time, now),
                Life::Over => now,
                Life::Short(ms) => now.plus_ms(ms),
            },
            revision: 0,
        }
    }
}

impl What {
    fn event(&self, id: EventId) -> Event {
        let names = values::names(self.names);
        let body = values::body(self.kind, self.body);
        Event {
            id,
            service: names.service,
            environment: names.environment,
            release: None,
            // An action has a user.
            user_id: names
                .user_id
                .or_else(|| (body.kind() == Kind::UserAction).then(|| "u1".to_owned())),
            session_id: None,
            trace_id: names.trace_id,
            span_id: None,
            severity: Severity::ALL[usize::from(self.severity) % Severity::ALL.len()],
            external_id: None,
            priority: Priority::Standard,
            attributes: names.attributes,
            body,
        }
    }

    /// The next revision of an event. It is kept for at least as long as any that a case has.
    pub(crate) fn revise(&self, last: &Enriched, now: Millis) -> Enriched {
        let class = self.class.max(Class::Days30);
        Enriched {
            event: self.event(last.event.id),
            context: values::context(self.context),
            received_at: now,
            class,
            expires_at: class.expires_at(last.event.id.time(), now),
            revision: last.revision + 1,
            ..last.clone()
        }
    }
}

impl When {
    fn time(self, now: Millis) -> Millis {
        match self {
            Self::Ago(ms) => now.minus_ms(ms),
            Self::NearHour(hours, delta) => {
                let hour = now.as_ms().div_euclid(HOUR_MS) - hours;
                Millis::from_ms(hour * HOUR_MS + delta)
            }
            Self::NearBase(delta) => {
                let age = now.since(BASE);
                let is_possible = (-4 * MINUTE_MS..7 * DAY_MS).contains(&age);
                if is_possible { BASE.plus_ms(delta) } else { now }
            }
        }
    }
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        6 => (0..3_i64).prop_map(When::Ago),
        3 => (0..3 * MINUTE_MS).prop_map(When::Ago),
        1 => (-5 * MINUTE_MS..0).prop_map(When::Ago),
        2 => (1..6_i64, 0..3_i64).prop_map(|(hours, ms)| When::Ago(hours * HOUR_MS + ms)),
        1 => (1..7_i64, 0..3_i64).prop_map(|(days, ms)| When::Ago(days * DAY_MS - ms)),
        2 => (0..3_i64, -2..2_i64).prop_map(|(hours, delta)| When::NearHour(hours, delta)),
        2 => (-2..2_i64).prop_map(When::NearBase),
    ]
}

pub(crate) fn what() -> impl Strategy<Value = What> {
    let class = prop_oneof![5 => Just(Class::Days30), 2 => select(Class::ALL.to_vec())];
    let picks = (
        any::<[u8; 5]>(),
        any::<u8>(),
        any::<u8>(),
        any::<[u8; 2]>(),
        any::<u8>(),
    );
    (class, picks).prop_map(|(class, (names, severity, kind, body, context))| What {
        class,
        names,
        severity,
        kind,
        body,
        context,
    })
}

pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let life = prop_oneof![
        20 => Just(Life::Class),
        1 => Just(Life::Over),
        1 => (1..4_i64).prop_map(|hours| Life::Short(hours * HOUR_MS)),
    ];
    let tenant = prop_oneof![3 => Just(0), 1 => Just(1_usize)];
    (tenant, when(), life, 0..3_u8, what()).prop_map(|(tenant, when, life, random, what)| Spec {
        tenant,
        when,
        life,
        random,
        what,
    })
}
