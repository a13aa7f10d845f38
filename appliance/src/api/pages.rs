//! The web pages, embedded at compile time. Compressed forms are made by the page build, not at run time. A build
//! without Node has stub pages that say so.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use callbox_core::wire::Code;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::problem::Problem;

/// One file of the page build.
struct Page {
    /// Relative to the root, without a leading slash.
    path: &'static str,
    /// Quoted, made of its bytes.
    etag: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

// Sorted by path; written by build/pages.rs.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Addresses that people see, and the files behind them.
const NAMED: [(&str, &str); 5] = [
    ("", "index.html"),
    ("admin", "admin.html"),
    ("phone", "phone.html"),
    ("phone/enrol", "phone.html"),
    ("setup", "setup.html"),
];

/// Answers whatever no route took: a page, or `not_found`.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    match find(uri.path()) {
        None => Problem::new(Code::NotFound).into_response(),
        Some(page) if method == Method::GET || method == Method::HEAD => answer(page, &headers),
        Some(_) => {
            let mut response = Problem::new(Code::MethodNotAllowed).into_response();
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
            response
        }
    }
}

fn find(path: &str) -> Option<&'static Page> {
    let path = path.strip_prefix('/')?;
    let file = NAMED.iter().find(|(name, _)| *name == path).map_or(path, |(_, file)| file);
    PAGES.binary_search_by(|page| page.path.cmp(file)).ok().and_then(|at| PAGES.get(at))
}

fn answer(page: &'static Page, request: &HeaderMap) -> Response {
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let unchanged = known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == page.etag);
    let (bytes, encoding) = choose(page, request);
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(bytes)) };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_static(page.etag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // The page build puts a hash of the content into the names below assets/.
    let keep =
        if page.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if !unchanged {
        if let Ok(kind) = HeaderValue::from_str(&content_type(page.path)) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    response
}

/// The smallest form that the client understands.
fn choose(page: &Page, request: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
    let accepted =
        request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |name: &str| {
        accepted.split(',').any(|part| {
            let (coding, weight) = part.split_once(';').unwrap_or((part, ""));
            let refused =
                weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>() == Ok(0.0));
            coding.trim().eq_ignore_ascii_case(name) && !refused
        })
    };
    match (page.br.filter(|_| accepts("br")), page.gz.filter(|_| accepts("gzip"))) {
        (Some(bytes), _) => (bytes, Some("br")),
        (None, Some(bytes)) => (bytes, Some("gzip")),
        (None, None) => (page.plain, None),
    }
}

fn content_type(path: &str) -> String {
    let kind = match path.rsplit_once('.') {
        // Not in every table of types.
        Some((_, "webmanifest")) => "application/manifest+json".to_owned(),
        _ => mime_guess::from_path(path).first_or_octet_stream().to_string(),
    };
    if kind.starts_with("text/") || kind.ends_with("json") { format!("{kind}; charset=utf-8") } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PAGE: Page =
        Page { path: "assets/a.js", etag: "\"e\"", plain: b"plain", br: Some(b"b"), gz: Some(b"g") };

    fn with(accept: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accept))])
    }

    #[test]
    fn the_smallest_form_that_is_understood() {
        assert_eq!(choose(&PAGE, &with("gzip, deflate, br;q=0.9")).1, Some("br"));
        assert_eq!(choose(&PAGE, &with("gzip, br;q=0")).1, Some("gzip"));
        assert_eq!(choose(&PAGE, &with("identity")).1, None);
        assert_eq!(choose(&PAGE, &HeaderMap::new()).1, None);
    }

    #[test]
    fn hashed_names_are_kept_and_pages_are_not() {
        let response = answer(&PAGE, &with("br"));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let index = answer(find("/").unwrap(), &HeaderMap::new());
        assert_eq!(index.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(index.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[test]
    fn every_named_page_exists_in_every_build() {
        for (name, _) in NAMED {
            assert!(find(&format!("/{name}")).is_some(), "{name}");
        }
        for nothing in ["/nothing", "/../Cargo.toml", "//", "/phone/", ""] {
            assert!(find(nothing).is_none(), "{nothing}");
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(PAGES.is_sorted_by(|a, b| a.path < b.path));
    }
}
