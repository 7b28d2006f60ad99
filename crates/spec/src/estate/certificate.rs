//! Certificate authorities and revocation lists of a tenant: PEM in, what the checks and the templates need out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Version};

use tenantry_base::digest::{hex, sha256};
use tenantry_base::document::read_source;

/// Largest revocation list, in bytes of PEM. Source: IAM Roles Anywhere API Reference, ImportCrl, `crlData`; a trust store
/// of Elastic Load Balancing takes larger ones.
const LARGEST_REVOCATION_LIST: usize = 300_000;

/// A bundle of CA certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaBundle {
    /// PEM text, one or more certificates, line ends normalised to `\n`.
    pub pem: String,
    /// SHA-256 of `pem`, in lower case hex.
    pub sha256: String,
    /// The authorities, in the order of their certificates.
    pub authorities: Arc<[Authority]>,
}

impl CaBundle {
    /// Key of the bundle in the artifacts bucket.
    pub fn key(&self) -> String {
        format!("trust/{}.pem", self.sha256)
    }
}

/// A certificate authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Subject as people read it.
    pub subject: String,
    /// SHA-256 of the public key: certificates of one key are of one authority, whatever else they say.
    pub key: String,
    /// The public key with its algorithm, a SubjectPublicKeyInfo in DER.
    public_key: Vec<u8>,
    /// Subject and issuer, DER in hexadecimal digits.
    name: String,
    issuer: String,
    /// Identifiers of the subject's and the issuer's key, where the certificate has them.
    key_id: Option<String>,
    issuer_key_id: Option<String>,
    /// From when to when its certificate is valid, in seconds since 1970.
    pub valid: (i64, i64),
}

impl Authority {
    fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut authority = Self {
            subject: certificate.subject().to_string(),
            key: sha256(certificate.public_key().raw),
            public_key: certificate.public_key().raw.to_vec(),
            name: hex(certificate.subject().as_raw()),
            issuer: hex(certificate.issuer().as_raw()),
            key_id: None,
            issuer_key_id: None,
            valid: (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp()),
        };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => authority.key_id = Some(hex(id.0)),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    authority.issuer_key_id = id.key_identifier.as_ref().map(|id| hex(id.0));
                }
                _ => {}
            }
        }
        authority
    }

    /// The key, the name and the issuer's name: related authorities have one of them in common.
    pub(super) fn marks(&self) -> [&str; 3] {
        [&self.key, &self.name, &self.issuer]
    }

    /// Whether `other` issued this authority's certificate, as far as names and key identifiers tell.
    fn is_issued_by(&self, other: &Self) -> bool {
        let issuer = (self.issuer.as_str(), self.issuer_key_id.as_deref());
        self.key != other.key && !is_issuer(issuer, self) && is_issuer(issuer, other)
    }

    /// Whether certificates of one authority are accepted by the other as well: both have one key, or one issued the other.
    pub fn is_related_to(&self, other: &Self) -> bool {
        self.key == other.key || self.is_issued_by(other) || other.is_issued_by(self)
    }
}

/// Whether an issuer's name and key identifier are those of `authority`; a missing identifier contradicts nothing.
fn is_issuer((name, key_id): (&str, Option<&str>), authority: &Authority) -> bool {
    let keys = key_id.zip(authority.key_id.as_deref());
    name == authority.name && keys.is_none_or(|(one, other)| one == other)
}

/// A certificate revocation list of one authority.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevocationList {
    /// PEM text, line ends normalised to `\n`.
    pub pem: String,
    /// SHA-256 of `pem`, in lower case hex.
    pub sha256: String,
    /// When the authority promised the next list, in seconds since 1970, if it did.
    pub next_update: Option<i64>,
    /// Object ID of a signature algorithm that cannot be checked here: the signature was not.
    pub signature_unchecked: Option<String>,
}

impl RevocationList {
    /// Key of the list in the artifacts bucket.
    pub fn key(&self) -> String {
        format!("trust/{}.crl", self.sha256)
    }
}

/// Reads a bundle of at most so many certificates.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub(super) fn bundle(path: &Path, shown: PathBuf, most: Option<usize>) -> Result<CaBundle, String> {
    read(path, shown, |text| parse_bundle(text, most))
}

/// Reads the revocation list of one of `authorities`.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub(super) fn revocation_list(
    path: &Path,
    shown: PathBuf,
    authorities: &[Authority],
) -> Result<RevocationList, String> {
    read(path, shown, |text| parse_revocation_list(text, authorities))
}

fn read<T>(path: &Path, shown: PathBuf, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
    let source = read_source(path, shown).map_err(|finding| finding.message)?;
    parse(&source.text.replace("\r\n", "\n")).map_err(|fault| format!("`{}` {fault}", source.path.display()))
}

/// The blocks of a PEM text, which all have this label.
///
/// A private key is refused wherever it stands, also where no reader of PEM would see a block: the text is stored as it is.
fn blocks(pem: &str, label: &str, what: &str) -> Result<Vec<Pem>, String> {
    if pem.contains("PRIVATE KEY") {
        return Err("has a private key in it: remove it, and replace the key if others could read the file".to_owned());
    }
    let mut blocks = Vec::new();
    for block in Pem::iter_from_buffer(pem.as_bytes()) {
        let block = block.map_err(|_| "is not PEM".to_owned())?;
        if block.label != label {
            return Err(format!("holds a {}; only {what} belong here", block.label));
        }
        blocks.push(block);
    }
    Ok(blocks)
}

fn parse_bundle(pem: &str, most: Option<usize>) -> Result<CaBundle, String> {
    let (mut authorities, mut seen) = (Vec::new(), BTreeSet::new());
    for block in blocks(pem, "CERTIFICATE", "certificates")? {
        let certificate = block.parse_x509().map_err(|_| "holds something that is no X.509 certificate".to_owned())?;
        if !certificate.is_ca() {
            return Err(format!("holds a certificate that is no authority: {}", certificate.subject()));
        }
        if let Some(fault) = refused(&certificate) {
            return Err(format!("holds a certificate that {fault}: {}", certificate.subject()));
        }
        if !seen.insert(block.contents.clone()) {
            return Err(format!("holds a certificate twice: {}", certificate.subject()));
        }
        authorities.push(Authority::of(&certificate));
    }
    if authorities.is_empty() {
        return Err("holds no certificate".to_owned());
    }
    if let Some(most) = most.filter(|most| authorities.len() > *most) {
        return Err(format!("holds {} certificates, and there may be {most}", authorities.len()));
    }
    Ok(CaBundle { pem: pem.to_owned(), sha256: sha256(pem), authorities: authorities.into() })
}

/// Fewest bits of an RSA key.
const FEWEST_RSA_BITS: usize = 2048;

/// Signature algorithms whose hash is weaker than SHA-256: MD2, MD5 and SHA-1 with RSA, SHA-1 with ECDSA and DSA.
/// Source: RFC 3279, section 2.2: the object IDs.
const WEAK_SIGNATURES: [&str; 5] =
    ["1.2.840.113549.1.1.2", "1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.10040.4.3"];

/// Why AWS does not take the certificate of an authority, where that can be seen.
/// Sources: IAM Roles Anywhere User Guide, "The IAM Roles Anywhere trust model", signature verification (SHA-256 or
/// stronger, key usage with Certificate Sign); Elastic Load Balancing, Application Load Balancers, "Mutual authentication
/// with TLS" (RSA of 2,048 to 8,192 bits, or ECDSA; X.509 version 3).
fn refused(certificate: &X509Certificate<'_>) -> Option<String> {
    if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
        && key.key_size() < FEWEST_RSA_BITS
    {
        return Some(format!("has an RSA key of {} bits; AWS takes {FEWEST_RSA_BITS} and more", key.key_size()));
    }
    if WEAK_SIGNATURES.contains(&certificate.signature_algorithm.algorithm.to_id_string().as_str()) {
        return Some("is signed with a hash weaker than SHA-256, which AWS does not take".to_owned());
    }
    // Without the extension a key may be used for everything (RFC 5280, section 4.2.1.3).
    let may_sign = certificate.key_usage().ok().flatten().is_none_or(|usage| usage.value.key_cert_sign());
    (!may_sign).then(|| "may sign no certificates: its key usage lacks Certificate Sign".to_owned())
}

fn parse_revocation_list(pem: &str, authorities: &[Authority]) -> Result<RevocationList, String> {
    if pem.len() > LARGEST_REVOCATION_LIST {
        return Err(format!("has {} bytes, and IAM Roles Anywhere takes {LARGEST_REVOCATION_LIST}", pem.len()));
    }
    let blocks = blocks(pem, "X509 CRL", "revocation lists")?;
    let [block] = &blocks[..] else {
        return Err(format!("holds {} revocation lists, not one", blocks.len()));
    };
    let (rest, list) = CertificateRevocationList::from_der(&block.contents)
        .map_err(|_| "holds something that is no X.509 revocation list".to_owned())?;
    if !rest.is_empty() {
        return Err(format!("holds {} bytes behind its revocation list", rest.len()));
    }
    if list.version() != Some(X509Version::V2) {
        return Err("holds a revocation list of version 1; AWS takes version 2".to_owned());
    }
    let key_id = list.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| hex(id.0)),
        _ => None,
    });
    let issuer = hex(list.issuer().as_raw());
    let issuers = authorities.iter().filter(|authority| is_issuer((&issuer, key_id.as_deref()), authority));
    let issuers: Vec<&Authority> = issuers.collect();
    if issuers.is_empty() {
        return Err(format!("is a revocation list of another authority: {}", list.issuer()));
    }
    let checked: Vec<Signature> = issuers.iter().map(|authority| signature(&list, authority)).collect();
    let signature_unchecked = match () {
        () if checked.contains(&Signature::Valid) => None,
        () if checked.contains(&Signature::Unchecked) => Some(list.signature_algorithm.algorithm.to_id_string()),
        () => return Err(format!("is not signed by its authority: {}", list.issuer())),
    };
    let next_update = list.next_update().map(|time| time.timestamp());
    Ok(RevocationList { pem: pem.to_owned(), sha256: sha256(pem), next_update, signature_unchecked })
}

/// Whether an authority signed a revocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    Valid,
    Invalid,
    /// The algorithm is not one of those below.
    Unchecked,
}

/// Checks the signature of a list with an authority's key.
/// Sources: RFC 4055 and RFC 8017 (RSA), RFC 5758 (ECDSA), RFC 8410 (Ed25519): the object IDs.
fn signature(list: &CertificateRevocationList<'_>, authority: &Authority) -> Signature {
    const P256: &str = "1.2.840.10045.3.1.7";
    const P384: &str = "1.3.132.0.34";
    let Ok((_, key)) = SubjectPublicKeyInfo::from_der(&authority.public_key) else { return Signature::Unchecked };
    let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let curve = curve.map(|oid| oid.to_id_string()).unwrap_or_default();
    let algorithm = list.signature_algorithm.algorithm.to_id_string();
    let by: &dyn VerificationAlgorithm = match (algorithm.as_str(), curve.as_str()) {
        ("1.2.840.113549.1.1.11", _) => &RSA_PKCS1_2048_8192_SHA256,
        ("1.2.840.113549.1.1.12", _) => &RSA_PKCS1_2048_8192_SHA384,
        ("1.2.840.113549.1.1.13", _) => &RSA_PKCS1_2048_8192_SHA512,
        ("1.2.840.10045.4.3.2", P256) => &ECDSA_P256_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", P256) => &ECDSA_P256_SHA384_ASN1,
        ("1.2.840.10045.4.3.2", P384) => &ECDSA_P384_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", P384) => &ECDSA_P384_SHA384_ASN1,
        ("1.3.101.112", _) => &ED25519,
        _ => return Signature::Unchecked,
    };
    let key = UnparsedPublicKey::new(by, key.subject_public_key.data.as_ref());
    match key.verify(list.tbs_cert_list.as_ref(), &list.signature_value.data) {
        Ok(()) => Signature::Valid,
        Err(_) => Signature::Invalid,
    }
}
