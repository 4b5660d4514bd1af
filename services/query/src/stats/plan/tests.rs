//! Plans: that they cover their range exactly once, and what is refused.

use proptest::prelude::*;

use super::*;

/// 2023-11-14T22:13:20Z.
const NOW: Millis = Millis::from_ms(1_700_000_000_000);

fn ago(ms: i64) -> String {
    NOW.minus_ms(ms).to_string()
}

fn of_range(from: &str, to: &str) -> Plan {
    Plan::of_range(Some(from), Some(to), NOW).unwrap()
}

fn of_points(from: &str, step: &str) -> Result<(Plan, Points), ApiError> {
    let step = (!step.is_empty()).then(|| Step::parse(step).unwrap());
    Plan::of_points(Some(from), Some("now"), step, NOW)
}

fn said(range: TimeRange) -> [String; 2] {
    [range.from, range.to].map(|time| time.to_string())
}

/// The times that a span covers.
fn covers(span: &Span) -> TimeRange {
    let [first, last] = [span.numbers.start, span.numbers.end - 1].map(|number| Window {
        grain: span.grain,
        number,
    });
    TimeRange {
        from: first.begin(),
        to: last.end(),
    }
}

/// Asserts that spans cover a range without gap and overlap, and that no row of them is gone or not settled.
fn assert_covered(plan: &Plan, asked: TimeRange) {
    assert!(
        plan.range.from <= asked.from && plan.range.to >= asked.to,
        "{plan:?} for {asked:?}"
    );
    let mut at = plan.range.from;
    for span in &plan.spans {
        let covered = covers(span);
        assert_eq!(covered.from, at, "{plan:?}");
        assert!(covered.to > covered.from);
        let first = Window {
            grain: span.grain,
            number: span.numbers.start,
        };
        assert!(first.expires_at() > NOW, "{plan:?}");
        assert!(
            span.grain == Grain::Minute || covered.to.plus_ms(SETTLED_MS) <= NOW,
            "{plan:?}"
        );
        at = covered.to;
    }
    let latest = NOW.plus_ms(max_future_ms());
    assert!(
        at == plan.range.to || at > latest || plan.range.from > latest,
        "{plan:?}"
    );
}

proptest! {
    #[test]
    fn a_range_is_covered_exactly_once(
        age in prop_oneof![-HOUR_MS..4 * HOUR_MS, 14 * DAY_MS..16 * DAY_MS, 0..400 * DAY_MS],
        length in prop_oneof![1..4 * HOUR_MS, 1..400 * DAY_MS],
    ) {
        let asked = TimeRange { from: NOW.minus_ms(age), to: NOW.minus_ms(age).plus_ms(length) };
        let plan = Plan::of_range(Some(&ago(age)), Some(&ago(age - length)), NOW).unwrap();
        assert_covered(&plan, asked);
        // An answer is for no more than was asked, but for a minute, or an hour where there are no minutes.
        let unit = if age >= 15 * DAY_MS { HOUR_MS } else { MINUTE_MS };
        prop_assert!(asked.from.since(plan.range.from) < unit && plan.range.to.since(asked.to) < unit);
        prop_assert!(plan.spans.len() <= 3);
    }

    #[test]
    fn each_window_of_a_series_is_in_the_point_that_has_its_times(
        age in prop_oneof![0..4 * HOUR_MS, 14 * DAY_MS..16 * DAY_MS, 0..400 * DAY_MS],
        length in prop_oneof![1..4 * HOUR_MS, 1..400 * DAY_MS],
        step in prop::option::of(prop::sample::select(&Step::ALL[..])),
    ) {
        let asked = TimeRange { from: NOW.minus_ms(age), to: NOW.minus_ms(age).plus_ms(length) };
        let made = Plan::of_points(Some(&ago(age)), Some(&ago(age - length)), step, NOW);
        let Ok((plan, points)) = made else {
            prop_assert!(step.is_some(), "some step is always possible");
            return Ok(());
        };
        assert_covered(&plan, asked);
        let most = if step.is_some() { 1_500 } else { 120 };
        prop_assert!(points.count <= most);
        let begins: Vec<_> = points.begins().collect();
        prop_assert_eq!(begins.len(), points.count);
        for span in &plan.spans {
            for number in [span.numbers.start, span.numbers.start.midpoint(span.numbers.end - 1), span.numbers.end - 1] {
                let window = Window { grain: span.grain, number };
                let begin = begins[points.of(window)];
                prop_assert!(begin <= window.begin() && window.end() <= begin.plus_ms(points.step.ms()));
            }
        }
    }
}

#[test]
fn settled_hours_are_read_whole_and_the_rest_by_minutes() {
    let plan = of_range("2023-11-14T05:10:30Z", "now");
    assert_eq!(
        said(plan.range),
        ["2023-11-14T05:10:00.000Z", "2023-11-14T22:14:00.000Z"]
    );
    let spans: Vec<_> = plan
        .spans
        .iter()
        .map(|span| (span.grain, said(covers(span))))
        .collect();
    let [a, b, c, d] = ["05:10", "06:00", "20:00", "22:14"].map(|time| format!("2023-11-14T{time}:00.000Z"));
    assert_eq!(
        spans,
        [
            (Grain::Minute, [a, b.clone()]),
            (Grain::Hour, [b, c.clone()]),
            (Grain::Minute, [c, d]),
        ]
    );
}

#[test]
fn a_range_is_aligned_to_hours_where_minutes_are_gone() {
    let plan = of_range("2023-10-01T05:10:30Z", "2023-10-01T05:20:30Z");
    assert_eq!(
        said(plan.range),
        ["2023-10-01T05:00:00.000Z", "2023-10-01T06:00:00.000Z"]
    );
    assert_eq!(plan.spans.len(), 1);
    assert!(plan.has_hours());
}

#[test]
fn a_range_is_aligned_to_minutes_where_the_first_of_them_are_left() {
    let plan = of_range("2023-10-30T22:30:30Z", "2023-10-30T22:40:30Z");
    let expected = ["2023-10-30T22:30:00.000Z", "2023-10-30T22:41:00.000Z"];
    assert_eq!(
        (said(plan.range), plan.has_hours()),
        (expected.map(String::from), false)
    );
}

#[test]
fn a_range_without_end_is_read_as_far_as_there_can_be_events() {
    let plan = of_range("now-1m", "9000-01-01T00:00:00Z");
    assert_eq!(plan.range.to.to_string(), "9000-01-01T00:00:00.000Z");
    assert!(covers(&plan.spans[0]).to < NOW.plus_ms(DAY_MS));
    assert_eq!(of_range("8000-01-01T00:00:00Z", "9000-01-01T00:00:00Z").spans, []);
}

#[test]
fn the_usual_step_makes_few_points() {
    for (from, step, count) in [
        ("now-1m", "1m", 2),
        ("now-1h", "1m", 61),
        ("now-6h", "5m", 73),
        ("now-24h", "15m", 97),
        ("now-7d", "2h", 85),
        ("now-16d", "4h", 97),
        ("now-400d", "7d", 58),
    ] {
        let (_, points) = of_points(from, "").unwrap();
        assert_eq!((points.step.as_str(), points.count), (step, count), "{from}");
    }
    let (_, points) =
        Plan::of_points(Some(&ago(20 * DAY_MS)), Some(&ago(20 * DAY_MS - 1)), None, NOW).unwrap();
    assert_eq!(points.step.as_str(), "1h");
}

#[test]
fn points_of_hours_are_made_of_whole_hours_and_of_fresh_minutes() {
    let (plan, points) = of_points("now-2d", "1d").unwrap();
    let begins: Vec<_> = points.begins().map(|begin| begin.to_string()).collect();
    assert_eq!(
        begins,
        [
            "2023-11-12T00:00:00.000Z",
            "2023-11-13T00:00:00.000Z",
            "2023-11-14T00:00:00.000Z"
        ]
    );
    assert_eq!(
        said(plan.range),
        ["2023-11-12T00:00:00.000Z", "2023-11-15T00:00:00.000Z"]
    );
    let grains: Vec<_> = plan.spans.iter().map(|span| span.grain).collect();
    assert_eq!(grains, [Grain::Hour, Grain::Minute]);
}

#[test]
fn the_first_point_begins_where_rows_are_left() {
    let (plan, points) = of_points("now-400d", "7d").unwrap();
    assert_eq!(
        points.begins().next().unwrap().to_string(),
        "2022-10-10T00:00:00.000Z"
    );
    assert_eq!(plan.range.from.to_string(), "2022-10-10T22:00:00.000Z");
}

#[test]
fn what_can_not_be_answered_says_the_limit_and_the_remedy() {
    for (from, step, field, text) in [
        (
            "now-10d",
            "1m",
            "step",
            "step 1m over 10 days is 14401 points, at most 1500 are allowed; use step=10m or longer",
        ),
        (
            "now-30d",
            "1m",
            "step",
            "step 1m over 30 days is 43201 points, at most 1500 are allowed; use step=1h or longer",
        ),
        (
            "now-16d",
            "30m",
            "step",
            "minutes are kept for 15 days; use step=1h or longer, or a later from",
        ),
        (
            "now-401d",
            "1d",
            "from",
            "from is older than 400 days, the longest that statistics are kept; use from=now-400d or later",
        ),
        (
            "now",
            "1m",
            "from",
            "from, 2023-11-14T22:13:20.000Z, is not before to, 2023-11-14T22:13:20.000Z",
        ),
    ] {
        let error = of_points(from, step).unwrap_err();
        assert_eq!(
            (error.errors[0].field.as_ref(), error.detail.as_str()),
            (field, text)
        );
    }
    let error = Plan::of_points(Some("now"), Some("9000-01-01T00:00:00Z"), None, NOW).unwrap_err();
    assert!(error.detail.ends_with("narrow the range"), "{error}");
}
