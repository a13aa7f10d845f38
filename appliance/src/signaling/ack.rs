//! The body of an ack: `{ok:true, …}` or `{ok:false, error:{code, detail, field?, callId?}}`.

use callbox_core::exchange::Answer;
use callbox_core::id::CallId;
use callbox_core::wire::{Level, Reject, Settings};
use serde::Serialize;

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct AckBody<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Settings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<AckError<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AckError<'a> {
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<CallId>,
}

impl<'a> AckBody<'a> {
    pub(super) fn new(answer: &'a Result<Answer, Reject>) -> Self {
        match answer {
            Ok(Answer::Quality { level, settings }) => {
                Self { ok: true, level: Some(*level), settings: Some(*settings), ..Self::default() }
            }
            Ok(Answer::Recording { recording }) => {
                Self { ok: true, recording: Some(*recording), ..Self::default() }
            }
            Ok(Answer::Done | Answer::Initiated(_)) => Self { ok: true, ..Self::default() },
            Err(reject) => Self::refusal(reject),
        }
    }

    pub(super) fn refusal(reject: &'a Reject) -> Self {
        let error = AckError {
            code: reject.code.as_str(),
            detail: &reject.detail,
            field: reject.field.as_deref(),
            call_id: reject.call,
        };
        Self { error: Some(error), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callbox_core::unit::Kbps;
    use callbox_core::wire::Code;

    fn json(answer: &Result<Answer, Reject>) -> String {
        serde_json::to_string(&AckBody::new(answer)).unwrap()
    }

    #[test]
    fn acks_read_as_the_protocol_says() {
        assert_eq!(json(&Ok(Answer::Done)), r#"{"ok":true}"#);
        let settings = Settings { width: 1280, height: 720, frame_rate: 24, max_kbps: Kbps(1500) };
        assert_eq!(
            json(&Ok(Answer::Quality { level: Level::Medium, settings })),
            r#"{"ok":true,"level":"medium","settings":{"width":1280,"height":720,"frameRate":24,"maxKbps":1500}}"#
        );
        let unknown = json(&Err(Code::UnknownEvent.into()));
        assert!(
            unknown.starts_with(r#"{"ok":false,"error":{"code":"unknown_event","detail":""#),
            "{unknown}"
        );
        assert!(!unknown.contains("field"));
        let field = json(&Err(Reject::field("offer.sdp", "x")));
        assert_eq!(
            field,
            r#"{"ok":false,"error":{"code":"invalid_input","detail":"x","field":"offer.sdp"}}"#
        );
    }
}
