//! Which device of whom is reachable where, and what it missed while it was not.
//!
//! Every device has one event stream, numbered by `seq`. What was sent is kept for [`KEEP_TIME`] or [`KEEP_EVENTS`],
//! whichever is less, so that a client that names the last `seq` it got is told the rest. Presence, `session` and `closing`
//! are numbered but not kept: `session` comes first after every connect and holds everybody's presence. A stream without a
//! socket is forgotten after [`KEEP_TIME`]; its epoch is never used again, so an older client gets the snapshot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::id::{DeviceId, SessionId, SocketId, UserId};
use crate::unit::Instant;
use crate::wire::{AppState, Resume, ServerEvent};

/// Events kept for a client that comes back.
pub const KEEP_EVENTS: usize = 256;
/// Bytes of descriptions and candidates that they may hold together: many calls' worth of real ones, and a bound for
/// somebody who sends the largest again and again to a phone that is away.
pub const KEEP_BYTES: usize = 1024 * 1024;
/// How long they are kept.
pub const KEEP_TIME: Duration = Duration::from_secs(60);

/// A device with a socket, or one that had a socket a moment ago.
#[derive(Debug)]
struct Registration {
    session: SessionId,
    user: UserId,
    socket: Option<SocketId>,
    gone_since: Option<Instant>,
    app_state: AppState,
    stream: Stream,
}

#[derive(Debug)]
struct Stream {
    epoch: u64,
    next_seq: u64,
    sent: VecDeque<Sent>,
    /// Of `sent`, as [`ServerEvent::bulk`] counts.
    bytes: usize,
    /// The newest `seq` that was to be kept and no longer is.
    forgotten: u64,
}

#[derive(Debug)]
struct Sent {
    seq: u64,
    at: Instant,
    event: Arc<ServerEvent>,
}

/// What opening a socket came to.
#[derive(Debug)]
pub struct Opened {
    /// The older socket of the session, to be closed.
    pub replaced: Option<SocketId>,
    /// For the `session` event.
    pub epoch: u64,
    /// `Some` when the client resumes: what it missed, to be sent again after `session`.
    pub missed: Option<Vec<Arc<ServerEvent>>>,
}

/// Whose a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The login.
    pub session: SessionId,
    /// The device.
    pub device: DeviceId,
    /// The user.
    pub user: UserId,
}

/// All devices.
#[derive(Debug, Default)]
pub struct Registrar {
    devices: BTreeMap<DeviceId, Registration>,
    sockets: BTreeMap<SocketId, DeviceId>,
    of_user: BTreeMap<UserId, BTreeSet<DeviceId>>,
    /// Devices without a socket, by since when.
    gone: BTreeSet<(Instant, DeviceId)>,
}

impl Registrar {
    /// A socket opened. `epoch` is used when a new stream begins.
    pub fn open(
        &mut self,
        socket: SocketId,
        owner: Owner,
        resume: Option<&Resume>,
        epoch: u64,
        now: Instant,
    ) -> Opened {
        self.sockets.insert(socket, owner.device);
        self.of_user.entry(owner.user).or_default().insert(owner.device);
        let registration = self.devices.entry(owner.device).or_insert_with(|| Registration {
            session: owner.session,
            user: owner.user,
            socket: None,
            gone_since: None,
            app_state: AppState::Foreground,
            stream: Stream::new(epoch),
        });
        let replaced = registration.socket.replace(socket);
        if let Some(older) = replaced {
            self.sockets.remove(&older);
        }
        if let Some(since) = registration.gone_since.take() {
            self.gone.remove(&(since, owner.device));
        }
        registration.app_state = AppState::Foreground;
        let missed = resume.and_then(|resume| registration.stream.resume(resume, now));
        if missed.is_none() {
            registration.stream = Stream::new(epoch);
        }
        Opened { replaced, epoch: registration.stream.epoch, missed }
    }

    /// A socket closed; gives its owner when it was the device's current one.
    pub fn close(&mut self, socket: SocketId, now: Instant) -> Option<Owner> {
        let device = self.sockets.remove(&socket)?;
        let registration = self.devices.get_mut(&device).filter(|found| found.socket == Some(socket))?;
        registration.socket = None;
        registration.gone_since = Some(now);
        self.gone.insert((now, device));
        Some(Owner { session: registration.session, device, user: registration.user })
    }

    /// Numbers and keeps an event for a device; gives the socket to send it to, if there is one.
    pub fn push(
        &mut self,
        device: DeviceId,
        event: &Arc<ServerEvent>,
        now: Instant,
    ) -> Option<(SocketId, u64)> {
        let registration = self.devices.get_mut(&device)?;
        let seq = registration.stream.push(event, now);
        registration.socket.map(|socket| (socket, seq))
    }

    /// Whose a socket is.
    #[must_use]
    pub fn owner(&self, socket: SocketId) -> Option<Owner> {
        let device = *self.sockets.get(&socket)?;
        let registration = self.devices.get(&device)?;
        Some(Owner { session: registration.session, device, user: registration.user })
    }

    /// The devices of a user that have a socket.
    pub fn reachable(&self, user: UserId) -> impl Iterator<Item = DeviceId> + '_ {
        self.of_user.get(&user).into_iter().flatten().copied().filter(|device| self.is_reachable(*device))
    }

    /// Whether this device has a socket.
    #[must_use]
    pub fn is_reachable(&self, device: DeviceId) -> bool {
        self.devices.get(&device).is_some_and(|found| found.socket.is_some())
    }

    /// The device of a session that has a stream.
    #[must_use]
    pub fn device_of(&self, session: SessionId) -> Option<DeviceId> {
        self.devices.iter().find(|(_, found)| found.session == session).map(|(device, _)| *device)
    }

    /// Every device with a socket.
    pub fn all_reachable(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.sockets.values().copied()
    }

    /// Open sockets.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// A client says whether it is on screen.
    pub fn app_state(&mut self, device: DeviceId, state: AppState) {
        if let Some(registration) = self.devices.get_mut(&device) {
            registration.app_state = state;
        }
    }

    /// Forgets a session; gives its device, its user and its socket.
    pub fn forget(&mut self, session: SessionId) -> Option<(Owner, Option<SocketId>)> {
        let device = self.device_of(session)?;
        let registration = self.drop_device(device)?;
        let owner = Owner { session, device, user: registration.user };
        if let Some(socket) = registration.socket {
            self.sockets.remove(&socket);
        }
        Some((owner, registration.socket))
    }

    /// The sessions of a user that have a stream.
    #[must_use]
    pub fn sessions_of(&self, user: UserId) -> Vec<SessionId> {
        let devices = self.of_user.get(&user).into_iter().flatten();
        devices.filter_map(|device| self.devices.get(device)).map(|found| found.session).collect()
    }

    /// When the oldest stream without a socket is to be forgotten.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.gone.first().map(|(since, _)| *since + KEEP_TIME)
    }

    /// Forgets streams that nobody came back to.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, device)) =
            self.gone.first().filter(|(since, _)| *since + KEEP_TIME <= now).copied()
        {
            self.drop_device(device);
        }
    }

    fn drop_device(&mut self, device: DeviceId) -> Option<Registration> {
        let registration = self.devices.remove(&device)?;
        if let Some(since) = registration.gone_since {
            self.gone.remove(&(since, device));
        }
        if let Some(devices) = self.of_user.get_mut(&registration.user) {
            devices.remove(&device);
            if devices.is_empty() {
                self.of_user.remove(&registration.user);
            }
        }
        Some(registration)
    }
}

impl Stream {
    const fn new(epoch: u64) -> Self {
        Self { epoch, next_seq: 1, sent: VecDeque::new(), bytes: 0, forgotten: 0 }
    }

    fn push(&mut self, event: &Arc<ServerEvent>, now: Instant) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        if !matches!(**event, ServerEvent::Closing(_) | ServerEvent::Presence(_) | ServerEvent::Session(_)) {
            self.forget_old(now);
            if self.sent.len() >= KEEP_EVENTS {
                self.forget_first();
            }
            self.sent.push_back(Sent { seq, at: now, event: Arc::clone(event) });
            self.bytes += event.bulk();
            while self.bytes > KEEP_BYTES {
                self.forget_first();
            }
        }
        seq
    }

    fn forget_old(&mut self, now: Instant) {
        while self.sent.front().is_some_and(|sent| sent.at + KEEP_TIME <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(sent) = self.sent.pop_front() {
            self.forgotten = sent.seq;
            self.bytes -= sent.event.bulk();
        }
    }

    /// Takes back what the client did not get; `None` when some of that is no longer kept. The events get new
    /// numbers when they are sent again, so that `session` comes first and `seq` still rises.
    fn resume(&mut self, resume: &Resume, now: Instant) -> Option<Vec<Arc<ServerEvent>>> {
        self.forget_old(now);
        let ours = resume.epoch == format!("{:016x}", self.epoch) && resume.seq < self.next_seq;
        if !ours || resume.seq < self.forgotten {
            return None;
        }
        let sent = std::mem::take(&mut self.sent);
        self.bytes = 0;
        Some(sent.into_iter().filter(|sent| sent.seq > resume.seq).map(|sent| sent.event).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CallId;
    use crate::wire::{Presence, PresenceView, UserComingOnline};

    fn owner(n: u8) -> Owner {
        Owner {
            session: SessionId::from_random([n; 16]),
            device: DeviceId::from_random([n; 16]),
            user: UserId::from_random([n / 10; 16]),
        }
    }

    fn event(n: u8) -> Arc<ServerEvent> {
        let (call_id, user_id) = (CallId::from_random([n; 16]), UserId::from_random([n; 16]));
        Arc::new(ServerEvent::UserComingOnline(UserComingOnline { call_id, user_id }))
    }

    fn presence(n: u8) -> Arc<ServerEvent> {
        Arc::new(ServerEvent::Presence(PresenceView {
            user_id: UserId::from_random([n; 16]),
            presence: Presence::Online,
            do_not_disturb: false,
        }))
    }

    fn at(secs: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(secs)
    }

    fn resume(epoch: u64, seq: u64) -> Resume {
        Resume { epoch: format!("{epoch:016x}"), seq }
    }

    #[test]
    fn a_client_that_comes_back_gets_what_it_missed_with_rising_numbers() {
        let mut registrar = Registrar::default();
        let who = owner(10);
        assert!(registrar.open(SocketId(1), who, None, 7, at(0)).missed.is_none());
        assert_eq!(registrar.push(who.device, &event(1), at(0)), Some((SocketId(1), 1)));
        assert_eq!(registrar.close(SocketId(1), at(1)), Some(who));
        assert_eq!(registrar.push(who.device, &event(2), at(2)), None);
        let opened = registrar.open(SocketId(2), who, Some(&resume(7, 1)), 8, at(3));
        assert_eq!(opened.missed, Some(vec![event(2)]));
        assert_eq!(opened.epoch, 7);
        assert_eq!(registrar.push(who.device, &event(3), at(3)), Some((SocketId(2), 3)));
    }

    #[test]
    fn too_late_too_old_or_foreign_is_no_resumption() {
        for (epoch, seq, secs) in [(8, 1, 1), (7, 9, 1), (7, 1, 90)] {
            let mut registrar = Registrar::default();
            let who = owner(10);
            let _ = registrar.open(SocketId(1), who, None, 7, at(0));
            let _ = registrar.push(who.device, &event(1), at(0));
            let _ = registrar.push(who.device, &event(2), at(0));
            let opened = registrar.open(SocketId(2), who, Some(&resume(epoch, seq)), 9, at(secs));
            assert_eq!(opened.missed, None, "{epoch} {seq} {secs}");
            assert_eq!(opened.epoch, 9);
        }
        let mut registrar = Registrar::default();
        let who = owner(10);
        let _ = registrar.open(SocketId(1), who, None, 7, at(0));
        for n in 0..=u8::MAX {
            let _ = registrar.push(who.device, &event(n), at(0));
        }
        let _ = registrar.push(who.device, &event(0), at(0));
        assert_eq!(
            registrar.open(SocketId(2), who, Some(&resume(7, 0)), 9, at(1)).missed,
            None,
            "256 are kept"
        );
    }

    #[test]
    fn presence_is_numbered_but_takes_no_room() {
        let mut registrar = Registrar::default();
        let who = owner(10);
        let _ = registrar.open(SocketId(1), who, None, 7, at(0));
        assert_eq!(registrar.push(who.device, &event(1), at(0)), Some((SocketId(1), 1)));
        for n in 0..=u8::MAX {
            let _ = registrar.push(who.device, &presence(n), at(0));
        }
        assert_eq!(registrar.push(who.device, &event(2), at(0)), Some((SocketId(1), 258)));
        let opened = registrar.open(SocketId(2), who, Some(&resume(7, 0)), 8, at(1));
        assert_eq!(opened.missed, Some(vec![event(1), event(2)]));
    }

    #[test]
    fn large_events_are_kept_up_to_a_number_of_bytes() {
        let mut registrar = Registrar::default();
        let who = owner(10);
        let _ = registrar.open(SocketId(1), who, None, 7, at(0));
        let large = Arc::new(ServerEvent::Renegotiate(crate::wire::RenegotiateRelay {
            call_id: CallId::from_random([1; 16]),
            from_user_id: who.user,
            description: crate::wire::Description {
                kind: crate::wire::SdpType::Offer,
                sdp: "x".repeat(KEEP_BYTES / 4),
            },
        }));
        for _ in 0..9 {
            let _ = registrar.push(who.device, &large, at(0));
        }
        assert_eq!(registrar.devices[&who.device].stream.sent.len(), 4);
        let opened = registrar.open(SocketId(2), who, Some(&resume(7, 5)), 8, at(1));
        assert_eq!(opened.missed.map(|missed| missed.len()), Some(4), "the newest four are there");
        let _ = registrar.push(who.device, &large, at(1));
        assert_eq!(registrar.devices[&who.device].stream.bytes, KEEP_BYTES / 4);
    }

    #[test]
    fn a_newer_socket_replaces_the_older() {
        let mut registrar = Registrar::default();
        let who = owner(10);
        let _ = registrar.open(SocketId(1), who, None, 7, at(0));
        assert_eq!(registrar.open(SocketId(2), who, None, 8, at(0)).replaced, Some(SocketId(1)));
        assert_eq!(registrar.close(SocketId(1), at(1)), None, "the older one's end changes nothing");
        assert_eq!(registrar.reachable(who.user).collect::<Vec<_>>(), [who.device]);
    }

    #[test]
    fn streams_without_a_socket_are_forgotten() {
        let mut registrar = Registrar::default();
        let who = owner(10);
        let _ = registrar.open(SocketId(1), who, None, 7, at(0));
        assert_eq!(registrar.poll_timeout(), None);
        let _ = registrar.close(SocketId(1), at(5));
        assert_eq!(registrar.poll_timeout(), Some(at(65)));
        registrar.handle_timeout(at(65));
        assert_eq!(registrar.poll_timeout(), None);
        assert!(registrar.devices.is_empty() && registrar.of_user.is_empty() && registrar.sockets.is_empty());
    }
}
