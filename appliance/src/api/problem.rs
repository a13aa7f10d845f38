//! Errors as clients see them: `application/problem+json` (RFC 9457). What went wrong inside is logged, not sent.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use callbox_core::access::{FieldCode, FieldFault, Throttled};
use callbox_core::id::CallId;
use callbox_core::wire::{Code, Reject};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::accounts::{HashFault, NoRandomness};
use crate::mailbox::Stopped;
use crate::store::StoreError;

/// The content type of every error.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";
/// How long to wait when the box cannot store or has no room.
const PAUSE: Duration = Duration::from_secs(5);

/// An error on its way to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) code: Code,
    detail: Cow<'static, str>,
    faults: Vec<FieldFault>,
    call: Option<CallId>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// The code with its own sentence.
    pub(super) const fn new(code: Code) -> Self {
        let waits = matches!(code, Code::BoxFull | Code::Busy | Code::RateLimited);
        let retry_after = if waits { Some(PAUSE) } else { None };
        Self { code, detail: Cow::Borrowed(code.remedy()), faults: Vec::new(), call: None, retry_after }
    }

    /// `invalid_input` with everything that is wrong.
    pub(super) fn fields(faults: Vec<FieldFault>) -> Self {
        Self { faults, ..Self::new(Code::InvalidInput) }
    }

    /// `invalid_input` for one field.
    pub(super) fn field(field: &str, code: FieldCode) -> Self {
        Self::fields(vec![FieldFault::new(field, code)])
    }

    /// `rate_limited` until then.
    pub(super) fn wait(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::RateLimited) }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl From<Reject> for Problem {
    fn from(reject: Reject) -> Self {
        let faults =
            reject.field.map(|field| FieldFault::new(field, FieldCode::Invalid)).into_iter().collect();
        Self { detail: reject.detail, faults, call: reject.call, ..Self::new(reject.code) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store refused");
        Self::new(error.code())
    }
}

impl From<Stopped> for Problem {
    fn from(_: Stopped) -> Self {
        Self::new(Code::BoxFull)
    }
}

impl From<Throttled> for Problem {
    fn from(throttled: Throttled) -> Self {
        Self::wait(throttled.retry_after)
    }
}

impl From<HashFault> for Problem {
    fn from(fault: HashFault) -> Self {
        match fault {
            HashFault::QueueFull => Self::wait(Duration::from_secs(2)),
            HashFault::Failed => {
                tracing::error!("a password could not be hashed");
                Self::new(Code::Internal)
            }
        }
    }
}

impl From<NoRandomness> for Problem {
    fn from(_: NoRandomness) -> Self {
        tracing::error!("the system gives no random numbers");
        Self::new(Code::Internal)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ProblemBody {
            r#type: format!("urn:callbox:problem:{}", self.code.as_str()),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            errors: self
                .faults
                .iter()
                .map(|fault| FieldProblem { field: &fault.field, code: fault.code.as_str() })
                .collect(),
            call_id: self.call.map(|call| call.to_string()),
        };
        // Strings and numbers always serialise.
        let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §11.6.1: a 401 names a way to sign in.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// An error (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProblemBody<'a> {
    /// `urn:callbox:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened and what to do about it.
    detail: &'a str,
    /// A stable word to match on.
    #[schema(pattern = "^[a-z0-9_]+$")]
    code: &'a str,
    /// With `invalid_input`: which fields, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem<'a>>,
    /// With `glare`: the other call, which can be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = "uuid")]
    call_id: Option<String>,
}

/// One field that is not acceptable.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = FieldError)]
pub(super) struct FieldProblem<'a> {
    /// As in the body: `admin.username`.
    field: &'a str,
    /// A stable word.
    #[schema(pattern = "^[a-z_]+$")]
    code: &'a str,
}
