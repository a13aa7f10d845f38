//! The certificate that the listener shows now. It is replaced while connections come in, without a restart.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::leaf::Leaf;
use super::own_name::CertName;

/// The current leaf.
pub struct Served {
    // A lock and no message: rustls asks from inside a handshake, where nothing can be awaited. It is held for the
    // copy of one pointer, and written a few times in a box's life.
    current: RwLock<Arc<Leaf>>,
}

impl Served {
    /// Begins with this certificate.
    #[must_use]
    pub fn new(leaf: Leaf) -> Self {
        Self { current: RwLock::new(Arc::new(leaf)) }
    }

    /// The certificate shown now.
    #[must_use]
    pub fn leaf(&self) -> Arc<Leaf> {
        // A panic while holding it cannot leave a pointer half copied.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this one; open connections go on with theirs.
    pub fn replace(&self, leaf: Leaf) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(leaf);
    }

    /// The names of the box for which it has a certificate.
    #[must_use]
    pub fn names(&self) -> BTreeSet<CertName> {
        self.leaf().names().clone()
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // One certificate has every name; a phone that asks for another gets it too and sees what is wrong.
        Some(self.leaf().certified())
    }
}
