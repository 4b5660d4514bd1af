//! API keys: `slk_<id>_<secret><checksum>`, and what is stored of them.
//!
//! The checksum tells a mistyped key from a wrong one and lets scanners find leaked keys. Stored is only
//! the HMAC-SHA256 of the whole text under a pepper, so that who reads the control log has no key.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const PREFIX: &str = "slk_";
const ID_CHARS: usize = 12;
const SECRET_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
const KEY_CHARS: usize = PREFIX.len() + ID_CHARS + 1 + SECRET_CHARS + CHECKSUM_CHARS;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Public part of a key: 12 letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; ID_CHARS]);

/// The text is not the id of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a key: 12 letters and digits")]
pub struct InvalidKeyId;

impl KeyId {
    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyId> {
        let bytes: [u8; ID_CHARS] = text.as_bytes().try_into().map_err(|_| InvalidKeyId)?;
        let is_valid = bytes.iter().all(u8::is_ascii_alphanumeric);
        is_valid.then_some(Self(bytes)).ok_or(InvalidKeyId)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters and digits of ASCII")
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(text: String) -> Result<Self, InvalidKeyId> {
        Self::parse(&text)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.as_str().to_owned()
    }
}

/// A whole key. It is shown once, to the one it was made for; `Debug` shows its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: KeyId,
    text: Box<str>,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It has another form.
    #[error("not a Sluice key, which has the form slk_<12 characters>_<38 characters>")]
    Form,
    /// Its checksum is not that of its text.
    #[error("key is mistyped or cut: its checksum is wrong")]
    Checksum,
}

impl ApiKey {
    /// Random bytes that [`ApiKey::generate`] takes.
    pub const RANDOM_BYTES: usize = 64;

    /// Makes a key from random bytes of cryptographic quality.
    pub fn generate(random: &[u8; Self::RANDOM_BYTES]) -> Self {
        let chars: String = random
            .iter()
            .take(ID_CHARS + SECRET_CHARS)
            .map(|byte| letter(u32::from(*byte)))
            .collect();
        let (id, secret) = chars.split_at(ID_CHARS);
        let body = format!("{PREFIX}{id}_{secret}");
        let checksum = checksum(&body);
        Self {
            id: KeyId::parse(id).expect("letters and digits"),
            text: format!("{body}{checksum}").into(),
        }
    }

    /// Reads a key and checks its form and its checksum, not whether it exists.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        if text.len() != KEY_CHARS || !text.is_ascii() {
            return Err(InvalidKey::Form);
        }
        let rest = text.strip_prefix(PREFIX).ok_or(InvalidKey::Form)?;
        let (id, secret) = rest.split_once('_').ok_or(InvalidKey::Form)?;
        let id = KeyId::parse(id).map_err(|InvalidKeyId| InvalidKey::Form)?;
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidKey::Form);
        }
        let (body, given) = text.split_at(KEY_CHARS - CHECKSUM_CHARS);
        if checksum(body) != given {
            return Err(InvalidKey::Checksum);
        }
        Ok(Self {
            id,
            text: text.into(),
        })
    }

    /// The public part.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole key, to show once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored of it.
    pub fn digest(&self, pepper: &Pepper) -> Digest {
        let mut mac = Hmac::<Sha256>::new_from_slice(&pepper.secret).expect("HMAC takes keys of any length");
        mac.update(self.text.as_bytes());
        Digest(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id)
    }
}

fn letter(number: u32) -> char {
    // 256 is no multiple of 62, which costs a fiftieth of a bit a character.
    char::from(ALPHABET[usize::try_from(number % 62).expect("under 62")])
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut letters = ['0'; CHECKSUM_CHARS];
    for place in letters.iter_mut().rev() {
        *place = letter(rest);
        rest /= 62;
    }
    letters.iter().collect()
}

/// A secret of the system that enters every digest. `Debug` shows its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct Pepper {
    id: Box<str>,
    secret: Box<[u8]>,
}

impl Pepper {
    /// Shortest secret, in bytes.
    pub const MIN_SECRET_BYTES: usize = 32;

    /// A pepper of this id; `None` where the secret is too short or the id empty.
    pub fn new(id: &str, secret: &[u8]) -> Option<Self> {
        let valid = !id.is_empty() && secret.len() >= Self::MIN_SECRET_BYTES;
        valid.then(|| Self {
            id: id.into(),
            secret: secret.into(),
        })
    }

    /// The name that records call it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A key for another purpose, derived from the secret.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(b"sluice purpose ");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id)
    }
}

/// All live peppers; new keys get the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peppers {
    first: Pepper,
    others: Vec<Pepper>,
}

impl Peppers {
    /// The pepper of new keys, and those of older ones.
    pub fn new(first: Pepper, others: Vec<Pepper>) -> Self {
        Self { first, others }
    }

    /// The pepper of new keys.
    pub fn first(&self) -> &Pepper {
        &self.first
    }

    /// All, the one of new keys first.
    pub fn iter(&self) -> impl Iterator<Item = &Pepper> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The one of this id.
    pub fn get(&self, id: &str) -> Option<&Pepper> {
        self.iter().find(|pepper| pepper.id() == id)
    }
}

/// HMAC-SHA256 of a key, compared in constant time; hexadecimal in text.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// The text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: 64 hexadecimal digits")]
pub struct InvalidDigest;

impl Digest {
    /// A digest that no key has, to compare with where there is no record, so that both take the same time.
    pub const NONE: Self = Self([0; 32]);

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(InvalidDigest);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(bytes))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        let hex_digit = |number: u8| char::from_digit(u32::from(number), 16).expect("under 16");
        digest
            .0
            .iter()
            .flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 0xf)])
            .collect()
    }
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Send events.
    Ingest,
    /// Search and statistics.
    Read,
    /// The tenant's own keys and deletes.
    Manage,
    /// All tenants.
    Platform,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Read, Self::Manage, Self::Platform];

    /// The name in every protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Manage => "manage",
            Self::Platform => "platform",
        }
    }

    /// The scope of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// A set of scopes; a list in text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u8);

impl Scopes {
    /// Whether it is there.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & Self::bit(scope) != 0
    }

    /// Those that are there, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn bit(scope: Scope) -> u8 {
        match scope {
            Scope::Ingest => 1,
            Scope::Read => 2,
            Scope::Manage => 4,
            Scope::Platform => 8,
        }
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | Self::bit(scope)))
    }
}

impl<const N: usize> From<[Scope; N]> for Scopes {
    fn from(scopes: [Scope; N]) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pepper(id: &str) -> Pepper {
        Pepper::new(id, id.repeat(40).as_bytes()).unwrap()
    }

    proptest! {
        #[test]
        fn a_made_key_reads_back_and_any_change_is_noticed(half: [u8; 32], other_half: [u8; 32], at in 0..KEY_CHARS, with in 0..62_u32) {
            let mut random = [0; ApiKey::RANDOM_BYTES];
            random[..32].copy_from_slice(&half);
            random[32..].copy_from_slice(&other_half);
            let key = ApiKey::generate(&random);
            prop_assert_eq!(ApiKey::parse(key.reveal()), Ok(key.clone()));

            let mut changed: Vec<char> = key.reveal().chars().collect();
            changed[at] = letter(with);
            let changed: String = changed.into_iter().collect();
            prop_assert!(changed == key.reveal() || ApiKey::parse(&changed).is_err());
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = ApiKey::parse(&text);
            let _ = Digest::try_from(text);
        }

        #[test]
        fn no_text_of_the_right_length_panics(text in "slk_.{50,51}") {
            let _ = ApiKey::parse(&text);
        }
    }

    #[test]
    fn a_digest_depends_on_key_and_pepper() {
        let key = ApiKey::generate(&[7; ApiKey::RANDOM_BYTES]);
        let other = ApiKey::generate(&[8; ApiKey::RANDOM_BYTES]);
        let digest = key.digest(&pepper("a"));
        assert!(digest.matches(&key.digest(&pepper("a"))));
        assert!(!digest.matches(&key.digest(&pepper("b"))));
        assert!(!digest.matches(&other.digest(&pepper("a"))));
        assert!(Digest::try_from(String::from(digest)).unwrap().matches(&digest));
    }

    #[test]
    fn nothing_printed_holds_a_secret() {
        let key = ApiKey::generate(&[7; ApiKey::RANDOM_BYTES]);
        let secret = &key.reveal()[17..];
        let printed = format!("{key:?} {:?} {:?}", pepper("p"), key.digest(&pepper("p")));
        assert!(!printed.contains(secret) && !printed.contains("ppp"), "{printed}");
    }

    #[test]
    fn scopes_are_a_set_in_one_order() {
        let scopes: Scopes = serde_json::from_str(r#"["read","ingest","read"]"#).unwrap();
        assert_eq!(scopes, Scopes::from([Scope::Ingest, Scope::Read]));
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["ingest","read"]"#);
        assert!(Scopes::default().is_empty() && !scopes.contains(Scope::Manage));
    }

    #[test]
    fn a_short_pepper_is_refused() {
        assert_eq!(Pepper::new("a", &[0; 31]), None);
        assert_eq!(Pepper::new("", &[0; 32]), None);
    }
}
