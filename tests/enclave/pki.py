"""The simulated Intel: root, PCK CAs, PCK leaves, TCB signer and revocation lists.

Common names are Intel's, because a verifier must check them; the organisation says what this is.
"""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import der

SGX = '1.2.840.113741.1.13.1'
FMSPC = bytes.fromhex('51a1c0de0001')
PCEID = bytes(2)
COMPONENTS = (3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0)
PCESVN = 13
ROOT_CRL_URL = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'
PCK_CRL_URL = 'https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=%s&encoding=der'


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def days(count):
    return datetime.timedelta(days=count)


def name(common):
    pairs = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, 'venice.nvim simulator'),
             (NameOID.LOCALITY_NAME, 'Loopback'), (NameOID.STATE_OR_PROVINCE_NAME, 'CA'),
             (NameOID.COUNTRY_NAME, 'US'))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in pairs])


def raw_signature(key, data, digest=None):
    """ECDSA as r ‖ s of fixed width, the form of quotes and of collateral."""
    width = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest or hashes.SHA256())))
    return r.to_bytes(width, 'big') + s.to_bytes(width, 'big')


def usage(*names):
    every = ('digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment',
             'key_agreement', 'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only')
    return x509.KeyUsage(**{flag: flag in names for flag in every})


def certificate(subject, key, issuer, issuer_key, *, begin, end, serial, ca=None, extra=(),
                crl=None, digest=None, basic=True):
    """One certificate; `ca` is the path length of a CA, None makes a leaf."""
    public = key.public_key()
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
               .public_key(public).serial_number(serial)
               .not_valid_before(begin).not_valid_after(end)
               .add_extension(authority, critical=False))
    if crl:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    role = usage('digital_signature', 'content_commitment') if ca is None \
        else usage('key_cert_sign', 'crl_sign')
    builder = (builder
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
               .add_extension(role, critical=True))
    if basic:
        constraints = x509.BasicConstraints(ca is not None, ca)
        builder = builder.add_extension(constraints, critical=True)
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, digest or hashes.SHA256())


def pem(*certificates):
    return ''.join(c.public_bytes(Encoding.PEM).decode() for c in certificates)


def sgx_extension(ppid, instance, platform):
    def entry(suffix, value):
        return der.sequence(der.oid(f'{SGX}.{suffix}'), value)

    tcb = [entry(f'2.{i + 1}', der.integer(svn)) for i, svn in enumerate(COMPONENTS)]
    tcb += [entry('2.17', der.integer(PCESVN)), entry('2.18', der.octets(bytes(COMPONENTS)))]
    parts = [entry('1', der.octets(ppid)), entry('2', der.sequence(*tcb)),
             entry('3', der.octets(PCEID)), entry('4', der.octets(FMSPC)),
             entry('5', der.enumerated(1 if platform else 0))]
    if platform:
        flags = [entry(f'7.{i}', der.boolean(True)) for i in (1, 2, 3)]
        parts += [entry('6', der.octets(instance)), entry('7', der.sequence(*flags))]
    body = der.sequence(*parts)
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(SGX), body)


class Pki:
    """All keys and certificates of one simulated Intel; `label` tells the honest from the evil."""

    def __init__(self, entropy, label='intel'):
        self.entropy, self.label = entropy, label
        self.today = now()
        self.root_key, self.signer_key = self.key('root'), self.key('tcb signer')
        root = name('Intel SGX Root CA')
        self.root = self.issue(root, self.root_key, root, self.root_key, 'root', 3000, 8000, ca=1)
        self.signer = self.issue(name('Intel SGX TCB Signing'), self.signer_key, root,
                                 self.root_key, 'tcb signer', 500, 2000)
        self.ca_key, self.ca, self.leaf_key, self.leaf = {}, {}, {}, {}
        for kind in ('platform', 'processor'):
            self.issue_platform(kind, root)

    def key(self, label):
        return self.entropy.p256(f'{self.label} {label}')

    def serial(self, label):
        secret = self.entropy.secret(f'{self.label} serial {label}', 19)
        return int.from_bytes(b'\x5e' + secret, 'big')

    def issue(self, subject, key, issuer, issuer_key, label, age, life, **options):
        options.setdefault('crl', ROOT_CRL_URL)
        return certificate(subject, key, issuer, issuer_key, serial=self.serial(label),
                           begin=self.today - days(age), end=self.today + days(life), **options)

    def issue_platform(self, kind, root):
        """A CA and the leaf of one machine below it."""
        ca_name = name(f'Intel SGX PCK {kind.capitalize()} CA')
        ca_key, leaf_key = self.key(f'{kind} ca'), self.key(f'{kind} pck')
        extension = sgx_extension(self.entropy.secret('ppid', 16),
                                  self.entropy.secret('platform instance', 16), kind == 'platform')
        self.ca_key[kind], self.leaf_key[kind] = ca_key, leaf_key
        self.ca[kind] = self.issue(ca_name, ca_key, root, self.root_key, f'{kind} ca',
                                   2500, 3000, ca=0)
        self.leaf[kind] = self.issue(name('Intel SGX PCK Certificate'), leaf_key, ca_name, ca_key,
                                     f'{kind} pck', 300, 2200, extra=[extension],
                                     crl=PCK_CRL_URL % kind)

    def pck_chain(self, kind):
        return pem(self.leaf[kind], self.ca[kind], self.root)

    def signer_chain(self):
        return pem(self.signer, self.root)

    def crl(self, kind, revoked=(), begin=-1, end=29, key=None):
        """The list of one CA ('root', 'platform', 'processor'), DER; begin and end in days."""
        issuer, own_key = (self.root, self.root_key) if kind == 'root' \
            else (self.ca[kind], self.ca_key[kind])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key.public_key())
        builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
                   .last_update(self.today + days(begin)).next_update(self.today + days(end))
                   .add_extension(x509.CRLNumber(1), critical=False)
                   .add_extension(authority, critical=False))
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            entry = entry.revocation_date(self.today + days(begin))
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(key or own_key, hashes.SHA256()).public_bytes(Encoding.DER)
