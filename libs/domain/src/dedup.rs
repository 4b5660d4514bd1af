//! Which records repeat an earlier one of their partition: a function of the log alone.
//!
//! Two records are the same when they have the same tenant and the same id, or the same tenant and the same external
//! id. A record is a **duplicate** when one that is the same stands before it in the partition and is still remembered,
//! whether or not that one was a duplicate itself: what is seen again is remembered anew.
//!
//! How long a record is remembered is counted in slices: the offsets are cut into slices of an eighth of the window's
//! records, the append times into slices of a quarter of its time. A record is remembered while
//! - at most 8 slices of offsets have begun since its own, and
//! - no record since was appended more than 4 slices of time after its slice, or more than one before it.
//!
//! So it is remembered for the window's time and at most a quarter more, and for the window's records and at most an
//! eighth more. Append times may step back (another broker leads the partition). A step of less than a slice shortens
//! what is remembered by its own length at the most; a clock that jumps further, ahead or back, makes a partition forget
//! what was appended before. Forgetting lets a repeat through; it never drops an event.
//!
//! Because nothing but the records from a record to its repeat counts, whoever reads the log from far enough back
//! decides the same. [`Window`] says how far that is: [`Window::first_offset`], [`Window::are_apart`].
//!
//! - `window`: the slices; `hash`: what two records have in common, in 64 bits; `set`: the hashes of one slice;
//!   `seen`: all that is remembered of a partition.

mod hash;
mod seen;
mod set;
mod window;

pub use hash::Identity;
pub use seen::Seen;
pub use window::Window;

#[cfg(test)]
mod tests;
