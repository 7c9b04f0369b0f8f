"""The door to the runtime layer: everything that use cases may ask of the database, by domain.

    from app.models import create_user, get_user_by_email, update_user

Functions take no connection, return plain dicts and never commit: outside ``transaction()`` each
statement commits by itself, inside they commit together. Holds no function of its own.
"""

from app.dal.audit_digests import (
    GENESIS,
    digest_row,
    digest_values,
    hash_block,
    spell_entries,
)
from app.dal.connection import (
    close_db,
    get_database,
    get_db,
    hasten_probe,
    init_db,
    is_circuit_open,
    list_tables,
    open_verbatim,
    release,
    transaction,
)
from app.dal.queries import Row
from app.dal.queries.accounts.email_tokens import (
    delete_email_token,
    delete_expired_email_tokens,
    get_email_token,
    replace_email_token,
    use_email_token,
)
from app.dal.queries.accounts.logins import (
    CounterName,
    delete_stale_counters,
    forget_counter,
    list_stale_counters,
    lock_counter,
    record_login,
    refund_counter,
    update_counter,
)
from app.dal.queries.accounts.mail_outbox import (
    claim_mail,
    count_mail,
    delete_expired_mails,
    delete_mail,
    delete_mails,
    list_due_mail,
    postpone_mail,
    queue_mail,
)
from app.dal.queries.accounts.profiles import (
    blank_profile,
    create_profile,
    get_profile,
    update_profile,
)
from app.dal.queries.accounts.sessions import (
    create_session,
    delete_dead_sessions,
    delete_ended_sessions,
    get_session_by_token,
    list_families,
    list_family_sessions,
    list_live_sessions,
    revoke_other_sessions,
    revoke_sessions,
    revoke_sessions_of,
    rotate_session,
)
from app.dal.queries.accounts.users import (
    MAX_KEY_CHARACTERS,
    count_active_admins,
    create_user,
    delete_guest,
    delete_user,
    email_key,
    free_email,
    get_deleted_user,
    get_user,
    get_user_by_email,
    list_users,
    lock_active_admins,
    lock_user,
    replace_password_hash,
    update_user,
)
from app.dal.queries.audit import (
    create_audit_block,
    get_audit_block,
    get_last_audit_block,
    list_audit_blocks,
    list_audit_places,
    list_audit_rows,
    list_audit_rows_by_key,
    list_unsealed_rows,
    mark_sealed,
)
from app.dal.queries.backups import (
    delete_backups,
    get_last_verified_backup,
    list_backups,
    mark_backup_verified,
    record_backup,
)
from app.dal.queries.billing import (
    claim_stripe_object,
    create_purchase,
    keep_stripe_event,
    list_purchases,
    list_stripe_events,
    lock_purchase,
    lock_stripe_event,
    lock_stripe_objects,
    lock_waiting_stripe_events,
    update_purchase,
    update_stripe_event,
    update_stripe_object,
)
from app.dal.queries.consents import (
    create_consent_document,
    create_consent_event,
    create_consents,
    get_consent_document,
    get_consents,
    get_last_consent_event,
    list_consent_documents,
    list_consent_events,
    list_consents,
    lock_consents,
    update_consents,
)
from app.dal.queries.database import Column, is_read_only, list_columns, list_revisions
from app.dal.queries.history import (
    create_history,
    delete_history,
    get_history,
    get_history_or_deleted,
    list_history,
    update_history,
)
from app.dal.queries.idempotency import (
    create_idempotency_key,
    delete_expired_idempotency_keys,
    delete_idempotency_key,
    get_idempotency_key,
    update_idempotency_key,
)
from app.dal.queries.imports import (
    ItemPlace,
    count_learner_rows,
    count_quarantined,
    create_import_items,
    create_import_run,
    create_quarantined,
    delete_import_run,
    get_import_item,
    get_import_run,
    list_import_items,
    list_import_runs,
    list_last_positions,
    list_quarantined,
    list_quarantined_at,
    list_row_versions,
    outdate_devices,
    resolve_quarantined,
    update_import_item,
    update_import_run,
)
from app.dal.queries.learning.lists import count_learning_days, list_learning_rows
from app.dal.queries.learning.owners import list_learner_owners
from app.dal.queries.learning.rows import (
    create_learning_rows,
    delete_learner_rows,
    find_learning_rows,
    remove_learning_rows,
    update_learning_rows,
)
from app.dal.queries.leases import (
    claim_lease,
    delete_expired_leases,
    delete_lease,
    extend_lease,
    get_lease,
)
from app.dal.queries.privacy import (
    Owned,
    delete_owned_rows,
    get_erasure,
    list_erasures,
    list_owned_rows,
    record_erasure,
    update_owned_rows,
)
from app.dal.queries.query_cache import (
    count_cached_answers,
    count_cached_bytes,
    delete_cached_answer,
    delete_cached_answers,
    delete_expired_answers,
    delete_oldest_answers,
    get_cached_answer,
    replace_cached_answer,
)
from app.dal.queries.sync.changes import (
    get_last_version_before,
    list_changes,
    list_live_versions,
)
from app.dal.queries.sync.clients import (
    acknowledge_version,
    create_client,
    delete_client,
    get_client,
    get_head_and_client,
    list_clients,
    update_client,
)
from app.dal.queries.sync.collection import (
    delete_old_mutation_results,
    delete_tombstones,
    delete_unseen_client,
    list_tombstone_owners,
    list_tombstones,
    list_unseen_clients,
    raise_floor,
)
from app.dal.queries.sync.heads import get_epoch, get_head, list_synced, lock_head
from app.dal.queries.sync.mutations import create_mutation_results, list_mutation_results
from app.dal.queries.sync.numbering import (
    list_account_ids,
    list_unnumbered_owners,
    number_rows,
    replace_epoch,
)
from app.dal.queries.sync.rows import (
    create_synced_rows,
    list_synced_rows,
    mark_synced_rows_deleted,
    update_synced_row,
)
from app.dal.queries.wallet.accounts import (
    find_and_lock_credit_account,
    get_credit_account,
    hold_prepaid_credits,
    lock_credit_account,
    take_prepaid_credits,
    update_credit_account,
)
from app.dal.queries.wallet.books import (
    archive_transactions,
    count_old_transactions,
    list_ledger,
    list_wallet_owners,
    lock_bucket,
    sum_archive,
    sum_open_holds,
)
from app.dal.queries.wallet.daily import (
    get_filled_wallet,
    get_wallet,
    lock_daily_credits,
    spend_daily_credits,
    update_daily_credits,
)
from app.dal.queries.wallet.holds import (
    create_hold,
    end_hold,
    get_hold,
    list_expired_holds,
    list_holds,
    list_owners_of_expired_holds,
)
from app.dal.queries.wallet.transactions import (
    create_credit_transactions,
    list_credit_transactions,
    list_transactions_of,
)
from app.dal.synced import Synced
from bilayer.runtime import UniqueViolation

# fmt: off
__all__ = [  # noqa: RUF022 - in the order of the domains
    # The database
    "close_db", "get_database", "get_db", "hasten_probe", "init_db", "is_circuit_open", "release",
    "transaction", "Row", "UniqueViolation", "is_read_only", "list_revisions", "list_tables",
    "Column", "list_columns",
    "open_verbatim",
    # Accounts
    "MAX_KEY_CHARACTERS", "count_active_admins", "create_user", "delete_guest", "delete_user",
    "email_key", "get_deleted_user", "get_user", "get_user_by_email", "list_users",
    "lock_active_admins", "lock_user", "free_email", "replace_password_hash", "update_user",
    "blank_profile", "create_profile", "get_profile", "update_profile",
    "create_session", "delete_ended_sessions", "get_session_by_token",
    "list_families", "list_family_sessions", "list_live_sessions", "rotate_session",
    "revoke_other_sessions", "revoke_sessions", "revoke_sessions_of",
    "CounterName", "forget_counter", "list_stale_counters", "lock_counter", "record_login",
    "refund_counter", "update_counter",
    "delete_email_token", "get_email_token", "replace_email_token", "use_email_token",
    "claim_mail", "count_mail", "delete_mail", "delete_mails", "list_due_mail", "postpone_mail",
    "queue_mail",
    # History
    "create_history", "delete_history", "get_history", "get_history_or_deleted", "list_history",
    "update_history",
    # sync
    "Synced", "get_epoch", "get_head", "list_synced", "lock_head",
    "get_last_version_before", "list_changes", "list_live_versions",
    "acknowledge_version", "create_client", "delete_client", "get_client", "get_head_and_client",
    "list_clients", "update_client",
    "delete_old_mutation_results", "delete_tombstones", "delete_unseen_client",
    "list_tombstone_owners", "list_tombstones", "list_unseen_clients", "raise_floor",
    "list_account_ids", "list_unnumbered_owners", "number_rows", "replace_epoch",
    "create_mutation_results", "list_mutation_results",
    "create_synced_rows", "list_synced_rows", "mark_synced_rows_deleted", "update_synced_row",
    # Learning
    "count_learning_days", "create_learning_rows", "delete_learner_rows", "find_learning_rows",
    "list_learner_owners", "list_learning_rows", "remove_learning_rows", "update_learning_rows",
    # Consents
    "create_consent_document", "create_consent_event", "create_consents", "get_consent_document",
    "get_consents", "get_last_consent_event", "list_consent_documents", "list_consent_events",
    "list_consents", "lock_consents", "update_consents",
    # Credits
    "get_filled_wallet", "get_wallet", "lock_daily_credits", "spend_daily_credits",
    "update_daily_credits",
    "find_and_lock_credit_account", "get_credit_account",
    "hold_prepaid_credits", "lock_credit_account", "take_prepaid_credits", "update_credit_account",
    "create_credit_transactions", "list_credit_transactions", "list_transactions_of",
    "create_hold", "end_hold", "get_hold", "list_expired_holds", "list_holds",
    "list_owners_of_expired_holds",
    "archive_transactions", "count_old_transactions", "list_ledger", "list_wallet_owners",
    "lock_bucket", "sum_archive", "sum_open_holds",
    # Billing
    "claim_stripe_object", "create_purchase", "keep_stripe_event", "list_purchases",
    "list_stripe_events", "lock_purchase", "lock_stripe_event", "lock_stripe_objects",
    "lock_waiting_stripe_events", "update_purchase", "update_stripe_event",
    "update_stripe_object",
    # Requests that may come again
    "create_idempotency_key", "delete_expired_idempotency_keys", "delete_idempotency_key",
    "get_idempotency_key", "update_idempotency_key",
    # What one does at a time
    "claim_lease", "delete_expired_leases", "delete_lease", "extend_lease", "get_lease",
    # What is no use any more
    "delete_dead_sessions", "delete_expired_email_tokens", "delete_expired_mails",
    "delete_stale_counters",
    # The query cache
    "count_cached_answers", "count_cached_bytes", "delete_cached_answer", "delete_cached_answers",
    "delete_expired_answers", "delete_oldest_answers", "get_cached_answer",
    "replace_cached_answer",
    # Imports of files
    "ItemPlace", "count_learner_rows", "count_quarantined", "create_import_items",
    "create_import_run", "create_quarantined", "delete_import_run", "get_import_item",
    "get_import_run", "list_import_items", "list_import_runs", "list_last_positions",
    "list_quarantined", "list_quarantined_at", "list_row_versions", "outdate_devices",
    "resolve_quarantined", "update_import_item", "update_import_run",
    # The audit log
    "GENESIS", "digest_row", "digest_values", "hash_block", "spell_entries",
    "create_audit_block", "get_audit_block", "get_last_audit_block", "list_audit_blocks",
    "list_audit_places", "list_audit_rows", "list_audit_rows_by_key", "list_unsealed_rows",
    "mark_sealed",
    # Backups
    "delete_backups", "get_last_verified_backup", "list_backups", "mark_backup_verified",
    "record_backup",
    # What all domains hold of one account
    "Owned", "delete_owned_rows", "get_erasure", "list_erasures", "list_owned_rows",
    "record_erasure", "update_owned_rows",
]
# fmt: on
