//! Request bodies: size, content type, JSON, and then the fields, each with its own error.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use callbox_core::access::{FieldCode, FieldFault};
use callbox_core::wire::Code;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};

use super::problem::Problem;

/// The longest body that any route takes.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

/// A JSON body that may be missing altogether.
pub(super) struct OptionalJson<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body).await?;
        require_json(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        require_json(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

/// How long a body may take. Without an end, slow bodies would hold every place for a connection.
const BODY_TIME: Duration = Duration::from_secs(10);

async fn read(headers: &HeaderMap, body: axum::body::Body) -> Result<Vec<u8>, Problem> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(Code::PayloadTooLarge.into());
    }
    let whole = tokio::time::timeout(BODY_TIME, Limited::new(body, MAX_BODY_BYTES).collect());
    // What is not read by then is not read at all: the connection ends with the answer.
    let Ok(read) = whole.await else { return Err(Code::MalformedJson.into()) };
    match read {
        Ok(collected) => Ok(collected.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(Code::PayloadTooLarge.into()),
        // The sender broke off or sent broken chunks.
        Err(_) => Err(Code::MalformedJson.into()),
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Code::UnsupportedMediaType.into())
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::new(Code::MalformedJson))?;
    // Once for the syntax of the whole text, so that broken JSON is never reported as a wrong field.
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|_| Problem::new(Code::MalformedJson))?;
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_data() {
            Problem::field(&error.path().to_string(), FieldCode::Invalid)
        } else {
            Problem::new(Code::MalformedJson)
        }
    })
}

/// For a field where `null` means something else than its absence: `Some(None)` is `null`.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    json: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(json).map(Some)
}

/// Gathers what is wrong with a body, so that one answer names everything.
#[derive(Default)]
pub(super) struct Faults(Vec<FieldFault>);

impl Faults {
    /// A field that must be there.
    pub(super) fn required<T>(
        &mut self,
        field: &str,
        value: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, FieldCode>,
    ) -> Option<T> {
        match value {
            Some(text) => self.checked(field, parse(text)),
            None => self.checked(field, Err(FieldCode::Required)),
        }
    }

    /// A field that may be missing.
    pub(super) fn optional<T>(
        &mut self,
        field: &str,
        value: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, FieldCode>,
    ) -> Option<T> {
        value.and_then(|text| self.checked(field, parse(text)))
    }

    /// Notes the fault, if it is one.
    pub(super) fn checked<T>(&mut self, field: &str, parsed: Result<T, FieldCode>) -> Option<T> {
        parsed.map_err(|code| self.0.push(FieldFault::new(field, code))).ok()
    }

    /// Ends the checks: all faults, or the value that was made without any.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Problem::fields(self.0)),
        }
    }
}
