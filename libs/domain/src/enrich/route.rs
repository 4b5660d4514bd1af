//! Stage `route`: the template of a path, with a placeholder where a path names one thing of many.

/// The template of a path: `/users/42/files/3f2a91bc07d1` -> `/users/{number}/files/{hash}`.
///
/// What follows a `?` or `#` is left out. At most as long as the path plus eight bytes a segment.
pub(super) fn template(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut template = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            template.push('/');
        }
        template.push_str(placeholder(segment).unwrap_or(segment));
    }
    template
}

fn placeholder(segment: &str) -> Option<&'static str> {
    if segment.is_empty() {
        return None;
    }
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_number = bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| byte.is_ascii_digit() || (at == 0 && *byte == b'-'));
    if is_number && digits > 0 {
        return Some("{number}");
    }
    if is_uuid(segment) {
        return Some("{uuid}");
    }
    // Words such as `feedface` are hexadecimal too; a hash this long without a digit hardly exists.
    if bytes.len() >= 8 && digits > 0 && bytes.iter().all(u8::is_ascii_hexdigit) {
        return Some("{hash}");
    }
    is_opaque_id(bytes, digits).then_some("{id}")
}

fn is_uuid(segment: &str) -> bool {
    segment.len() == 36
        && segment.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A prefixed number (`order-1042`, `u_17`), or a long mix of letters and digits (ULID, base64url).
fn is_opaque_id(bytes: &[u8], digits: usize) -> bool {
    let tail = bytes
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let has_prefix = bytes.len() > tail && matches!(bytes[bytes.len() - tail - 1], b'-' | b'_' | b':');
    if tail > 0 && has_prefix {
        return true;
    }
    let is_token = bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='));
    is_token && bytes.len() >= 16 && digits >= 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_names_one_of_many_becomes_a_placeholder() {
        for (path, expected) in [
            ("/", "/"),
            ("", ""),
            ("/health", "/health"),
            ("/users/42", "/users/{number}"),
            ("/users/42/", "/users/{number}/"),
            ("/v1/users/-7?token=secret#x", "/v1/users/{number}"),
            (
                "/files/0190a0b0-0000-7000-8000-000000000000/raw",
                "/files/{uuid}/raw",
            ),
            (
                "/v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/detail",
                "/v2/{hash}/servers/detail",
            ),
            ("/orders/order-1042", "/orders/{id}"),
            ("/t/01HZX3V9K2M8Q4R7T5W6Y0ABCD", "/t/{id}"),
            ("/feedface/decade", "/feedface/decade"),
            ("/api/v1/checkout-page", "/api/v1/checkout-page"),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_template_is_its_own_template_and_bounded(path in "[a-z0-9/_\\-{}]{0,80}") {
            let once = template(&path);
            prop_assert_eq!(template(&once), once.clone());
            prop_assert!(once.len() <= path.len() + 8 * (1 + path.matches('/').count()));
        }

        #[test]
        fn no_path_panics(path: String) {
            let _ = template(&path);
        }
    }
}
