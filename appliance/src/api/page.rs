//! Lists in pages: `{items, nextCursor}`, `limit` 1 to 200, cursors that mean something to the box alone.

use axum::extract::{FromRequestParts, Query};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callbox_core::access::{FieldCode, FieldFault};
use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::problem::Problem;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// A page of a list.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    /// The items in order.
    #[schema(max_items = 200)]
    pub(super) items: Vec<T>,
    /// Where the next page begins; null on the last one.
    #[schema(required = true)]
    pub(super) next_cursor: Option<String>,
}

/// What a cursor holds.
pub(super) trait Cursor: Sized {
    fn to_bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: Vec<u8>) -> Option<Self>;
}

impl Cursor for u64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Cursor for String {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        // A place in an order: what is no text lies between texts.
        Some(Self::from_utf8_lossy(&bytes).into_owned())
    }
}

/// `?cursor=&limit=`; an empty cursor is none.
pub(super) struct PageQuery<C> {
    pub(super) after: Option<C>,
    pub(super) limit: usize,
}

#[derive(Deserialize)]
struct RawQuery {
    cursor: Option<String>,
    limit: Option<String>,
}

impl<S: Send + Sync, C: Cursor> FromRequestParts<S> for PageQuery<C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Query(raw)) = Query::<RawQuery>::from_request_parts(parts, state).await else {
            return Err(Problem::field("query", FieldCode::Invalid));
        };
        let mut faults = Vec::new();
        let mut after = None;
        if let Some(text) = raw.cursor.as_deref().filter(|text| !text.is_empty()) {
            after = URL_SAFE_NO_PAD.decode(text).ok().and_then(C::from_bytes);
            if after.is_none() {
                faults.push(FieldFault::new("cursor", FieldCode::Invalid));
            }
        }
        let limit = match raw.limit.as_deref().map(str::parse::<usize>) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit @ 1..=MAX_LIMIT)) => limit,
            Some(Ok(_)) => {
                faults.push(FieldFault::new("limit", FieldCode::OutOfRange));
                DEFAULT_LIMIT
            }
            Some(Err(_)) => {
                faults.push(FieldFault::new("limit", FieldCode::Invalid));
                DEFAULT_LIMIT
            }
        };
        if faults.is_empty() { Ok(Self { after, limit }) } else { Err(Problem::fields(faults)) }
    }
}

impl<C: Cursor> PageQuery<C> {
    /// One more than asked for: its presence says that there is a next page.
    pub(super) const fn fetch(&self) -> usize {
        self.limit + 1
    }

    /// Makes the page of at most [`Self::fetch`] rows.
    pub(super) fn page<R, T>(
        &self,
        mut rows: Vec<R>,
        cursor: impl Fn(&R) -> C,
        show: impl FnMut(R) -> T,
    ) -> Page<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next_cursor =
            rows.last().filter(|_| more).map(|row| URL_SAFE_NO_PAD.encode(cursor(row).to_bytes()));
        Page { items: rows.into_iter().map(show).collect(), next_cursor }
    }
}
