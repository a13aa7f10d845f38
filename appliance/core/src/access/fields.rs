//! Rules of the fields of an account. A value of one of these types has passed them: parse, do not validate.

use std::fmt;

/// The longest user name, in characters.
pub const MAX_USERNAME_CHARS: usize = 64;
/// The longest display name, in characters.
pub const MAX_DISPLAY_NAME_CHARS: usize = 128;
/// The shortest password, in characters.
pub const MIN_PASSWORD_CHARS: usize = 8;
/// The longest password, in characters.
pub const MAX_PASSWORD_CHARS: usize = 256;
const MAX_DEVICE_NAME_CHARS: usize = 64;
const MAX_PLATFORM_CHARS: usize = 32;

/// What is wrong with one field, as a stable word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldCode {
    /// Another account has it.
    AlreadyTaken,
    /// It has a type or a form that the field cannot have.
    Invalid,
    /// It holds characters that the field cannot hold.
    InvalidCharacters,
    /// It does not fit the present value of something else.
    Mismatch,
    /// It is a number outside its range.
    OutOfRange,
    /// It is missing.
    Required,
    /// It has too many characters.
    TooLong,
    /// It has too few characters.
    TooShort,
}

impl FieldCode {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyTaken => "already_taken",
            Self::Invalid => "invalid",
            Self::InvalidCharacters => "invalid_characters",
            Self::Mismatch => "mismatch",
            Self::OutOfRange => "out_of_range",
            Self::Required => "required",
            Self::TooLong => "too_long",
            Self::TooShort => "too_short",
        }
    }
}

/// One field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// As in the body: `admin.username`.
    pub field: String,
    /// The stable word.
    pub code: FieldCode,
}

impl FieldFault {
    /// Names the field at fault.
    #[must_use]
    pub fn new(field: impl Into<String>, code: FieldCode) -> Self {
        Self { field: field.into(), code }
    }
}

fn length(text: &str, least: usize, most: usize) -> Result<(), FieldCode> {
    // Bytes first: counting the characters of a megabyte is work that the sender did not pay for.
    if text.len() > most * 4 {
        return Err(FieldCode::TooLong);
    }
    match text.chars().count() {
        0 if least > 0 => Err(FieldCode::Required),
        count if count < least => Err(FieldCode::TooShort),
        count if count > most => Err(FieldCode::TooLong),
        _ => Ok(()),
    }
}

macro_rules! text_field {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, given away.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

text_field!(
    /// A name to sign in with: 1 to 64 characters, letters and digits of any script and `. _ - @ + '`, nothing
    /// invisible. Folded to lower case, because `Anna` and `anna` are one person.
    Username
);
text_field!(
    /// A name to show: 1 to 128 characters without control characters, not only blanks. Blanks around it go.
    DisplayName
);
text_field!(
    /// A new password: 8 to 256 characters of any kind.
    Password
);
text_field!(
    /// The number to dial: 2 to 6 digits.
    Extension
);
text_field!(
    /// What a person calls a phone: up to 64 characters without control characters, or nothing.
    DeviceName
);
text_field!(
    /// What kind of client it is, such as `web` or `android`: 1 to 32 of `a-z 0-9 . _ -`.
    Platform
);

fn fits_username(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "._-@+'".contains(c);
    }
    let invisible = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !(c.is_control() || c.is_whitespace() || invisible || turns_text(c))
}

/// Characters that make the text after them run the other way: good for nothing in a name but to pass for another.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Username {
    /// Checks and folds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldCode> {
        length(text, 1, MAX_USERNAME_CHARS)?;
        if text.chars().any(|c| !fits_username(c)) {
            return Err(FieldCode::InvalidCharacters);
        }
        Ok(Self(text.to_lowercase()))
    }
}

impl DisplayName {
    /// Checks and trims.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldCode> {
        length(text, 1, MAX_DISPLAY_NAME_CHARS)?;
        if text.chars().any(|c| c.is_control() || turns_text(c)) {
            return Err(FieldCode::InvalidCharacters);
        }
        let trimmed = text.trim();
        if trimmed.is_empty() { Err(FieldCode::Required) } else { Ok(Self(trimmed.to_owned())) }
    }
}

impl Password {
    /// Checks the length; a passphrase in any script is welcome.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldCode> {
        length(text, MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS)?;
        Ok(Self(text.to_owned()))
    }
}

impl Extension {
    /// Checks.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldCode> {
        length(text, 2, 6)?;
        if text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldCode::InvalidCharacters)
        }
    }
}

impl DeviceName {
    /// Checks and trims.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldCode> {
        length(text, 0, MAX_DEVICE_NAME_CHARS)?;
        if text.chars().any(char::is_control) {
            return Err(FieldCode::InvalidCharacters);
        }
        Ok(Self(text.trim().to_owned()))
    }
}

impl Platform {
    /// Checks.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldCode> {
        length(text, 1, MAX_PLATFORM_CHARS)?;
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        if text.bytes().all(fits) { Ok(Self(text.to_owned())) } else { Err(FieldCode::InvalidCharacters) }
    }

    /// A browser, whose refresh token must be out of reach of scripts.
    #[must_use]
    pub fn is_web(&self) -> bool {
        self.0 == "web"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn user_names_are_folded_and_kept_short() {
        assert_eq!(Username::parse("Anna").unwrap().as_str(), "anna");
        assert_eq!(Username::parse("김철수").unwrap().as_str(), "김철수");
        assert_eq!(Username::parse(""), Err(FieldCode::Required));
        assert_eq!(Username::parse(&"a".repeat(64)).unwrap().as_str().len(), 64);
        assert_eq!(Username::parse(&"a".repeat(65)), Err(FieldCode::TooLong));
        assert_eq!(Username::parse(&"a".repeat(10_000)), Err(FieldCode::TooLong));
        assert_eq!(Username::parse("o'brien+desk@x_1.y-z").unwrap().as_str(), "o'brien+desk@x_1.y-z");
        for text in ["a b", "a\n", "a\u{0}", "\u{a0}a", "a\u{85}", "<a>", "a\"", "\u{202e}a", "a\u{200b}"] {
            assert_eq!(Username::parse(text), Err(FieldCode::InvalidCharacters), "{text:?}");
        }
    }

    #[test]
    fn display_names_are_trimmed_and_not_blank() {
        assert_eq!(DisplayName::parse("  Anna Kim ").unwrap().as_str(), "Anna Kim");
        assert_eq!(DisplayName::parse("   "), Err(FieldCode::Required));
        assert_eq!(DisplayName::parse("a\u{7}"), Err(FieldCode::InvalidCharacters));
        assert_eq!(DisplayName::parse("anna\u{202e}nimda"), Err(FieldCode::InvalidCharacters));
        assert!(DisplayName::parse("<b>Bo</b> \u{1f469}\u{200d}\u{1f680}").is_ok());
        assert_eq!(DisplayName::parse(&"김".repeat(128)).unwrap().as_str().chars().count(), 128);
        assert_eq!(DisplayName::parse(&"김".repeat(129)), Err(FieldCode::TooLong));
    }

    #[test]
    fn passwords_extensions_devices() {
        assert_eq!(Password::parse("1234567"), Err(FieldCode::TooShort));
        assert!(Password::parse("12345678").is_ok());
        assert_eq!(Password::parse(&"x".repeat(257)), Err(FieldCode::TooLong));
        assert!(Extension::parse("10").is_ok() && Extension::parse("123456").is_ok());
        assert_eq!(Extension::parse("1"), Err(FieldCode::TooShort));
        assert_eq!(Extension::parse("1234567"), Err(FieldCode::TooLong));
        assert_eq!(Extension::parse("1a"), Err(FieldCode::InvalidCharacters));
        assert_eq!(Extension::parse("１２"), Err(FieldCode::InvalidCharacters));
        assert!(DeviceName::parse("").is_ok());
        assert!(Platform::parse("web").unwrap().is_web());
        assert!(!Platform::parse("android").unwrap().is_web());
        assert_eq!(Platform::parse("Web"), Err(FieldCode::InvalidCharacters));
    }

    #[test]
    fn debug_output_holds_no_text() {
        assert_eq!(format!("{:?}", Password::parse("12345678").unwrap()), "Password(..)");
        assert_eq!(format!("{:?}", Username::parse("anna").unwrap()), "Username(..)");
    }

    proptest! {
        #[test]
        fn what_passes_keeps_the_rules(text in "\\PC{0,80}|.{0,80}") {
            if let Ok(name) = Username::parse(&text) {
                prop_assert!(text.chars().count() <= MAX_USERNAME_CHARS);
                prop_assert!(!name.as_str().is_empty());
                prop_assert!(!name.as_str().chars().any(|c| c.is_control() || c.is_whitespace()));
            }
            if let Ok(name) = DisplayName::parse(&text) {
                prop_assert!(!name.as_str().is_empty() && name.as_str() == name.as_str().trim());
            }
        }
    }
}
