//! Texts as searches see them: tokens, which are maximal runs of letters and digits, in lower case.
//!
//! A token holds letters and digits only, so the text of a token is that one token again. There is no stemming
//! and no list of words to leave out.

/// Whether any token of a text is what `found` looks for. The tokens come in order; the rest is skipped behind
/// the first that is found.
pub fn any_token(text: &str, mut found: impl FnMut(&str) -> bool) -> bool {
    let mut lowered = String::new();
    let mut runs = text.split(|c: char| !c.is_alphanumeric());
    runs.any(|run| {
        if run.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9')) {
            return !run.is_empty() && found(run);
        }
        lowered.clear();
        // The lower case of some letters has marks that are no letters.
        let letters = run.chars().flat_map(char::to_lowercase);
        lowered.extend(letters.filter(|c| c.is_alphanumeric()));
        !lowered.is_empty() && found(&lowered)
    })
}

/// Tokens that follow each other within one text. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    tokens: Vec<String>,
    is_prefix: bool,
    /// For each token but the last: how many of the first tokens still match when the one behind it does not.
    fallback: Vec<usize>,
}

impl Phrase {
    /// The phrase of a text; with `is_prefix` its last token is the begin of one. `None` for a text without any.
    pub fn parse(text: &str, is_prefix: bool) -> Option<Self> {
        let mut tokens = Vec::new();
        any_token(text, |token| {
            tokens.push(token.to_owned());
            false
        });
        let (_, whole) = tokens.split_last()?;
        let fallback = fallback(whole);
        Some(Self {
            tokens,
            is_prefix,
            fallback,
        })
    }

    /// Its tokens, in order.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Whether the last token is the begin of one.
    pub fn is_prefix(&self) -> bool {
        self.is_prefix
    }

    /// Whether it occurs in a text. Takes time linear in the text.
    pub fn is_in(&self, text: &str) -> bool {
        let Some((last, whole)) = self.tokens.split_last() else {
            return false;
        };
        let is_last = |token: &str| token == last || (self.is_prefix && token.starts_with(last.as_str()));
        let mut matched = 0;
        any_token(text, |token| {
            if matched == whole.len() && is_last(token) {
                return true;
            }
            matched = step(whole, &self.fallback, matched, token);
            false
        })
    }
}

/// How many tokens of a pattern match up to and with this one, when `matched` did before it.
fn step(pattern: &[String], fallback: &[usize], mut matched: usize, token: &str) -> usize {
    loop {
        if pattern.get(matched).is_some_and(|wanted| wanted == token) {
            return matched + 1;
        }
        if matched == 0 {
            return 0;
        }
        matched = fallback[matched - 1];
    }
}

fn fallback(pattern: &[String]) -> Vec<usize> {
    let mut fallback: Vec<usize> = Vec::with_capacity(pattern.len());
    for (at, token) in pattern.iter().enumerate() {
        let matched = match fallback.last() {
            None => 0,
            Some(&before) => step(&pattern[..at], &fallback, before, token),
        };
        fallback.push(matched);
    }
    fallback
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        any_token(text, |token| {
            tokens.push(token.to_owned());
            false
        });
        tokens
    }

    #[test]
    fn tokens_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(
            tokens("Connection RESET by 10.0.0.1"),
            ["connection", "reset", "by", "10", "0", "0", "1"]
        );
        assert_eq!(tokens("Straße über-Größe"), ["straße", "über", "größe"]);
        assert_eq!(tokens("  --!  "), [] as [&str; 0]);
    }

    #[test]
    fn a_token_is_its_own_only_token() {
        for c in (0..=0x0010_FFFF).filter_map(char::from_u32) {
            for token in tokens(&c.to_string()) {
                assert_eq!(tokens(&token), [token.as_str()], "{c:?}");
            }
        }
    }

    #[test]
    fn a_phrase_is_contiguous_and_in_order() {
        let is_in = |phrase: &str, text: &str| Phrase::parse(phrase, false).unwrap().is_in(text);
        assert!(is_in("connection reset", "the Connection: reset!"));
        assert!(!is_in("connection reset", "reset connection"));
        assert!(!is_in("connection reset", "connection was reset"));
        assert!(!is_in("connect", "connection"));
        assert!(Phrase::parse("the conn", true).unwrap().is_in("The connection"));
        assert_eq!(Phrase::parse("- !", false), None);
    }

    proptest! {
        #[test]
        fn a_phrase_is_found_where_its_tokens_are(phrase in "[abB ]{0,8}", text in "[aAb ]{0,24}", is_prefix: bool) {
            let (wanted, all) = (tokens(&phrase), tokens(&text));
            prop_assume!(!wanted.is_empty());
            let naive = all.windows(wanted.len()).any(|window| {
                let last = wanted.len() - 1;
                window[..last] == wanted[..last]
                    && (window[last] == wanted[last] || (is_prefix && window[last].starts_with(&wanted[last])))
            });
            prop_assert_eq!(Phrase::parse(&phrase, is_prefix).unwrap().is_in(&text), naive);
        }
    }
}
