"""The simulated Intel service: TCB info, QE identity and revocation lists, signed and current."""

from urllib.parse import quote as url_quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from measured import compact
from pki import COMPONENTS, FMSPC, PCEID, PCESVN, days, now, pem, raw_signature
from quote import QE_ATTRIBUTES, QE_MRSIGNER, QE_PRODUCT, QE_SVN, SEAM_SVN, SEAM_VERSION
from quote import TDX_COMPONENTS

STATUSES = ('UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded',
            'ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded',
            'Revoked')
OLD_ADVISORIES = ['INTEL-SA-01036', 'INTEL-SA-01079', 'INTEL-SA-01099']
CATEGORIES = {0: ('BIOS', 'Early Microcode Update'), 1: ('OS/VMM', 'SGX Late Microcode Update')}
CHAIN_HEADERS = {'tcb': 'TCB-Info-Issuer-Chain', 'qe': 'SGX-Enclave-Identity-Issuer-Chain',
                 'pckcrl': 'SGX-PCK-CRL-Issuer-Chain'}


def stamp(moment):
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')


def components(svns):
    out = []
    for index, svn in enumerate(svns):
        entry = {'svn': svn}
        if index in CATEGORIES:
            entry['category'], entry['type'] = CATEGORIES[index]
        out.append(entry)
    return out


def level(tcb, date, status, advisories=()):
    out = {'tcb': tcb, 'tcbDate': date, 'tcbStatus': status}
    if advisories:
        out['advisoryIDs'] = list(advisories)
    return out


class Collateral:
    """What Intel says today about the simulated platform. `order` turns its knobs."""

    def __init__(self, world):
        self.world = world
        self.today = now()
        self.recent = stamp((self.today - days(100)).replace(hour=0, minute=0, second=0))
        self.old = stamp((self.today - days(500)).replace(hour=0, minute=0, second=0))
        self.top = {part: ('UpToDate', self.recent, []) for part in ('platform', 'module', 'qe')}
        self.evaluation = {'tcb': 20, 'qe': 20}
        self.issued, self.next = self.today - days(1), self.today + days(29)

    def order(self, order):
        """POST /_tcb: a level of the platform, the module or the QE, or the kind of quote."""
        part = order.get('level', 'platform')
        if part not in self.top:
            raise ValueError('level is platform, module or qe')
        if 'status' in order:
            status = order['status']
            if status not in STATUSES and not order.get('unchecked'):
                raise ValueError('unknown status')
            advisories = order.get('advisories',
                                   [] if status == 'UpToDate' else ['INTEL-SA-01192'])
            self.top[part] = (status, order.get('date', self.recent), advisories)
        for key, attribute in (('ca', 'ca'), ('quote_version', 'quote_version'),
                               ('td', 'quote_body'), ('relaunch', 'relaunch')):
            if key in order:
                setattr(self.world, attribute, order[key])
        if order.get('relaunch'):
            self.world.quote_version, self.world.quote_body = 5, '1.5'
        if 'evaluation' in order:
            self.evaluation = {'tcb': order['evaluation'],
                               'qe': order.get('qe_evaluation', order['evaluation'])}
        if 'next_update_days' in order:
            self.next = self.today + days(order['next_update_days'])

    def head(self, id_, version, kind):
        return {'id': id_, 'version': version, 'issueDate': stamp(self.issued),
                'nextUpdate': stamp(self.next)}, {'tcbEvaluationDataNumber': self.evaluation[kind]}

    def tcb_info(self):
        head, number = self.head('TDX', 3, 'tcb')
        module = {'mrsigner': '00' * 48, 'attributes': '00' * 8, 'attributesMask': 'FF' * 8}
        status, date, advisories = self.top['module']
        known = [level({'isvsvn': SEAM_SVN}, date, status, advisories),
                 level({'isvsvn': 4}, self.old, 'OutOfDate', OLD_ADVISORIES[:1])]
        identities = [{'id': f'TDX_{SEAM_VERSION:02X}', **module, 'tcbLevels': known},
                      {'id': 'TDX_03', **module,
                       'tcbLevels': [level({'isvsvn': 3}, self.recent, 'UpToDate')]}]
        return {**head, 'fmspc': FMSPC.hex(), 'pceId': PCEID.hex(), 'tcbType': 0, **number,
                'tdxModule': module, 'tdxModuleIdentities': identities,
                'tcbLevels': self.platform_levels()}

    def platform_levels(self):
        def tcb(sgx, tdx, pcesvn=PCESVN):
            return {'sgxtcbcomponents': components(sgx), 'pcesvn': pcesvn,
                    'tdxtcbcomponents': components(tdx)}

        status, date, advisories = self.top['platform']
        older = (2, 2, 2, 2, 3, 1, 0, 5) + (0,) * 8
        old_tdx = (5, 0, 2) + (0,) * 13
        return [level(tcb(COMPONENTS, TDX_COMPONENTS), date, status, advisories),
                level(tcb(older, old_tdx), self.old, 'OutOfDate', OLD_ADVISORIES),
                level(tcb(older, old_tdx, 5), '2018-01-04T00:00:00Z', 'OutOfDate',
                      ['INTEL-SA-00106', 'INTEL-SA-00115'] + OLD_ADVISORIES)]

    def qe_identity(self):
        head, number = self.head('TD_QE', 2, 'qe')
        mask = bytes.fromhex('fbffffffffffffff') + bytes(8)
        masked = bytes(a & m for a, m in zip(QE_ATTRIBUTES, mask))
        status, date, advisories = self.top['qe']
        return {**head, **number, 'miscselect': '00' * 4, 'miscselectMask': 'FF' * 4,
                'attributes': masked.hex().upper(), 'attributesMask': mask.hex().upper(),
                'mrsigner': QE_MRSIGNER.hex().upper(), 'isvprodid': QE_PRODUCT,
                'tcbLevels': [level({'isvsvn': QE_SVN}, date, status, advisories),
                              level({'isvsvn': 2}, self.old, 'OutOfDate', OLD_ADVISORIES)]}

    def signed(self, kind, armed):
        """TCB info or QE identity as the service sends it, and the chain of its signer."""
        member, value = ('tcbInfo', self.tcb_info()) if kind == 'tcb' \
            else ('enclaveIdentity', self.qe_identity())
        if armed.stage('object'):
            armed.stage('object')(value, armed.args)
        pki = self.world.pki
        key, chain = pki.signer_key, pki.signer_chain()
        if armed.stage('signer'):
            key, chain = armed.stage('signer')(self.world)
        text = compact(value)
        signature = raw_signature(key, text.encode()).hex()
        return f'{{"{member}":{text},"signature":"{signature}"}}'.encode(), chain

    def crl(self, kind, armed):
        """A revocation list in DER, and the chain of its issuer."""
        pki = self.world.pki
        if armed.stage('crl'):
            data = armed.stage('crl')(self.world, kind)
        else:
            data = pki.crl(kind)
        return data, pem(pki.root) if kind == 'root' else pem(pki.ca[kind], pki.root)


def crl_kind(exchange, kind):
    """'root', or which PCK CA is asked for; None if the question is wrong."""
    if kind == 'rootcrl':
        return 'root'
    wanted = exchange.query.get('ca')
    return wanted if wanted in ('platform', 'processor') else None


def serve(exchange, kind, begin):
    armed = begin(exchange, kind)
    if not armed:
        return
    service = exchange.world.collateral
    if kind in ('tcb', 'qe'):
        if kind == 'tcb' and 'fmspc' not in exchange.query:
            return exchange.send_bytes(400, b'')
        if kind == 'tcb' and exchange.query['fmspc'].lower() != FMSPC.hex():
            return exchange.send_bytes(404, b'')
        data, chain = service.signed(kind, armed)
        mime = 'application/json'
    else:
        issuer = crl_kind(exchange, kind)
        if issuer is None:
            return exchange.send_bytes(400, b'')
        data, chain = service.crl(issuer, armed)
        data, mime = encode_crl(exchange, data)
    if armed.stage('raw'):
        data = armed.stage('raw')(data, armed.args)
    headers = [('Request-ID', '0' * 32)]
    name = CHAIN_HEADERS.get(kind)
    if name and armed.stage('chain'):
        name, chain = armed.stage('chain')(name, chain)
    if name:
        headers.append((name, url_quote(chain, safe='')))
    exchange.send_bytes(200, data, mime, headers)


def encode_crl(exchange, data):
    if exchange.route.endswith('/rootcacrl'):
        return data.hex().encode(), 'text/plain'
    if exchange.route.endswith('/pckcrl') and exchange.query.get('encoding', 'pem') == 'pem':
        return x509.load_der_x509_crl(data).public_bytes(Encoding.PEM), 'application/x-pem-file'
    return data, 'application/pkix-crl'
