//! What the bench is asked to do.

use domain::retention::Class;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Sizes of a run, from the arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Events of the big tenant.
    pub(crate) events: u64,
    /// The time over which they are spread, in milliseconds.
    pub(crate) span_ms: i64,
    /// Events that are written beside the bare driver.
    pub(crate) sample: u64,
    /// Queries of each class and cache.
    pub(crate) queries: usize,
    /// Queries of each class with nothing in the caches of the system.
    pub(crate) dropped: usize,
    /// Queries of each class whose answers are compared with the events themselves.
    pub(crate) checked: usize,
    /// Seconds of searching while events come in; 0 for none.
    pub(crate) live_s: u64,
    /// Heap of the engine.
    pub(crate) heap_mib: u32,
}

impl Options {
    const USAGE: &'static str = "arguments: --events N, --span HOURSh|DAYSd, --sample N (events beside the bare driver), \
                                 --queries N (of each class), --dropped N (of these with cold disks), \
                                 --checked N (likewise), --live SECONDS, --heap MIB";

    /// Those of this process.
    pub(crate) fn from_arguments() -> Self {
        let mut options = Self {
            events: 10_000_000,
            span_ms: 24 * HOUR_MS,
            sample: 1_000_000,
            queries: 200,
            dropped: 10,
            checked: 5,
            live_s: 90,
            heap_mib: 2048,
        };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect(Self::USAGE);
            let number = || value.replace('_', "").parse::<u64>().expect(Self::USAGE);
            let small = || usize::try_from(number()).expect(Self::USAGE);
            match name.as_str() {
                "--events" => options.events = number().max(1000),
                "--span" => options.span_ms = span_ms(&value),
                "--sample" => options.sample = number(),
                "--queries" => options.queries = small(),
                "--dropped" => options.dropped = small(),
                "--checked" => options.checked = small(),
                "--live" => options.live_s = number(),
                "--heap" => options.heap_mib = u32::try_from(number()).expect(Self::USAGE),
                _ => panic!("{}", Self::USAGE),
            }
        }
        options.sample = options.sample.min(options.events);
        options
    }

    /// The class of the events: none of them expires meanwhile.
    pub(crate) fn class(&self) -> Class {
        let lasting = |class: &Class| class.life_ms() > 2 * self.span_ms;
        Class::ALL
            .into_iter()
            .skip(1)
            .find(lasting)
            .unwrap_or(Class::Days400)
    }

    /// The span for the eye.
    pub(crate) fn span(&self) -> String {
        let hours = self.span_ms / HOUR_MS;
        if hours % 24 == 0 && hours > 24 {
            format!("{} days", hours / 24)
        } else {
            format!("{hours} h")
        }
    }
}

fn span_ms(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let unit_ms = match unit {
        "h" => HOUR_MS,
        "d" => 24 * HOUR_MS,
        _ => panic!("{}", Options::USAGE),
    };
    number.parse::<i64>().expect(Options::USAGE).max(1) * unit_ms
}
