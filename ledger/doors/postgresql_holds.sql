-- Holds: amounts that are set aside in the pending layer until they are posted, voided or expired.
--
-- A held leg out of an account counts against its floor (pending_out), one into it against its ceiling (pending_in). What resolves a
-- hold gives every pending leg back and, when it posts, posts up to the held amount of each leg.

-- Moves the balance rows of the bounded accounts among the legs, in account order. p_held is what is set aside for each leg, with its
-- sign, and p_direction says whether it is taken (1) or given back (-1).
CREATE FUNCTION ledger_move_held(p_community_id uuid, p_account_ids uuid[], p_posted bigint[], p_held bigint[], p_direction int,
                                 p_needs_open boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_delta record;
BEGIN
    FOR v_delta IN
        SELECT leg.account_id, sum(posted) AS net, sum(greatest(posted, 0)) AS paid_in, sum(greatest(-posted, 0)) AS paid_out,
               p_direction * sum(greatest(held, 0)) AS held_in, p_direction * sum(greatest(-held, 0)) AS held_out
          FROM unnest(p_account_ids, p_posted, p_held) AS leg (account_id, posted, held)
          JOIN ledger_account a ON a.community_id = p_community_id AND a.id = leg.account_id
         WHERE a.is_bounded GROUP BY leg.account_id ORDER BY leg.account_id
    LOOP
        UPDATE ledger_balance
           SET posted_in = posted_in + v_delta.paid_in, posted_out = posted_out + v_delta.paid_out,
               pending_in = pending_in + v_delta.held_in, pending_out = pending_out + v_delta.held_out
         WHERE community_id = p_community_id AND account_id = v_delta.account_id AND (is_open OR NOT p_needs_open)
           AND (floor_minor IS NULL OR posted_in - posted_out - pending_out + v_delta.net - v_delta.held_out >= floor_minor)
           AND (ceiling_minor IS NULL OR posted_in - posted_out + pending_in + v_delta.net + v_delta.held_in <= ceiling_minor)
           AND posted_in + v_delta.paid_in <= 4000000000000000000 AND posted_out + v_delta.paid_out <= 4000000000000000000
           AND pending_in + v_delta.held_in <= 4000000000000000000 AND pending_out + v_delta.held_out <= 4000000000000000000;
        IF NOT FOUND THEN
            PERFORM ledger_refuse_balance(p_community_id, v_delta.account_id, v_delta.net - v_delta.held_out,
                                          v_delta.net + v_delta.held_in);
        END IF;
    END LOOP;
END $$;

-- Places a hold. Returns NULL when it is done, {"code": "key_known"} when its key is, else {"code", "details"}.
CREATE FUNCTION ledger_place_hold(
    p_community_id uuid, p_id uuid, p_occurred_on date, p_recorded_at timestamptz, p_expires_at timestamptz,
    p_key text, p_request_hash bytea, p_content_hash bytea, p_actor text, p_source text, p_narration text,
    p_account_ids uuid[], p_amounts bigint[]
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET ledger.door = 'open' SET enable_seqscan = off AS $$
DECLARE
    v_leg_count int := cardinality(p_account_ids);
    v_is_well boolean;
BEGIN
    IF (v_leg_count <= 500 AND p_expires_at > p_recorded_at AND isfinite(p_expires_at)) IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger: a hold has at most 500 legs and ends after it begins';
    END IF;
    v_is_well := ledger_check_list(v_leg_count, array_dims(p_account_ids), array_dims(p_amounts))
        AND ledger_check_texts('hold', p_key, p_request_hash, p_content_hash, p_actor, p_source, p_narration)
        AND ledger_check_days(p_occurred_on, p_recorded_at)
        AND ledger_check_period(p_community_id, p_occurred_on);
    PERFORM ledger_check_sums(p_community_id, p_account_ids, p_amounts);
    PERFORM ledger_move_held(p_community_id, p_account_ids, array_fill(0::bigint, ARRAY[v_leg_count]), p_amounts, 1, true);
    INSERT INTO ledger_transaction (
        community_id, id, kind, leg_count, occurred_on, recorded_at, expires_at, idempotency_key,
        request_hash, content_hash, actor, source, narration)
    VALUES (p_community_id, p_id, 'hold', v_leg_count, p_occurred_on, p_recorded_at, p_expires_at, p_key,
            p_request_hash, p_content_hash, p_actor, p_source, p_narration);
    INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count, account_id, amount_minor, is_pending)
    SELECT p_community_id, p_id, leg_no - 1, v_leg_count, account_id, amount, true
      FROM unnest(p_account_ids, p_amounts) WITH ORDINALITY AS leg (account_id, amount, leg_no);
    INSERT INTO ledger_hold (community_id, transaction_id, expires_at) VALUES (p_community_id, p_id, p_expires_at);
    INSERT INTO ledger_outbox (community_id, item_id) VALUES (p_community_id, p_id);
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'LG409' OR unique_violation THEN
    RETURN ledger_answer(p_community_id, ARRAY[p_key], NULL, SQLERRM);
END $$;

-- Ends a hold: hold_post, hold_void or hold_expire. p_posted has one amount per leg of the hold, zero for what is not posted; of the
-- others every one is zero. Returns as ledger_place_hold does.
CREATE FUNCTION ledger_resolve_hold(
    p_community_id uuid, p_id uuid, p_kind text, p_occurred_on date, p_recorded_at timestamptz, p_resolves_id uuid,
    p_key text, p_request_hash bytea, p_content_hash bytea, p_actor text, p_source text, p_narration text, p_posted bigint[]
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET ledger.door = 'open' SET enable_seqscan = off AS $$
DECLARE
    v_is_well boolean;
    v_expires_at timestamptz;
    v_expiry jsonb;
    v_account_ids uuid[];
    v_held bigint[];
    v_leg_count int;
BEGIN
    IF (p_kind IN ('hold_post', 'hold_void', 'hold_expire') AND (p_kind = 'hold_post') = (0 <> ANY (p_posted))) IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger: a hold is posted with amounts, or voided or expired without';
    END IF;
    v_is_well := ledger_check_texts(p_kind, p_key, p_request_hash, p_content_hash, p_actor, p_source, p_narration)
        AND ledger_check_days(p_occurred_on, p_recorded_at)
        AND ledger_check_period(p_community_id, p_occurred_on);
    DELETE FROM ledger_hold WHERE community_id = p_community_id AND transaction_id = p_resolves_id
    RETURNING expires_at INTO v_expires_at;
    IF NOT FOUND THEN
        PERFORM ledger_refuse(
            CASE WHEN EXISTS (SELECT 1 FROM ledger_transaction
                               WHERE community_id = p_community_id AND id = p_resolves_id AND kind = 'hold')
                 THEN 'hold_resolved' ELSE 'unknown_transaction' END,
            jsonb_build_object('transaction_id', p_resolves_id));
    END IF;
    v_expiry := jsonb_build_object('transaction_id', p_resolves_id, 'expires_at',
                                   to_char(v_expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'));
    IF p_kind = 'hold_post' AND p_recorded_at >= v_expires_at THEN
        PERFORM ledger_refuse('hold_expired', v_expiry);
    ELSIF p_kind = 'hold_expire' AND p_recorded_at < v_expires_at THEN
        PERFORM ledger_refuse('hold_not_expired', v_expiry);
    END IF;
    SELECT array_agg(account_id ORDER BY leg_no), array_agg(amount_minor ORDER BY leg_no) INTO v_account_ids, v_held
      FROM ledger_posting WHERE community_id = p_community_id AND transaction_id = p_resolves_id;
    v_is_well := ledger_check_list(cardinality(v_held), array_dims(p_posted));
    FOR v_leg IN 1 .. cardinality(v_held) LOOP
        IF (p_posted[v_leg] BETWEEN least(v_held[v_leg], 0) AND greatest(v_held[v_leg], 0)) IS NOT TRUE THEN
            PERFORM ledger_refuse('more_than_held', jsonb_build_object(
                'held_minor', v_held[v_leg], 'amount_minor', p_posted[v_leg]));
        END IF;
    END LOOP;
    PERFORM ledger_check_sums(p_community_id, v_account_ids, p_posted);
    PERFORM ledger_move_held(p_community_id, v_account_ids, p_posted, v_held, -1, p_kind = 'hold_post');
    v_leg_count := cardinality(v_held) + cardinality(array_remove(p_posted, 0));
    INSERT INTO ledger_transaction (
        community_id, id, kind, leg_count, occurred_on, recorded_at, resolves_id, idempotency_key,
        request_hash, content_hash, actor, source, narration)
    VALUES (p_community_id, p_id, p_kind, v_leg_count, p_occurred_on, p_recorded_at, p_resolves_id, p_key,
            p_request_hash, p_content_hash, p_actor, p_source, p_narration);
    INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count, account_id, amount_minor, is_pending)
    SELECT p_community_id, p_id, row_number() OVER (ORDER BY is_pending DESC, leg_no) - 1, v_leg_count, account_id, amount, is_pending
      FROM (SELECT account_id, -held, leg_no, true
              FROM unnest(v_account_ids, v_held) WITH ORDINALITY AS leg (account_id, held, leg_no)
            UNION ALL
            SELECT account_id, posted, leg_no, false
              FROM unnest(v_account_ids, p_posted) WITH ORDINALITY AS leg (account_id, posted, leg_no) WHERE posted <> 0
           ) AS leg (account_id, amount, leg_no, is_pending);
    INSERT INTO ledger_outbox (community_id, item_id) VALUES (p_community_id, p_id);
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'LG409' OR unique_violation THEN
    RETURN ledger_answer(p_community_id, ARRAY[p_key], NULL, SQLERRM);
END $$;
