"""Which error or reason the contract fixes for a fault; where it is silent, nothing stands here.

Chat faults give the code of the request's error; the others the `reason` of the report, judged
with DCAP required and Intel's service simulated. A test can walk through the list.
"""

CHAT = {
    'integrity': """
        blob_flip_prefix blob_flip_ephemeral blob_flip_nonce blob_flip_ciphertext blob_flip_tag
        blob_tag_zero blob_prefix_02 blob_prefix_06 blob_prefix_00 blob_compressed blob_off_curve
        blob_zero_point blob_other_point blob_185 blob_184 blob_odd blob_truncated blob_extended
        blob_0x blob_not_hex blob_space blob_newline blob_other_key blob_not_utf8 blob_surrogate
        blob_overlong plaintext_word plaintext_sentence plaintext_hex plaintext_html
        utf8_unfinished tool_calls function_call plaintext_reasoning plaintext_reasoning_short
        plaintext_all""",
    'malformed': 'event_not_json event_malformed event_trailing event_invalid_utf8',
    'limit': 'event_64mb endless_line endless_data_lines json_deep',
    'cut_off': """
        drop_fin drop_rst drop_partial end_early end_truncated end_truncated_crlf
        no_finish_no_done nothing""",
    'server': 'error_object error_upstream error_number error_tail error_first http_500',
    'unauthorized': 'http_401', 'payment': 'http_402', 'not_found': 'http_404',
    'too_large': 'http_413 http_413_html',
    'rate_limited': 'http_429_hour http_429_reset_long',
    'bad_request': 'http_400_string http_400_object http_400_issues http_400_code http_400_html',
}
REPORT = {
    'not_json': 'attestation_body_not_json attestation_body_empty attestation_truncated',
    'quote_missing': 'quote_missing',
    'nonce_mismatch': 'nonce_response nonce_short', 'nonce_source': 'nonce_source_server',
    'model_mismatch': 'attested_model_other attested_model_missing',
    'signing_algo': 'algo_ed25519 algo_ed25519_key',
    'signing_key_missing': 'key_missing key_null key_empty',
    'signing_key_invalid': """
        key_hybrid key_compressed key_off_curve key_zero key_short key_not_hex key_mlkem
        key_p256""",
    'signing_key_mismatch': 'signing_key_differs', 'address_mismatch': 'key_other address_mismatch',
    'report_data_nonce': 'nonce_report_data nonce_report_data_zero nonce_report_data_sha256_text',
    'report_data_address': 'key_unbound report_data_address',
    'server_not_verified': 'verified_false verified_string_false',
    'td_debug': 'td_debug td_debug_profile',
    'server_inconsistent': """
        sv_tdx_report_data sv_report_data_base64_other sv_address_other sv_m_mrtd sv_m_rtmr0
        sv_tdx_valid sv_tdx_error sv_nvidia_valid""",
    'event_log_malformed': """
        rtmr3_opaque rtmr3_opaque_v2 rtmr3_opaque_v3 rtmr3_opaque_unknown event_name_colon
        log_register_4 log_register_0 log_register_negative log_digest_long log_digest_hex
        log_long log_huge_payload log_objects""",
    'event_log_duplicate': 'log_duplicate', 'event_log_incomplete': 'log_no_ready',
    'event_digest_mismatch': 'log_digest log_preimage',
    'rtmr_mismatch': 'log_boot_digest log_dropped log_added log_swapped',
    'keyset_key_mismatch': 'aci_other_key',
    'manager_statement': 'manager_actions manager_hash manager_forged_action',
    'gpu_firmware_mismatch': 'gpu_fwid gpu_blackwell_fwid gpu_blackwell_second gpu_bare_leaf',
    'gpu_signature': 'gpu_signature gpu_blackwell_signature gpu_535_signature',
    'gpu_nonce_not_signed': 'gpu_nonce_signed gpu_535_nonce',
    'gpu_evidence_malformed': 'gpu_truncated gpu_tail', 'gpu_arch': 'gpu_arch gpu_mixed',
    'tee_type': 'quote_sgx td_tee_type', 'quote_version': 'quote_version_6',
    'quote_truncated': 'quote_truncated quote_truncated_body quote_truncated_header quote_empty',
    'att_key_type': 'quote_key_type', 'qe_vendor': 'quote_qe_vendor',
    'root_untrusted': """
        quote_evil_root tcb_evil_root qe_evil_root tcb_by_pck_short qe_by_pck_short""",
    'qe_report_signature': 'quote_qe_signature quote_qe_report',
    'quote_signature': 'quote_signature quote_body_bit',
    'td_attributes_reserved': 'td_migratable td_reserved', 'td_sept_ve_disable': 'td_no_sept_ve',
    'td_xfam': 'td_xfam', 'td_mrservicetd': 'td_service',
    'cert_signature': 'tcb_evil_signer qe_evil_signer', 'cert_revoked': """
        pckcrl_revoked rootcrl_revoked_ca rootcrl_revoked_signer rootcrl_revoked_root""",
    'crl_signature': """
        pckcrl_evil pckcrl_evil_key pckcrl_signature rootcrl_evil rootcrl_evil_key
        rootcrl_signature""",
    'crl_issuer': 'pckcrl_wrong_issuer pckcrl_is_root',
    'crl_expired': 'pckcrl_expired rootcrl_expired',
    'crl_not_yet_valid': 'pckcrl_future rootcrl_future',
    'tcb_signer_role': 'tcb_by_pck tcb_by_ca',
    'qeid_signer_role': 'qe_by_pck qe_by_ca',
    'tcbinfo_signature': 'tcb_signature tcb_signature_short',
    'qeid_signature': 'qe_signature qe_signature_short',
    'tcbinfo_expired': 'tcb_expired', 'tcbinfo_not_yet_valid': 'tcb_future',
    'qeid_expired': 'qe_expired', 'qeid_not_yet_valid': 'qe_future', 'tcbinfo_id': 'tcb_id',
    'tcbinfo_version': 'tcb_version', 'qeid_id': 'qe_id', 'qeid_version': 'qe_version',
    'tcbinfo_type': 'tcb_type', 'fmspc_mismatch': 'tcb_fmspc', 'pceid_mismatch': 'tcb_pceid',
    'tcbinfo_malformed': """
        tcb_dates_swapped tcb_date_form tcb_date_offset tcb_no_levels tcb_components_15
        tcb_no_tdx_components tcb_svn_256 tcb_pcesvn_negative""",
    'qeid_malformed': 'qe_dates_swapped qe_date_form qe_date_offset qe_no_levels',
    'tcb_status_unknown': 'tcb_status_unknown',
    'tcb_no_match': 'tcb_no_match_sgx tcb_no_match_tdx tcb_no_match_module',
    'tdx_module_mismatch': 'tcb_module_missing tcb_module_empty tcb_module_absent',
    'tdx_module_mrsigner': 'tcb_module_mrsigner', 'qe_mrsigner': 'qe_mrsigner',
    'qe_isvprodid': 'qe_isvprodid', 'qe_miscselect': 'qe_miscselect',
    'qe_attributes': 'qe_attributes', 'qe_svn_unsupported': 'qe_no_match',
}

CODES = {name: code for table in (CHAT, REPORT) for code, names in table.items()
         for name in names.split()}
