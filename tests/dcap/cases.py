"""The cases of DCAP.md section 5 by their names there, then what else follows from its sections
1 and 1a. Each row: name, verdict ('reject', 'accept', 'policy'), code or status, what is
changed, advisories, and since when it is out of date (a day, '' for not known; None: any)."""
import copy

from cryptography.hazmat.primitives.asymmetric import ec

from world import (
    DAY, NOW, ECDSA_SHA384, OID_AKI, OID_BASIC, OID_DELTA, OID_IDP, OID_KEY_USAGE, OID_SGX, PCK_CN,
    PLATFORM_CN, QE_VENDOR, ROOT_CN, SIGNER_CN, YEAR, Cert, boolean, extension, integer, isv_level,
    key, octets, oid, point, rfc3339, seq, sign_raw, tlv, zeros)

CASES = []
UNKNOWN = '1.3.6.1.4.1.99999.1'
UNKNOWN_CRITICAL = extension(UNKNOWN, octets(b'?'), True)


def case(name, verdict, code, change=None, advisories=None, since=None, **settings):
    """settings: quote__version=3 sets world.quote.version; a list of changes runs in its order."""
    changes = change if isinstance(change, list) else [change] if change else []

    def apply(world):
        for path, value in settings.items():
            *parents, last = path.split('__')
            target = world
            for parent in parents:
                target = getattr(target, parent)
            setattr(target, last, value)
        for function in changes:
            function(world)

    CASES.append((name, verdict, code, apply, advisories, since))


def reject(name, code, change=None, **settings):
    case(name, 'reject', code, change, **settings)


def accept(name, change=None, status='UpToDate', **settings):
    case(name, 'accept', status, change, **settings)


def policy(name, status, change=None, **settings):
    case(name, 'policy', status, change, **settings)


def flip(at, bit=1):
    def change(data):
        data = bytearray(data)
        data[at] ^= bit
        return bytes(data)
    return change


def flip_hex(raw):
    return flip(3)(raw).hex()


def put(data, at, value):
    return data[:at] + value + data[at + len(value):]


def levels(w):
    return w.tcb.value['tcbLevels']


def modules(w):
    return w.tcb.value['tdxModuleIdentities']


def status(value, at=0):
    return lambda w: levels(w)[at].__setitem__('tcbStatus', value)


def module_status(value):
    return lambda w: modules(w)[0]['tcbLevels'][0].__setitem__('tcbStatus', value)


def qe_status(value):
    return lambda w: w.qe.value['tcbLevels'][0].__setitem__('tcbStatus', value)


def tcb(**members):
    return lambda w: w.tcb.value.update(members)


def qe(**members):
    return lambda w: w.qe.value.update(members)


def td15(w):
    w.quote.version, w.quote.body_type = 5, 3


def now_svn(*svn):
    """A TD 1.5 whose platform is now at this level."""
    def change(w):
        td15(w)
        w.quote.tee_tcb_svn2 = zeros(*svn)
    return change


def launched_old(w):
    """Launched on the second level, OutOfDate; on the first one now."""
    td15(w)
    w.quote.tee_tcb_svn, w.quote.tee_tcb_svn2 = zeros(6, 3, 7), zeros(6, 3, 8)
    for component in (0, 1, 4):
        levels(w)[0]['tcb']['sgxtcbcomponents'][component]['svn'] -= 1


# --- statuses and levels --------------------------------------------------------------------------

reject('st_revoked_platform', 'tcb_revoked', status('Revoked'))
reject('st_revoked_module', 'tcb_revoked', module_status('Revoked'))
reject('st_revoked_qe', 'tcb_revoked', qe_status('Revoked'))
reject('st_unknown_status', 'tcb_status_unknown', status('Fine'))
reject('st_unknown_status_case', 'tcb_status_unknown', status('uptodate'))
reject('st_unknown_status_relaunch', 'tcb_status_unknown', status('TDRelaunchAdvised'))
reject('st_unknown_status_elsewhere', 'tcb_status_unknown', status('Fine', 2))
reject('st_module_status_of_a_platform', 'tcb_status_unknown', module_status('ConfigurationNeeded'))
reject('st_qe_status_of_a_platform', 'tcb_status_unknown', qe_status('SWHardeningNeeded'))
reject('st_no_match_platform', 'tcb_no_match', sgx__components=[4, 4, 1, 1, 2, 0, 0, 4] + [0] * 8)
reject('st_no_match_pcesvn', 'tcb_no_match', sgx__pcesvn=10)
reject('st_no_match_tdx', 'tcb_no_match', quote__tee_tcb_svn=zeros(6, 3, 4))
reject('st_no_match_module_svn', 'tcb_no_match', quote__tee_tcb_svn=zeros(3, 3, 8))
reject('st_no_match_qe', 'qe_svn_unsupported', quote__qe_svn=6)
reject('st_module_unknown_version', 'tdx_module_mismatch', quote__tee_tcb_svn=zeros(6, 5, 8))
reject('st_module_lower_case_id', 'tdx_module_mismatch', [
    lambda w: modules(w)[1].__setitem__('id', 'TDX_0a')], quote__tee_tcb_svn=zeros(6, 10, 8))
reject('st_module_identities_missing', 'tdx_module_mismatch',
       lambda w: w.tcb.value.pop('tdxModuleIdentities'))
reject('st_module_identities_empty', 'tdx_module_mismatch', tcb(tdxModuleIdentities=[]))
reject('st_tcb_lexicographic', 'tcb_no_match', sgx__components=[9, 9, 9, 1, 9, 9, 9, 9] + [9] * 8)
reject('st_tdx_lexicographic', 'tcb_no_match', [
    lambda w: levels(w)[2]['tcb']['tdxtcbcomponents'][3].__setitem__('svn', 1),
    lambda w: [row['tcb']['tdxtcbcomponents'][3].__setitem__('svn', 1) for row in levels(w)]],
    quote__tee_tcb_svn=zeros(9, 3, 9))
reject('st_comps15', 'tcbinfo_malformed',
       lambda w: levels(w)[0]['tcb']['sgxtcbcomponents'].pop())
reject('st_comps17', 'tcbinfo_malformed',
       lambda w: levels(w)[0]['tcb']['tdxtcbcomponents'].append({'svn': 0}))
reject('st_tdxcomps_missing', 'tcbinfo_malformed',
       lambda w: levels(w)[1]['tcb'].pop('tdxtcbcomponents'))
reject('st_svn_wrap256', 'tcbinfo_malformed',
       lambda w: levels(w)[0]['tcb']['sgxtcbcomponents'][0].__setitem__('svn', 260))
reject('st_svn_negative', 'tcbinfo_malformed',
       lambda w: levels(w)[0]['tcb']['sgxtcbcomponents'][0].__setitem__('svn', -1))
reject('st_svn_fraction', 'tcbinfo_malformed',
       lambda w: levels(w)[0]['tcb']['tdxtcbcomponents'][0].__setitem__('svn', 5.5))
reject('st_svn_text', 'tcbinfo_malformed',
       lambda w: levels(w)[0]['tcb']['tdxtcbcomponents'][0].__setitem__('svn', '5'))
reject('st_pcesvn_wrap65536', 'tcbinfo_malformed',
       lambda w: levels(w)[0]['tcb'].__setitem__('pcesvn', 65536))
reject('st_isvsvn_missing', 'tcbinfo_malformed',
       lambda w: modules(w)[0]['tcbLevels'][0].__setitem__('tcb', {}))
reject('st_level_twice', 'tcbinfo_malformed',
       lambda w: levels(w).append(dict(levels(w)[0], tcbStatus='OutOfDate')))
reject('st_module_twice', 'tcbinfo_malformed', lambda w: modules(w).append(modules(w)[0]))
reject('st_svn2_no_match', 'tcb_no_match', now_svn(6, 3, 4))
reject('st_svn2_module_unknown', 'tdx_module_mismatch', now_svn(6, 7, 8))
reject('st_svn2_module_svn_low', 'tcb_no_match', now_svn(3, 3, 8))
reject('st_svn2_revoked', 'tcb_revoked', [launched_old, status('Revoked')])

OLD = ['INTEL-SA-90001', 'INTEL-SA-90002']
policy('st_ood_platform', 'OutOfDate', quote__tee_tcb_svn=zeros(6, 3, 7), advisories=','.join(OLD))
policy('st_ood_platform_sgx', 'OutOfDate', advisories=','.join(OLD),
       sgx__components=[8, 8, 3, 3, 3, 1, 0, 6] + [0] * 8)
policy('st_ood_module', 'OutOfDate', quote__tee_tcb_svn=zeros(5, 3, 8), advisories='INTEL-SA-90003')
policy('st_ood_qe', 'OutOfDate', quote__qe_svn=8, advisories='INTEL-SA-90009')
policy('st_ood_all', 'OutOfDate', quote__qe_svn=8, quote__tee_tcb_svn=zeros(5, 3, 7),
       advisories=','.join(OLD + ['INTEL-SA-90003', 'INTEL-SA-90009']))
policy('st_ood_conf', 'OutOfDateConfigurationNeeded', status('OutOfDateConfigurationNeeded'))
for prefix, name in (('config', 'ConfigurationNeeded'),
                     ('confsw', 'ConfigurationAndSWHardeningNeeded')):
    policy('st_%s_plus_module_ood' % prefix, 'OutOfDateConfigurationNeeded', status(name),
           quote__tee_tcb_svn=zeros(5, 3, 8))
    policy('st_%s_plus_qe_ood' % prefix, 'OutOfDateConfigurationNeeded', status(name),
           quote__qe_svn=8)
policy('st_swh_plus_qe_ood', 'OutOfDate', status('SWHardeningNeeded'), quote__qe_svn=8)
policy('st_ood_conf_plus_qe_ood', 'OutOfDateConfigurationNeeded',
       status('OutOfDateConfigurationNeeded'), quote__qe_svn=8)
policy('st_svn01_in_tdxcomps_zero_module_version', 'OutOfDate',
       quote__tee_tcb_svn=zeros(5, 0, 8), advisories='INTEL-SA-90001')
policy('st_relaunch', 'TDRelaunchAdvised', launched_old, advisories=','.join(OLD))
policy('st_relaunch_module', 'TDRelaunchAdvised', now_svn(6, 3, 8),
       quote__tee_tcb_svn=zeros(5, 3, 8), advisories='INTEL-SA-90003')
policy('st_svn2_older_than_svn', 'OutOfDate', now_svn(6, 3, 7))
policy('st_svn2_module_older', 'OutOfDate', now_svn(5, 3, 8))
policy('st_svn2_module_version_change', 'TDRelaunchAdvised', now_svn(2, 10, 8),
       quote__tee_tcb_svn=zeros(5, 3, 8))
policy('st_relaunch_config', 'TDRelaunchAdvisedConfigurationNeeded',
       [launched_old, status('ConfigurationNeeded')])
policy('st_relaunch_confsw', 'TDRelaunchAdvisedConfigurationNeeded',
       [launched_old, status('ConfigurationAndSWHardeningNeeded')])
policy('st_relaunch_from_ood_conf', 'TDRelaunchAdvisedConfigurationNeeded',
       [launched_old, status('OutOfDateConfigurationNeeded', 1)])
policy('st_relaunch_swh', 'TDRelaunchAdvised', [launched_old, status('SWHardeningNeeded')])
policy('st_relaunch_qe_ood', 'OutOfDate', launched_old, quote__qe_svn=8)
policy('st_relaunch_config_qe_ood', 'OutOfDateConfigurationNeeded',
       [launched_old, status('ConfigurationNeeded')], quote__qe_svn=8)

accept('st_swhardening', status('SWHardeningNeeded'), 'SWHardeningNeeded')
accept('st_config', status('ConfigurationNeeded'), 'ConfigurationNeeded')
accept('st_confsw', status('ConfigurationAndSWHardeningNeeded'),
       'ConfigurationAndSWHardeningNeeded')
accept('st_unsorted_levels', lambda w: levels(w).reverse())
accept('st_unsorted_module_levels', lambda w: modules(w)[0]['tcbLevels'].reverse())
accept('st_unsorted_modules', lambda w: modules(w).reverse())
accept('st_unsorted_qe_levels', lambda w: w.qe.value['tcbLevels'].reverse())
accept('st_svn2_module_version_same_ok', td15)
accept('st_module_hex_id', quote__tee_tcb_svn=zeros(2, 10, 8))
accept('st_advisories_of_good_levels', [
    lambda w: levels(w)[0].update(advisoryIDs=['INTEL-SA-2', 'INTEL-SA-1']),
    lambda w: w.qe.value['tcbLevels'][0].update(advisoryIDs=['INTEL-SA-1', 'INTEL-SA-0'])],
    advisories='INTEL-SA-0,INTEL-SA-1,INTEL-SA-2')


# --- since when -----------------------------------------------------------------------------------

SECOND, THIRD = zeros(6, 3, 7), zeros(6, 3, 5)  # TEE TCB SVNs of the lower levels
OLD_MODULE = zeros(5, 3, 8)


def dates(*days):
    """The days of the platform's levels, highest first; a word behind one is its status."""
    def change(w):
        for row, day in zip(levels(w), days):
            day, _, word = day.partition(' ')
            row['tcbDate'] = day + 'T00:00:00Z'
            row['tcbStatus'] = word or row['tcbStatus']
    return change


def module_levels(*rows):
    return lambda w: modules(w)[0].__setitem__('tcbLevels', [isv_level(*row) for row in rows])


def only_level(w):
    del levels(w)[1:]
    levels(w)[0]['tcbStatus'] = 'OutOfDate'


def since(name, day, change=None, status='OutOfDate', **settings):
    policy('since_' + name, status, change, since=day, **settings)


accept('since_not_at_all', since='')
accept('since_not_at_all_config', status('ConfigurationNeeded'), 'ConfigurationNeeded', since='')
since('second_level', '2026-03-11', quote__tee_tcb_svn=SECOND)
since('third_level_is_the_oldest_above', '2025-05-14', quote__tee_tcb_svn=THIRD)
since('unsorted_list', '2025-05-14', lambda w: levels(w).reverse(), quote__tee_tcb_svn=THIRD)
since('sgx_component', '2026-03-11', sgx__components=[8, 8, 3, 3, 3, 1, 0, 6] + [0] * 8)
since('pcesvn', '2025-05-14', sgx__pcesvn=12)
since('top_level', '', status('OutOfDate'))
since('only_level', '', only_level)
since('configuration_too', '2026-03-11',
      dates('2026-03-11', '2025-05-14 OutOfDateConfigurationNeeded'),
      'OutOfDateConfigurationNeeded', quote__tee_tcb_svn=SECOND)
# The level above is of the same day: it says since when, if it is not out of date itself.
since('same_day', '2025-05-14', dates('2025-05-14'), quote__tee_tcb_svn=SECOND)
since('same_day_hardening', '2025-05-14', dates('2025-05-14 SWHardeningNeeded'),
      quote__tee_tcb_svn=SECOND)
since('same_day_out_of_date_too', '2026-03-11', dates('2026-03-11', '2023-08-09', '2023-08-09'),
      quote__tee_tcb_svn=THIRD)
since('same_day_throughout', '2023-08-09', dates('2023-08-09', '2023-08-09', '2023-08-09'),
      quote__tee_tcb_svn=THIRD)
since('same_day_all_out_of_date', '', dates('2023-08-09 OutOfDate', '2023-08-09', '2023-08-09'),
      quote__tee_tcb_svn=THIRD)
# A level above whose date is before that of the matched one is not newer.
since('older_above', '', dates('2025-01-01', '2025-05-14'), quote__tee_tcb_svn=SECOND)
since('unsorted_dates', '2025-01-01', dates('2025-01-01', '2025-05-14', '2023-08-09'),
      quote__tee_tcb_svn=THIRD)
since('unsorted_dates_one_older', '2025-05-14', dates('2022-01-01', '2025-05-14', '2023-08-09'),
      quote__tee_tcb_svn=THIRD)
since('module', '2026-02-11', quote__tee_tcb_svn=OLD_MODULE)
since('module_levels', '2025-06-10', module_levels(
    (6, 'UpToDate', '2026-02-11T00:00:00Z'), (5, 'OutOfDate', '2024-01-10T00:00:00Z'),
    (7, 'OutOfDate', '2025-06-10T00:00:00Z')), quote__tee_tcb_svn=OLD_MODULE)
since('module_only_level', '', module_levels((5, 'OutOfDate', '2025-06-10T00:00:00Z')))
since('module_same_day', '2026-02-11', module_levels(
    (6, 'UpToDate', '2026-02-11T00:00:00Z'), (4, 'OutOfDate', '2026-02-11T00:00:00Z')),
    quote__tee_tcb_svn=OLD_MODULE)
since('module_with_config', '2026-02-11', status('ConfigurationNeeded'),
      'OutOfDateConfigurationNeeded', quote__tee_tcb_svn=OLD_MODULE)
since('qe', '2026-01-14', quote__qe_svn=8)
since('qe_top', '', qe_status('OutOfDate'))
# The earliest of those that are out of date; one that cannot say leaves the whole open.
since('all', '2026-01-14', quote__qe_svn=8, quote__tee_tcb_svn=zeros(5, 3, 7))
since('platform_before_module', '2025-05-14', quote__tee_tcb_svn=zeros(5, 3, 5))
since('module_known_platform_not', '', status('OutOfDate'), quote__tee_tcb_svn=OLD_MODULE)
since('platform_known_qe_not', '', qe_status('OutOfDate'), quote__tee_tcb_svn=SECOND)
since('relaunch', '', launched_old, 'TDRelaunchAdvised')
since('relaunch_qe', '2026-01-14', launched_old, quote__qe_svn=8)
since('now_older', '2026-03-11', now_svn(6, 3, 7))
since('now_module_older', '2026-02-11', now_svn(5, 3, 8))
since('both', '2026-02-11', [now_svn(5, 3, 8)], quote__tee_tcb_svn=SECOND)

# --- the header and the body's descriptor ---------------------------------------------------------

for version in (0, 1, 2, 3, 6, 0x104):
    reject('hdr_ver%d' % version, 'quote_version', quote__version=version)
for kind in (0, 1, 3, 0x202):
    reject('hdr_att_type%d' % kind, 'att_key_type', quote__key_type=kind)
for word, tee in (('sgx', 0), ('82', 0x82), ('high', 0x1000081), ('second', 0x181)):
    reject('hdr_tee_' + word, 'tee_type', quote__tee_type=tee)
reject('hdr_sgx_v3', 'tee_type', quote__tee_type=0, quote__version=3)
reject('hdr_vendor', 'qe_vendor', quote__vendor=bytes(16))
reject('hdr_vendor_last_byte', 'qe_vendor', quote__vendor=flip(15)(QE_VENDOR))
accept('hdr_reserved_nonzero', quote__reserved=b'\x01\x02\x03\x04')
reject('v5_body_type0', 'body_type', quote__version=5, quote__body_type=0)
reject('v5_body_type1', 'body_type', quote__version=5, quote__body_type=1)
reject('v5_body_type9', 'body_type', quote__version=5, quote__body_type=9)
reject('v5_body_type_high', 'body_type', quote__version=5, quote__body_type=0x102)
reject('v5_body_size_wrong', 'body_size', quote__version=5, quote__body_size=583)
reject('v5_body_size_of_td15', 'body_size', quote__version=5, quote__body_size=648)
reject('v5_body_size_huge', 'body_size', quote__version=5, quote__body_size=0xffffffff)

# --- lengths --------------------------------------------------------------------------------------

for cut in (0, 1, 47, 48, 631, 632, 635, 636, 700, 635 + 130, 636 + 583, 636 + 590):
    reject('len_%d' % cut, 'quote_truncated',
           quote__spoil=lambda data, n=cut: data[:n])
reject('len_v5_53', 'quote_truncated', td15, quote__spoil=lambda data: data[:53])
reject('len_auth_minus1', 'quote_truncated', quote__spoil=lambda data: data[:-1])
reject('len_half', 'quote_truncated', quote__spoil=lambda data: data[:len(data) // 2])
reject('asize_short', 'auth_size', quote__auth_size=lambda n: n - 1)
reject('asize_zero', 'auth_size', quote__auth_size=lambda n: 0)
reject('asize_long_with_trail', 'auth_size', quote__auth_size=lambda n: n + 20,
       quote__trailing=bytes(20))
reject('asize_huge', 'auth_size', quote__auth_size=lambda n: 0xffffffff)
for kind in (0, 1, 5, 7, 0x106):
    reject('otype%d' % kind, 'cert_type_outer', quote__outer_type=kind)
for word, change in (('huge', lambda n: 0xffffff00), ('short', lambda n: n - 1),
                     ('zero', lambda n: 0), ('long', lambda n: n + 1)):
    reject('osize_' + word, 'cert_data_size', quote__outer_size=change)
    reject('isize_' + word, 'cert_data_size', quote__inner_size=change)
for kind in (0, 1, 2, 3, 4, 6, 7, 0x105):
    reject('itype%d' % kind, 'cert_type_inner', quote__inner_type=kind)
reject('authlen_huge', 'cert_data_size', quote__auth_data_size=lambda n: 0xffff)
# The field says more than is there, and the outer size agrees with what is there.
reject('authlen_to_the_end', 'cert_data_size',
       quote__auth_data_size=lambda n: 3400, quote__auth_data=bytes(32))

# --- the quote's own signatures -------------------------------------------------------------------

AUTH = 636
reject('sig_body_flip', 'quote_signature', quote__spoil=flip(48 + 136))
reject('sig_reportdata_flip', 'quote_signature', quote__spoil=flip(48 + 583))
reject('sig_hdr_user_flip', 'quote_signature', quote__spoil=flip(47))
reject('sig_hdr_reserved_flip', 'quote_signature', quote__spoil=flip(8))
reject('sig_quote_flip', 'quote_signature', quote__spoil_auth=flip(10))
reject('sig_quote_zero', 'quote_signature', quote__spoil_auth=lambda a: put(a, 0, bytes(64)))
reject('sig_quote_r_zero', 'quote_signature', quote__spoil_auth=lambda a: put(a, 0, bytes(32)))
reject('sig_quote_s_zero', 'quote_signature', quote__spoil_auth=lambda a: put(a, 32, bytes(32)))
reject('sig_quote_all_ones', 'quote_signature',
       quote__spoil_auth=lambda a: put(a, 0, b'\xff' * 64))
reject('sig_quote_by_other_key', 'quote_signature', [
    lambda w: setattr(w.quote, 'key', 'other'),
    lambda w: setattr(w.quote, 'point', point(key('attestation')))])
reject('attkey_swapped', 'qe_report_data',
       lambda w: setattr(w.quote, 'bound', point(key('other')) + w.quote.auth_data))
reject('attkey_off_curve', 'att_key_invalid', quote__spoil_auth=flip(64 + 5))
reject('attkey_zero', 'att_key_invalid', quote__spoil_auth=lambda a: put(a, 64, bytes(64)))
reject('attkey_off_curve_bound', 'att_key_invalid',
       lambda w: setattr(w.quote, 'point', flip(40)(point(key('attestation')))))
reject('attkey_over_the_field', 'att_key_invalid', quote__point=b'\xff' * 64)
reject('authdata_flip', 'qe_report_data', quote__spoil_auth=flip(584))
reject('qe_report_data_tail', 'qe_report_data', quote__qe_report_tail=bytes(31) + b'\x01')
reject('qe_report_flip', 'qe_report_signature', quote__spoil_auth=flip(134))
reject('qe_report_by_other_key', 'qe_report_signature', quote__qe_signer='other')
reject('qe_report_by_ca_key', 'qe_report_signature', quote__qe_signer='ca')
reject('qe_report_by_attestation_key', 'qe_report_signature', quote__qe_signer='attestation')

N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def other_s(auth):
    """The second signature that every signature has: n - s."""
    return put(auth, 32, (N - int.from_bytes(auth[32:64], 'big')).to_bytes(32, 'big'))


accept('sig_quote_other_s', quote__spoil_auth=other_s)

# --- the quoting enclave --------------------------------------------------------------------------

reject('qe_misc', 'qe_miscselect', quote__qe_miscselect=1)
reject('qe_attr', 'qe_attributes', quote__qe_attributes=b'\x31' + bytes(15))
reject('qe_attr_high', 'qe_attributes',
       quote__qe_attributes=b'\x11' + bytes(6) + b'\x80' + bytes(8))
reject('qe_attr_missing', 'qe_attributes', quote__qe_attributes=b'\x01' + bytes(15))
reject('qe_debug', 'qe_attributes', quote__qe_attributes=b'\x13' + bytes(15))
reject('qe_debug_masked', 'qe_debug', qe(attributesMask='F9' + 'FF' * 7 + '00' * 8),
       quote__qe_attributes=b'\x13' + bytes(15))
reject('qe_mrsigner', 'qe_mrsigner', quote__qe_mrsigner=b'\xab' * 31 + b'\xaa')
reject('qe_prodid', 'qe_isvprodid', quote__qe_prodid=1)
accept('qe_attr_outside_mask', quote__qe_attributes=b'\x11' + bytes(14) + b'\x01')
reject('qeid_sgx_qe', 'qeid_id', qe(id='QE'))
reject('qeid_id_case', 'qeid_id', qe(id='td_qe'))
reject('qeid_id_missing', 'qeid_id', lambda w: w.qe.value.pop('id'))
reject('qeid_version1', 'qeid_version', qe(version=1))
reject('qeid_version3', 'qeid_version', qe(version=3))
reject('qeid_version_text', 'qeid_version', qe(version='2'))
reject('qeid_short_mrsigner', 'qeid_malformed', qe(mrsigner='AB' * 31))
reject('qeid_long_mask', 'qeid_malformed', qe(miscselectMask='FF' * 5))
reject('qeid_not_hex', 'qeid_malformed', qe(attributes='1G' + '00' * 15))
reject('qeid_prodid_missing', 'qeid_malformed', lambda w: w.qe.value.pop('isvprodid'))
reject('qeid_evaluation_missing', 'qeid_malformed',
       lambda w: w.qe.value.pop('tcbEvaluationDataNumber'))
reject('qeid_expired', 'qeid_expired', qe(nextUpdate=rfc3339(NOW - 1)))
reject('qeid_future', 'qeid_not_yet_valid', qe(issueDate=rfc3339(NOW + 1)))
reject('qeid_next_before_issue', 'qeid_malformed', qe(nextUpdate=rfc3339(NOW - 8 * DAY)))
reject('qeid_sig', 'qeid_signature', qe__signature=flip_hex)
reject('qeid_sig_short', 'qeid_signature', qe__signature=lambda raw: raw.hex()[:-2])
reject('qeid_signed_by_evil', 'qeid_signature', qe__signer='evil')
reject('qeid_signed_by_ca_key', 'qeid_signature', qe__signer='ca')
reject('qeid_levels_empty', 'qeid_malformed', qe(tcbLevels=[]))
reject('qeid_levels_missing', 'qeid_malformed', lambda w: w.qe.value.pop('tcbLevels'))
reject('qeid_level_twice', 'qeid_malformed',
       lambda w: w.qe.value['tcbLevels'].append(isv_level(9, 'OutOfDate', '2024-01-01T00:00:00Z')))
reject('qeid_array', 'qeid_malformed', qe__change=lambda text: '[%s]' % text)
reject('qeid_empty_text', 'qeid_malformed', qe__change=lambda text: '')
reject('qeid_dup_key', 'qeid_malformed',
       qe__change=lambda text: text.replace('"isvprodid":2', '"isvprodid":2,"isvprodid":2'))
accept('qeid_value_outside_mask', qe(attributes='11' + '00' * 14 + 'FF'))
accept('qeid_lower_case_hex', qe(mrsigner='ab' * 32, attributesMask='fb' + 'ff' * 7 + '00' * 8))
accept('qeid_ends_now', qe(nextUpdate=rfc3339(NOW)))
accept('qeid_begins_now', qe(issueDate=rfc3339(NOW)))

# --- TCB info -------------------------------------------------------------------------------------

reject('tcb_sgx_id', 'tcbinfo_id', tcb(id='SGX'))
reject('tcb_id_missing', 'tcbinfo_id', lambda w: w.tcb.value.pop('id'))
reject('tcb_version2', 'tcbinfo_version', tcb(version=2))
reject('tcb_version4', 'tcbinfo_version', tcb(version=4))
reject('tcb_version_fraction', 'tcbinfo_version', tcb(version=3.5))
reject('tcb_type1', 'tcbinfo_type', tcb(tcbType=1))
reject('tcb_type_missing', 'tcbinfo_type', lambda w: w.tcb.value.pop('tcbType'))
reject('tcb_fmspc', 'fmspc_mismatch', tcb(fmspc='40A06D070001'))
reject('tcb_fmspc_short', 'fmspc_mismatch', tcb(fmspc='40A06D0700'))
reject('tcb_fmspc_long', 'fmspc_mismatch', tcb(fmspc='40A06D07000000'))
reject('tcb_fmspc_not_hex', 'fmspc_mismatch', tcb(fmspc='40A06D07000G'))
reject('tcb_fmspc_empty', 'fmspc_mismatch', tcb(fmspc=''))
reject('tcb_fmspc_number', 'tcbinfo_malformed', tcb(fmspc=1))
reject('tcb_pceid', 'pceid_mismatch', tcb(pceId='0001'))
reject('tcb_pceid_short', 'pceid_mismatch', tcb(pceId='00'))
reject('pck_pceid', 'pceid_mismatch', sgx__pceid=b'\x01\x00')
reject('pck_fmspc', 'fmspc_mismatch', sgx__fmspc=bytes(6))
reject('tcb_expired', 'tcbinfo_expired', tcb(nextUpdate=rfc3339(NOW - 1)))
reject('tcb_future', 'tcbinfo_not_yet_valid', tcb(issueDate=rfc3339(NOW + 1)))
for word, date in (
        ('bad', 'tomorrow'), ('offset', '2026-12-30T00:00:00+00:00'),
        ('no_zone', '2026-12-30T00:00:00'),
        ('month13', '2026-13-01T00:00:00Z'), ('february29', '2026-02-29T00:00:00Z'),
        ('hour24', '2026-12-30T24:00:00Z'), ('spaces', ' 026-12-30T00:00:00Z'),
        ('lower_case', '2026-12-30t00:00:00z'), ('day_only', '2026-12-30')):
    reject('tcb_date_' + word, 'tcbinfo_malformed', tcb(issueDate=date))
reject('tcb_bad_date', 'tcbinfo_malformed', tcb(nextUpdate='never'))
reject('tcb_level_date_bad', 'tcbinfo_malformed',
       lambda w: levels(w)[2].update(tcbDate='2018-01-04'))
reject('tcb_sig_space', 'tcbinfo_signature', tcb__spoil=lambda text: text.replace(':', ': ', 1))
reject('tcb_sig_trailing_space', 'tcbinfo_signature', tcb__spoil=lambda text: text + ' ')
reject('tcb_sig_value', 'tcbinfo_signature', tcb__signature=flip_hex)
reject('tcb_sig_empty', 'tcbinfo_signature', tcb__signature=lambda raw: '')
reject('tcb_sig_long', 'tcbinfo_signature', tcb__signature=lambda raw: raw.hex() + '00')
reject('tcb_sig_not_hex', 'tcbinfo_signature', tcb__signature=lambda raw: 'zz' + raw.hex()[2:])
reject('tcb_sig_of_qe_identity', 'tcbinfo_signature',
       lambda w: setattr(w.tcb, 'signature',
                         lambda raw: sign_raw(key('signer'), w.qe.parts()[0].encode()).hex()))
reject('tcb_signed_by_evil', 'tcbinfo_signature', tcb__signer='evil')
reject('tcb_dup_key_status', 'tcbinfo_malformed', tcb__change=lambda text: text.replace(
    '"tcbStatus":"UpToDate"', '"tcbStatus":"Revoked","tcbStatus":"UpToDate"'))
reject('tcb_dup_key_escaped', 'tcbinfo_malformed', tcb__change=lambda text: text.replace(
    '"tcbType":0', '"tcbType":0,"tcb\\u0054ype":0'))
reject('tcb_dup_key_nextupdate', 'tcbinfo_malformed', tcb__change=lambda text: text.replace(
    '"nextUpdate"', '"nextUpdate":"2020-01-01T00:00:00Z","nextUpdate"'))
reject('tcb_dup_key_unknown_member', 'tcbinfo_malformed', tcb__change=lambda text: text.replace(
    '"tcbType":0', '"tcbType":0,"x":{"a":1,"a":2}'))
accept('tcb_key_of_other_case', tcb__change=lambda text: text.replace(
    '"tcbType":0', '"tcbType":0,"TCBTYPE":1'))
reject('tcb_only_key_of_other_case', 'tcbinfo_type', tcb__change=lambda text: text.replace(
    '"tcbType":0', '"TcbType":0'))
reject('tcb_levels_empty', 'tcbinfo_malformed', tcb(tcbLevels=[]))
reject('tcb_levels_missing', 'tcbinfo_malformed', lambda w: w.tcb.value.pop('tcbLevels'))
reject('tcb_levels_object', 'tcbinfo_malformed', tcb(tcbLevels={'0': {}}))
reject('tcb_missing_module', 'tcbinfo_malformed', lambda w: w.tcb.value.pop('tdxModule'))
reject('tcb_module_short_mrsigner', 'tcbinfo_malformed',
       lambda w: w.tcb.value['tdxModule'].update(mrsigner='00' * 47))
reject('tcb_identities_not_array', 'tcbinfo_malformed', tcb(tdxModuleIdentities={}))
reject('tcb_identity_no_levels', 'tcbinfo_malformed',
       lambda w: modules(w)[1].update(tcbLevels=[]))
reject('tcb_evaluation_negative', 'tcbinfo_malformed', tcb(tcbEvaluationDataNumber=-1))
reject('tcb_evaluation_missing', 'tcbinfo_malformed',
       lambda w: w.tcb.value.pop('tcbEvaluationDataNumber'))
reject('tcb_advisories_text', 'tcbinfo_malformed',
       lambda w: levels(w)[0].update(advisoryIDs='INTEL-SA-1'))
reject('tcb_advisory_number', 'tcbinfo_malformed', lambda w: levels(w)[0].update(advisoryIDs=[1]))
reject('tcb_empty_text', 'tcbinfo_malformed', tcb__change=lambda text: '')
reject('tcb_array', 'tcbinfo_malformed', tcb__change=lambda text: '[%s]' % text)
reject('tcb_two_objects', 'tcbinfo_malformed', tcb__change=lambda text: text + text)
reject('tcb_trailing_comma', 'tcbinfo_malformed', tcb__change=lambda text: text[:-1] + ',}')
reject('tcb_deep_nesting', 'tcbinfo_malformed',
       tcb__change=lambda text: text[:-1] + ',"x":' + '[' * 40 + ']' * 40 + '}')
reject('tcb_very_deep_nesting', 'tcbinfo_malformed',
       tcb__change=lambda text: text[:-1] + ',"x":' + '[' * 100000 + ']' * 100000 + '}')
accept('tcb_nesting_32', tcb__change=lambda text: text[:-1] + ',"x":' + '[' * 31 + ']' * 31 + '}')
reject('tcb_early_next_before_issue', 'tcbinfo_malformed',
       tcb(nextUpdate=rfc3339(NOW - 10 * DAY)))
reject('tcb_next_is_issue', 'tcbinfo_malformed', tcb(nextUpdate=rfc3339(NOW - 9 * DAY)))
accept('tcb_ends_now', tcb(nextUpdate=rfc3339(NOW)))
accept('tcb_begins_now', tcb(issueDate=rfc3339(NOW)))
accept('tcb_white_space_signed',
       tcb__change=lambda text: ' \n' + text.replace(',', ' ,\t') + '\r\n')
accept('tcb_unknown_member', tcb(another={'thing': [1, 2.5, None, True, 'x']}))
accept('tcb_lower_case_hex', tcb(fmspc='40a06d070000'))

# --- who signs what -------------------------------------------------------------------------------


def signed_by(which, names, private):
    def change(w):
        setattr(w, which + '_chain', names)
        getattr(w, which).signer = private
    return change


reject('role_tcb_signed_by_pck', 'tcb_signer_role',
       signed_by('tcb', ['leaf', 'ca', 'root'], 'leaf'))
reject('role_qeid_signed_by_pck', 'qeid_signer_role',
       signed_by('qe', ['leaf', 'ca', 'root'], 'leaf'))
reject('role_tcb_signed_by_pck_alone', 'tcb_signer_role', signed_by('tcb', ['leaf'], 'leaf'))
reject('role_tcb_signed_by_platform_ca', 'tcb_signer_role',
       signed_by('tcb', ['ca', 'root'], 'ca'))
reject('role_qeid_signed_by_platform_ca', 'qeid_signer_role',
       signed_by('qe', ['ca', 'root'], 'ca'))
reject('role_tcb_signed_by_root', 'tcb_signer_role', signed_by('tcb', ['root'], 'root'))
reject('role_tcb_signed_by_root_twice', 'tcb_signer_role',
       signed_by('tcb', ['root', 'root'], 'root'))
reject('role_tcb_cn', 'cert_subject', signer__subject='Intel SGX TCB signing')
reject('role_tcb_cn_is_pck', 'cert_subject', signer__subject=PCK_CN)
reject('role_tcb_cn_longer', 'cert_subject', signer__subject=SIGNER_CN + ' 2')


def signer_under_leaf(w):
    w.signer.signer, w.signer.issuer = 'leaf', PCK_CN
    w.tcb_chain = w.qe_chain = ['signer', 'leaf', 'ca', 'root']


def signer_under_ca(w):
    w.signer.signer, w.signer.issuer = 'ca', PLATFORM_CN
    w.tcb_chain = w.qe_chain = ['signer', 'ca', 'root']


reject('role_tcb_signed_by_pck_as_ca', 'cert_not_ca', signer_under_leaf)
reject('role_tcb_signer_under_ca', 'tcb_chain_length', signer_under_ca)
reject('role_tcb_no_digital_signature', 'cert_subject', signer__usage=0x06)
reject('role_tcb_no_usage', 'cert_subject', signer__usage=None)
reject('role_pck_no_digital_signature', 'cert_subject', leaf__usage=0x40)
reject('role_pck_is_tcb_signer', 'cert_subject', leaf__subject=SIGNER_CN)
reject('role_pck_cn_other', 'cert_subject', leaf__subject='Intel SGX PCK')
reject('role_ca_cn_other', 'cert_subject', ca__subject='Intel SGX PCK Other CA',
       leaf__issuer='Intel SGX PCK Other CA', pck_crl__issuer='Intel SGX PCK Other CA')


def pck_under_signer(w):
    w.leaf.signer, w.leaf.issuer = 'signer', SIGNER_CN
    w.pck_chain = ['leaf', 'signer', 'root']


reject('role_pck_signed_by_tcb_signer', 'cert_not_ca', pck_under_signer)

# --- chains ---------------------------------------------------------------------------------------


def pck_under_root(w):
    w.leaf.signer, w.leaf.issuer = 'root', ROOT_CN
    w.pck_chain = ['leaf', 'root']


def broken(name, settings):
    """A copy of that certificate that cannot be read stands in its place; the root that is trusted
    stays as it is."""
    def change(w):
        w.broken = copy.copy(getattr(w, name))
        w.broken.__dict__.update(settings)
        for chain in ('pck_chain', 'tcb_chain', 'qe_chain'):
            setattr(w, chain, ['broken' if n == name else n for n in getattr(w, chain)])
    return change


reject('chain_pck_signed_by_root_directly', 'pck_chain_length', pck_under_root)
reject('chain_name_mismatch', 'cert_issuer', leaf__issuer='Intel SGX PCK Processor CA')
reject('chain_tcb_name_mismatch', 'cert_issuer', signer__issuer='Intel SGX Root CA 2')
reject('chain_ca_not_ca', 'cert_not_ca', ca__ca=False)
reject('chain_ca_no_bc', 'cert_not_ca', ca__ca=None)
reject('chain_ca_no_path_length', 'cert_not_ca', ca__path_length=None)
reject('chain_ca_path_length1', 'cert_not_ca', ca__path_length=1)
reject('chain_ca_no_cert_sign', 'cert_not_ca', ca__usage=0x02)
reject('chain_ca_no_crl_sign', 'cert_not_ca', ca__usage=0x04)
reject('chain_root_not_ca', 'cert_not_ca', root__ca=False)
reject('chain_root_no_crl_sign', 'cert_not_ca', root__usage=0x04)
reject('chain_root_path_length0', 'cert_not_ca', root__path_length=0)
reject('chain_leaf_is_ca', 'cert_leaf_is_ca', leaf__ca=True)
reject('chain_tcb_leaf_is_ca', 'cert_leaf_is_ca', signer__ca=True)
for word, cert in (('leaf', 'leaf'), ('ca', 'ca'), ('tcb_leaf', 'signer'), ('root', 'root')):
    reject('chain_%s_expired' % word, 'cert_expired', **{cert + '__not_after': NOW - 1})
    reject('chain_%s_future' % word, 'cert_not_yet_valid', **{cert + '__not_before': NOW + 1})
    accept('chain_%s_ends_now' % word, **{cert + '__not_after': NOW})
    accept('chain_%s_begins_now' % word, **{cert + '__not_before': NOW})
    reject('chain_%s_unknown_critical' % word, 'cert_critical_ext',
           **{cert + '__extra': [UNKNOWN_CRITICAL]})
    accept('chain_%s_unknown_uncritical' % word,
           **{cert + '__extra': [extension(UNKNOWN, octets(b'?'))]})
    for tail, settings in (
            ('version1', {'version': 0}), ('sha384', {'algorithm': ECDSA_SHA384}),
            ('trailing_byte', {'change': lambda der: der + b'\0'}),
            ('cut', {'change': lambda der: der[:-1]})):
        reject('chain_%s_%s' % (word, tail), 'pem_malformed', broken(cert, settings))
accept('chain_leaf_year_2050', leaf__not_after=NOW + 30 * YEAR)
reject('chain_unknown_critical_ext', 'cert_critical_ext',
       leaf__extra=[extension('2.5.29.30', seq(), True)])
reject('chain_basic_constraints_twice', 'pem_malformed',
       leaf__extra=[extension(OID_BASIC, seq(), True)])
reject('chain_key_usage_garbage', 'pem_malformed', leaf__usage=None,
       leaf__extra=[extension(OID_KEY_USAGE, b'\x05\x00', True)])
reject('chain_leaf_compressed_key', 'pem_malformed',
       lambda w: setattr(w.leaf, 'point', b'\x02' + point(key('leaf'))[:32]))
reject('chain_leaf_key_off_curve', 'pem_malformed',
       lambda w: setattr(w.leaf, 'point', b'\x04' + flip(9)(point(key('leaf')))))


def p384_leaf(w):
    key('leaf384', ec.SECP384R1)
    w.leaf.key = 'leaf384'


reject('chain_leaf_p384', 'pem_malformed', p384_leaf)
for word, cert in (('leaf', 'leaf'), ('ca', 'ca'), ('tcb', 'signer')):
    reject('chain_%s_by_evil' % word, 'cert_signature', **{cert + '__signer': 'evil'})
    reject('chain_%s_signature_flip' % word, 'cert_signature',
           **{cert + '__change': lambda der: flip(len(der) - 1)(der)})


def evil_root(w):
    w.evil = Cert(ROOT_CN, ROOT_CN, 'evil', 'evil', 0x1111, path_length=1, ca=True, usage=0x06)
    w.ca.signer = 'evil'
    w.pck_chain = ['leaf', 'ca', 'evil']


def evil_signer_root(w):
    w.evil = Cert(ROOT_CN, ROOT_CN, 'evil', 'evil', 0x1111, path_length=1, ca=True, usage=0x06)
    w.signer.signer = 'evil'
    w.tcb_chain = w.qe_chain = ['signer', 'evil']


def same_key_root(w):
    """The right key in another certificate is not the pinned one."""
    w.again = Cert(ROOT_CN, ROOT_CN, 'root', 'root', 0x4444, path_length=1, ca=True, usage=0x06)
    w.pck_chain = ['leaf', 'ca', 'again']


reject('chain_evil_root', 'root_untrusted', evil_root)
reject('chain_root_again', 'root_untrusted', same_key_root)
reject('chain_empty', 'pck_chain_length', pck_chain=[])
reject('chain_white_space', 'pck_chain_length', change_pck_chain=lambda text: ' \r\n\t\n')
reject('chain_one', 'pck_chain_length', pck_chain=['leaf'])
reject('chain_four', 'pck_chain_length', pck_chain=['leaf', 'ca', 'root', 'root'])
reject('chain_twelve', 'pck_chain_length', pck_chain=['leaf', 'ca', 'root'] * 4)
reject('chain_garbage', 'pem_malformed', change_pck_chain=lambda text: 'not a certificate')
reject('chain_trailing_garbage', 'pem_malformed', change_pck_chain=lambda text: text + 'x')
reject('chain_leading_garbage', 'pem_malformed', change_pck_chain=lambda text: 'x\n' + text)
reject('chain_garbage_between', 'pem_malformed',
       change_pck_chain=lambda text: text.replace('E-----\n-----B', 'E-----\nx\n-----B'))
reject('chain_form_feed', 'pem_malformed', change_pck_chain=lambda text: text + '\f')
reject('chain_other_label', 'pem_malformed',
       change_pck_chain=lambda text: text.replace('CERTIFICATE', 'X509 CRL'))
reject('chain_labels_differ', 'pem_malformed',
       change_pck_chain=lambda text: text.replace('END CERTIFICATE', 'END CERTIFICATES', 1))
reject('chain_no_end', 'pem_malformed',
       change_pck_chain=lambda text: text[:text.rindex('-----END')])
reject('chain_base64_bits', 'pem_malformed', change_pck_chain=lambda text: spare_bits(text),
       leaf__padded=True)
reject('chain_base64_unpadded', 'pem_malformed',
       change_pck_chain=lambda text: text.replace('=', ''), leaf__padded=True)
reject('chain_base64_space', 'pem_malformed',
       change_pck_chain=lambda text: put_text(text, 60, ' '))
reject('chain_nul_inside', 'pem_malformed', change_pck_chain=lambda text: put_text(text, 60, '\0'))
reject('chain_dash_in_base64', 'pem_malformed',
       change_pck_chain=lambda text: put_text(text, 60, '-'))
accept('chain_crlf', change_pck_chain=lambda text: text.replace('\n', '\r\n'))
accept('chain_one_line', change_pck_chain=lambda text: one_line(text))
accept('chain_blank_lines', change_pck_chain=lambda text: '\n\n' + text.replace(
    'E-----\n-----B', 'E-----\n \t\n-----B') + '\n\n')
accept('chain_nuls_at_the_end', quote__pem_end=bytes(9))
reject('ok_chain_reordered', 'root_untrusted', pck_chain=['root', 'ca', 'leaf'])
reject('chain_ca_first', 'cert_signature', pck_chain=['ca', 'leaf', 'root'])
reject('ok_chain2_noroot', 'pck_chain_length', pck_chain=['leaf', 'ca'])
reject('tchain_one', 'tcb_chain_length', tcb_chain=['signer'], qe_chain=['signer'])
reject('tchain_qe_one', 'tcb_chain_length', qe_chain=['signer'])
reject('tchain_empty', 'tcb_chain_length', tcb_chain=[])
reject('tchain_three', 'tcb_chain_length', tcb_chain=['signer', 'root', 'root'])
reject('tchain_evil_root', 'root_untrusted', evil_signer_root)
reject('qchain_evil_root', 'root_untrusted', [
    evil_signer_root, lambda w: setattr(w, 'tcb_chain', ['signer2', 'root']),
    lambda w: setattr(w, 'signer2', Cert(SIGNER_CN, ROOT_CN, 'signer2', 'root', 0x5555))])
reject('tchain_garbage', 'pem_malformed', change_tcb_chain=lambda text: text + '?')
reject('qchain_garbage', 'pem_malformed', change_qe_chain=lambda text: text[1:])
accept('tchain_no_final_newline', change_tcb_chain=lambda text: text[:-1])


def two_signers(w):
    w.signer2 = Cert(SIGNER_CN, ROOT_CN, 'signer2', 'root', 0x5555)
    w.qe_chain, w.qe.signer = ['signer2', 'root'], 'signer2'


def second_signer(**settings):
    return [two_signers, lambda w: w.signer2.__dict__.update(settings)]


accept('tchain_two_signers', two_signers)
reject('tchain_two_signers_swapped', 'tcbinfo_signature', [
    two_signers, lambda w: setattr(w.tcb, 'signer', 'signer2')])
reject('tchain_second_expired', 'cert_expired', second_signer(not_after=NOW - 1))
reject('tchain_second_by_evil', 'cert_signature', second_signer(signer='evil'))
reject('tchain_second_cn', 'cert_subject', second_signer(subject=PCK_CN))
reject('tchain_second_is_ca', 'cert_leaf_is_ca', second_signer(ca=True))
reject('tchain_second_revoked', 'cert_revoked', two_signers, root_crl__serials=[0x5555])


def spare_bits(text):
    """Sets a bit that base64 leaves unused at its end: another text for the same bytes."""
    alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    at = text.index('=')
    return put_text(text, at - 1, alphabet[alphabet.index(text[at - 1]) ^ 1])


def put_text(text, at, character):
    return text[:at] + character + text[at + 1:]


def one_line(text):
    out = ''
    for line in text.split('\n'):
        out += '\n' + line + '\n' if line.startswith('-----') else line
    return out.replace('\n\n', '\n').lstrip('\n')


# --- the PCK certificate's extension --------------------------------------------------------------


def without(at):
    return lambda members: members[:at] + members[at + 1:]


def twice(at):
    return lambda members: members + [members[at]]


def replaced(at, value):
    return lambda members: members[:at] + [value] + members[at + 1:]


def member(path, *value):
    return seq(oid(OID_SGX + path), *value)


reject('pck_no_sgx_ext', 'pck_extension', leaf__sgx=b'')
reject('pck_sgx_ext_twice', 'pck_extension',
       lambda w: w.leaf.extra.append(extension(OID_SGX, w.sgx.der())))
reject('pck_ext_empty', 'pck_extension', leaf__sgx=seq())
reject('pck_ext_garbage', 'pck_extension', leaf__sgx=b'\x30\x80\x00\x00')
reject('pck_ext_trailing', 'pck_extension', sgx__whole=lambda der: der + b'\x05\x00')
reject('pck_ext_long_length', 'pck_extension',
       sgx__whole=lambda der: b'\x30\x83\x00' + der[2:4] + der[4:])
reject('pck_ext_deep', 'pck_extension', leaf__sgx=tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30)))))
for at, word in enumerate(('ppid', 'tcb', 'pceid', 'fmspc', 'type', 'instance', 'config')):
    reject('pck_%s_missing' % word, 'pck_extension', sgx__change=without(at))
    reject('pck_%s_dup' % word, 'pck_extension', sgx__change=twice(at))
reject('pck_unknown_member', 'pck_extension',
       sgx__change=lambda members: members + [member('.8', octets(b''))])
reject('pck_unknown_in_place', 'pck_extension', sgx__change=replaced(6, member('.8', octets(b''))))
reject('pck_member_trailing', 'pck_extension',
       sgx__change=replaced(2, member('.3', octets(b'\0\0'), octets(b''))))
reject('pck_comp_missing', 'pck_extension', sgx__change_tcb=without(5))
reject('pck_comp_dup', 'pck_extension', sgx__change_tcb=twice(5))
reject('pck_comp_dup_for_another', 'pck_extension',
       sgx__change_tcb=replaced(6, member('.2.6', integer(1))))
reject('pck_pcesvn_missing', 'pck_extension', sgx__change_tcb=without(16))
reject('pck_cpusvn_missing', 'pck_extension', sgx__change_tcb=without(17))
reject('pck_comp_256', 'pck_extension', sgx__change_tcb=replaced(0, member('.2.1', integer(256))))
reject('pck_comp_negative', 'pck_extension',
       sgx__change_tcb=replaced(0, member('.2.1', integer(-1))))
reject('pck_comp_padded', 'pck_extension',
       sgx__change_tcb=replaced(0, member('.2.1', tlv(2, b'\0\x08'))))
reject('pck_comp_empty', 'pck_extension', sgx__change_tcb=replaced(0, member('.2.1', tlv(2))))
reject('pck_comp_octets', 'pck_extension',
       sgx__change_tcb=replaced(0, member('.2.1', octets(b'\x08'))))
reject('pck_pcesvn_65536', 'pck_extension',
       sgx__change_tcb=replaced(16, member('.2.17', integer(65536))))
reject('pck_cpusvn_short', 'pck_extension', sgx__cpusvn=bytes(15))
reject('pck_fmspc_5bytes', 'pck_extension', sgx__fmspc=bytes(5))
reject('pck_fmspc_7bytes', 'pck_extension', sgx__fmspc=bytes(7))
reject('pck_ppid_short', 'pck_extension', sgx__ppid=bytes(15))
reject('pck_pceid_3bytes', 'pck_extension', sgx__pceid=bytes(3))
reject('pck_type3', 'pck_extension', sgx__sgx_type=3)
reject('pck_type_integer', 'pck_extension', sgx__change=replaced(4, member('.5', integer(1))))
reject('pck_flag_missing', 'pck_extension', sgx__change_flags=without(1))
reject('pck_flag_fourth', 'pck_extension',
       sgx__change_flags=lambda members: members + [member('.7.4', boolean(True))])
reject('pck_flag_not_boolean', 'pck_extension',
       sgx__change_flags=replaced(0, member('.7.1', tlv(1, b'\x01'))))
reject('pck_five_members_of_platform_ca', 'pck_extension', sgx__platform=False)
reject('pck_six_members_of_processor_ca', 'pck_extension', lambda w: w.processor(),
       sgx__change=lambda members: members + [member('.6', octets(bytes(16)))])
reject('pck_comps_low_cpusvn_high', 'tcb_no_match', sgx__components=[1] * 16,
       sgx__cpusvn=bytes([9] * 16))
reject('pck_cpusvn_differs', 'pck_extension', sgx__cpusvn=bytes(16))
accept('pck_flags_false', sgx__flags=[False, False, False])
accept('pck_members_in_another_order', sgx__change=lambda members: members[::-1])
accept('pck_tcb_in_another_order', sgx__change_tcb=lambda members: members[::-1])
accept('pck_type0', sgx__sgx_type=0)
accept('pck_processor_ca_with_seven', [
    lambda w: w.processor(), lambda w: setattr(w.sgx, 'platform', True)])
accept('pck_higher_than_every_level', sgx__components=[255] * 16, sgx__pcesvn=65535)

# --- CRLs -----------------------------------------------------------------------------------------

reject('crl_leaf_revoked', 'cert_revoked',
       lambda w: w.pck_crl.serials.append(w.leaf.serial))
reject('crl_ca_revoked', 'cert_revoked', lambda w: w.root_crl.serials.append(w.ca.serial))
reject('crl_tcb_revoked', 'cert_revoked', lambda w: w.root_crl.serials.append(w.signer.serial))
reject('crl_root_revoked', 'cert_revoked', lambda w: w.root_crl.serials.insert(0, w.root.serial))
reject('crl_leaf_revoked_top_bit', 'cert_revoked', leaf__serial=0xff << 152,
       pck_crl__serials=[0xff << 152])
accept('crl_leaf_serial_in_root_crl', lambda w: w.root_crl.serials.append(w.leaf.serial))
accept('crl_ca_serial_in_pck_crl', lambda w: w.pck_crl.serials.append(w.ca.serial))
for word, which in (('pck', 'pck_crl'), ('root', 'root_crl')):
    at = which + '__'
    reject('crl_%s_sig' % word, 'crl_signature',
           **{at + 'change': lambda der: flip(len(der) - 1)(der)})
    reject('crl_%s_by_evil' % word, 'crl_signature', **{at + 'signer': 'evil'})
    reject('crl_%s_wrong_issuer' % word, 'crl_issuer', **{at + 'issuer': 'Intel SGX Other CA'})
    reject('crl_%s_expired' % word, 'crl_expired', **{at + 'next_update': NOW - 1})
    reject('crl_%s_future' % word, 'crl_not_yet_valid', **{at + 'this_update': NOW + 1})
    accept('crl_%s_ends_now' % word, **{at + 'next_update': NOW})
    accept('crl_%s_begins_now' % word, **{at + 'this_update': NOW})
    accept('crl_%s_no_entries' % word, **{at + 'serials': []})
    accept('crl_%s_upper_case_hex' % word, **{at + 'hex': lambda der: der.hex().upper()})
    reject('crl_%s_no_next_update' % word, 'crl_malformed', **{at + 'next_update': None})
    reject('crl_%s_no_key_id' % word, 'crl_issuer', **{at + 'key_id': False})
    reject('crl_%s_other_key_id' % word, 'crl_issuer',
           **{at + 'key_id': False,
              at + 'extra': [extension(OID_AKI, seq(tlv(0x80, bytes(20))))]})
    reject('crl_%s_empty' % word, 'crl_malformed', **{at + 'hex': lambda der: ''})
    reject('crl_%s_garbage' % word, 'crl_malformed', **{at + 'hex': lambda der: 'ff' * 100})
    reject('crl_%s_not_hex' % word, 'crl_malformed', **{at + 'hex': lambda der: 'xy' + der.hex()})
    reject('crl_%s_odd_hex' % word, 'crl_malformed', **{at + 'hex': lambda der: der.hex() + '0'})
    reject('crl_%s_0x' % word, 'crl_malformed', **{at + 'hex': lambda der: '0x' + der.hex()})
    reject('crl_%s_truncated' % word, 'crl_malformed', **{at + 'change': lambda der: der[:-1]})
    reject('crl_%s_trailing' % word, 'crl_malformed', **{at + 'change': lambda der: der + b'\0'})
    reject('crl_%s_version1' % word, 'crl_malformed', **{at + 'version': 0})
    reject('crl_%s_critical' % word, 'crl_malformed', **{at + 'extra': [UNKNOWN_CRITICAL]})
    reject('crl_%s_delta' % word, 'crl_malformed',
           **{at + 'extra': [extension(OID_DELTA, integer(1), True)]})
    reject('crl_%s_partial' % word, 'crl_malformed',
           **{at + 'extra': [extension(OID_IDP, seq(tlv(0x81, b'\xff')), True)]})
    reject('crl_%s_entry_critical' % word, 'crl_malformed',
           **{at + 'entry_extra': UNKNOWN_CRITICAL})
reject('crl_pck_is_root_crl', 'crl_issuer', lambda w: setattr(w, 'pck_crl', w.root_crl))
reject('crl_root_is_pck_crl', 'crl_issuer', lambda w: setattr(w, 'root_crl', w.pck_crl))
reject('crl_pck_of_processor_ca', 'crl_issuer', pck_crl__issuer='Intel SGX PCK Processor CA')

# --- the module and the TD ------------------------------------------------------------------------

reject('td_debug', 'td_debug', quote__td_attributes=1 << 28 | 1)
for bit in (4, 5, 6):
    reject('td_profiling_bit%d' % bit, 'td_debug', quote__td_attributes=1 << 28 | 1 << bit)
reject('td_no_sept_ve', 'td_sept_ve_disable', quote__td_attributes=0)
reject('td_debug_no_sept_ve', 'td_debug', quote__td_attributes=1)
reject('td_no_sept_ve_reserved', 'td_sept_ve_disable', quote__td_attributes=1 << 8)
ALLOWED = {16: 'icssd', 27: 'reserved_bit27', 30: 'pks', 31: 'kl', 62: 'reserved_bit62',
           63: 'perfmon'}
for bit in range(64):
    if bit in ALLOWED:
        accept('td_' + ALLOWED[bit], quote__td_attributes=1 << 28 | 1 << bit)
    elif bit not in (0, 4, 5, 6, 28):
        word = {1: 'tud_bit1', 29: 'bit29'}.get(bit, 'reserved_bit%d' % bit)
        reject('td_' + word, 'td_attributes_reserved', quote__td_attributes=1 << 28 | 1 << bit)
reject('td_seam_attr', 'tdx_module_attributes', quote__seam_attributes=1)
reject('td_seam_attr_masked', 'tdx_module_attributes', [
    lambda w: modules(w)[0].update(attributesMask='00' * 8)], quote__seam_attributes=1)
reject('td_seam_attr_equal', 'tdx_module_attributes', [
    lambda w: modules(w)[0].update(attributes='01' + '00' * 7)], quote__seam_attributes=1)
reject('td_seam_attr_expected', 'tdx_module_attributes',
       lambda w: modules(w)[0].update(attributes='01' + '00' * 7))
reject('td_mrsignerseam', 'tdx_module_mrsigner', quote__mrsignerseam=bytes(47) + b'\x01')
reject('td_mrsignerseam_module_ok_identity_not', 'tdx_module_mrsigner',
       lambda w: modules(w)[0].update(mrsigner='11' * 48))
reject('td_mrsignerseam_version0', 'tdx_module_mrsigner', [
    lambda w: w.tcb.value['tdxModule'].update(mrsigner='11' * 48)],
    quote__tee_tcb_svn=zeros(6, 0, 8))
reject('td_mrservicetd', 'td_mrservicetd', td15, quote__mrservicetd=bytes(47) + b'\x01')
for word, xfam in (('fixed1', 0x60ae6), ('fixed1_sse', 0x60ae5), ('fixed0', 0x60ae7 | 1 << 13),
                   ('high', 0x60ae7 | 1 << 40), ('zero', 0)):
    reject('td_xfam_' + word, 'td_xfam', quote__xfam=xfam)
for xfam in (0x3, 0x60ae7 & ~0x60000, 0x642e7 & 0x6dbe7, 0x6dbe7):
    accept('td_xfam_%x' % xfam, quote__xfam=xfam)

# --- right ones -----------------------------------------------------------------------------------

accept('ok_v4', advisories='')
accept('ok_v5_td10', quote__version=5)
accept('ok_v5_td15', td15)
accept('ok_v5_td15ex', quote__version=5, quote__body_type=4)
accept('ok_processor_ca', lambda w: w.processor())
accept('ok_auth0', quote__auth_data=b'')
accept('ok_auth48', quote__auth_data=bytes(48))
accept('ok_auth4000', quote__auth_data=bytes(4000))
accept('ok_no_nul', quote__pem_end=b'')
accept('ok_trailing70', quote__trailing=bytes(70))
accept('ok_trailing39_nonzero', quote__trailing=b'\xa5' * 39)
accept('ok_mod0_svn', quote__tee_tcb_svn=zeros(6, 0, 8))
accept('ok_root_without_path_length', root__path_length=None)

# --- collateral's envelope ------------------------------------------------------------------------


def left_out(name):
    def change(collateral):
        del collateral[name]
        return collateral
    return change


def put_in(**members):
    return lambda collateral: {**collateral, **members}


for name in ('root_ca_crl', 'pck_crl', 'tcb_info_issuer_chain', 'tcb_info', 'tcb_info_signature',
             'qe_identity_issuer_chain', 'qe_identity', 'qe_identity_signature'):
    reject('col_no_' + name, 'collateral_malformed', change_collateral=left_out(name))
    reject('col_number_' + name, 'collateral_malformed', change_collateral=put_in(**{name: 1}))
reject('col_array', 'collateral_malformed', change_collateral=lambda collateral: [collateral])
for name in ('root_ca_crl', 'tcb_info', 'qe_identity_signature', 'tcb_info_issuer_chain'):
    reject('col_nul_inside_' + name, 'collateral_malformed', change_collateral=lambda c, n=name: {
        **c, n: c[n] + '\0' + c[n]})
reject('col_nul_behind_json', 'collateral_malformed',
       change_collateral=lambda c: {**c, 'tcb_info': c['tcb_info'] + '\0'})
accept('col_nul_behind_chain', change_collateral=lambda c: {
    **c, 'qe_identity_issuer_chain': c['qe_identity_issuer_chain'] + '\0\0'})
accept('col_nul_in_what_is_not_used',
       change_collateral=lambda c: {**c, 'pck_certificate_chain': 'a\0b\0'})
accept('col_no_pck_crl_issuer_chain', change_collateral=left_out('pck_crl_issuer_chain'))
accept('col_garbage_in_what_is_not_used',
       change_collateral=put_in(pck_crl_issuer_chain='x', pck_certificate_chain='y', z=[{}]))

# --- the order: of two things that are wrong, the first is reported -------------------------------

# Each is wrong by itself and can be combined with every other one.
ORDER = [
    ('tee_type', lambda w: setattr(w.quote, 'tee_type', 0)),
    ('quote_version', lambda w: setattr(w.quote, 'version', 7)),
    ('att_key_type', lambda w: setattr(w.quote, 'key_type', 3)),
    ('qe_vendor', lambda w: setattr(w.quote, 'vendor', bytes(16))),
    ('cert_type_outer', lambda w: setattr(w.quote, 'outer_type', 5)),
    ('cert_type_inner', lambda w: setattr(w.quote, 'inner_type', 3)),
    ('cert_data_size', lambda w: setattr(w.quote, 'outer_size', lambda n: n + 1)),
    ('auth_size', lambda w: setattr(w.quote, 'auth_size', lambda n: n + 1)),
    ('pem_malformed', lambda w: setattr(w, 'change_pck_chain', lambda text: text + 'x')),
    ('pck_chain_length', lambda w: w.pck_chain.append('root')),
    ('cert_critical_ext', lambda w: w.leaf.extra.append(UNKNOWN_CRITICAL)),
    ('cert_signature', lambda w: setattr(w.leaf, 'signer', 'evil')),
    ('cert_issuer', lambda w: setattr(w.leaf, 'issuer', 'Somebody')),
    ('cert_expired', lambda w: setattr(w.leaf, 'not_after', NOW - 1)),
    ('cert_not_ca', lambda w: setattr(w.ca, 'ca', False)),
    ('cert_subject', lambda w: setattr(w.leaf, 'subject', 'Intel SGX PCK')),
    ('cert_leaf_is_ca', lambda w: setattr(w.leaf, 'ca', True)),
    ('collateral_malformed', lambda w: setattr(w, 'change_collateral', left_out('pck_crl'))),
    ('tcb_chain_length', lambda w: w.tcb_chain.append('root')),
    ('qeid_signer_role', lambda w: setattr(w, 'qe_chain', ['ca', 'root'])),
    ('pck_extension', lambda w: setattr(w.sgx, 'fmspc', bytes(5))),
    ('crl_malformed', lambda w: setattr(w.root_crl, 'next_update', None)),
    ('crl_issuer', lambda w: setattr(w.root_crl, 'issuer', 'Somebody')),
    ('crl_signature', lambda w: setattr(w.root_crl, 'signer', 'evil')),
    ('crl_not_yet_valid', lambda w: setattr(w.root_crl, 'this_update', NOW + 1)),
    ('crl_expired', lambda w: setattr(w.pck_crl, 'next_update', NOW - 1)),
    ('cert_revoked', lambda w: w.pck_crl.serials.append(w.leaf.serial)),
    ('tcbinfo_malformed', lambda w: setattr(w.tcb, 'change', lambda text: text + '}')),
    ('tcbinfo_signature', lambda w: setattr(w.tcb, 'signature', flip_hex)),
    ('tcbinfo_id', tcb(id='SGX')),
    ('tcbinfo_version', tcb(version=2)),
    ('tcbinfo_type', tcb(tcbType=1)),
    ('tcbinfo_malformed', lambda w: w.tcb.value.pop('tdxModule')),
    ('tcbinfo_malformed', tcb(nextUpdate=rfc3339(NOW - 10 * DAY))),
    ('fmspc_mismatch', tcb(fmspc='00')),
    ('pceid_mismatch', tcb(pceId='00')),
    ('tcbinfo_not_yet_valid', tcb(issueDate=rfc3339(NOW + DAY))),
    ('qeid_malformed', lambda w: setattr(w.qe, 'change', lambda text: text + '}')),
    ('qeid_signature', lambda w: setattr(w.qe, 'signature', flip_hex)),
    ('qeid_id', qe(id='QE')),
    ('qeid_version', qe(version=3)),
    ('qeid_malformed', lambda w: w.qe.value.pop('mrsigner')),
    ('qeid_expired', qe(nextUpdate=rfc3339(NOW - 1))),
    ('qe_report_signature', lambda w: setattr(w.quote, 'qe_signer', 'other')),
    ('att_key_invalid', lambda w: setattr(w.quote, 'point', bytes(64))),
    ('qe_report_data', lambda w: setattr(w.quote, 'qe_report_tail', b'\x01' * 32)),
    ('qe_miscselect', lambda w: setattr(w.quote, 'qe_miscselect', 1)),
    ('qe_attributes', lambda w: setattr(w.quote, 'qe_attributes', bytes(16))),
    ('qe_mrsigner', lambda w: setattr(w.quote, 'qe_mrsigner', bytes(32))),
    ('qe_isvprodid', lambda w: setattr(w.quote, 'qe_prodid', 1)),
    ('qe_svn_unsupported', lambda w: setattr(w.quote, 'qe_svn', 1)),
    ('quote_signature', lambda w: setattr(w.quote, 'spoil', flip(47))),
    ('tdx_module_mrsigner', lambda w: setattr(w.quote, 'mrsignerseam', b'\x01' * 48)),
    ('tdx_module_attributes', lambda w: setattr(w.quote, 'seam_attributes', 1)),
    ('tcb_no_match', lambda w: setattr(w.sgx, 'pcesvn', 1)),
    ('tcb_revoked', status('Revoked')),
    ('pck_extension', lambda w: setattr(w.sgx, 'cpusvn', b'\xff' * 16)),
    ('td_debug', lambda w: setattr(w.quote, 'td_attributes', 1)),
    ('td_xfam', lambda w: setattr(w.quote, 'xfam', 0)),
    ('td_mrservicetd', lambda w: [td15(w), setattr(w.quote, 'mrservicetd', b'\x01' * 48)]),
]
# Combinations that are not two faults: one of the two hides or undoes the other.
NOT_TOGETHER = {
    ('quote_version', 'td_mrservicetd'), ('tcbinfo_malformed', 'tcbinfo_not_yet_valid'),
}


def order_pairs():
    for i, (first, change_first) in enumerate(ORDER):
        for step in (1, 2, 5, 11, 23):
            if i + step >= len(ORDER):
                continue
            second, change_second = ORDER[i + step]
            if (first, second) not in NOT_TOGETHER:
                reject('order_%d_%s_before_%d_%s' % (i, first, i + step, second), first,
                       [change_second, change_first])


order_pairs()
