//! Statistics: rows of rollups, merged.

#![expect(dead_code, reason = "requests do not get here yet")]

mod plan;
mod step;
