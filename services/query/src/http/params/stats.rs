//! Parameters of statistics.

use domain::fault::Code;
use domain::rollup::{Dimension, Rollup};
use edge::{ApiError, ErrorCode};

use super::{Pairs, Parameter, limit, shown, unknown_parameter};
use crate::fault;
use crate::stats::asked::{Asked, AskedSeries, AskedTop, MAX_SERIES, MAX_TOP, Ranking};
use crate::stats::step::Step;
use crate::stats::summary;

const FROM: Parameter = (
    "from",
    "Begin of the range, included: RFC 3339, or relative such as `now-15m` (units s, m, h, d, w); at most 400 days ago. \
     The default is 24 hours before `to`. It is aligned down to the minute; to the hour where it is older than 15 days, \
     for which minutes are kept; to the step where there is one.",
    "now-24h",
);
const TO: Parameter = (
    "to",
    "End of the range, not included, aligned up likewise. The default is now.",
    "2026-01-31T09:00:00Z",
);
const AFTER: Parameter = (
    "after",
    "Token of an ingest: wait until the counts of the range have that write.",
    "q83v...",
);
const OF_SERIES: Parameter = (
    "of",
    "What is counted: `events` (the default), `requests`, `errors`, `actions`, or `users`, the events that name one.",
    "requests",
);
const BY: Parameter = (
    "by",
    "Dimensions, with commas between them, by which there is a series each. Without it there is one series.",
    "service,status_class",
);
const STEP: Parameter = (
    "step",
    "How long a point is: `1m`, `2m`, `5m`, `10m`, `15m`, `30m`, `1h`, `2h`, `3h`, `4h`, `6h`, `12h`, `1d` or `7d`, which \
     begins on Monday. At most 1,500 points. The default is the shortest with about 120.",
    "5m",
);
const SERIES_LIMIT: Parameter = (
    "limit",
    "Series, the greatest first, 1 to 50; all others are one more, whose `group` is null. The default is 10.",
    "10",
);
const OF_TOP: Parameter = (
    "of",
    "Which groups: `routes` (requests by service, method and route), `services` (requests by service), `errors` (by service, \
     type and fingerprint), `actions` (by action) or `users` (events by user).",
    "routes",
);
const TOP_LIMIT: Parameter = (
    "limit",
    "Groups, the greatest first, 1 to 100. The default is 10.",
    "10",
);

/// The parameters of `GET /ingestion/stats`, without dimensions.
pub(crate) const OF_OVERVIEW: [Parameter; 3] = [FROM, TO, AFTER];
/// Those of `GET /analytics/timeseries`.
pub(crate) const OF_TIMESERIES: [Parameter; 7] = [OF_SERIES, BY, FROM, TO, STEP, SERIES_LIMIT, AFTER];
/// Those of `GET /analytics/top`.
pub(crate) const OF_GREATEST: [Parameter; 5] = [OF_TOP, FROM, TO, TOP_LIMIT, AFTER];

/// What `GET /ingestion/stats` asks for.
pub(crate) fn overview(pairs: Pairs) -> Result<Asked, ApiError> {
    let own: Vec<_> = Rollup::Events
        .dimensions()
        .iter()
        .map(|dimension| dimension.as_str())
        .collect();
    Read::new(pairs, &OF_OVERVIEW, &own).map(|read| read.common)
}

/// What `GET /analytics/summary` asks for.
pub(crate) fn summary(pairs: Pairs) -> Result<Asked, ApiError> {
    Read::new(pairs, &OF_OVERVIEW, &summary::FILTERS).map(|read| read.common)
}

/// What `GET /analytics/timeseries` asks for.
pub(crate) fn timeseries(pairs: Pairs) -> Result<AskedSeries, ApiError> {
    let read = Read::new(pairs, &OF_TIMESERIES, &dimensions())?;
    let of = match read.own("of") {
        None => Rollup::Events,
        Some(name) => {
            let found = Rollup::ALL.into_iter().find(|rollup| rollup.as_str() == name);
            found.ok_or_else(|| none_of("of", name, &Rollup::ALL.map(Rollup::as_str)))?
        }
    };
    let by = read.own("by").map(|names| names.split(',').map(str::trim));
    let step = read
        .own("step")
        .map(|name| Step::parse(name).ok_or_else(|| none_of("step", name, &Step::ALL.map(Step::as_str))));
    Ok(AskedSeries {
        of,
        by: by
            .into_iter()
            .flatten()
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        step: step.transpose()?,
        limit: read
            .own("limit")
            .map(|text| limit(text, MAX_SERIES))
            .transpose()?,
        common: read.common,
    })
}

/// What `GET /analytics/top` asks for.
pub(crate) fn top(pairs: Pairs) -> Result<AskedTop, ApiError> {
    let read = Read::new(pairs, &OF_GREATEST, &dimensions())?;
    let names = Ranking::ALL.map(Ranking::as_str);
    let name = read.own("of").ok_or_else(|| {
        let message = format!("of is missing, one of {} is wanted", names.join(", "));
        fault::of_field(ErrorCode::InvalidRequest, Code::Missing, "of".into(), message)
    })?;
    Ok(AskedTop {
        of: Ranking::parse(name).ok_or_else(|| none_of("of", name, &names))?,
        limit: read.own("limit").map(|text| limit(text, MAX_TOP)).transpose()?,
        common: read.common,
    })
}

/// All that some rollup is counted by. Which one has them is known when all parameters are.
fn dimensions() -> Vec<&'static str> {
    Dimension::ALL
        .iter()
        .map(|dimension| dimension.as_str())
        .collect()
}

/// Parameters by what they are for.
struct Read {
    common: Asked,
    /// Those that only this request has.
    own: Vec<(String, String)>,
}

impl Read {
    fn new(pairs: Pairs, parameters: &[Parameter], filters: &[&'static str]) -> Result<Self, ApiError> {
        let mut read = Self {
            common: Asked::default(),
            own: Vec::new(),
        };
        for (name, value) in pairs.0 {
            match name.as_str() {
                "from" => read.common.from = Some(value),
                "to" => read.common.to = Some(value),
                "after" => read.common.after = Some(value),
                own if parameters.iter().any(|(name, ..)| *name == own) => read.own.push((name, value)),
                filter if filters.contains(&filter) => read.common.filters.push((name, value)),
                unknown => {
                    let names = parameters.iter().map(|(name, ..)| *name);
                    let known: Vec<_> = names.chain(filters.iter().copied()).collect();
                    return Err(unknown_parameter(unknown, &known));
                }
            }
        }
        Ok(read)
    }

    fn own(&self, wanted: &str) -> Option<&str> {
        let found = self.own.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    }
}

fn none_of(field: &'static str, found: &str, names: &[&str]) -> ApiError {
    let message = format!(
        "{field} is {:?}, one of {} is wanted",
        shown(found),
        names.join(", ")
    );
    fault::of_value(ErrorCode::InvalidRequest, field, message)
}
