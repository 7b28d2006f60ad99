//! Signatures of manifests: SSHSIG, as `ssh-keygen -Y sign` makes them and `ssh-keygen -Y verify` checks them.

use std::path::{Path, PathBuf};

use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

/// What the signatures are for; a signature for something else does not count.
pub const NAMESPACE: &str = "tenantry-release";

/// Why nothing was signed, or why a signature does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error("`{path}` cannot be read as a key in OpenSSH's format")]
    Key {
        path: PathBuf,
        #[source]
        source: ssh_key::Error,
    },
    #[error("`{0}` is encrypted and there is no passphrase: set TENANTRY_SIGNING_PASSPHRASE")]
    Encrypted(PathBuf),
    #[error("the passphrase of `{0}` is wrong")]
    Passphrase(PathBuf),
    #[error("this kind of key cannot sign here: use an Ed25519 key")]
    Sign(#[source] ssh_key::Error),
    #[error("the signature does not hold: {0}")]
    Bad(String),
}

/// Signs a text; the answer is armoured text.
pub fn sign(text: &str, key: &Path, passphrase: Option<&str>) -> Result<String, SignatureError> {
    let unreadable = |source| SignatureError::Key { path: key.to_owned(), source };
    let mut private = PrivateKey::read_openssh_file(key).map_err(unreadable)?;
    if private.is_encrypted() {
        let passphrase = passphrase.ok_or_else(|| SignatureError::Encrypted(key.to_owned()))?;
        private = private.decrypt(passphrase).map_err(|_| SignatureError::Passphrase(key.to_owned()))?;
    }
    let signature = private.sign(NAMESPACE, HashAlg::Sha512, text.as_bytes()).map_err(SignatureError::Sign)?;
    signature.to_pem(LineEnding::LF).map_err(SignatureError::Sign)
}

/// Whether a signature of a text is by the owner of a public key.
pub fn verify(text: &str, signature: &str, key: &Path) -> Result<(), SignatureError> {
    let unreadable = |source| SignatureError::Key { path: key.to_owned(), source };
    let public = PublicKey::read_openssh_file(key).map_err(unreadable)?;
    let signature = SshSig::from_pem(signature).map_err(|error| SignatureError::Bad(error.to_string()))?;
    public.verify(NAMESPACE, text.as_bytes(), &signature).map_err(|error| match error {
        ssh_key::Error::PublicKey => SignatureError::Bad("it is by another key".to_owned()),
        ssh_key::Error::Namespace => SignatureError::Bad(format!("it is not for `{NAMESPACE}`")),
        _ => SignatureError::Bad("the text is not the one that was signed".to_owned()),
    })
}
