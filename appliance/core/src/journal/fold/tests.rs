use proptest::prelude::*;

use super::*;
use crate::journal::{Actor, EndedSession, SignIn, codec};

const CALLER: UserId = UserId::from_bytes([1; 16]);
const CALLEE: UserId = UserId::from_bytes([2; 16]);
const STRANGER: UserId = UserId::from_bytes([3; 16]);
const CALL: CallId = CallId::from_bytes([9; 16]);

fn event(at: i64, body: Body) -> Event {
    Event { at: Timestamp::from_millis(at), body }
}

fn initiated(call: CallId) -> Body {
    Body::CallInitiated {
        call,
        room: RoomId::from_bytes([4; 16]),
        caller: CALLER,
        caller_device: DeviceId::from_bytes([5; 16]),
        callee: CALLEE,
        media: Media { audio: true, video: true },
        e2ee: false,
    }
}

fn refused(why: Refusal) -> Body {
    Body::CallRefused {
        call: CALL,
        room: RoomId::from_bytes([4; 16]),
        caller: CALLER,
        callee: CALLEE,
        media: Media { audio: true, video: false },
        why,
    }
}

fn answered(call: CallId) -> Body {
    Body::CallAnswered { call, callee_device: DeviceId::from_bytes([6; 16]) }
}

fn ended(call: CallId, reason: EndReason) -> Body {
    Body::CallEnded { call, state: CallState::Ended, error: None, reason, duration_ms: 7, by: None }
}

fn row(bodies: &[Body]) -> CallRow {
    let mut bodies = bodies.iter();
    let mut row = CallRow::begun_by(1, &event(10, *bodies.next().unwrap())).unwrap();
    for (at, body) in (11..).zip(bodies) {
        row.follow(&event(at, *body)).unwrap();
    }
    row
}

#[test]
fn outcomes_follow_rule_nine() {
    use EndReason as R;
    use Outcome as O;
    let unanswered = [
        (R::Timeout, O::Missed, O::Missed),
        (R::Cancelled, O::Cancelled, O::Missed),
        (R::Rejected, O::Rejected, O::Rejected),
        (R::Error, O::Failed, O::Missed),
        (R::BoxShutdown, O::Failed, O::Missed),
        (R::Hangup, O::Failed, O::Missed),
    ];
    for (reason, caller, callee) in unanswered {
        let found = row(&[initiated(CALL), ended(CALL, reason)]);
        assert_eq!(found.outcome_for(CALLER), Some(caller), "{reason:?}");
        assert_eq!(found.outcome_for(CALLEE), Some(callee), "{reason:?}");
        assert_eq!(found.outcome_for(STRANGER), None);
        let spoke = row(&[initiated(CALL), answered(CALL), ended(CALL, reason)]);
        for party in [CALLER, CALLEE] {
            assert_eq!(spoke.outcome_for(party), Some(O::Answered), "{reason:?}");
        }
    }
    for why in [Refusal::Busy, Refusal::DoNotDisturb] {
        let found = row(&[refused(why)]);
        assert_eq!(found.outcome_for(CALLER), Some(O::Busy));
        assert_eq!(found.outcome_for(CALLEE), Some(O::Missed));
        assert!(!found.is_live());
    }
    for live in [row(&[initiated(CALL)]), row(&[initiated(CALL), answered(CALL)])] {
        assert_eq!(live.outcome_for(CALLER), None);
        assert_eq!(live.outcome_for(CALLEE), None);
    }
}

#[test]
fn a_call_has_one_beginning_one_answer_and_one_end() {
    let mut live = row(&[initiated(CALL), answered(CALL)]);
    assert_eq!(live.answered_at, Some(Timestamp::from_millis(11)));
    assert_eq!(live.follow(&event(12, answered(CALL))), Err(Misfit::TooLate));
    assert_eq!(live.follow(&event(12, initiated(CALL))), Err(Misfit::Duplicate));
    let other = CallId::from_bytes([8; 16]);
    assert_eq!(live.follow(&event(12, answered(other))), Err(Misfit::NotACall));
    live.follow(&event(13, ended(CALL, EndReason::Hangup))).unwrap();
    let over = live;
    assert_eq!(live.follow(&event(14, ended(CALL, EndReason::Error))), Err(Misfit::TooLate));
    assert_eq!(live.follow(&event(14, answered(CALL))), Err(Misfit::TooLate));
    assert_eq!(live, over);
    let mut refused = row(&[refused(Refusal::Busy)]);
    assert_eq!(refused.follow(&event(14, answered(CALL))), Err(Misfit::TooLate));
    let mut state = State::default();
    assert_eq!(state.apply(1, &event(1, ended(CALL, EndReason::Error))), Err(Misfit::Unknown));
}

/// Any event over a few identifiers, so that many fit together and many do not.
fn any_body() -> impl Strategy<Value = Body> {
    let (user, call) = ((1_u8..4).prop_map(|n| UserId::from_bytes([n; 16])), 1_u8..5);
    let call = call.prop_map(|n| CallId::from_bytes([n; 16]));
    let session = (1_u8..4).prop_map(|n| SessionId::from_bytes([n; 16]));
    let device = DeviceId::from_bytes([7; 16]);
    prop_oneof![
        user.clone().prop_map(|admin| Body::BoxSetUp { admin }),
        user.clone().prop_map(|user| Body::UserCreated { user, role: Role::User, by: Actor::Box }),
        (user.clone(), any::<bool>()).prop_map(|(user, disabled)| Body::UserChanged {
            user,
            role: Role::Admin,
            disabled,
            by: Actor::Console
        }),
        user.clone().prop_map(|user| Body::UserDeleted { user, by: Actor::Box }),
        user.clone().prop_map(|user| Body::PasswordChanged { user, by: Actor::Box }),
        (session.clone(), user.clone()).prop_map(move |(session, user)| Body::SessionOpened {
            session,
            device,
            user,
            sign_in: SignIn::Password
        }),
        (session, user).prop_map(|(session, user)| Body::SessionEnded {
            session,
            user,
            why: EndedSession::Logout,
            by: Actor::User(user)
        }),
        call.clone().prop_map(initiated),
        call.clone().prop_map(answered),
        call.prop_map(|call| ended(call, EndReason::Hangup)),
        Just(refused(Refusal::Busy)),
    ]
}

fn fold(state: &mut State, from: u64, events: &[Event]) -> Vec<Result<(), Misfit>> {
    (from..).zip(events).map(|(seq, event)| state.apply(seq, event)).collect()
}

proptest! {
    /// A state that went through bytes between the pieces, and events that did too, come to the same.
    #[test]
    fn folding_in_one_go_equals_folding_in_pieces(
        bodies in prop::collection::vec(any_body(), 0..80),
        cuts in prop::collection::vec(0_usize..80, 0..5),
    ) {
        let events: Vec<Event> = (0..).zip(bodies).map(|(at, body)| event(at, body)).collect();
        let mut whole = State::default();
        let answers = fold(&mut whole, 1, &events);

        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(events.len())).collect();
        cuts.push(events.len());
        cuts.sort_unstable();
        let (mut pieces, mut pieces_answers, mut begin) = (State::default(), Vec::new(), 0);
        for end in cuts {
            let stored: Vec<Vec<u8>> = events[begin..end].iter().map(codec::encode).collect();
            let read: Vec<Event> = stored.iter().map(|bytes| codec::decode(bytes).unwrap()).collect();
            pieces_answers.extend(fold(&mut pieces, 1 + u64::try_from(begin).unwrap(), &read));
            pieces = postcard::from_bytes(&postcard::to_stdvec(&pieces).unwrap()).unwrap();
            begin = end;
        }
        prop_assert_eq!(&whole, &pieces);
        prop_assert_eq!(answers, pieces_answers);
    }

    /// What retention relies on: the events of one call say nothing about another, and a refused event leaves
    /// everything as it was.
    #[test]
    fn calls_are_independent_and_misfits_change_nothing(bodies in prop::collection::vec(any_body(), 0..80)) {
        let mut whole = State::default();
        let mut accepted = Vec::new();
        for (seq, body) in (1_u64..).zip(bodies) {
            let next = event(0, body);
            let before = whole.clone();
            match whole.apply(seq, &next) {
                Ok(()) => accepted.push((seq, next)),
                Err(_) => prop_assert_eq!(&whole, &before),
            }
        }
        for (seq, row) in &whole.calls {
            let mut alone = State::default();
            for (seq, event) in accepted.iter().filter(|(_, event)| event.body.call() == Some(row.call)) {
                alone.apply(*seq, event).unwrap();
            }
            prop_assert_eq!(alone.calls.get(seq), Some(row));
            prop_assert_eq!(alone.calls.len(), 1);
        }
    }
}
