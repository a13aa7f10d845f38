//! Whether a call may begin: the checks of F3 in their order (rules 7 and 8).

use crate::id::CallId;
use crate::wire::Code;

/// What the exchange knows when somebody wants to call.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked once")]
pub struct Facts {
    /// A call from the callee to the caller that still rings.
    pub call_back: Option<CallId>,
    /// The callee is in a call or rings.
    pub callee_busy: bool,
    /// The callee takes a second call.
    pub callee_call_waiting: bool,
    /// The callee refuses calls.
    pub callee_do_not_disturb: bool,
    /// The caller is in a call or rings.
    pub caller_busy: bool,
    /// The caller takes a second call.
    pub caller_call_waiting: bool,
    /// Fewer calls than the box may have, and the box is not stopping.
    pub room: bool,
}

/// Checks one initiation.
///
/// # Errors
/// The code for the caller, and for glare the call to accept instead.
pub const fn admit(facts: &Facts) -> Result<(), (Code, Option<CallId>)> {
    if let Some(call) = facts.call_back {
        return Err((Code::Glare, Some(call)));
    }
    if facts.callee_busy && !facts.callee_call_waiting {
        return Err((Code::CalleeBusy, None));
    }
    if facts.callee_do_not_disturb {
        return Err((Code::DoNotDisturb, None));
    }
    if facts.caller_busy && !facts.caller_call_waiting {
        return Err((Code::CallerBusy, None));
    }
    if !facts.room {
        return Err((Code::BoxFull, None));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Facts = Facts {
        call_back: None,
        callee_busy: false,
        callee_call_waiting: false,
        callee_do_not_disturb: false,
        caller_busy: false,
        caller_call_waiting: false,
        room: true,
    };

    #[test]
    fn the_order_of_the_checks() {
        let id = CallId::from_random([1; 16]);
        assert_eq!(admit(&FREE), Ok(()));
        let busy = Facts { callee_busy: true, caller_busy: true, ..FREE };
        assert_eq!(admit(&Facts { call_back: Some(id), ..busy }), Err((Code::Glare, Some(id))));
        assert_eq!(admit(&busy), Err((Code::CalleeBusy, None)));
        assert_eq!(admit(&Facts { callee_call_waiting: true, ..busy }), Err((Code::CallerBusy, None)));
        assert_eq!(admit(&Facts { callee_call_waiting: true, caller_call_waiting: true, ..busy }), Ok(()));
        assert_eq!(admit(&Facts { callee_do_not_disturb: true, ..FREE }), Err((Code::DoNotDisturb, None)));
        assert_eq!(admit(&Facts { room: false, ..FREE }), Err((Code::BoxFull, None)));
    }
}
