//! What the kernel knows about this process: memory, CPU, open files, threads.
//!
//! Read from `/proc/self` when metrics are rendered; where there is no such directory, or a value does not read,
//! the metric is absent.

use std::fmt::Write;
use std::fs;

/// Ticks per second in `/proc/self/stat`: `USER_HZ`, part of the kernel's interface and 100 on every architecture
/// that this builds for.
const TICKS_PER_SECOND: u32 = 100;

/// Appends the metrics to `text` in Prometheus' text format.
pub(super) fn render(text: &mut String) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let memory = status_number(&status, "VmRSS:").map(|kib| kib.saturating_mul(1_024));
    let threads = status_number(&status, "Threads:");
    metric(
        text,
        "process_resident_memory_bytes",
        "gauge",
        "Memory that is resident.",
        memory,
    );
    metric(
        text,
        "process_cpu_seconds_total",
        "counter",
        "CPU time, user and system.",
        cpu_seconds(&stat),
    );
    metric(
        text,
        "process_open_fds",
        "gauge",
        "Open file descriptors.",
        open_fds(),
    );
    metric(text, "process_threads", "gauge", "Threads.", threads);
}

fn metric(text: &mut String, name: &str, kind: &str, help: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}")
            .expect("writing to a String never fails");
    }
}

fn status_number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The sum of fields 14 and 15 of proc_pid_stat(5). The name in field 2 may hold anything, so fields are counted
/// from its closing parenthesis.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / f64::from(TICKS_PER_SECOND))
}

fn open_fds() -> Option<usize> {
    // The directory being read is open too.
    fs::read_dir("/proc/self/fd")
        .ok()
        .map(|entries| entries.count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_any_process_name() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        for broken in ["", "42 (x", "42 (x) S 1", "42 (x) S 1 2 3 4 5 6 7 8 9 10 a b"] {
            assert_eq!(cpu_seconds(broken), None, "{broken}");
        }
    }

    #[test]
    fn status_numbers_are_found_by_name() {
        let status = "Name:\tsluice\nVmRSS:\t   2048 kB\nThreads:\t7\n";
        assert_eq!(status_number(status, "VmRSS:"), Some(2_048));
        assert_eq!(status_number(status, "Threads:"), Some(7));
        assert_eq!(status_number(status, "VmSwap:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_threads_and_open_files() {
        let mut text = String::new();
        render(&mut text);
        for name in [
            "process_resident_memory_bytes",
            "process_cpu_seconds_total",
            "process_open_fds",
            "process_threads",
        ] {
            assert!(text.contains(&format!("\n{name} ")), "{text}");
        }
    }
}
