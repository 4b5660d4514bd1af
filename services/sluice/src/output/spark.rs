//! Numbers as a line of small bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Bars of a line, at the most.
const MAX_BARS: usize = 60;

/// A bar for each number, or for the sum of a few that follow each other. The greatest is the highest; only a bar of
/// nothing is the lowest.
pub(crate) fn line(numbers: &[u64]) -> String {
    let together = numbers.len().div_ceil(MAX_BARS).max(1);
    let sums: Vec<u64> = numbers.chunks(together).map(|few| few.iter().sum()).collect();
    let greatest = sums.iter().copied().max().unwrap_or(0).max(1);
    let height = |sum: &u64| {
        let steps = (u128::from(*sum) * (BARS.len() as u128 - 1)).div_ceil(u128::from(greatest));
        usize::try_from(steps).unwrap_or(0)
    };
    sums.iter().map(|sum| BARS[height(sum)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_is_the_highest_and_only_nothing_is_the_lowest() {
        assert_eq!(line(&[0, 1, 50, 100, 14]), "▁▂▅█▂");
        assert_eq!(line(&[0, 0]), "▁▁");
        assert_eq!(line(&[]), "");
    }

    #[test]
    fn a_long_line_is_shortened() {
        let numbers: Vec<u64> = (0..1_500).collect();
        let shown = line(&numbers);
        assert_eq!(shown.chars().count(), 60);
        assert!(shown.starts_with('▂') && shown.ends_with('█'), "{shown}");
    }
}
