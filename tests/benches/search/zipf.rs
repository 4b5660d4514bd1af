//! Draws from skewed distributions in constant time: Walker's method of aliases ("An Efficient Method for Generating
//! Discrete Random Variables with General Distributions", 1977, in the form of Vose).

/// Numbers from 0 with given weights.
pub(crate) struct Weighted {
    /// For each column how much of it is its own, and whose the rest is.
    columns: Vec<(u32, u32)>,
    probabilities: Vec<f64>,
}

impl Weighted {
    /// Weights 1, 1/2, 1/3, ...
    pub(crate) fn zipf(count: u32) -> Self {
        Self::new(&(1..=count).map(|rank| 1.0 / f64::from(rank)).collect::<Vec<_>>())
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 32 bits, and at most millions of columns"
    )]
    pub(crate) fn new(weights: &[f64]) -> Self {
        let (count, total) = (weights.len() as f64, weights.iter().sum::<f64>());
        let probabilities: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let mut shares: Vec<f64> = probabilities
            .iter()
            .map(|probability| probability * count)
            .collect();
        let mut columns: Vec<(u32, u32)> = (0..).map(|own| (u32::MAX, own)).take(weights.len()).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|at| shares[*at] < 1.0);
        while let (Some(poor), Some(rich)) = (small.pop(), large.pop()) {
            columns[poor] = ((shares[poor] * f64::from(u32::MAX)) as u32, rich as u32);
            shares[rich] -= 1.0 - shares[poor];
            if shares[rich] < 1.0 {
                &mut small
            } else {
                &mut large
            }
            .push(rich);
        }
        Self {
            columns,
            probabilities,
        }
    }

    /// The number that 64 random bits stand for.
    pub(crate) fn draw(&self, random: u64) -> u32 {
        let [column, share] = [random >> 32, random & u64::from(u32::MAX)];
        let column = (column * self.columns.len() as u64) >> 32;
        let (own, other) = self.columns[usize::try_from(column).unwrap()];
        if share <= u64::from(own) {
            u32::try_from(column).unwrap()
        } else {
            other
        }
    }

    /// How likely a number is.
    pub(crate) fn probability(&self, number: u32) -> f64 {
        self.probabilities[number as usize]
    }

    /// The numbers whose probability is within a factor of about 1.4 of this one, or the nearest.
    pub(crate) fn around(&self, probability: f64) -> std::ops::Range<u32> {
        let count = u32::try_from(self.probabilities.len()).unwrap();
        let begin = (0..count - 1)
            .find(|number| self.probability(*number) < probability * 1.4)
            .unwrap_or(count - 1);
        let end = (begin + 1..count)
            .find(|number| self.probability(*number) < probability / 1.4)
            .unwrap_or(count);
        begin..end
    }
}
