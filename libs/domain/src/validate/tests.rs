//! The rules of validation, each at its limit.

use proptest::prelude::*;

use super::*;

const NOW: Millis = Millis::from_ms(1_700_000_000_000);
const HOUR_MS: i64 = 60 * 60 * 1000;

struct Case {
    sent_at: Option<Millis>,
    key: Option<&'static str>,
    future: FuturePolicy,
}

const PLAIN: Case = Case {
    sent_at: None,
    key: None,
    future: FuturePolicy::Clamp,
};

fn check(draft: Draft, case: &Case) -> Result<Valid, Vec<Fault>> {
    check_with(draft, case, [9; 10])
}

fn check_with(draft: Draft, case: &Case, random: [u8; 10]) -> Result<Valid, Vec<Fault>> {
    let tenant = TenantId::parse("demo").unwrap();
    let limits = Limits::default();
    let receipt = Receipt {
        tenant: &tenant,
        received_at: NOW,
        sent_at: case.sent_at,
        idempotency_key: case.key,
        future: case.future,
        limits: &limits,
    };
    validate(draft, 3, &receipt, random)
}

fn generic() -> Draft {
    Draft {
        kind: Some(Kind::Generic),
        name: Some("started".into()),
        ..Draft::default()
    }
}

fn request() -> Draft {
    Draft {
        kind: Some(Kind::ApiRequest),
        method: Some("GET".into()),
        path: Some("/".into()),
        status_code: Some(200),
        duration_ms: Some(0.0),
        ..Draft::default()
    }
}

fn error() -> Draft {
    Draft {
        kind: Some(Kind::Error),
        error_type: Some("Timeout".into()),
        message: Some("too slow".into()),
        ..Draft::default()
    }
}

fn action() -> Draft {
    Draft {
        kind: Some(Kind::UserAction),
        action: Some("pay".into()),
        user_id: Some("u".into()),
        ..Draft::default()
    }
}

fn faults(draft: Draft) -> Vec<(Code, String)> {
    let faults = check(draft, &PLAIN).map(|valid| valid.event).unwrap_err();
    faults
        .into_iter()
        .map(|fault| (fault.code, fault.field.into_owned()))
        .collect()
}

fn id_at(time: Millis) -> EventId {
    EventId::made(time, [5; 10])
}

fn at(time: Millis) -> Draft {
    Draft {
        timestamp: Some(time),
        ..generic()
    }
}

fn with_id(time: Millis) -> Draft {
    Draft {
        id: Some(id_at(time).to_string()),
        ..generic()
    }
}

#[test]
fn each_kind_passes_with_what_it_requires_and_its_default_severity() {
    for (draft, kind, severity) in [
        (request(), Kind::ApiRequest, Severity::Info),
        (error(), Kind::Error, Severity::Error),
        (action(), Kind::UserAction, Severity::Info),
        (generic(), Kind::Generic, Severity::Info),
    ] {
        let event = check(draft, &PLAIN).unwrap().event;
        assert_eq!(
            (event.kind(), event.severity, event.priority),
            (kind, severity, Priority::Standard)
        );
    }
}

#[test]
fn everything_that_is_missing_is_named() {
    assert_eq!(faults(Draft::default()), [(Code::Missing, "kind".into())]);
    let bare = |kind| Draft {
        kind: Some(kind),
        ..Draft::default()
    };
    let missing = |fields: &[&str]| {
        fields
            .iter()
            .map(|f| (Code::Missing, (*f).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        faults(bare(Kind::ApiRequest)),
        missing(&["method", "path", "status_code", "duration_ms"])
    );
    assert_eq!(faults(bare(Kind::Error)), missing(&["error_type", "message"]));
    assert_eq!(faults(bare(Kind::UserAction)), missing(&["user_id", "action"]));
    assert_eq!(faults(bare(Kind::Generic)), missing(&["name"]));
    assert_eq!(
        faults(Draft {
            name: Some(String::new()),
            ..generic()
        }),
        missing(&["name"])
    );
}

#[test]
fn a_field_of_another_kind_is_refused() {
    let draft = Draft {
        path: Some("/".into()),
        handled: Some(true),
        ..generic()
    };
    assert_eq!(
        faults(draft),
        [
            (Code::UnknownField, "path".into()),
            (Code::UnknownField, "handled".into())
        ]
    );
}

#[test]
fn a_text_passes_at_its_limit_and_not_beyond() {
    type Text = (&'static str, usize, fn() -> Draft, fn(&mut Draft, String));
    let cases: [Text; 25] = [
        ("service", 128, generic, |draft, text| draft.service = Some(text)),
        ("environment", 128, generic, |draft, text| {
            draft.environment = Some(text);
        }),
        ("release", 128, generic, |draft, text| draft.release = Some(text)),
        ("user_id", 128, generic, |draft, text| draft.user_id = Some(text)),
        ("session_id", 128, generic, |draft, text| {
            draft.session_id = Some(text);
        }),
        ("trace_id", 128, generic, |draft, text| {
            draft.trace_id = Some(text);
        }),
        ("span_id", 128, generic, |draft, text| draft.span_id = Some(text)),
        ("external_id", 128, generic, |draft, text| {
            draft.external_id = Some(text);
        }),
        ("name", 128, generic, |draft, text| draft.name = Some(text)),
        ("method", 128, request, |draft, text| draft.method = Some(text)),
        ("path", 2048, request, |draft, text| draft.path = Some(text)),
        ("route", 2048, request, |draft, text| draft.route = Some(text)),
        ("query", 2048, request, |draft, text| draft.query = Some(text)),
        ("user_agent", 512, request, |draft, text| {
            draft.user_agent = Some(text);
        }),
        ("error_type", 128, error, |draft, text| {
            draft.error_type = Some(text);
        }),
        ("message", 8192, error, |draft, text| draft.message = Some(text)),
        ("stack_trace", 65536, error, |draft, text| {
            draft.stack_trace = Some(text);
        }),
        ("fingerprint", 128, error, |draft, text| {
            draft.fingerprint = Some(text);
        }),
        ("user_agent", 512, error, |draft, text| {
            draft.user_agent = Some(text);
        }),
        ("action", 128, action, |draft, text| draft.action = Some(text)),
        ("target", 128, action, |draft, text| draft.target = Some(text)),
        ("url", 2048, action, |draft, text| draft.url = Some(text)),
        ("user_agent", 512, action, |draft, text| {
            draft.user_agent = Some(text);
        }),
        ("user_id", 128, action, |draft, text| draft.user_id = Some(text)),
        ("service", 128, error, |draft, text| draft.service = Some(text)),
    ];
    for (field, max, draft, set) in cases {
        let with = |text: String| {
            let mut draft = draft();
            set(&mut draft, text);
            draft
        };
        assert!(check(with("x".repeat(max)), &PLAIN).is_ok(), "{field}");
        let found = check(with("x".repeat(max + 1)), &PLAIN).unwrap_err();
        let message = format!("{field} has {} bytes, at most {max} are allowed", max + 1);
        assert_eq!(found, [Fault::new(Code::TooLong, field, message)]);
        assert_eq!(
            faults(with("a\0b".into())),
            [(Code::NulCharacter, field.to_owned())]
        );
    }
}

#[test]
fn numbers_have_bounds() {
    let status = |code| Draft {
        status_code: Some(code),
        ..request()
    };
    let duration = |ms| Draft {
        duration_ms: Some(ms),
        ..request()
    };
    for code in [100, 599] {
        assert!(check(status(code), &PLAIN).is_ok());
    }
    for code in [99, 600, -1, i64::MAX] {
        assert_eq!(faults(status(code)), [(Code::OutOfRange, "status_code".into())]);
    }
    for ms in [-0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(faults(duration(ms)), [(Code::OutOfRange, "duration_ms".into())]);
    }
}

#[test]
fn an_address_must_be_one() {
    let with = |ip: &str| Draft {
        client_ip: Some(ip.into()),
        ..request()
    };
    assert!(check(with("203.0.113.7"), &PLAIN).is_ok());
    assert!(check(with("2001:db8::1"), &PLAIN).is_ok());
    assert_eq!(
        faults(with("localhost")),
        [(Code::InvalidValue, "client_ip".into())]
    );
}

#[test]
fn a_fault_of_reading_is_not_said_twice() {
    let mut draft = request();
    draft.status_code = None;
    draft
        .faults
        .push(Fault::new(Code::WrongType, "status_code", "is a string"));
    assert_eq!(faults(draft), [(Code::WrongType, "status_code".into())]);
    let unreadable = Draft::unreadable(Fault::new(Code::InvalidJson, "", "broken"));
    assert_eq!(faults(unreadable), [(Code::InvalidJson, String::new())]);
}

#[test]
fn a_given_id_is_the_identity_and_the_time() {
    let valid = check(with_id(NOW.minus_ms(HOUR_MS)), &PLAIN).unwrap();
    assert_eq!(
        (valid.event.id, valid.made_id),
        (id_at(NOW.minus_ms(HOUR_MS)), false)
    );
    assert_eq!(valid.event.time(), NOW.minus_ms(HOUR_MS));
}

#[test]
fn an_id_that_is_no_uuid_of_version_7_is_sent_to_external_id() {
    let found = check(
        Draft {
            id: Some("order-17".into()),
            ..generic()
        },
        &PLAIN,
    )
    .unwrap_err();
    assert_eq!(found[0].code, Code::InvalidId);
    assert!(found[0].message.contains("external_id"));
}

#[test]
fn a_timestamp_may_be_a_minute_from_the_time_of_the_id() {
    let with = |ms| Draft {
        timestamp: Some(NOW.plus_ms(ms)),
        ..with_id(NOW)
    };
    for ms in [60_000, -60_000, 0] {
        assert!(check(with(ms), &PLAIN).is_ok(), "{ms}");
    }
    for ms in [60_001, -60_001] {
        assert_eq!(faults(with(ms)), [(Code::IdTimeMismatch, "timestamp".into())]);
    }
}

#[test]
fn an_event_may_be_seven_days_old() {
    let oldest = NOW.minus_ms(7 * 24 * HOUR_MS);
    for draft in [at(oldest), with_id(oldest)] {
        assert!(check(draft, &PLAIN).is_ok());
    }
    assert_eq!(
        faults(at(oldest.minus_ms(1))),
        [(Code::TooOld, "timestamp".into())]
    );
    assert_eq!(faults(with_id(oldest.minus_ms(1))), [(Code::TooOld, "id".into())]);
    assert_eq!(
        faults(at(Millis::from_ms(-1))),
        [(Code::TooOld, "timestamp".into())]
    );
}

#[test]
fn a_time_more_than_five_minutes_ahead_is_clamped_with_a_warning() {
    let latest = NOW.plus_ms(5 * 60 * 1000);
    let valid = check(at(latest), &PLAIN).unwrap();
    assert_eq!((valid.event.time(), valid.warnings.len()), (latest, 0));

    let valid = check(at(latest.plus_ms(1)), &PLAIN).unwrap();
    assert_eq!(
        (valid.event.time(), valid.warnings[0].code),
        (NOW, Code::TimeClamped)
    );

    let valid = check(with_id(latest.plus_ms(1)), &PLAIN).unwrap();
    assert_eq!(
        (valid.event.time(), valid.warnings[0].code, valid.made_id),
        (NOW, Code::TimeClamped, true)
    );
    assert_eq!(
        valid.event.external_id,
        Some(id_at(latest.plus_ms(1)).to_string())
    );
}

#[test]
fn a_future_id_beside_an_external_id_is_refused() {
    let draft = Draft {
        external_id: Some("mine".into()),
        ..with_id(NOW.plus_ms(HOUR_MS))
    };
    assert_eq!(faults(draft), [(Code::InFuture, "id".into())]);
}

#[test]
fn a_future_time_is_refused_where_the_tenant_prefers_or_a_repeat_must_make_the_same_id() {
    let refuse = Case {
        future: FuturePolicy::Refuse,
        ..PLAIN
    };
    let keyed = Case {
        key: Some("k"),
        ..PLAIN
    };
    for case in [refuse, keyed] {
        for draft in [at(NOW.plus_ms(HOUR_MS)), with_id(NOW.plus_ms(HOUR_MS))] {
            assert_eq!(check(draft, &case).unwrap_err()[0].code, Code::InFuture);
        }
    }
}

#[test]
fn sent_at_corrects_a_clock_that_is_off_and_leaves_a_slow_network_alone() {
    let time_with = |sent_at, key| {
        let case = Case {
            sent_at: Some(sent_at),
            key,
            ..PLAIN
        };
        check(at(NOW.minus_ms(10)), &case).unwrap().event.time()
    };
    assert_eq!(
        time_with(NOW.minus_ms(HOUR_MS), None),
        NOW.minus_ms(10).plus_ms(HOUR_MS).min(NOW)
    );
    assert_eq!(time_with(NOW.minus_ms(60_000), None), NOW.minus_ms(10));
    assert_eq!(
        time_with(NOW.plus_ms(HOUR_MS), None),
        NOW.minus_ms(10).minus_ms(HOUR_MS)
    );
    // The id must be the same when the request is repeated later.
    assert_eq!(time_with(NOW.minus_ms(HOUR_MS), Some("k")), NOW.minus_ms(10));
}

#[test]
fn with_an_idempotency_key_a_repeat_makes_the_same_id() {
    let keyed = Case {
        key: Some("k"),
        ..PLAIN
    };
    let id = |draft, random| check_with(draft, &keyed, random).unwrap().event.id;
    assert_eq!(id(at(NOW), [1; 10]), id(at(NOW), [2; 10]));
    assert_ne!(id(at(NOW), [1; 10]), id(at(NOW.minus_ms(1)), [1; 10]));

    let valid = check_with(generic(), &keyed, [1; 10]).unwrap();
    assert_eq!(valid.warnings[0].code, Code::NotIdempotent);
}

#[test]
fn without_an_id_and_a_time_the_receipt_is_the_time() {
    let valid = check(generic(), &PLAIN).unwrap();
    assert_eq!(
        (valid.event.time(), valid.made_id, valid.warnings.len()),
        (NOW, true, 0)
    );
}

proptest! {
    #[test]
    fn a_valid_event_is_within_age_and_future_and_an_invalid_one_has_faults(
        time in prop::option::of(-HOUR_MS * 200..HOUR_MS * 200),
        id in prop::option::of(-HOUR_MS * 200..HOUR_MS * 200),
        sent_at in prop::option::of(-HOUR_MS * 200..HOUR_MS * 200),
        keyed: bool,
        refuse: bool,
    ) {
        let draft = Draft {
            timestamp: time.map(|ms| NOW.plus_ms(ms)),
            id: id.map(|ms| id_at(NOW.plus_ms(ms)).to_string()),
            ..generic()
        };
        let case = Case {
            sent_at: sent_at.map(|ms| NOW.plus_ms(ms)),
            key: keyed.then_some("k"),
            future: if refuse { FuturePolicy::Refuse } else { FuturePolicy::Clamp },
        };
        let limits = Limits::default();
        match check(draft, &case) {
            Ok(valid) => {
                let age_ms = NOW.since(valid.event.time());
                prop_assert!(age_ms <= limits.max_age_ms && age_ms >= -limits.max_future_ms);
                prop_assert!(valid.made_id || id.is_some());
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}
