-- Accounts and acts: what an account is, whether it takes postings, through which day the books are closed.

-- Opens an account, or finds the one that has the code already; the caller compares the facts. Returns its id.
CREATE FUNCTION ledger_open_account(
    p_community_id uuid, p_id uuid, p_code text, p_commodity text, p_is_bounded boolean, p_floor_minor bigint,
    p_ceiling_minor bigint, p_opened_at timestamptz, p_content_hash bytea
) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET ledger.door = 'open' SET enable_seqscan = off AS $$
BEGIN
    IF length(p_content_hash) <> 32 THEN
        RAISE EXCEPTION 'ledger: a content hash has 32 bytes';
    END IF;
    PERFORM ledger_check_days('0001-01-01', p_opened_at);
    INSERT INTO ledger_account (community_id, id, code, commodity, is_bounded, opened_at, content_hash)
    VALUES (p_community_id, p_id, p_code, p_commodity, p_is_bounded, p_opened_at, p_content_hash)
    ON CONFLICT (community_id, code) DO NOTHING;
    IF NOT FOUND THEN
        RETURN (SELECT id FROM ledger_account WHERE community_id = p_community_id AND code = p_code);
    END IF;
    IF p_is_bounded THEN
        INSERT INTO ledger_balance (community_id, account_id, posted_in, posted_out, pending_in, pending_out,
                                    floor_minor, ceiling_minor, is_open)
        VALUES (p_community_id, p_id, 0, 0, 0, 0, p_floor_minor, p_ceiling_minor, true);
    END IF;
    INSERT INTO ledger_outbox (community_id, item_id) VALUES (p_community_id, p_id);
    RETURN p_id;
END $$;

-- Closes or reopens an account or a period. A post holds the same lock shared, so that none is on its way while a period closes.
-- Returns NULL when it is done, {"code": "unchanged"} when the account stands so already, else {"code", "details"}.
CREATE FUNCTION ledger_act(
    p_community_id uuid, p_id uuid, p_kind text, p_account_id uuid, p_closed_through_on date, p_reason text, p_actor text,
    p_recorded_at timestamptz, p_content_hash bytea
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET ledger.door = 'open' SET enable_seqscan = off AS $$
DECLARE
    v_is_open boolean;
    v_closed_through_on date;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'ledger: the book is written at READ COMMITTED';
    END IF;
    PERFORM ledger_check_days(coalesce(p_closed_through_on, '0001-01-01'), p_recorded_at);
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_community_id, 1));
    IF p_kind IN ('account_closed', 'account_reopened') THEN
        SELECT is_open INTO v_is_open FROM ledger_balance WHERE community_id = p_community_id AND account_id = p_account_id;
        IF NOT FOUND THEN
            PERFORM ledger_refuse('unknown_account', jsonb_build_object('account_id', p_account_id));
        ELSIF v_is_open = (p_kind = 'account_reopened') THEN
            RETURN jsonb_build_object('code', 'unchanged');
        END IF;
        UPDATE ledger_balance SET is_open = NOT v_is_open WHERE community_id = p_community_id AND account_id = p_account_id;
    ELSE
        SELECT closed_through_on INTO v_closed_through_on FROM ledger_act
         WHERE community_id = p_community_id AND kind IN ('period_closed', 'period_reopened')
         ORDER BY act_no DESC LIMIT 1;
        IF (p_kind = 'period_closed') <> (coalesce(p_closed_through_on, '-infinity') > coalesce(v_closed_through_on, '-infinity'))
           OR p_closed_through_on IS NOT DISTINCT FROM v_closed_through_on THEN
            PERFORM ledger_refuse('period_unchanged', jsonb_build_object('closed_through_on', v_closed_through_on));
        END IF;
    END IF;
    INSERT INTO ledger_act (community_id, id, act_no, kind, account_id, closed_through_on, reason, actor, recorded_at, content_hash)
    SELECT p_community_id, p_id, coalesce(max(act_no), 0) + 1, p_kind, p_account_id, p_closed_through_on, p_reason, p_actor,
           p_recorded_at, p_content_hash
      FROM ledger_act WHERE community_id = p_community_id;
    INSERT INTO ledger_outbox (community_id, item_id) VALUES (p_community_id, p_id);
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'LG409' THEN
    RETURN SQLERRM::jsonb;
END $$;
