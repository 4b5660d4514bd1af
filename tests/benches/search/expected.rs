//! What searches must find, by going through all events: they are made again, not read.

use std::collections::VecDeque;

use domain::id::EventId;

use crate::events::World;
use crate::queries::{Order, Query};
use crate::searching::PAGE;

/// Events of one millisecond are in no order of their numbers.
const MARGIN: usize = 64;

/// The ids of the page that each query asks for.
pub(crate) fn pages(world: &World, queries: &[Query]) -> Vec<Vec<String>> {
    let mut found: Vec<VecDeque<u64>> = queries.iter().map(|_| VecDeque::new()).collect();
    for number in (0..world.total).filter(|number| World::is_big(*number)) {
        let shape = world.shape(number);
        for (query, found) in queries.iter().zip(&mut found) {
            if (query.matches)(&shape) {
                keep(query, found, number);
            }
        }
    }
    queries
        .iter()
        .zip(found)
        .map(|(query, found)| page(world, query, found))
        .collect()
}

fn keep(query: &Query, found: &mut VecDeque<u64>, number: u64) {
    let most = (query.pages_before + 1) * PAGE + MARGIN;
    let is_full = found.len() == most;
    match query.order {
        Order::Oldest if is_full => return,
        Order::Newest if is_full => {
            found.pop_front();
        }
        _ => {}
    }
    found.push_back(number);
}

fn page(world: &World, query: &Query, found: VecDeque<u64>) -> Vec<String> {
    let mut ids: Vec<EventId> = found.into_iter().map(|number| world.id(number)).collect();
    ids.sort_unstable();
    if query.order == Order::Newest {
        ids.reverse();
    }
    let page = ids.into_iter().skip(query.pages_before * PAGE).take(PAGE);
    page.map(|id| id.to_string()).collect()
}
