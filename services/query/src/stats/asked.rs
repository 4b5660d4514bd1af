//! What requests ask for, over either protocol.

use std::sync::Arc;

use domain::rollup::{Dimension, Rollup};
use domain::time::Millis;
use edge::{ApiError, ErrorCode};

use super::conditions::{Conditions, place};
use super::plan::Plan;
use super::series::Shape;
use super::step::Step;
use crate::fault;

/// Groups in an answer where the request does not say.
pub(crate) const DEFAULT_LIMIT: u32 = 10;
/// Most groups of a series.
pub(crate) const MAX_SERIES: u32 = 50;
/// Most groups of a list of the greatest.
pub(crate) const MAX_TOP: u32 = 100;

/// What every request for statistics may say.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    /// Names of dimensions and the values there.
    pub(crate) filters: Vec<(String, String)>,
    pub(crate) after: Option<String>,
}

/// A request for a series.
#[derive(Debug)]
pub(crate) struct AskedSeries {
    pub(crate) of: Rollup,
    /// Names of dimensions.
    pub(crate) by: Vec<String>,
    pub(crate) step: Option<Step>,
    pub(crate) limit: Option<u32>,
    pub(crate) common: Asked,
}

/// A request for the greatest groups.
#[derive(Debug)]
pub(crate) struct AskedTop {
    pub(crate) of: Ranking,
    pub(crate) limit: Option<u32>,
    pub(crate) common: Asked,
}

/// Of what the greatest are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ranking {
    Routes,
    Services,
    Errors,
    Actions,
    Users,
}

impl Ranking {
    pub(crate) const ALL: [Self; 5] = [
        Self::Routes,
        Self::Services,
        Self::Errors,
        Self::Actions,
        Self::Users,
    ];

    /// The name in requests and answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::Services => "services",
            Self::Errors => "errors",
            Self::Actions => "actions",
            Self::Users => "users",
        }
    }

    /// The ranking of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ranking| ranking.as_str() == name)
    }

    pub(crate) const fn rollup(self) -> Rollup {
        match self {
            Self::Routes | Self::Services => Rollup::Requests,
            Self::Errors => Rollup::Errors,
            Self::Actions => Rollup::Actions,
            Self::Users => Rollup::Users,
        }
    }

    /// What tells its groups apart.
    pub(crate) const fn by(self) -> &'static [Dimension] {
        match self {
            Self::Routes => &[Dimension::Service, Dimension::Method, Dimension::Route],
            Self::Services => &[Dimension::Service],
            Self::Errors => &[Dimension::Service, Dimension::ErrorType, Dimension::Fingerprint],
            Self::Actions => &[Dimension::Action],
            Self::Users => &[Dimension::UserId],
        }
    }
}

impl Asked {
    /// The plan for the sum of the range.
    pub(super) fn plan(&self, now: Millis) -> Result<Plan, ApiError> {
        Plan::of_range(self.from.as_deref(), self.to.as_deref(), now)
    }

    /// What is summed up of a rollup, by dimensions that it has.
    pub(super) fn shape(&self, rollup: Rollup, by: &[Dimension]) -> Result<Shape, ApiError> {
        let own = rollup.dimensions();
        let places = by
            .iter()
            .filter_map(|by| own.iter().position(|dimension| dimension == by));
        Ok(Shape {
            rollup,
            places: places.collect(),
            conditions: Arc::new(Conditions::new(rollup, &self.filters)?),
        })
    }
}

impl AskedSeries {
    /// By which dimensions the series are told apart.
    pub(super) fn by(&self) -> Result<Vec<Dimension>, ApiError> {
        let mut by = Vec::new();
        for name in &self.by {
            let dimension = place(self.of, name).map(|(dimension, _)| dimension);
            let dimension = dimension.and_then(|dimension| {
                let is_new = !by.contains(&dimension);
                is_new
                    .then_some(dimension)
                    .ok_or_else(|| format!("by names {name} more than once"))
            });
            by.push(dimension.map_err(|message| fault::of_value(ErrorCode::InvalidRequest, "by", message))?);
        }
        Ok(by)
    }
}

/// A limit from 1 to `most`.
pub(super) fn limit(asked: Option<u32>, most: u32) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    let in_range = (1..=most).contains(&limit).then_some(limit);
    in_range
        .and_then(|limit| usize::try_from(limit).ok())
        .ok_or_else(|| {
            let message = format!("limit is {limit}, 1 to {most} is allowed");
            fault::of_value(ErrorCode::InvalidRequest, "limit", message)
        })
}
