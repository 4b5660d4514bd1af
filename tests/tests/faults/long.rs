//! The whole of each fault: `make faults`.

mod disk_full;
mod engines_away;
mod frozen;
mod kills;
mod members;
mod recreated;
