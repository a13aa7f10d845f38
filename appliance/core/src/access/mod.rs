//! Who may do what: tokens, field rules, throttling, roles and the setup code. Pure: keys, random bytes and time
//! are arguments. Not here: how a password is hashed (`accounts` in the box) and where rows live (`store`).

mod authz;
mod fields;
mod refresh;
mod setup_code;
mod throttle;
mod tokens;

pub use authz::AuthzContext;
pub use fields::{
    DeviceName, DisplayName, Extension, FieldCode, FieldFault, MAX_DISPLAY_NAME_CHARS, MAX_PASSWORD_CHARS,
    MAX_USERNAME_CHARS, MIN_PASSWORD_CHARS, Password, Platform, Username,
};
pub use refresh::{MalformedRefresh, RefreshToken};
pub use setup_code::SetupCode;
pub use throttle::{ACCOUNT_FAILURES, ADDRESS_FAILURES, Source, Throttle, Throttled, WINDOW};
pub use tokens::{ACCESS_LIFETIME, CLOCK_SKEW, Claims, TokenFault, in_time, issue, verify};
