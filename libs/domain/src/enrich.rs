//! What is found out about an event from the event itself, in named stages.

mod client;
mod route;

use serde::Serialize;

pub use client::Client;

use crate::event::{Body, Event};

/// What enrichment found out about an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Context {
    /// The program at the other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// Template of the path, where the producer gave no route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// One step of enrichment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `user_agent` -> browser, operating system, device, bot.
    Client,
    /// `path` -> route template, where there is no `route`.
    Route,
}

impl Stage {
    /// All stages, in the order in which they run.
    pub const ALL: [Self; 2] = [Self::Client, Self::Route];

    /// The name in configuration and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Route => "route",
        }
    }

    /// Adds to the context what this stage finds. A function of the event and of what earlier stages found.
    pub fn apply(self, event: &Event, context: &mut Context) {
        match self {
            Self::Client => context.client = event.body.user_agent().and_then(Client::of_user_agent),
            Self::Route => {
                if let Body::ApiRequest(request) = &event.body
                    && request.route.is_none()
                {
                    context.route = Some(route::template(&request.path));
                }
            }
        }
    }
}

/// The context that these stages find for an event.
pub fn enrich(event: &Event, stages: &[Stage]) -> Context {
    let mut context = Context::default();
    for stage in stages {
        stage.apply(event, &mut context);
    }
    context
}
