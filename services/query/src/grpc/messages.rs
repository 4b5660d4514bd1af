//! Requests and answers as the messages of `sluice.v1.Query`.

use domain::cursor::Order;
use domain::filter::Filter;
use domain::record::Enriched;
use edge::{ApiError, ErrorCode};
use prost::Message;
use proto::record::{enriched_message, timestamp};
use proto::v1::{
    self, EnrichedEvent, Explanation, OpenedUnit, SearchRequest, SearchResponse, StatsRequest, StatsResponse,
};

use crate::fault;
use crate::http::{add_conditions, invalid_filter};
use crate::search::explain::{Explain, Opened};
use crate::search::{Answer, Asked};
use crate::stats;
use crate::stats::overview::{Events, Overview};

/// What a search asks for.
pub(super) fn asked(request: SearchRequest) -> Result<Asked, ApiError> {
    let mut filter = Filter::parse(&request.q).map_err(|error| invalid_filter(&error))?;
    let conditions: Vec<_> = request.filters.into_iter().collect();
    add_conditions(&mut filter, &conditions)?;
    Ok(Asked {
        from: text(request.from),
        to: text(request.to),
        filter,
        limit: Some(request.limit).filter(|limit| *limit > 0),
        cursor: text(request.cursor),
        order: order(request.order)?,
        after: text(request.after),
        explain: request.explain,
    })
}

fn order(number: i32) -> Result<Order, ApiError> {
    match v1::Order::try_from(number) {
        Ok(v1::Order::Unspecified | v1::Order::NewestFirst) => Ok(Order::NewestFirst),
        Ok(v1::Order::OldestFirst) => Ok(Order::OldestFirst),
        Err(_) => {
            let message = format!("order is {number}, which is no order");
            Err(fault::of_value(ErrorCode::InvalidRequest, "order", message))
        }
    }
}

/// A text that is there.
pub(super) fn text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// An event as a message, with its bytes in the answer.
pub(super) fn render(event: Enriched) -> (EnrichedEvent, usize) {
    let message = enriched_message(event);
    let bytes = message.encoded_len();
    // Tag and length of the message.
    (message, bytes + 1 + prost::length_delimiter_len(bytes))
}

/// A page.
pub(super) fn response(answer: Answer<EnrichedEvent>) -> SearchResponse {
    SearchResponse {
        events: answer.events,
        next_cursor: answer.next_cursor.unwrap_or_default(),
        complete: answer.complete,
        from: Some(timestamp(answer.range.from)),
        to: Some(timestamp(answer.range.to)),
        explain: answer.explain.map(explanation),
    }
}

fn explanation(explain: Explain) -> Explanation {
    Explanation {
        filter: explain.filter,
        index: explain.index,
        fresh_segments: explain.fresh_segments,
        fresh_events: explain.fresh_events,
        units: explain.units,
        unit_events: explain.unit_events,
        opened_units: explain.opened_units,
        opened: explain.opened.into_iter().map(opened).collect(),
        pages: explain.pages,
        read_pages: explain.read_pages,
        candidates: explain.candidates,
        tested: explain.tested,
        found: explain.found,
        waves: explain.waves,
        elapsed_us: explain.elapsed_us,
        notes: explain.notes,
    }
}

fn opened(unit: Opened) -> OpenedUnit {
    OpenedUnit {
        unit: unit.unit,
        source: unit.source,
        level: unit.level.into(),
        events: unit.events,
        first: unit.first,
        last: unit.last,
    }
}

/// What a request for statistics asks for.
pub(super) fn asked_stats(request: StatsRequest) -> stats::asked::Asked {
    stats::asked::Asked {
        from: text(request.from),
        to: text(request.to),
        filters: request.filters.into_iter().collect(),
        after: text(request.after),
    }
}

/// Counts of events.
pub(super) fn stats(overview: Overview) -> StatsResponse {
    let Events {
        total,
        by_kind,
        by_severity,
        by_service,
        by_environment,
        other_services,
        other_environments,
        is_lower_bound,
    } = overview.events;
    StatsResponse {
        from: Some(timestamp(overview.range.from)),
        to: Some(timestamp(overview.range.to)),
        fresh_until: overview.fresh_until.map(timestamp),
        total,
        events_per_second: overview.events_per_second,
        by_kind: by_kind.into_iter().collect(),
        by_severity: by_severity.into_iter().collect(),
        by_service: by_service.into_iter().collect(),
        by_environment: by_environment.into_iter().collect(),
        other_services,
        other_environments,
        lower_bound: is_lower_bound,
    }
}
