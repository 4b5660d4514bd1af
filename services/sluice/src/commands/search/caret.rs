//! Where a query is wrong, shown under it.

use anyhow::anyhow;

use crate::client::http::Refused;
use crate::output::escape;

/// Characters that are shown before the place, and from it on.
const BEFORE: usize = 60;
const BEHIND: usize = 40;

/// The error, with the place in the query where it names one.
pub(super) fn pointed(error: anyhow::Error, query: &str) -> anyhow::Error {
    let place = error.downcast_ref::<Refused>().and_then(Refused::place_in_query);
    match place {
        Some((message, column)) => anyhow!("q: {}\n{}", escape::text(message), under(query, column)),
        None => error,
    }
}

/// The query around a column, which counts from 1, and a caret under it.
fn under(query: &str, column: usize) -> String {
    let at = column.saturating_sub(1).min(query.chars().count());
    let begin = at.saturating_sub(BEFORE);
    let part =
        |from: usize, count: usize| escape::text(&query.chars().skip(from).take(count).collect::<String>());
    let cut = |is_cut: bool| if is_cut { "..." } else { "" };
    let before = format!("{}{}", cut(begin > 0), part(begin, at - begin));
    let behind = part(at, BEHIND);
    let end = cut(query.chars().count() > at + BEHIND);
    let blanks = before.chars().count();
    format!("  {before}{behind}{end}\n  {:blanks$}^", "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_caret_is_under_the_column() {
        assert_eq!(
            under("kind:error  colour:red", 13),
            "  kind:error  colour:red\n              ^"
        );
        assert_eq!(under("a\t(", 3), "  a\\t(\n     ^", "what is escaped is wider");
        assert_eq!(under("a", 2), "  a\n   ^", "behind the end");
        assert_eq!(under("", 1), "  \n  ^");
    }

    #[test]
    fn of_a_long_query_the_part_around_is_shown() {
        let query = format!("{}({}", "a".repeat(500), "b".repeat(500));
        let shown = under(&query, 501);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(
            lines[0],
            format!("  ...{}({}...", "a".repeat(BEFORE), "b".repeat(BEHIND - 1))
        );
        assert_eq!(lines[0].find('('), lines[1].find('^'));
    }

    proptest! {
        #[test]
        fn no_query_and_no_column_panic(query: String, column: usize) {
            prop_assert_eq!(under(&query, column).lines().count(), 2);
        }
    }
}
