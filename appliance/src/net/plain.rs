//! The plain-HTTP port: the page that helps a phone to trust the box, the CA's certificate, and redirects to https.
//! Nothing else, and nothing secret, is ever answered here.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tokio::net::TcpListener;

use super::LocalAddr;
use super::box_id::sha256;
use super::install_page::{Page, STYLE};
use super::listener::{ConnectionLimits, serve_http};
use super::local_ca::LocalCa;
use super::own_name::{CertName, permitted};
use super::served::Served;

/// The port of https that a URL need not name.
const HTTPS_PORT: u16 = 443;

/// What the plain port answers with.
pub struct PlainSite {
    ca_der: Bytes,
    ca_pem: Bytes,
    ca_name: String,
    fingerprint: String,
    policy: HeaderValue,
    served: Arc<Served>,
    https_port: u16,
}

impl std::fmt::Debug for PlainSite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlainSite").field("ca_name", &self.ca_name).finish_non_exhaustive()
    }
}

impl PlainSite {
    /// For the box that serves `served` on `https_port`, the port that was really bound.
    #[must_use]
    pub fn new(ca: &LocalCa, served: Arc<Served>, https_port: u16) -> Self {
        let style = STANDARD.encode(sha256(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self {
            ca_der: Bytes::copy_from_slice(ca.der()),
            ca_pem: ca.pem().into(),
            ca_name: ca.name().to_owned(),
            fingerprint: ca.fingerprint(),
            // Base64 and fixed text are always a header value.
            policy: HeaderValue::from_str(&policy)
                .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'")),
            served,
            https_port,
        }
    }

    /// Serves until `shutdown`.
    pub async fn serve(
        self,
        listener: TcpListener,
        limits: ConnectionLimits,
        shutdown: impl Future<Output = ()>,
    ) {
        let site = Arc::new(self);
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let local = request.extensions().get::<LocalAddr>().map(|local| local.0);
            let response = site.answer(request.method(), request.uri(), request.headers(), local);
            std::future::ready(Ok::<_, Infallible>(response))
        });
        serve_http(listener, service, limits, shutdown).await;
    }

    /// The answer to one request that came in at `local`.
    fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        local: Option<SocketAddr>,
    ) -> Response<Full<Bytes>> {
        let mut response = if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        } else {
            match uri.path() {
                "/" | "/install" => self.page(headers, local),
                "/ca.crt" => {
                    file(&self.ca_der, "application/x-x509-ca-cert", "attachment; filename=\"ca.crt\"")
                }
                "/ca.pem" => file(&self.ca_pem, "application/x-pem-file", "attachment; filename=\"ca.pem\""),
                _ => self.redirect(uri, headers, local),
            }
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in FIXED_HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn page(&self, headers: &HeaderMap, local: Option<SocketAddr>) -> Response<Full<Bytes>> {
        let Some(base) = self.https_base(headers, local) else { return no_host() };
        let page =
            Page { ca_name: &self.ca_name, fingerprint: &self.fingerprint, https: &format!("{base}/") };
        let mut response = Response::new(Full::new(page.html().into()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response
    }

    fn redirect(&self, uri: &Uri, headers: &HeaderMap, local: Option<SocketAddr>) -> Response<Full<Bytes>> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        // Only an absolute path follows the host; "*" is for OPTIONS and nothing else may extend the authority.
        let location = self
            .https_base(headers, local)
            .filter(|_| path.starts_with('/'))
            .and_then(|base| HeaderValue::from_str(&format!("{base}{path}")).ok());
        let Some(location) = location else { return no_host() };
        let mut response = text(StatusCode::PERMANENT_REDIRECT, "this box answers over https\n");
        response.headers_mut().insert(LOCATION, location);
        response
    }

    /// `https://host:port` of this box: the host that was asked for if it is a name of this box, else the address
    /// at which the request came in. Never what only the request claims.
    fn https_base(&self, headers: &HeaderMap, local: Option<SocketAddr>) -> Option<String> {
        let asked = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .and_then(|host| own_host(host, &self.served.names()));
        let host = match asked {
            Some(name) => name.to_string(),
            None => match local?.ip() {
                std::net::IpAddr::V4(ip) => ip.to_string(),
                std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            },
        };
        Some(if self.https_port == HTTPS_PORT {
            format!("https://{host}")
        } else {
            format!("https://{host}:{}", self.https_port)
        })
    }
}

/// Security headers of every answer. No HSTS: it has no meaning over plain HTTP (RFC 6797 section 7.2).
const FIXED_HEADERS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    // A redirect kept for ever would outlive a change of port or address.
    (CACHE_CONTROL, "no-store"),
];

/// The host of a Host header (RFC 9110 section 7.2) if it is one of these names.
fn own_host(header: &str, names: &BTreeSet<CertName>) -> Option<CertName> {
    let host = match header.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => header.split_once(':').map_or(header, |(host, _port)| host),
    };
    permitted(host).filter(|name| names.contains(name))
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn no_host() -> Response<Full<Bytes>> {
    text(StatusCode::BAD_REQUEST, "bad request\n")
}

fn file(bytes: &Bytes, kind: &'static str, disposition: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(bytes.clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tests::loopback_box;
    use http_body_util::BodyExt;

    fn site(port: u16) -> PlainSite {
        let (ca, served) = loopback_box();
        PlainSite::new(&ca, served, port)
    }

    fn ask(site: &PlainSite, method: Method, uri: &str, host: Option<&str>) -> Response<Full<Bytes>> {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().unwrap());
        }
        site.answer(&method, &uri.parse().unwrap(), &headers, Some("192.168.1.20:8080".parse().unwrap()))
    }

    fn location(response: &Response<Full<Bytes>>) -> &str {
        assert_eq!(response.status(), 308);
        response.headers()[LOCATION].to_str().unwrap()
    }

    async fn body(response: Response<Full<Bytes>>) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn the_page_and_the_certificate_are_served() {
        let site = site(8443);
        for path in ["/", "/install", "/?x=1"] {
            let response = ask(&site, Method::GET, path, Some("localhost:8080"));
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
            let html = String::from_utf8(body(response).await.to_vec()).unwrap();
            assert!(
                html.contains(&site.fingerprint) && html.contains("href=\"https://localhost:8443/\""),
                "{html}"
            );
        }
        let response = ask(&site, Method::GET, "/ca.crt", None);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/x-x509-ca-cert");
        assert_eq!(body(response).await, site.ca_der);
        let response = ask(&site, Method::GET, "/ca.pem", None);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/x-pem-file");
        assert!(body(response).await.starts_with(b"-----BEGIN CERTIFICATE-----\n"));
    }

    #[test]
    fn everything_else_goes_to_https_of_this_box() {
        let site = site(8443);
        for (uri, host, expected) in [
            ("/phone?a=b&c=%20", Some("localhost:8080"), "https://localhost:8443/phone?a=b&c=%20"),
            ("/x", Some("LOCALHOST"), "https://localhost:8443/x"),
            ("/x", Some("127.0.0.1:1"), "https://127.0.0.1:8443/x"),
            ("/x", None, "https://192.168.1.20:8443/x"),
            ("/install/", Some("localhost"), "https://localhost:8443/install/"),
            // Not names of this box: never a redirect to them.
            ("/x", Some("evil.example"), "https://192.168.1.20:8443/x"),
            ("/x", Some("other.local"), "https://192.168.1.20:8443/x"),
            ("/x", Some("localhost@evil.example"), "https://192.168.1.20:8443/x"),
            ("/x", Some("localhost.evil.example"), "https://192.168.1.20:8443/x"),
            ("/x", Some("[::1"), "https://192.168.1.20:8443/x"),
            ("/x", Some(""), "https://192.168.1.20:8443/x"),
            ("//evil.example/x", Some("localhost"), "https://localhost:8443//evil.example/x"),
            ("http://evil.example/x", Some("localhost"), "https://localhost:8443/x"),
        ] {
            assert_eq!(location(&ask(&site, Method::GET, uri, host)), expected, "{uri} {host:?}");
        }
        assert_eq!(
            location(&ask(&self::site(443), Method::HEAD, "/x", Some("localhost:80"))),
            "https://localhost/x"
        );
        assert_eq!(ask(&site, Method::GET, "*", Some("localhost")).status(), 400);
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        let site = site(8443);
        let uri = "/x".parse().unwrap();
        let response =
            site.answer(&Method::GET, &uri, &HeaderMap::new(), Some("[fd00::5]:80".parse().unwrap()));
        assert_eq!(location(&response), "https://[fd00::5]:8443/x");
    }

    #[test]
    fn only_reading_is_allowed() {
        let site = site(8443);
        for method in
            [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::CONNECT]
        {
            let response = ask(&site, method.clone(), "/api/auth/login", Some("localhost"));
            assert_eq!(response.status(), 405, "{method}");
            assert_eq!(response.headers()[ALLOW], "GET, HEAD");
        }
    }

    #[test]
    fn every_answer_has_the_security_headers() {
        let site = site(8443);
        for (method, uri) in
            [(Method::GET, "/"), (Method::GET, "/ca.crt"), (Method::GET, "/x"), (Method::POST, "/")]
        {
            let response = ask(&site, method, uri, Some("localhost"));
            for (name, value) in FIXED_HEADERS {
                assert_eq!(response.headers()[name], value);
            }
            assert!(
                response.headers()[CONTENT_SECURITY_POLICY]
                    .to_str()
                    .unwrap()
                    .starts_with("default-src 'none'; style-src 'sha256-")
            );
        }
    }
}
