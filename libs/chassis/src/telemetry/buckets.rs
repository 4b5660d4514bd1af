//! The upper bounds of histogram buckets, chosen by the unit at the end of a metric's name.

/// For names that end in `_seconds`: from half a millisecond, well under one append, to a minute.
pub(super) const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// For names that end in `_bytes`: from 256 B to 64 MiB by powers of four.
pub(super) const BYTES: &[f64] = &[
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
