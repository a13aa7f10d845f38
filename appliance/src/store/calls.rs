//! A call's events: journal, record, indexes and errands in one unit; and the ends of calls that a crash cut.

use callbox_core::exchange::DirectoryChange;
use callbox_core::id::CallId;
use callbox_core::journal::{Body, CallRow, Event, Misfit};
use callbox_core::unit::Timestamp;
use callbox_core::wire::{CallState, EndReason, ErrorKind, Outcome};

use super::errors::Fault;
use super::tables::Tables;
use super::unit::Operation;
use super::{Errand, StoreError};

/// Writes events down, all or none.
///
/// # Errors
/// [`Fault::Misfit`] when they cannot follow what is stored; nothing was written then.
pub(super) fn apply(tables: &mut Tables<'_>, at: Timestamp, events: &[Body]) -> Result<(), Fault> {
    // One call's events in nearly every unit.
    let mut rows: Vec<(CallRow, bool)> = Vec::with_capacity(1);
    for (seq, body) in (tables.next_seq()..).zip(events) {
        let event = Event { at, body: *body };
        match (body, body.call()) {
            (Body::SettingChanged { .. }, _) => {}
            (_, None) => return Err(Misfit::NotACall.into()),
            (_, Some(call)) => follow(tables, &mut rows, call, seq, &event)?,
        }
    }
    for body in events {
        tables.append(at, *body)?;
    }
    for (row, is_new) in &rows {
        tables.put_call(row, *is_new)?;
        if !row.is_live() {
            put_errands(tables, row)?;
        }
    }
    Ok(())
}

fn follow(
    tables: &Tables<'_>,
    rows: &mut Vec<(CallRow, bool)>,
    call: CallId,
    seq: u64,
    event: &Event,
) -> Result<(), Fault> {
    if let Some((row, _)) = rows.iter_mut().find(|(row, _)| row.call == call) {
        return Ok(row.follow(event)?);
    }
    match (CallRow::begun_by(seq, event), tables.call(call)?) {
        (Some(_), Some(_)) => Err(Misfit::Duplicate.into()),
        (Some(row), None) => {
            rows.push((row, true));
            Ok(())
        }
        (None, Some(mut row)) => {
            row.follow(event)?;
            rows.push((row, false));
            Ok(())
        }
        (None, None) => Err(Misfit::Unknown.into()),
    }
}

/// What has to happen after the end of a call, even across a crash.
fn put_errands(tables: &mut Tables<'_>, row: &CallRow) -> Result<(), Fault> {
    if row.refusal.is_none() {
        tables.put_errand(row.seq, Errand::PipelineRelease { call: row.call })?;
    }
    if row.outcome_for(row.callee) == Some(Outcome::Missed) {
        tables.put_errand(row.seq, Errand::MissedCall { call: row.call, user: row.callee })?;
    }
    Ok(())
}

/// Ends the calls that a crash left without an end, at the time of the last event; says how many.
pub(super) struct Recover;

impl Operation for Recover {
    type Done = usize;
    type Refused = StoreError;
    const URGENT: bool = true;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        _: &mut Vec<DirectoryChange>,
    ) -> Result<Result<usize, StoreError>, Fault> {
        let (live, at) = (tables.live_calls()?, tables.newest()?);
        for row in &live {
            let spoken = row.answered_at.map_or(0, |answered| at.as_millis() - answered.as_millis());
            let end = Body::CallEnded {
                call: row.call,
                state: CallState::Error,
                error: Some(ErrorKind::ServerError),
                reason: EndReason::Error,
                duration_ms: u64::try_from(spoken).unwrap_or(0),
                by: None,
            };
            apply(tables, at, &[end])?;
        }
        Ok(Ok(live.len()))
    }
}
