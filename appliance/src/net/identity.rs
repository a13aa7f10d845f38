//! Who the box is: its ed25519 key, the keys of its tokens, and its local CA. Made together at the first start and
//! put in place by one rename, so that a power cut leaves all or nothing. A damaged or missing file afterwards ends
//! the start with a remedy: silently making a new identity would lock every phone out.
//!
//! ```text
//! DATA_DIR/identity/box.pk8            ed25519 key of the box, PKCS#8
//!                   token-signing.pk8  ed25519 key that signs access tokens, PKCS#8
//!                   refresh.secret     32 random bytes and their SHA-256
//!                   ca.pem             key and certificate of the local CA
//! ```

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ring::rand::{SecureRandom, SystemRandom};

use super::box_id::{BoxId, sha256, spki};
use super::clock::Clock;
use super::local_ca::{CaError, LocalCa};
use super::private_file;

const DIR: &str = "identity";
const BOX_KEY: &str = "box.pk8";
const TOKEN_KEY: &str = "token-signing.pk8";
const REFRESH_SECRET: &str = "refresh.secret";
const CA: &str = "ca.pem";

/// The key that makes this box this box.
pub struct Identity {
    /// Signs what the box says to other boxes.
    pub signing_key: SigningKey,
    /// The hash of its public key.
    pub box_id: BoxId,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("box_id", &self.box_id).finish_non_exhaustive()
    }
}

/// The keys of access and refresh tokens.
pub struct TokenKeys {
    /// Signs access tokens.
    pub signing: SigningKey,
    /// Names the signing key in a token's header (RFC 7515 section 4.1.4).
    pub kid: String,
    /// Hashes refresh tokens.
    pub refresh_secret: [u8; 32],
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Everything that is made once.
#[derive(Debug)]
pub struct Keys {
    /// The box's own key.
    pub identity: Identity,
    /// The keys of tokens.
    pub tokens: TokenKeys,
    /// The certificate authority.
    pub ca: LocalCa,
}

/// Why the box has no identity to start with.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The directory or a file could not be read or written.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what was written at the first start.
    #[error(
        "the identity of this box is damaged: {path}: {why}. Restore the directory {dir} from a backup. \
         To start as a new box instead, move that directory away: every phone must then trust and pair with the box again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The directory to restore.
        dir: PathBuf,
        /// What is wrong with the file.
        why: String,
    },
    /// The keys could not be made.
    #[error("cannot make the identity of this box: {0}")]
    Make(#[from] CaError),
}

/// Reads the box's keys, or makes them at the first start.
///
/// # Errors
/// The disk, or a damaged file. Nothing is ever replaced.
pub fn open(data_dir: &Path, clock: &Clock) -> Result<Keys, IdentityError> {
    private_file::make_dir(data_dir).map_err(io_error("make the directory", data_dir))?;
    let dir = data_dir.join(DIR);
    if !dir.try_exists().map_err(io_error("look for", &dir))? {
        create(&dir, clock)?;
    }
    load(&dir)
}

fn create(dir: &Path, clock: &Clock) -> Result<(), IdentityError> {
    let new = dir.with_extension("new");
    // A power cut during an earlier first start; nothing has used these keys.
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &new)(error)),
        Err(_) | Ok(()) => {}
    }
    private_file::make_dir(&new).map_err(io_error("make the directory", &new))?;
    let box_key = SigningKey::from_bytes(&random()?);
    let token_key = SigningKey::from_bytes(&random()?);
    let secret = random()?;
    let ca = LocalCa::create(&BoxId::of(&box_key.verifying_key()).short(), clock.now())?;
    for (name, bytes) in [
        (BOX_KEY, pkcs8(&box_key)),
        (TOKEN_KEY, pkcs8(&token_key)),
        (REFRESH_SECRET, [secret, sha256(&secret)].concat()),
        (CA, ca.to_bundle().into_bytes()),
    ] {
        let path = new.join(name);
        private_file::write_new(&path, &bytes).map_err(io_error("write", &path))?;
    }
    private_file::sync_parent(&new.join(CA)).map_err(io_error("write", &new))?;
    fs::rename(&new, dir).map_err(io_error("make", dir))?;
    private_file::sync_parent(dir).map_err(io_error("write", dir))?;
    tracing::info!("made the identity of this box and its local CA");
    Ok(())
}

fn load(dir: &Path) -> Result<Keys, IdentityError> {
    if private_file::tighten(dir).map_err(io_error("protect", dir))? {
        tracing::warn!("other users could look into the identity directory; that is closed now");
    }
    let read = |name: &str| -> Result<Vec<u8>, IdentityError> {
        let path = dir.join(name);
        let bytes = private_file::read(&path).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                damaged(dir, name, "the file is missing")
            } else if error.kind() == io::ErrorKind::InvalidData {
                damaged(dir, name, &error.to_string())
            } else {
                io_error("read", &path)(error)
            }
        })?;
        if private_file::tighten(&path).map_err(io_error("protect", &path))? {
            tracing::warn!(file = name, "other users could read a key of this box; that is closed now");
        }
        Ok(bytes)
    };
    let key = |name: &str| {
        let bytes = read(name)?;
        SigningKey::from_pkcs8_der(&bytes).map_err(|_| damaged(dir, name, "it is no ed25519 key in PKCS#8"))
    };
    let signing_key = key(BOX_KEY)?;
    let signing = key(TOKEN_KEY)?;
    let refresh_secret = refresh_secret(&read(REFRESH_SECRET)?)
        .ok_or_else(|| damaged(dir, REFRESH_SECRET, "it is not 32 bytes and their SHA-256"))?;
    let ca = LocalCa::from_bundle(&read(CA)?).map_err(|error| damaged(dir, CA, &error.to_string()))?;
    let kid = URL_SAFE_NO_PAD.encode(&sha256(&spki(&signing.verifying_key()))[..9]);
    Ok(Keys {
        identity: Identity { box_id: BoxId::of(&signing_key.verifying_key()), signing_key },
        tokens: TokenKeys { signing, kid, refresh_secret },
        ca,
    })
}

fn refresh_secret(bytes: &[u8]) -> Option<[u8; 32]> {
    let (secret, hash) = bytes.split_first_chunk::<32>()?;
    (sha256(secret) == hash).then_some(*secret)
}

fn random() -> Result<[u8; 32], CaError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| CaError::NoRandomness)?;
    Ok(bytes)
}

/// PKCS#8 with the public key, so that a flipped bit in either is noticed (RFC 8410 section 7, RFC 5958). Of fixed
/// length, like every ed25519 key.
fn pkcs8(key: &SigningKey) -> Vec<u8> {
    const HEAD: [u8; 16] =
        [0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    const PUBLIC: [u8; 3] = [0x81, 0x21, 0x00];
    [HEAD.as_slice(), key.as_bytes(), &PUBLIC, key.verifying_key().as_bytes()].concat()
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_owned();
    move |source| IdentityError::Io { what, path, source }
}

fn damaged(dir: &Path, name: &str, why: &str) -> IdentityError {
    IdentityError::Damaged { path: dir.join(name), dir: dir.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn opened(dir: &Path) -> Result<Keys, IdentityError> {
        open(dir, &Clock::open(dir))
    }

    #[test]
    fn the_second_start_is_the_same_box() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("not/there/yet");
        let first = opened(&data).unwrap();
        let second = opened(&data).unwrap();
        assert_eq!(first.identity.box_id, second.identity.box_id);
        assert_eq!(first.identity.signing_key, second.identity.signing_key);
        assert_eq!(first.tokens.kid, second.tokens.kid);
        assert_eq!(first.tokens.refresh_secret, second.tokens.refresh_secret);
        assert_eq!(first.ca.der(), second.ca.der());
        assert_ne!(first.identity.signing_key, first.tokens.signing);
        assert_eq!(first.ca.name(), format!("Callbox {} local CA", first.identity.box_id.short()));
    }

    #[test]
    fn two_boxes_differ() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (opened(one.path()).unwrap(), opened(two.path()).unwrap());
        assert_ne!(one.identity.box_id, two.identity.box_id);
        assert_ne!(one.tokens.refresh_secret, two.tokens.refresh_secret);
        assert_ne!(one.tokens.kid, two.tokens.kid);
    }

    #[test]
    fn keys_are_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        opened(dir.path()).unwrap();
        let identity = dir.path().join(DIR);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&identity), 0o700);
        for name in [BOX_KEY, TOKEN_KEY, REFRESH_SECRET, CA] {
            assert_eq!(mode(&identity.join(name)), 0o600, "{name}");
        }
        fs::set_permissions(identity.join(BOX_KEY), fs::Permissions::from_mode(0o644)).unwrap();
        opened(dir.path()).unwrap();
        assert_eq!(mode(&identity.join(BOX_KEY)), 0o600);
    }

    #[test]
    fn every_damaged_or_missing_file_ends_the_start_and_stays() {
        for name in [BOX_KEY, TOKEN_KEY, REFRESH_SECRET, CA] {
            let dir = tempfile::tempdir().unwrap();
            opened(dir.path()).unwrap();
            let path = dir.path().join(DIR).join(name);
            let whole = fs::read(&path).unwrap();
            let mut flipped = whole.clone();
            let middle = whole.len() / 2;
            flipped[middle] ^= 1;
            for bytes in [&whole[..0], &whole[..middle], flipped.as_slice()] {
                fs::write(&path, bytes).unwrap();
                let error = opened(dir.path()).unwrap_err();
                assert!(matches!(error, IdentityError::Damaged { .. }), "{name}: {error}");
                assert!(
                    error.to_string().contains(name) && error.to_string().contains("from a backup"),
                    "{error}"
                );
                assert_eq!(fs::read(&path).unwrap(), bytes, "{name} was replaced");
            }
            fs::remove_file(&path).unwrap();
            assert!(matches!(opened(dir.path()), Err(IdentityError::Damaged { .. })));
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_first_start_cut_short_begins_again() {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join("identity.new");
        fs::create_dir(&new).unwrap();
        fs::write(new.join(BOX_KEY), "half").unwrap();
        opened(dir.path()).unwrap();
        assert!(!new.exists());
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let keys = opened(dir.path()).unwrap();
        let text = format!("{keys:?}");
        assert!(text.len() < 400 && !text.contains("secret") && !text.contains("signing"), "{text}");
    }
}
