//! Requests and answers as the messages of `sluice.v1.Query`.

use domain::cursor::Order;
use domain::filter::Filter;
use domain::record::Enriched;
use edge::{ApiError, ErrorCode};
use prost::Message;
use proto::record::{enriched_message, timestamp};
use proto::v1::{self, EnrichedEvent, Explanation, OpenedUnit, SearchRequest, SearchResponse};

use crate::fault;
use crate::http::{add_conditions, invalid_filter};
use crate::search::explain::{Explain, Opened};
use crate::search::{Answer, Asked};

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
