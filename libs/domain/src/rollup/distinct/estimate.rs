//! How many different hashes there were, from the registers that they left.
//!
//! Ertl: "New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284, algorithm 6: one formula for
//! few and for many, without tables of corrections. The names are those of the paper.

use std::f64::consts::LN_2;

use super::{MAX_RANK, REGISTERS};

/// How many registers have each rank, from 0 on.
pub(super) type Ranks = [u32; MAX_RANK as usize + 1];

/// About how many different hashes leave the ranks so.
pub(super) fn cardinality(ranks: &Ranks) -> f64 {
    let m = f64::from(REGISTERS);
    let part = |rank: usize| f64::from(ranks[rank]) / m;
    let greatest = usize::from(MAX_RANK);
    let mut z = m * tau(1.0 - part(greatest));
    for rank in (1..greatest).rev() {
        z = 0.5 * (z + f64::from(ranks[rank]));
    }
    z += m * sigma(part(0));
    m * m / (2.0 * LN_2 * z)
}

/// x + 2^0 x^2 + 2^1 x^4 + 2^2 x^8 + ..., infinite at 1.
fn sigma(mut x: f64) -> f64 {
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before || z.is_infinite() {
            return z;
        }
    }
}

/// (1 - x - 2^-1 (1 - x^(2^-1))^2 - 2^-2 (1 - x^(2^-2))^2 - ...) / 3.
fn tau(mut x: f64) -> f64 {
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ranks that so many different hashes leave, on the average.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most all registers"
    )]
    fn expected(count: f64) -> Ranks {
        let m = f64::from(REGISTERS);
        let up_to = |rank: u8| match rank {
            MAX_RANK => u32::from(REGISTERS),
            _ => (m * (-count / m * 0.5_f64.powi(i32::from(rank))).exp()).round() as u32,
        };
        let mut ranks = [0; MAX_RANK as usize + 1];
        for (own, rank) in ranks.iter_mut().zip(0..=MAX_RANK) {
            *own = up_to(rank) - rank.checked_sub(1).map_or(0, up_to);
        }
        ranks
    }

    #[test]
    fn an_estimate_is_right_on_the_average_up_to_the_end_of_the_hash() {
        for power in 4..=63 {
            let count = 2.0_f64.powi(power);
            let estimate = cardinality(&expected(count));
            assert!((estimate - count).abs() <= count * 0.01, "2^{power}: {estimate}");
        }
    }
}
