//! Events from a client to the box, and the handshake's `auth` object.
//!
//! [`ClientEvent::parse`] takes the text of a Socket.IO event as it came (`["call-user", {…}]`) and gives a typed
//! event or a [`Reject`] whose code the client can act on. It never panics and never allocates more than a few
//! times the message.

use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::{CallId, RoomId, UserId};

use super::{Code, ErrorKind, Reject};

/// Bytes of one Socket.IO message.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;
/// Bytes of one session description.
pub const MAX_SDP_BYTES: usize = 64 * 1024;
/// Bytes of one candidate line; Chromium's are under 200.
const MAX_CANDIDATE_BYTES: usize = 4 * 1024;
/// Characters of the words a person may give when rejecting.
const MAX_REASON_CHARS: usize = 200;

/// The kinds of a session description (W3C `RTCSdpType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SdpType {
    /// Proposes.
    Offer,
    /// Provisional answer.
    Pranswer,
    /// Settles.
    Answer,
}

/// A session description, relayed unchanged (rule 10).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Offer or answer.
    #[serde(rename = "type")]
    pub kind: SdpType,
    /// RFC 8866 text; begins with `v=0`.
    pub sdp: String,
}

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A description holds addresses.
        write!(f, "Description({:?}, {} bytes)", self.kind, self.sdp.len())
    }
}

impl Description {
    fn check(&self, field: &'static str, kinds: &[SdpType]) -> Result<(), Reject> {
        if !kinds.contains(&self.kind) {
            return Err(Reject::field(format!("{field}.type"), "The description has the wrong type here."));
        }
        if self.sdp.len() > MAX_SDP_BYTES {
            return Err(Reject::because(Code::PayloadTooLarge, "A description is at most 64 KiB."));
        }
        if !self.sdp.starts_with("v=0") {
            return Err(Reject::field(format!("{field}.sdp"), "A description begins with v=0."));
        }
        Ok(())
    }
}

/// W3C `RTCIceCandidateInit`, relayed as it came: a member that was not there is not there, a `null` stays one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// The candidate line; empty ends one generation.
    #[serde(default)]
    pub candidate: String,
    /// Which media section, by name.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<Option<String>>,
    /// Which media section, by position.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<Option<u16>>,
    /// Which ICE generation.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<Option<String>>,
}

impl std::fmt::Debug for IceCandidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A candidate is an address.
        write!(f, "IceCandidate({} bytes)", self.candidate.len())
    }
}

/// `call-user`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallUser {
    /// From `POST /api/calls/initiate`.
    pub call_id: CallId,
    /// The callee named there.
    pub target_user_id: UserId,
    /// Goes to every device of the callee.
    pub offer: Description,
}

/// `accept-call`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptCall {
    /// The call.
    pub call_id: CallId,
    /// Goes to the caller.
    pub answer: Description,
}

/// `reject-call`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectCall {
    /// The call.
    pub call_id: CallId,
    /// Shown to the caller.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `ice-candidate`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidateReport {
    /// The call.
    pub call_id: CallId,
    /// `None` (JSON `null`) is the end of candidates.
    #[serde(deserialize_with = "present")]
    pub candidate: Option<IceCandidate>,
}

/// `end-call`: by call or by room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndCall {
    /// The call.
    #[serde(default)]
    pub call_id: Option<CallId>,
    /// Or its room.
    #[serde(default)]
    pub room_id: Option<RoomId>,
}

/// What a bound device says of its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaReport {
    /// It flows for the first time.
    Connected,
    /// It stopped.
    Lost,
    /// It flows again.
    Reconnected,
    /// It will not flow.
    Failed,
}

impl MediaReport {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Lost => "lost",
            Self::Reconnected => "reconnected",
            Self::Failed => "failed",
        }
    }
}

/// `media-state`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LegReport {
    /// The call.
    pub call_id: CallId,
    /// What happened.
    pub state: MediaReport,
    /// With `failed`; `MediaError` when left out.
    #[serde(default)]
    pub error: Option<ErrorKind>,
}

/// `renegotiate`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Renegotiate {
    /// The call.
    pub call_id: CallId,
    /// Goes to the other bound device.
    pub description: Description,
}

/// What a phone is connected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkType {
    /// Wireless LAN.
    Wifi,
    /// LTE.
    #[serde(rename = "4g")]
    FourG,
    /// 5G.
    #[serde(rename = "5g")]
    FiveG,
    /// 3G or slower.
    #[serde(rename = "3g")]
    ThreeG,
    /// Cable.
    Ethernet,
    /// The phone cannot tell.
    Unknown,
}

/// `network-quality`
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkQuality {
    /// The call; every call of the device when left out.
    #[serde(default)]
    pub call_id: Option<CallId>,
    /// What carries it.
    #[serde(rename = "type")]
    pub kind: NetworkType,
    /// Signal strength in dBm, -200 to 0.
    #[serde(default)]
    pub rssi_dbm: Option<f64>,
    /// Mbit/s towards the phone, 0 or more.
    #[serde(default)]
    pub downlink_mbps: Option<f64>,
    /// The sender's own estimate in kbit/s, 0 or more.
    #[serde(default)]
    pub available_outgoing_kbps: Option<f64>,
}

/// Client states of F15 that only the client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppState {
    /// On screen.
    Foreground,
    /// Not on screen.
    Background,
}

/// `app-state`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AppStateReport {
    /// Where the app is.
    pub state: AppState,
}

/// `recording-consent`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingConsent {
    /// The call.
    pub call_id: CallId,
    /// Yes or no.
    pub agree: bool,
}

/// Everything a client says over its socket.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant is documented at its payload")]
pub enum ClientEvent {
    AcceptCall(AcceptCall),
    AppState(AppStateReport),
    CallUser(CallUser),
    EndCall(EndCall),
    IceCandidate(IceCandidateReport),
    MediaState(LegReport),
    NetworkQuality(NetworkQuality),
    RecordingConsent(RecordingConsent),
    RejectCall(RejectCall),
    Renegotiate(Renegotiate),
}

impl ClientEvent {
    /// Reads an event's text, a JSON array of its name and its payload.
    ///
    /// # Errors
    /// `payload_too_large`, `malformed_json`, `unknown_event`, or `invalid_input` with the field.
    pub fn parse(text: &str) -> Result<Self, Reject> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(Reject::because(Code::PayloadTooLarge, "A message is at most 128 KiB."));
        }
        let Message { name, payload } = serde_json::from_str(text).map_err(|_| Code::MalformedJson)?;
        let payload = payload.map_or("null", RawValue::get);
        let event = match name.as_ref() {
            "accept-call" => Self::AcceptCall(read(payload)?),
            "app-state" => Self::AppState(read(payload)?),
            "call-user" => Self::CallUser(read(payload)?),
            "end-call" => Self::EndCall(read(payload)?),
            "ice-candidate" => Self::IceCandidate(read(payload)?),
            "media-state" => Self::MediaState(read(payload)?),
            "network-quality" => Self::NetworkQuality(read(payload)?),
            "recording-consent" => Self::RecordingConsent(read(payload)?),
            "reject-call" => Self::RejectCall(read(payload)?),
            "renegotiate" => Self::Renegotiate(read(payload)?),
            _ => return Err(Code::UnknownEvent.into()),
        };
        event.check()?;
        Ok(event)
    }

    fn check(&self) -> Result<(), Reject> {
        match self {
            Self::AcceptCall(event) => event.answer.check("answer", &[SdpType::Answer]),
            Self::CallUser(event) => event.offer.check("offer", &[SdpType::Offer]),
            Self::Renegotiate(event) => {
                event.description.check("description", &[SdpType::Offer, SdpType::Answer, SdpType::Pranswer])
            }
            Self::EndCall(event) if event.call_id.is_none() && event.room_id.is_none() => {
                Err(Reject::field("callId", "Name the call or its room."))
            }
            Self::IceCandidate(event) => event.candidate.as_ref().map_or(Ok(()), check_candidate),
            Self::NetworkQuality(event) => check_quality(event),
            Self::RejectCall(event) => match &event.reason {
                Some(reason) if reason.chars().count() > MAX_REASON_CHARS => {
                    Err(Reject::field("reason", "A reason is at most 200 characters."))
                }
                _ => Ok(()),
            },
            Self::AppState(_) | Self::EndCall(_) | Self::MediaState(_) | Self::RecordingConsent(_) => Ok(()),
        }
    }
}

fn check_candidate(candidate: &IceCandidate) -> Result<(), Reject> {
    let names = [candidate.sdp_mid.as_ref(), candidate.username_fragment.as_ref()];
    if candidate.candidate.len() > MAX_CANDIDATE_BYTES
        || names.into_iter().flatten().flatten().any(|name| name.len() > 256)
    {
        return Err(Reject::field("candidate", "A candidate is at most 4 KiB."));
    }
    Ok(())
}

fn check_quality(event: &NetworkQuality) -> Result<(), Reject> {
    if event.rssi_dbm.is_some_and(|dbm| !(-200.0..=0.0).contains(&dbm)) {
        return Err(Reject::field("rssiDbm", "Signal strength is from -200 to 0 dBm."));
    }
    if event.downlink_mbps.is_some_and(|mbps| !(0.0..=1e6).contains(&mbps)) {
        return Err(Reject::field("downlinkMbps", "A bandwidth is 0 or more."));
    }
    if event.available_outgoing_kbps.is_some_and(|kbps| !(0.0..=1e9).contains(&kbps)) {
        return Err(Reject::field("availableOutgoingKbps", "A bandwidth is 0 or more."));
    }
    Ok(())
}

/// Where a reconnecting client stopped hearing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Resume {
    /// From the `session` event.
    pub epoch: String,
    /// The last `seq` it got.
    pub seq: u64,
}

/// The handshake's `auth` object.
#[derive(Clone, Deserialize)]
pub struct SocketAuth {
    /// An access token.
    pub token: String,
    /// One that is damaged counts as none: the snapshot tells it all.
    #[serde(default, deserialize_with = "lenient")]
    pub resume: Option<Resume>,
}

/// `[name, payload?, …]`
struct Message<'a> {
    name: std::borrow::Cow<'a, str>,
    payload: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Message<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an event name and its payload")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Message<'de>, A::Error> {
                #[derive(Deserialize)]
                struct Name<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);
                let Name(name) =
                    seq.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
                let payload = seq.next_element()?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Message { name, payload })
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

fn read<T: DeserializeOwned>(payload: &str) -> Result<T, Reject> {
    let mut json = serde_json::Deserializer::from_str(payload);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        match error.inner().classify() {
            serde_json::error::Category::Data => {
                Reject::field(path, "This field is missing or has the wrong type.")
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Code::MalformedJson.into(),
        }
    })
}

/// A field that must be there, though it may be `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A member that is there, with `Some(None)` for `null`; a member that is not there never comes here.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let raw = <Box<RawValue>>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "07070707-0707-4707-8707-070707070707";

    fn code(text: &str) -> Code {
        ClientEvent::parse(text).expect_err(text).code
    }

    #[test]
    fn reads_every_event() {
        let good = [
            format!(
                r#"["call-user",{{"callId":"{CALL}","targetUserId":"{CALL}","offer":{{"type":"offer","sdp":"v=0"}}}}]"#
            ),
            format!(
                r#"["accept-call",{{"callId":"{CALL}","answer":{{"type":"answer","sdp":"v=0","x":1}}}}]"#
            ),
            format!(r#"["reject-call",{{"callId":"{CALL}","reason":"later"}}]"#),
            format!(r#"["ice-candidate",{{"callId":"{CALL}","candidate":null}}]"#),
            format!(
                r#"["ice-candidate",{{"callId":"{CALL}","candidate":{{"candidate":"c","sdpMid":"0","sdpMLineIndex":0}}}}, 7]"#
            ),
            format!(r#"["end-call",{{"roomId":"{CALL}"}}]"#),
            format!(r#"["media-state",{{"callId":"{CALL}","state":"failed","error":"PermissionError"}}]"#),
            format!(r#"["renegotiate",{{"callId":"{CALL}","description":{{"type":"offer","sdp":"v=0"}}}}]"#),
            r#"["network-quality",{"type":"4g","downlinkMbps":5}]"#.to_owned(),
            r#"["app-state",{"state":"background"}]"#.to_owned(),
            format!(r#"["recording-consent",{{"callId":"{CALL}","agree":true}}]"#),
        ];
        for text in good {
            assert!(ClientEvent::parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_with_the_right_code() {
        assert_eq!(code("{"), Code::MalformedJson);
        assert_eq!(code("[]"), Code::MalformedJson);
        assert_eq!(code("[7]"), Code::MalformedJson);
        assert_eq!(code(r#"["nonsense",{}]"#), Code::UnknownEvent);
        assert_eq!(code(r#"["end-call"]"#), Code::InvalidInput);
        assert_eq!(code(r#"["end-call",{}]"#), Code::InvalidInput);
        assert_eq!(code(r#"["end-call",{"callId":7}]"#), Code::InvalidInput);
        assert_eq!(code(r#"["end-call",{"callId":"a b"}]"#), Code::InvalidInput);
        assert_eq!(code(&format!(r#"["ice-candidate",{{"callId":"{CALL}"}}]"#)), Code::InvalidInput);
        assert_eq!(code(r#"["network-quality",{"type":"4g","downlinkMbps":-1}]"#), Code::InvalidInput);
        assert_eq!(
            code(&format!(r#"["end-call",{{"callId":"{}"}}]"#, "x".repeat(MAX_MESSAGE_BYTES))),
            Code::PayloadTooLarge
        );
        let accept = |kind: &str, sdp: &str| {
            format!(r#"["accept-call",{{"callId":"{CALL}","answer":{{"type":"{kind}","sdp":"{sdp}"}}}}]"#)
        };
        assert_eq!(code(&accept("offer", "v=0")), Code::InvalidInput);
        assert_eq!(code(&accept("answer", "o=0")), Code::InvalidInput);
        assert_eq!(
            code(&accept("answer", &format!("v=0{}", "x".repeat(MAX_SDP_BYTES)))),
            Code::PayloadTooLarge
        );
    }

    #[test]
    fn names_the_field_at_fault() {
        let reject = ClientEvent::parse(&format!(r#"["call-user",{{"callId":"{CALL}","targetUserId":"{CALL}","offer":{{"type":"offer","sdp":5}}}}]"#)).unwrap_err();
        assert_eq!(reject.field.as_deref(), Some("offer.sdp"));
    }

    #[test]
    fn a_candidate_is_relayed_as_it_came() {
        for text in [
            r#"{"candidate":"c","sdpMid":"0"}"#,
            r#"{"candidate":"c","sdpMid":null,"sdpMLineIndex":0,"usernameFragment":null}"#,
        ] {
            let candidate: IceCandidate = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&candidate).unwrap(), text);
        }
    }

    #[test]
    fn a_damaged_resume_is_none() {
        let auth: SocketAuth = serde_json::from_str(r#"{"token":"t","resume":{"epoch":5}}"#).unwrap();
        assert_eq!(auth.resume, None);
        let auth: SocketAuth =
            serde_json::from_str(r#"{"token":"t","resume":{"epoch":"e","seq":5}}"#).unwrap();
        assert_eq!(auth.resume, Some(Resume { epoch: "e".to_owned(), seq: 5 }));
    }
}
