//! The states of F6 and the only edges between them.

use crate::wire::{CallState, ErrorKind};

/// Where a call is.
///
/// ```text
///  Idle --InitiateCall--> Connecting --Answered--> Connected --MediaConnected--> InCall <--Reconnected--+
///   ^                      |  |   |                 |   |                         |  |                  |
///   |                      |  |   +--EndCall------+ |   +--EndCall---------+      |  +--ConnectionLost-> Reconnecting
///   |                 30 s |  +--SetUpFailed--+   | |                      |      |                     |   |
///   |                      v                  |   | +--ConnectionFailed-+  |      +--EndCall-----+      |   |
///   |<--TimeoutOver--- Timeout                |   |                     |  |                     |      |   |
///   |<--Dismissed----- Error <----------------+---|---------------------+--|---ReconnectFailed---|------+   |
///   |<--CallOver------ Ended <--------------------+------------------------+---------------------+--EndCall-+
/// ```
///
/// `EndCall` from `Connecting` (cancel, reject), `Connected` and `Reconnecting` (hang-up) are extensions of F6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Before and after.
    Idle,
    /// Initiated, ringing.
    Connecting,
    /// Answered; media is being set up.
    Connected,
    /// Media flows.
    InCall,
    /// Media is lost and awaited.
    Reconnecting,
    /// It failed.
    Error(ErrorKind),
    /// Nobody answered in time.
    Timeout,
    /// Hung up, cancelled or rejected.
    Ended,
}

/// What moves a call from one state to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// `initiateCall()`
    InitiateCall,
    /// `onConnected`
    Answered,
    /// `onError`
    SetUpFailed(ErrorKind),
    /// 30 s without an answer.
    RingTimeout,
    /// `mediaConnected`
    MediaConnected,
    /// `connectionFailed`
    ConnectionFailed(ErrorKind),
    /// `connectionLost`
    ConnectionLost,
    /// `reconnected`
    Reconnected,
    /// `reconnectFailed`
    ReconnectFailed(ErrorKind),
    /// `endCall()`, and the extensions.
    EndCall,
    /// `retry/cancel`
    Dismissed,
    /// `timeout`
    TimeoutOver,
    /// `callEnded`
    CallOver,
}

impl State {
    /// Where `edge` leads from here; `None` when F6 has no such edge.
    #[must_use]
    pub const fn after(self, edge: Edge) -> Option<Self> {
        Some(match (self, edge) {
            (Self::Idle, Edge::InitiateCall) => Self::Connecting,
            (Self::Connecting, Edge::Answered) => Self::Connected,
            (Self::Connecting, Edge::RingTimeout) => Self::Timeout,
            (Self::Connected, Edge::MediaConnected) | (Self::Reconnecting, Edge::Reconnected) => Self::InCall,
            (Self::InCall, Edge::ConnectionLost) => Self::Reconnecting,
            (Self::Connecting, Edge::SetUpFailed(kind))
            | (Self::Connected, Edge::ConnectionFailed(kind))
            | (Self::Reconnecting, Edge::ReconnectFailed(kind)) => Self::Error(kind),
            (Self::Connecting | Self::Connected | Self::InCall | Self::Reconnecting, Edge::EndCall) => {
                Self::Ended
            }
            (Self::Error(_), Edge::Dismissed)
            | (Self::Timeout, Edge::TimeoutOver)
            | (Self::Ended, Edge::CallOver) => Self::Idle,
            _ => return None,
        })
    }

    /// Not over yet.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Connecting | Self::Connected | Self::InCall | Self::Reconnecting)
    }

    /// Answered and not over yet.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Connected | Self::InCall | Self::Reconnecting)
    }

    /// The edge that closes a call that is over.
    #[must_use]
    pub const fn closing(self) -> Option<Edge> {
        match self {
            Self::Error(_) => Some(Edge::Dismissed),
            Self::Timeout => Some(Edge::TimeoutOver),
            Self::Ended => Some(Edge::CallOver),
            Self::Idle | Self::Connecting | Self::Connected | Self::InCall | Self::Reconnecting => None,
        }
    }

    /// As the wire spells it: the state, and the kind of an error.
    #[must_use]
    pub const fn on_wire(self) -> (CallState, Option<ErrorKind>) {
        match self {
            Self::Idle => (CallState::Idle, None),
            Self::Connecting => (CallState::Connecting, None),
            Self::Connected => (CallState::Connected, None),
            Self::InCall => (CallState::InCall, None),
            Self::Reconnecting => (CallState::Reconnecting, None),
            Self::Error(kind) => (CallState::Error, Some(kind)),
            Self::Timeout => (CallState::Timeout, None),
            Self::Ended => (CallState::Ended, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: ErrorKind = ErrorKind::NetworkError;
    const STATES: [State; 8] = [
        State::Idle,
        State::Connecting,
        State::Connected,
        State::InCall,
        State::Reconnecting,
        State::Error(KIND),
        State::Timeout,
        State::Ended,
    ];
    const EDGES: [Edge; 13] = [
        Edge::InitiateCall,
        Edge::Answered,
        Edge::SetUpFailed(KIND),
        Edge::RingTimeout,
        Edge::MediaConnected,
        Edge::ConnectionFailed(KIND),
        Edge::ConnectionLost,
        Edge::Reconnected,
        Edge::ReconnectFailed(KIND),
        Edge::EndCall,
        Edge::Dismissed,
        Edge::TimeoutOver,
        Edge::CallOver,
    ];

    /// F6 written out a second time, as pairs of states, so that a slip in the table shows.
    #[test]
    fn the_edges_of_f6_and_no_other() {
        use State::{Connected, Connecting, Ended, Error, Idle, InCall, Reconnecting, Timeout};
        let mut wanted = vec![
            (Idle, Connecting),
            (Connecting, Connected),
            (Connecting, Error(KIND)),
            (Connecting, Timeout),
            (Connected, InCall),
            (Connected, Error(KIND)),
            (InCall, Reconnecting),
            (InCall, Ended),
            (Reconnecting, InCall),
            (Reconnecting, Error(KIND)),
            (Error(KIND), Idle),
            (Timeout, Idle),
            (Ended, Idle),
            // extensions
            (Connecting, Ended),
            (Connected, Ended),
            (Reconnecting, Ended),
        ];
        let mut found: Vec<_> = STATES
            .iter()
            .flat_map(|from| EDGES.iter().filter_map(|edge| Some((*from, from.after(*edge)?))))
            .collect();
        wanted.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, wanted);
    }

    #[test]
    fn every_state_that_is_over_closes_to_idle() {
        for state in STATES {
            match state.closing() {
                Some(edge) => assert_eq!(state.after(edge), Some(State::Idle)),
                None => assert!(state.is_live() || state == State::Idle),
            }
        }
    }
}
