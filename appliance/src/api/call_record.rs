//! A call's record as one of its users sees it: names from the directory, direction and outcome.

use std::collections::BTreeMap;

use callbox_core::id::UserId;
use callbox_core::journal::CallRow;
use callbox_core::wire::{CallView, Direction, MediaState, Party};

use crate::store::{Snapshot, StoreError};

/// Names of people, each looked up once.
pub(super) struct Names<'s> {
    snapshot: &'s Snapshot,
    known: BTreeMap<UserId, Party>,
}

impl<'s> Names<'s> {
    pub(super) const fn new(snapshot: &'s Snapshot) -> Self {
        Self { snapshot, known: BTreeMap::new() }
    }

    /// Empty names for somebody who was erased.
    fn party(&mut self, user: UserId) -> Result<Party, StoreError> {
        if let Some(party) = self.known.get(&user) {
            return Ok(party.clone());
        }
        let party = match self.snapshot.user(user)? {
            Some(row) => Party { id: user, display_name: row.display_name, extension: row.extension },
            None => Party { id: user, display_name: String::new(), extension: None },
        };
        self.known.insert(user, party.clone());
        Ok(party)
    }
}

/// Adds which way a live call goes.
pub(super) fn seen_by(view: CallView, user: UserId) -> CallView {
    CallView { direction: direction(user, view.caller.id, view.callee.id), ..view }
}

/// What the store knows of a call.
pub(super) fn from_record(
    row: &CallRow,
    user: UserId,
    names: &mut Names<'_>,
) -> Result<CallView, StoreError> {
    Ok(CallView {
        call_id: row.call,
        room_id: row.room,
        state: row.state,
        error: row.error,
        caller: names.party(row.caller)?,
        callee: names.party(row.callee)?,
        media: row.media,
        media_state: MediaState::NoMedia,
        created_at: row.created_at,
        answered_at: row.answered_at,
        ended_at: row.ended_at,
        end_reason: row.end_reason,
        duration_ms: row.duration_ms,
        recording: false,
        e2ee: row.e2ee,
        quality: None,
        direction: direction(user, row.caller, row.callee),
        outcome: row.outcome_for(user),
    })
}

fn direction(user: UserId, caller: UserId, callee: UserId) -> Option<Direction> {
    if user == caller { Some(Direction::Outgoing) } else { (user == callee).then_some(Direction::Incoming) }
}
