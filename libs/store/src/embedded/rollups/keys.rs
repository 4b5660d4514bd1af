//! Under which key a rollup is.
//!
//! ```text
//! 0x06 | tenant | 0x00 | grain u8 | rollup u8 | window u64 | lane u8 | generation u32 | partition u32     (big-endian)
//! ```
//! The number of a window has its first bit turned over, so that those before 1970 come first. Any bytes that should be
//! the end of a key are one, or nothing.

use bytes::Buf;
use domain::rollup::{Grain, Rollup};
use domain::source::Source;
use domain::tenant::TenantId;

use crate::embedded::keys::{ROLLUP, push_source, push_tenant, read_source};
use crate::rollups::RollupKey;

const SIGN: u64 = 1 << 63;

/// The begin of the keys of a rollup of a tenant, in windows of one grain.
pub(super) fn rollups(tenant: &TenantId, grain: Grain, rollup: Rollup) -> Vec<u8> {
    let mut key = vec![ROLLUP];
    push_tenant(&mut key, tenant);
    key.extend_from_slice(&[grain.number(), rollup.number()]);
    key
}

/// What comes behind that for a window: in the order of their numbers.
pub(super) fn window(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ SIGN).to_be_bytes()
}

/// The key of a rollup.
pub(super) fn rollup(of: &RollupKey) -> Vec<u8> {
    let mut key = rollups(&of.tenant, of.window.grain, of.rollup);
    key.extend_from_slice(&window(of.window.number));
    push_source(&mut key, of.source);
    key
}

/// The number of the window and the source, with which the key of a rollup ends.
pub(super) fn read_end(mut end: &[u8]) -> Option<(i64, Source)> {
    let number = (end.try_get_u64().ok()? ^ SIGN).cast_signed();
    let source = read_source(&mut end)?;
    end.is_empty().then_some((number, source))
}

#[cfg(test)]
mod tests {
    use domain::rollup::Window;
    use domain::source::Lane;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_end_of_a_key_reads_back(number: i64, generation: u32, partition: u32) {
            let source = Source { lane: Lane::Standard, generation, partition };
            let (window, rollup) = (Window { grain: Grain::Hour, number }, Rollup::Errors);
            let tenant = TenantId::parse("demo").unwrap();
            let begin = rollups(&tenant, Grain::Hour, rollup);
            let key = super::rollup(&RollupKey { tenant, window, rollup, source });
            let end = key.strip_prefix(begin.as_slice()).unwrap();
            prop_assert_eq!(read_end(end), Some((number, source)));
            prop_assert_eq!(read_end(&end[1..]), None);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read_end(&bytes);
        }

        #[test]
        fn windows_are_in_the_order_of_their_numbers(a: i64, b: i64) {
            prop_assert_eq!(window(a).cmp(&window(b)), a.cmp(&b));
        }
    }
}
