//! The page that helps a phone to trust the box, in English and Korean. No script, no form, nothing from elsewhere.

/// The page's own style. Its hash stands in the Content-Security-Policy, so it is one text.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:1rem}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:1.5rem}\
a.step{display:inline-block;padding:.6rem 1rem;margin:.25rem .5rem .25rem 0;border:2px solid;border-radius:.5rem}\
code{overflow-wrap:anywhere}section{border-top:1px solid;margin-top:2rem}";

/// What the page shows. Every field is plain text and is escaped here.
pub(super) struct Page<'p> {
    pub(super) ca_name: &'p str,
    pub(super) fingerprint: &'p str,
    /// `https://host:port/`.
    pub(super) https: &'p str,
}

impl Page<'_> {
    /// The whole document.
    pub(super) fn html(&self) -> String {
        let (name, fingerprint, https) = (escape(self.ca_name), escape(self.fingerprint), escape(self.https));
        let english = body(&ENGLISH, &name, &fingerprint, &https);
        let korean = body(&KOREAN, &name, &fingerprint, &https);
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>Callbox</title><style>{STYLE}</style></head><body>\n\
             <p><a href=\"#ko\" lang=\"ko\" hreflang=\"ko\">한국어</a></p>\n\
             <main>{english}</main>\n<section id=\"ko\" lang=\"ko\">{korean}</section>\n</body></html>\n"
        )
    }
}

struct Words {
    title: &'static str,
    why: &'static str,
    download: &'static str,
    download_pem: &'static str,
    compare: &'static str,
    open: &'static str,
    go: &'static str,
    steps: [(&'static str, &'static str); 5],
}

const ENGLISH: Words = Words {
    title: "Let this device trust the telephone box",
    why: "The box speaks only encrypted. So that this device knows that it really is your box, install the box's own \
          certificate once. It can vouch for devices in this local network only, never for a web site.",
    download: "Download the certificate",
    download_pem: "as PEM, for Linux",
    compare: "Before you agree, compare the fingerprint (SHA-256) with the one that the box shows on its console:",
    open: "Afterwards open the box. If no warning comes, all is well:",
    go: "Open the box",
    steps: [
        (
            "Android",
            "Settings, Security, More security settings, Encryption and credentials, Install a certificate, CA certificate; \
             then choose ca.crt among the downloads. Android asks for a screen lock.",
        ),
        (
            "iPhone, iPad",
            "Download in Safari and allow it; then Settings, Profile Downloaded, Install. \
             Then Settings, General, About, Certificate Trust Settings: switch the box on.",
        ),
        (
            "Windows",
            "Open ca.crt, Install Certificate, Local Machine, Place all certificates in: Trusted Root Certification Authorities.",
        ),
        (
            "macOS",
            "Open ca.crt, add it to the keychain System; open it there, Trust, When using this certificate: Always Trust.",
        ),
        (
            "Linux",
            "Copy ca.pem to /usr/local/share/ca-certificates/callbox.crt and run update-ca-certificates as root. \
             In Chromium and Firefox: Settings, Privacy and security, Certificates, Authorities, Import.",
        ),
    ],
};

const KOREAN: Words = Words {
    title: "이 기기가 전화 박스를 신뢰하게 하기",
    why: "박스는 암호화된 연결만 사용합니다. 이 기기가 여러분의 박스를 알아볼 수 있도록 박스의 인증서를 한 번 설치하세요. \
          이 인증서는 이 로컬 네트워크의 기기만 보증할 수 있고, 웹 사이트는 보증할 수 없습니다.",
    download: "인증서 내려받기",
    download_pem: "PEM 형식(리눅스용)",
    compare: "동의하기 전에 박스의 콘솔에 표시된 지문(SHA-256)과 같은지 확인하세요.",
    open: "설치한 뒤 박스를 여세요. 경고가 나오지 않으면 끝난 것입니다.",
    go: "박스 열기",
    steps: [
        (
            "안드로이드",
            "설정, 보안, 기타 보안 설정, 암호화 및 사용자 인증 정보, 인증서 설치, CA 인증서에서 내려받은 ca.crt를 선택하세요. 화면 잠금이 필요합니다.",
        ),
        (
            "아이폰, 아이패드",
            "Safari에서 내려받아 허용한 다음 설정, 프로파일이 다운로드됨, 설치를 누르세요. 그다음 설정, 일반, 정보, 인증서 신뢰 설정에서 박스를 켜세요.",
        ),
        (
            "윈도우",
            "ca.crt를 열고 인증서 설치, 로컬 컴퓨터, 모든 인증서를 다음 저장소에 저장에서 신뢰할 수 있는 루트 인증 기관을 선택하세요.",
        ),
        (
            "macOS",
            "ca.crt를 열어 시스템 키체인에 추가한 뒤, 키체인에서 열어 신뢰, 이 인증서 사용 시: 항상 신뢰로 바꾸세요.",
        ),
        (
            "리눅스",
            "ca.pem을 /usr/local/share/ca-certificates/callbox.crt로 복사하고 관리자 권한으로 update-ca-certificates를 실행하세요. Chromium과 Firefox에서는 설정, 개인정보 및 보안, 인증서, 인증 기관, 가져오기를 사용하세요.",
        ),
    ],
};

fn body(words: &Words, name: &str, fingerprint: &str, https: &str) -> String {
    let mut out = format!(
        "<h1>{}</h1>\n<p>{}</p>\n\
         <p><a class=\"step\" href=\"/ca.crt\" download>{}</a> <a href=\"/ca.pem\" download>{}</a></p>\n\
         <p>{}</p>\n<p>{name}<br><code>{fingerprint}</code></p>\n",
        words.title, words.why, words.download, words.download_pem, words.compare
    );
    for (system, steps) in &words.steps {
        out.push_str(&format!("<h2>{system}</h2>\n<p>{steps}</p>\n"));
    }
    out.push_str(&format!(
        "<p>{}</p>\n<p><a class=\"step\" href=\"{https}\">{}</a> <code>{https}</code></p>\n",
        words.open, words.go
    ));
    out
}

/// Text for HTML content and quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_shown_is_escaped() {
        let html = Page { ca_name: "<b>", fingerprint: "A&B", https: "https://x/\"onload='" }.html();
        assert!(
            html.contains("&lt;b&gt;")
                && html.contains("A&amp;B")
                && html.contains("https://x/&quot;onload=&#39;")
        );
        assert!(!html.contains("<b>"));
    }

    #[test]
    fn the_page_needs_no_script_form_or_other_host() {
        let html = Page { ca_name: "Callbox", fingerprint: "AA", https: "https://box.local:8443/" }.html();
        for word in ["<script", "<form", "<img", "<link", "http://", "style=\""] {
            assert!(!html.contains(word), "{word}");
        }
        assert_eq!(html.matches("https://box.local:8443/\"").count(), 2, "one link in each language");
        assert!(html.contains("lang=\"ko\"") && html.contains("인증서"));
    }
}
