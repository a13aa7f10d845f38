//! What a browser says in a call: an offer and an answer for sound and picture, and ICE candidates, of the size and
//! shape that Chromium makes. The words are fixed, so both servers relay the same bytes.

use std::fmt::Write;

/// Candidates each side sends before the end-of-candidates mark.
pub(crate) const CANDIDATES: usize = 6;

/// An SDP as text and as a JSON string.
pub(crate) struct Sdp {
    pub(crate) text: String,
    pub(crate) json: String,
}

/// About 3.5 KB: one audio and one video section with every codec offered.
pub(crate) fn offer() -> Sdp {
    build(
        &["opus/48000/2", "red/48000/2", "G722/8000", "PCMU/8000", "PCMA/8000", "CN/8000"],
        &[
            "VP8/90000",
            "rtx/90000",
            "H264/90000",
            "rtx/90000",
            "H264/90000",
            "rtx/90000",
            "AV1/90000",
            "rtx/90000",
            "VP9/90000",
            "rtx/90000",
            "red/90000",
            "rtx/90000",
            "ulpfec/90000",
        ],
    )
}

/// About 3 KB: what the other side took of the offer.
pub(crate) fn answer() -> Sdp {
    build(
        &["opus/48000/2", "red/48000/2", "PCMU/8000", "CN/8000"],
        &[
            "VP8/90000",
            "rtx/90000",
            "H264/90000",
            "rtx/90000",
            "VP9/90000",
            "rtx/90000",
            "red/90000",
            "rtx/90000",
        ],
    )
}

/// JSON of one `RTCIceCandidateInit`.
pub(crate) fn candidate(number: usize) -> String {
    let (kind, tail) = if number.is_multiple_of(2) {
        ("host", String::new())
    } else {
        ("srflx", format!(" raddr 192.168.1.2{number} rport 5{number}002"))
    };
    format!(
        r#"{{"candidate":"candidate:84216327{number} 1 udp 21222602{number} 192.168.1.2{number} 5{number}001 typ {kind}{tail} generation 0 ufrag Kx3v network-id 1 network-cost 10","sdpMid":"{}","sdpMLineIndex":{},"usernameFragment":"Kx3v"}}"#,
        number % 2,
        number % 2
    )
}

fn build(audio: &[&str], video: &[&str]) -> Sdp {
    let mut text = String::from(
        "v=0\r\no=- 4611733054762223410 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
         a=extmap-allow-mixed\r\na=msid-semantic: WMS 6e1b2f0c-8d55-4f0e-9c37-0a3d7c1b9e42\r\n",
    );
    section(&mut text, "audio", 0, 96, audio);
    section(&mut text, "video", 1, 108, video);
    let json = serde_json::Value::from(text.as_str()).to_string();
    Sdp { text, json }
}

fn section(text: &mut String, kind: &str, mid: u32, first_payload: usize, codecs: &[&str]) {
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = text.write_fmt(words);
        text.push_str("\r\n");
    };
    let payloads: Vec<String> =
        (first_payload..).take(codecs.len()).map(|payload| payload.to_string()).collect();
    line(format_args!("m={kind} 9 UDP/TLS/RTP/SAVPF {}", payloads.join(" ")));
    line(format_args!("c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0"));
    line(format_args!("a=ice-ufrag:Kx3v\r\na=ice-pwd:Zq0T5m1Yy8c2bXkR7uWf4hLd\r\na=ice-options:trickle"));
    line(format_args!(
        "a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:3C:12:77:A1:52:0D:9C:44:E0:6F:88:31"
    ));
    line(format_args!("a=setup:actpass\r\na=mid:{mid}"));
    let extensions = [
        "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "urn:ietf:params:rtp-hdrext:sdes:mid",
    ];
    for (number, extension) in extensions.iter().enumerate() {
        line(format_args!("a=extmap:{} {extension}", number + 1));
    }
    line(format_args!(
        "a=sendrecv\r\na=msid:6e1b2f0c-8d55-4f0e-9c37-0a3d7c1b9e42 {kind}-track-5d9f\r\na=rtcp-mux\r\na=rtcp-rsize"
    ));
    for (payload, codec) in payloads.iter().zip(codecs) {
        line(format_args!("a=rtpmap:{payload} {codec}"));
        if kind == "video" && !codec.starts_with("rtx") {
            for feedback in ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"] {
                line(format_args!("a=rtcp-fb:{payload} {feedback}"));
            }
        } else {
            line(format_args!("a=fmtp:{payload} minptime=10;useinbandfec=1"));
        }
    }
    for ssrc in [2_887_512_330_u32, 1_190_044_871] {
        line(format_args!(
            "a=ssrc:{ssrc} cname:uXk2b0cYJrQ4v8Zt\r\na=ssrc:{ssrc} msid:6e1b2f0c-8d55-4f0e-9c37-0a3d7c1b9e42 {kind}-track-5d9f"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_a_browser() {
        let (offer, answer) = (offer(), answer());
        assert!((3_300..3_800).contains(&offer.text.len()), "offer of {} bytes", offer.text.len());
        assert!((2_800..3_200).contains(&answer.text.len()), "answer of {} bytes", answer.text.len());
        assert!(offer.text.starts_with("v=0\r\n"));
        assert_eq!(serde_json::from_str::<String>(&offer.json).unwrap(), offer.text);
    }

    #[test]
    fn candidates_are_json() {
        for number in 0..CANDIDATES {
            let value: serde_json::Value = serde_json::from_str(&candidate(number)).unwrap();
            assert!(value["candidate"].as_str().unwrap().starts_with("candidate:"));
        }
    }
}
