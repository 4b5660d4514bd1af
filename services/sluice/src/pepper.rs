//! Peppers in text: an id, a blank, a secret.

use anyhow::anyhow;
use domain::key::Pepper;

/// Reads a pepper. The error says the form and nothing of the text.
pub(crate) fn parse(text: &str) -> anyhow::Result<Pepper> {
    let parts = text.trim().split_once(' ');
    let pepper = parts.and_then(|(id, secret)| Pepper::new(id, secret.as_bytes()));
    pepper.ok_or_else(|| {
        let least = Pepper::MIN_SECRET_BYTES;
        anyhow!("must be an id, a blank and a secret of at least {least} bytes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pepper_is_an_id_and_a_long_secret() {
        let secret = "x".repeat(Pepper::MIN_SECRET_BYTES);
        assert_eq!(parse(&format!("a {secret}\n")).unwrap().id(), "a");
        for text in ["", "a", "a short", &secret, &format!(" {secret}")] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("at least 32 bytes"), "{error}");
        }
    }
}
