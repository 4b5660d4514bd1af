//! Stage `client`: what a user agent says of the program and its device.

use std::sync::LazyLock;

use serde::Serialize;
use woothee::parser::Parser;

static PARSER: LazyLock<Parser> = LazyLock::new(Parser::new);

/// What the parser says where it knows nothing.
const UNKNOWN: &str = "UNKNOWN";

/// The program at the other end. What the user agent does not say is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// Name of the browser, library or crawler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_version: Option<String>,
    /// Operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// `desktop`, `mobile`, `appliance`, `crawler` or `other`.
    pub device: String,
    /// Whether it is a crawler.
    pub bot: bool,
}

impl Client {
    /// Reads a user agent; `None` where nothing in it is known.
    pub fn of_user_agent(user_agent: &str) -> Option<Self> {
        let found = PARSER.parse(user_agent)?;
        let device = match found.category {
            "pc" => "desktop",
            "smartphone" | "mobilephone" => "mobile",
            "appliance" => "appliance",
            "crawler" => "crawler",
            _ => "other",
        };
        let client = Self {
            browser: known(found.name),
            browser_version: known(found.version),
            os: known(found.os),
            os_version: known(&found.os_version),
            device: device.to_owned(),
            bot: device == "crawler",
        };
        let is_known = client.browser.is_some() || client.os.is_some() || client.device != "other";
        is_known.then_some(client)
    }
}

fn known(text: &str) -> Option<String> {
    (!text.is_empty() && text != UNKNOWN).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_desktop_browser_a_phone_and_a_crawler_are_told_apart() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        let client = Client::of_user_agent(firefox).unwrap();
        assert_eq!(
            (client.browser.as_deref(), client.browser_version.as_deref()),
            (Some("Firefox"), Some("128.0"))
        );
        assert_eq!(
            (client.os.as_deref(), client.device.as_str(), client.bot),
            (Some("Linux"), "desktop", false)
        );

        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1";
        assert_eq!(Client::of_user_agent(phone).unwrap().device, "mobile");

        let crawler =
            Client::of_user_agent("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
                .unwrap();
        assert_eq!((crawler.device.as_str(), crawler.bot), ("crawler", true));
    }

    #[test]
    fn what_is_not_known_is_absent() {
        assert_eq!(Client::of_user_agent(""), None);
        assert_eq!(Client::of_user_agent("sensor-7"), None);
    }

    proptest! {
        #[test]
        fn no_user_agent_panics(text in ".{0,200}") {
            let _ = Client::of_user_agent(&text);
        }
    }
}
