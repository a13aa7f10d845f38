//! A unit: what one command changes, done whole or not at all, and the way its answer goes back.

use callbox_core::exchange::{DirectoryChange, Ticket};
use callbox_core::journal::Body;
use callbox_core::unit::Timestamp;
use tokio::sync::oneshot;

use super::StoreError;
use super::calls;
use super::errors::Fault;
use super::tables::Tables;
use crate::mailbox::Notice;

/// An account command. All its checks come before its first write, so a refusal leaves nothing behind.
pub(super) trait Operation: Send + 'static {
    /// What the caller gets.
    type Done: Send;
    /// Why the caller does not get it.
    type Refused: From<StoreError> + Send;

    /// Whether it goes on out of the reserve when the disk is full.
    const URGENT: bool = false;

    /// Checks, then writes. Called again when the transaction of its group was lost.
    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<Self::Done, Self::Refused>, Fault>;
}

/// An operation without its types: what the queue carries.
pub(super) trait Command: Send {
    fn is_urgent(&self) -> bool;
    fn apply(&mut self, tables: &mut Tables<'_>, changes: &mut Vec<DirectoryChange>) -> Result<(), Fault>;
    /// Sends the answer that `apply` made, or this error instead.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// An operation with the place where its answer is awaited.
pub(super) struct Pending<O: Operation> {
    pub(super) operation: O,
    pub(super) reply: oneshot::Sender<Result<O::Done, O::Refused>>,
    pub(super) result: Option<Result<O::Done, O::Refused>>,
}

impl<O: Operation> Command for Pending<O> {
    fn is_urgent(&self) -> bool {
        O::URGENT
    }

    fn apply(&mut self, tables: &mut Tables<'_>, changes: &mut Vec<DirectoryChange>) -> Result<(), Fault> {
        self.result = Some(self.operation.apply(tables, changes)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let missing = || Err(StoreError::Unavailable("the command was not worked on".to_owned()).into());
        let answer = match outcome {
            Ok(()) => self.result.unwrap_or_else(missing),
            Err(error) => Err(error.into()),
        };
        // Nobody waits any more: the request was given up, but what is committed stays committed.
        let _ = self.reply.send(answer);
    }
}

/// What the queue carries.
pub(super) enum Unit {
    /// A call's events, from the exchange.
    Call { ticket: Ticket, at: Timestamp, events: Vec<Body> },
    /// An account command.
    Command(Box<dyn Command>),
    /// Nothing more comes: finish what waits and stop.
    Close,
}

impl Unit {
    pub(super) fn is_urgent(&self) -> bool {
        match self {
            Self::Call { .. } | Self::Close => true,
            Self::Command(command) => command.is_urgent(),
        }
    }

    pub(super) fn apply(&mut self, tables: &mut Tables<'_>, notices: &mut Vec<Notice>) -> Result<(), Fault> {
        match self {
            Self::Call { ticket, at, events } => {
                calls::apply(tables, *at, events)?;
                notices.push(Notice::Committed(*ticket));
                Ok(())
            }
            Self::Command(command) => {
                let mut changes = Vec::new();
                command.apply(tables, &mut changes)?;
                notices.extend(changes.into_iter().map(Notice::Directory));
                Ok(())
            }
            Self::Close => Ok(()),
        }
    }

    /// Answers the requester of a unit that was committed, or was not; gives back the notice of a refused call.
    pub(super) fn answer(self, outcome: Result<(), StoreError>) {
        match self {
            Self::Command(command) => command.answer(outcome),
            Self::Call { .. } | Self::Close => {}
        }
    }

    /// What the exchange must be told when the unit was refused.
    pub(super) const fn refusal(&self) -> Option<Notice> {
        match self {
            Self::Call { ticket, .. } => Some(Notice::Refused(*ticket)),
            Self::Command(_) | Self::Close => None,
        }
    }
}
