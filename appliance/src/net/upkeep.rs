//! Keeps the server certificate true: looks every few seconds at the box's addresses and at the clock, and replaces
//! the certificate when they ask for it.
//!
//! It polls. The kernel would tell of new addresses over netlink, but that needs a parser of ours or unsafe code,
//! and a certificate that is five seconds late after a network change harms nobody: phones need longer to find the
//! new address.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use callbox_core::settings::OwnName;

use super::addresses;
use super::clock::Clock;
use super::leaf::{Due, Leaf};
use super::local_ca::{CaError, LocalCa};
use super::own_name::{CertName, names_of_box};
use super::private_file;
use super::served::Served;

/// How often to look. See the module's header.
pub const EVERY: Duration = Duration::from_secs(5);

const DIR: &str = "tls";
const LEAF: &str = "leaf.pem";

/// Where the clock's newest time and the leaf are kept.
#[must_use]
pub fn tls_dir(data_dir: &Path) -> PathBuf {
    data_dir.join(DIR)
}

/// How the addresses of the machine are asked.
pub type AddressSource = Box<dyn Fn() -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// What it needs to make the next certificate.
pub struct Upkeep {
    ca: Arc<LocalCa>,
    clock: Arc<Clock>,
    file: PathBuf,
    short_id: String,
    configured: Vec<OwnName>,
    addresses: AddressSource,
}

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upkeep").finish_non_exhaustive()
    }
}

impl Upkeep {
    /// For the box with this short id and these configured names, on this machine.
    #[must_use]
    pub fn new(
        data_dir: &Path,
        short_id: String,
        configured: Vec<OwnName>,
        ca: Arc<LocalCa>,
        clock: Arc<Clock>,
    ) -> Self {
        let file = tls_dir(data_dir).join(LEAF);
        Self { ca, clock, file, short_id, configured, addresses: Box::new(addresses::of_machine) }
    }

    /// With another source of addresses.
    #[must_use]
    pub fn with_addresses(mut self, addresses: AddressSource) -> Self {
        self.addresses = addresses;
        self
    }

    /// The certificate to start with: the one on disk if it is still right, else a new one.
    ///
    /// # Errors
    /// No certificate could be made. That the disk is full is no error: the box serves the new one from memory.
    pub fn first(&self) -> Result<Served, CaError> {
        let (from, until) = self.ca.validity();
        let now = self.clock.now();
        if now < from || now > until {
            tracing::error!(
                "the clock is outside the life of the local CA: phones will refuse the box; check the date"
            );
        }
        if !self.clock.is_set() {
            tracing::warn!(
                "the clock is not set; certificates are dated by the newest time this box has seen"
            );
        }
        let wanted =
            self.wanted().unwrap_or_else(|_| names_of_box(&self.short_id, None, &self.configured, &[]));
        let kept = private_file::read(&self.file).ok().and_then(|bytes| Leaf::from_bundle(&self.ca, &bytes));
        match kept {
            Some(leaf) if leaf.due(&wanted, now).is_none() => Ok(Served::new(leaf)),
            Some(_) | None => Ok(Served::new(self.issue(wanted)?)),
        }
    }

    /// Looks once, and replaces the certificate if it is due. Answers why it was.
    ///
    /// # Errors
    /// A new certificate could not be made; the old one stays.
    pub fn look(&self, served: &Served) -> Result<Option<Due>, CaError> {
        // Between two networks the kernel may have no answer; the next look has one.
        let Ok(wanted) = self.wanted() else { return Ok(None) };
        let due = served.leaf().due(&wanted, self.clock.now());
        if let Some(why) = due {
            served.replace(self.issue(wanted)?);
            tracing::info!(?why, "replaced the server certificate");
        }
        if let Err(error) = self.clock.remember() {
            tracing::debug!(%error, "the newest time could not be kept");
        }
        Ok(due)
    }

    /// Looks again and again until `stop`.
    pub async fn run(self, served: Arc<Served>, every: Duration, stop: impl Future<Output = ()>) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = ticks.tick() => if let Err(error) = self.look(&served) {
                    tracing::error!(%error, "the server certificate could not be replaced");
                }
            }
        }
    }

    fn wanted(&self) -> io::Result<BTreeSet<CertName>> {
        let addresses = (self.addresses)()?;
        Ok(names_of_box(&self.short_id, addresses::hostname().as_deref(), &self.configured, &addresses))
    }

    fn issue(&self, names: BTreeSet<CertName>) -> Result<Leaf, CaError> {
        let leaf = Leaf::issue(&self.ca, names, self.clock.now())?;
        let kept = self.file.parent().map_or(Ok(()), private_file::make_dir);
        if let Err(error) = kept.and_then(|()| private_file::replace(&self.file, leaf.to_bundle().as_bytes()))
        {
            tracing::warn!(%error, "the server certificate could not be kept; the next start makes another");
        }
        Ok(leaf)
    }
}
