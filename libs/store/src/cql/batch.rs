//! Rows of one partition cut into batches. A batch of one partition is one mutation to an engine, which has a bound on
//! its bytes and is slow long before that.

/// What a row has beside its blob, at least.
const ROW_OVERHEAD_BYTES: usize = 64;

/// Rows in their order, cut where more would have too many bytes for one batch; one that has too many is alone. A
/// batch has a 16-bit number of rows, which the overhead of each keeps far away.
pub(super) fn cut<T>(rows: &[T], max_bytes: usize, blob_bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut bytes = 0;
    let mut batches = Vec::new();
    let mut begin = 0;
    for (at, row) in rows.iter().enumerate() {
        let more = blob_bytes(row) + ROW_OVERHEAD_BYTES;
        if at > begin && bytes + more > max_bytes {
            batches.push(&rows[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += more;
    }
    batches.extend((begin < rows.len()).then(|| &rows[begin..]));
    batches
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_hold_all_in_order_and_only_one_row_alone_is_too_large(sizes in vec(0..900_usize, 0..60)) {
            let batches = cut(&sizes, 1_000, |size| *size);
            prop_assert_eq!(batches.concat(), sizes.as_slice());
            for batch in batches {
                let bytes: usize = batch.iter().map(|size| size + ROW_OVERHEAD_BYTES).sum();
                prop_assert!(batch.len() == 1 || (batch.len() > 1 && bytes <= 1_000));
            }
        }
    }

    #[test]
    fn rows_that_fit_are_one_batch_and_none_are_none() {
        assert_eq!(cut(&[300, 300], 1_000, |size| *size), [&[300, 300]]);
        assert!(cut(&[], 1_000, |size: &usize| *size).is_empty());
    }
}
