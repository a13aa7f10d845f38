//! Every setting, defined once: from this table come the structs, the reader, the defaults and the example
//! file. A new setting is one entry here, and it needs a user who asked for it.

use super::ListenAddr::{self, Every};
use super::own_name::OwnNames;
use super::value::{
    Count, Directory, Kind, LogFilter, LogTarget, Mebibytes, Millis, PerSecond, SettingValue,
};
use super::{Lines, SettingError, nearest};
use std::ops::RangeInclusive;
use toml::de::DeTable;

/// What the example file and a form say about one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDoc {
    /// The key inside its section.
    pub key: &'static str,
    /// What it is for, one line each.
    pub doc: &'static [&'static str],
    /// Its TOML type.
    pub kind: Kind,
    /// The smallest and the largest number, if it is a number.
    pub range: Option<RangeInclusive<u32>>,
    /// Its default as it stands in a file.
    pub default: String,
}

/// What the example file and a form say about one section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionDoc {
    /// The name in brackets.
    pub name: &'static str,
    /// What it is for, one line each.
    pub doc: &'static [&'static str],
    /// Its settings in order.
    pub settings: Vec<SettingDoc>,
}

macro_rules! sections {
    ($(
        $(#[doc = $section_doc:literal])*
        $name:literal => $field:ident: $section:ident {$(
            $(#[doc = $doc:literal])*
            $key:ident: $type:ty = $default:expr $(, $range:expr)?;
        )*}
    )*) => {
        $(
            $(#[doc = $section_doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $section {$(
                $(#[doc = $doc])*
                pub $key: $type,
            )*}

            impl Default for $section {
                fn default() -> Self {
                    Self {$($key: $default,)*}
                }
            }

            impl $section {
                fn read(table: &DeTable<'_>, lines: &Lines<'_>, errors: &mut Vec<SettingError>) -> Self {
                    let mut section = Self::default();
                    for (key, value) in table.iter() {
                        match key.get_ref().as_ref() {
                            $(stringify!($key) => {
                                let range: Option<RangeInclusive<u32>> = [$($range)?].into_iter().next();
                                match <$type>::from_toml(value.get_ref(), range.as_ref()) {
                                    Ok(value) => section.$key = value,
                                    Err(message) => errors.push(SettingError {
                                        line: Some(lines.of(value.span().start)),
                                        key: concat!($name, ".", stringify!($key)).to_owned(),
                                        message,
                                    }),
                                }
                            })*
                            other => errors.push(SettingError {
                                line: Some(lines.of(key.span().start)),
                                key: format!("{}.{other}", $name),
                                message: nearest("setting", other, &[$(stringify!($key)),*]),
                            }),
                        }
                    }
                    section
                }
            }
        )*

        /// Everything that can be configured, one struct per section. Each part of the program gets only its own.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct Settings {$(
            $(#[doc = $section_doc])*
            pub $field: $section,
        )*}

        impl Settings {
            pub(super) fn read(root: &DeTable<'_>, lines: &Lines<'_>, errors: &mut Vec<SettingError>) -> Self {
                let mut settings = Self::default();
                for (key, value) in root.iter() {
                    let name = key.get_ref().as_ref();
                    let mut fail = |message: String| errors.push(SettingError {
                        line: Some(lines.of(key.span().start)),
                        key: name.to_owned(),
                        message,
                    });
                    match (name, value.get_ref().as_table()) {
                        $(($name, Some(table)) => settings.$field = $section::read(table, lines, errors),)*
                        $(($name, None) => fail(concat!("is a section: write [", $name, "] and its settings below").to_owned()),)*
                        (other, _) => fail(nearest("section", other, &[$($name),*])),
                    }
                }
                settings
            }

            /// The description of every section and setting, in the order of the example file.
            #[must_use]
            pub fn describe() -> Vec<SectionDoc> {
                vec![$(SectionDoc {
                    name: $name,
                    doc: &[$($section_doc),*],
                    settings: vec![$(SettingDoc {
                        key: stringify!($key),
                        doc: &[$($doc),*],
                        kind: <$type as SettingValue>::KIND,
                        range: [$($range)?].into_iter().next(),
                        default: <$section>::default().$key.to_toml(),
                    }),*],
                }),*]
            }
        }
    };
}

sections! {
    /// The box itself.
    "box" => this_box: BoxSection {
        /// Where the box keeps its keys and its database. The directory is made at the first start.
        data_dir: Directory = Directory("callbox-data".into());
        /// Further names under which phones reach the box, such as "phones.home.arpa" if the router knows that name.
        /// They must end in .local, .home.arpa or .localhost. The box's own names need no entry.
        names: OwnNames = OwnNames::default();
    }
    /// Where the box listens: "IP:PORT" for one address, "*:PORT" for every address; port 0 picks a free port.
    "listen" => listen: ListenSection {
        /// Web pages, REST and signaling, over TLS 1.3 only (TCP).
        https: ListenAddr = Every(8443);
        /// The page that helps a phone to trust the box, and redirects to https (TCP).
        http: ListenAddr = Every(8080);
        /// Sound and picture of calls that run through the box (UDP). Not built yet.
        media: ListenAddr = Every(5004);
        /// Relay for phones that cannot reach each other (UDP and TCP). Not built yet.
        turn: ListenAddr = Every(3478);
        /// Other boxes (UDP). Not built yet.
        federation: ListenAddr = Every(8444);
    }
    /// Accounts and sign-in.
    "accounts" => accounts: AccountsSection {
        /// How long the check of one password may take on this machine, in milliseconds. More is safer and slower.
        hash_target_ms: Millis = Millis(250), 20..=250;
        /// How many devices of one user can be signed in. One more ends the oldest session.
        max_sessions_per_user: Count = Count(32), 1..=1000;
    }
    /// What one sender may ask for, and how much the box carries.
    "limits" => limits: LimitsSection {
        /// Requests per second that one address may send for long.
        requests_per_second: PerSecond = PerSecond(50), 1..=100_000;
        /// Requests that one address may send at once after a quiet time.
        request_burst: Count = Count(200), 1..=1_000_000;
        /// Socket.IO events per second that one phone may send for long.
        events_per_second: PerSecond = PerSecond(100), 10..=100_000;
        /// Socket.IO events that one phone may send at once after a quiet time.
        event_burst: Count = Count(400), 50..=1_000_000;
        /// Open connections. One more is closed at once.
        connections: Count = Count(4096), 16..=1_000_000;
        /// Calls at the same time. One more is refused with box_full.
        live_calls: Count = Count(200), 1..=10_000;
    }
    /// The database.
    "store" => store: StoreSection {
        /// Disk space kept free for calls when the disk is otherwise full, in MiB (1,048,576 bytes).
        reserve_mib: Mebibytes = Mebibytes(16), 1..=4096;
    }
    /// Log lines. They hold no names, numbers or addresses.
    "log" => log: LogSection {
        /// Which lines are written, such as "info" or "callbox=debug,warn". The variable CALLBOX_LOG goes before it.
        filter: LogFilter = LogFilter("info".to_owned());
        /// "stderr", or "journal" on a box with systemd.
        target: LogTarget = LogTarget::Stderr;
    }
}
