//! The driver with a real exchange, lines in memory and a journal that does as it is told.

use std::sync::{Arc, Mutex};

use callbox_core::exchange::{Caller, DirectoryEntry, Initiate, Options};
use callbox_core::id::{CallId, DeviceId, RoomId, SessionId, UserId};
use callbox_core::journal::Role;
use callbox_core::unit::Instant;
use callbox_core::wire::{CallUser, ClientEvent, Code, Description, Media, SdpType, ServerEvent};

use super::*;
use crate::mailbox::{LineFull, Mailbox, Notice};

const DEADLINE: Duration = Duration::from_secs(10);

fn user(number: u8) -> UserId {
    UserId::from_random([number; 16])
}

fn caller(number: u8) -> Caller {
    Caller {
        session: SessionId::from_random([number; 16]),
        device: DeviceId::from_random([number; 16]),
        user: user(number),
    }
}

fn entry(number: u8) -> DirectoryEntry {
    DirectoryEntry {
        user: user(number),
        version: 1,
        role: Role::User,
        display_name: "Somebody".to_owned(),
        extension: None,
        do_not_disturb: false,
        call_waiting: false,
    }
}

/// Commits at once, or takes nothing.
struct TestJournal {
    committed: mpsc::UnboundedSender<Ticket>,
    full: Arc<std::sync::atomic::AtomicBool>,
    released: Arc<Mutex<Vec<CallId>>>,
}

impl Journal for TestJournal {
    fn commit(&self, ticket: Ticket, _at: Timestamp, _events: Vec<Body>) -> Result<(), NotTaken> {
        if self.full.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(NotTaken);
        }
        self.committed.send(ticket).map_err(|_| NotTaken)
    }

    fn released(&self, call: CallId) {
        self.released.lock().unwrap().push(call);
    }
}

struct TestLine {
    events: mpsc::Sender<Arc<ServerEvent>>,
    closed: Arc<Mutex<Option<Closing>>>,
}

impl Line for TestLine {
    fn emit(&self, _seq: u64, event: &Arc<ServerEvent>, _wants_ack: bool) -> Result<(), LineFull> {
        self.events.try_send(Arc::clone(event)).map_err(|_| LineFull)
    }

    fn close(&self, why: Closing) {
        *self.closed.lock().unwrap() = Some(why);
    }
}

struct Bench {
    mailbox: Mailbox,
    full: Arc<std::sync::atomic::AtomicBool>,
    released: Arc<Mutex<Vec<CallId>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Bench {
    fn start() -> Self {
        let (mailbox, inbox) = Mailbox::new();
        let (committed, mut tickets) = mpsc::unbounded_channel();
        let full = Arc::default();
        let released = Arc::default();
        let journal = TestJournal { committed, full: Arc::clone(&full), released: Arc::clone(&released) };
        let exchange = Exchange::new(Options { max_calls: 10 }, (1..=3).map(entry).collect());
        let start = tokio::time::Instant::now();
        let clock = move || Now {
            instant: Instant::from_start(start.elapsed()),
            wall: Timestamp::from_millis(1_900_000_000_000),
        };
        let task = tokio::spawn(Driver::new(exchange, inbox, clock, journal).run());
        // The store's writer thread.
        let writer = mailbox.clone();
        std::thread::spawn(move || {
            while let Some(ticket) = tickets.blocking_recv() {
                writer.committed(Notice::Committed(ticket));
            }
        });
        Self { mailbox, full, released, task }
    }

    async fn plug_in(
        &self,
        number: u8,
        queue: usize,
    ) -> (mpsc::Receiver<Arc<ServerEvent>>, Arc<Mutex<Option<Closing>>>) {
        let (events, receiver) = mpsc::channel(queue);
        let closed = Arc::default();
        let line = Box::new(TestLine { events, closed: Arc::clone(&closed) });
        let socket = SocketId(number.into());
        let opened = Opened { socket, line, caller: caller(number), resume: None, epoch: 1 };
        self.mailbox.post(Message::Opened(Box::new(opened))).await.unwrap();
        (receiver, closed)
    }

    async fn initiate(&self, from: u8, to: u8) -> Result<Answer, Reject> {
        let request = Initiate {
            target: user(to),
            media: Media { audio: true, video: false },
            e2ee: false,
            call: CallId::from_random([from; 16]),
            room: RoomId::from_random([from; 16]),
        };
        self.mailbox.initiate(caller(from), request).await.unwrap()
    }

    async fn say(&self, number: u8, event: ClientEvent) -> Result<Answer, Reject> {
        let (sender, receiver) = oneshot::channel();
        let replier = Replier::new(move |answer| drop(sender.send(answer)));
        let message = self.mailbox.client(SocketId(number.into()), event, replier);
        self.mailbox.post(message).await.unwrap();
        receiver.await.unwrap()
    }
}

async fn named(events: &mut mpsc::Receiver<Arc<ServerEvent>>, name: &str) -> Arc<ServerEvent> {
    let search = async {
        loop {
            let event = events.recv().await.expect("the line is gone");
            if event.name() == name {
                return event;
            }
        }
    };
    tokio::time::timeout(DEADLINE, search).await.unwrap_or_else(|_| panic!("no {name}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_rings_and_the_end_of_the_box_ends_it() {
    let bench = Bench::start();
    let (mut one, _) = bench.plug_in(1, 64).await;
    let (mut two, _) = bench.plug_in(2, 64).await;
    named(&mut one, "session").await;
    let Ok(Answer::Initiated(initiated)) = bench.initiate(1, 2).await else { panic!("no call") };
    let offer = Description { kind: SdpType::Offer, sdp: "v=0".to_owned() };
    let call_user = CallUser { call_id: initiated.call, target_user_id: user(2), offer };
    assert_eq!(bench.say(1, ClientEvent::CallUser(call_user)).await, Ok(Answer::Done));
    named(&mut two, "incoming-call").await;
    assert_eq!(bench.mailbox.calls_of(user(2)).await.unwrap().len(), 1);
    assert!(bench.mailbox.call(initiated.call, Some(user(3))).await.unwrap().is_none(), "not a stranger's");
    tokio::time::timeout(DEADLINE, bench.mailbox.shut_down()).await.expect("never quiet").unwrap();
    let ended = named(&mut two, "call-ended").await;
    assert!(
        matches!(&*ended, ServerEvent::CallEnded(end) if end.reason == callbox_core::wire::EndReason::BoxShutdown)
    );
    assert_eq!(*bench.released.lock().unwrap(), [initiated.call]);
    assert_eq!(bench.mailbox.counts().await.unwrap().calls, 0);
    assert_eq!(bench.initiate(1, 3).await.unwrap_err().code, Code::BoxFull);
    drop(bench.mailbox);
    assert!(!bench.task.is_finished(), "the writer thread still holds a mailbox");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_journal_refuses_new_calls_at_once() {
    let bench = Bench::start();
    bench.full.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(bench.initiate(1, 2).await.unwrap_err().code, Code::Busy);
    bench.full.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(bench.initiate(1, 2).await.is_ok(), "and takes them again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_line_is_closed_and_counts_as_gone() {
    let bench = Bench::start();
    // Room for the snapshot, not for what follows.
    let (mut slow, closed) = bench.plug_in(1, 1).await;
    let (mut two, _) = bench.plug_in(2, 64).await;
    let (_three, _) = bench.plug_in(3, 64).await;
    let gone = async {
        while bench.mailbox.counts().await.unwrap().sockets != 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("still there");
    assert_eq!(*closed.lock().unwrap(), Some(Closing::TooSlow));
    assert_eq!(slow.recv().await.unwrap().name(), "session");
    named(&mut two, "presence").await;
}

#[tokio::test(start_paused = true)]
async fn timeouts_are_kept_without_messages() {
    let (mailbox, inbox) = Mailbox::new();
    let (committed, mut tickets) = mpsc::unbounded_channel();
    let journal = TestJournal { committed, full: Arc::default(), released: Arc::default() };
    let exchange = Exchange::new(Options { max_calls: 10 }, (1..=3).map(entry).collect());
    let start = tokio::time::Instant::now();
    let clock =
        move || Now { instant: Instant::from_start(start.elapsed()), wall: Timestamp::from_millis(0) };
    let driver = tokio::spawn(Driver::new(exchange, inbox, clock, journal).run());
    let writer = mailbox.clone();
    let commits = tokio::spawn(async move {
        while let Some(ticket) = tickets.recv().await {
            let input = Input::Committed { ticket };
            writer.post(Message::Input { input, reply: None }).await.unwrap();
        }
    });
    let bench = Bench { mailbox, full: Arc::default(), released: Arc::default(), task: driver };
    assert!(bench.initiate(1, 2).await.is_ok());
    assert_eq!(bench.mailbox.counts().await.unwrap().calls, 1);
    // No call-user came: the call fails by itself after 10 s.
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(bench.mailbox.counts().await.unwrap().calls, 0);
    commits.abort();
    bench.task.abort();
}
