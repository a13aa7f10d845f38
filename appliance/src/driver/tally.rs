//! Counts what calls come to, for the metrics. A call counts when its event is stored, not when it is tried.

use std::collections::HashMap;

use callbox_core::exchange::{Input, Ticket};
use callbox_core::id::CallId;
use callbox_core::journal::{Body, Refusal};
use callbox_core::wire::EndReason;
use metrics::{Counter, counter};

#[derive(Debug, Clone, Copy)]
enum Counted {
    Initiated,
    Answered,
    Refused(Refusal),
    Ended(CallId, EndReason),
}

pub(super) struct Tally {
    /// What counts once a ticket is stored.
    waiting: HashMap<Ticket, Vec<Counted>>,
    initiated: Counter,
    answered: Counter,
    wakes: Counter,
    slow: Counter,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            waiting: HashMap::new(),
            initiated: counter!("callbox_calls_initiated_total"),
            answered: counter!("callbox_calls_answered_total"),
            wakes: counter!("callbox_wakes_total"),
            slow: counter!("callbox_signaling_slow_sockets_total"),
        }
    }

    pub(super) fn wake(&self) {
        self.wakes.increment(1);
    }

    pub(super) fn slow(&self) {
        self.slow.increment(1);
    }

    pub(super) fn sent(&mut self, ticket: Ticket, events: &[Body]) {
        self.waiting.insert(ticket, events.iter().filter_map(counted).collect());
    }

    /// Counts what is stored now, and answers the calls whose end is.
    pub(super) fn outcome(&mut self, input: &Input) -> Vec<CallId> {
        let mut ended = Vec::new();
        if let Input::Committed { ticket } = input {
            for counted in self.waiting.remove(ticket).unwrap_or_default() {
                self.count(counted);
                if let Counted::Ended(call, _) = counted {
                    ended.push(call);
                }
            }
        } else if let Input::CommitRefused { ticket } = input {
            // What still matters comes again under another ticket.
            self.waiting.remove(ticket);
        }
        ended
    }

    fn count(&self, counted: Counted) {
        match counted {
            Counted::Initiated => self.initiated.increment(1),
            Counted::Answered => self.answered.increment(1),
            Counted::Refused(why) => {
                counter!("callbox_calls_refused_total", "reason" => refusal(why)).increment(1);
            }
            Counted::Ended(_, why) => {
                counter!("callbox_calls_ended_total", "reason" => end_reason(why)).increment(1);
            }
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "a new fact is not a call's outcome unless it says so")]
const fn counted(event: &Body) -> Option<Counted> {
    match event {
        Body::CallInitiated { .. } => Some(Counted::Initiated),
        Body::CallAnswered { .. } => Some(Counted::Answered),
        Body::CallRefused { why, .. } => Some(Counted::Refused(*why)),
        Body::CallEnded { call, reason, .. } => Some(Counted::Ended(*call, *reason)),
        _ => None,
    }
}

const fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Busy => "busy",
        Refusal::DoNotDisturb => "do_not_disturb",
    }
}

const fn end_reason(why: EndReason) -> &'static str {
    match why {
        EndReason::Hangup => "hangup",
        EndReason::Cancelled => "cancelled",
        EndReason::Rejected => "rejected",
        EndReason::AnsweredElsewhere => "answered_elsewhere",
        EndReason::Timeout => "timeout",
        EndReason::Error => "error",
        EndReason::BoxShutdown => "box_shutdown",
    }
}
