-- The one door on PostgreSQL: functions that check everything, and triggers that keep everybody else out.
--
-- The application role may read the ledger tables and call the functions that ledger/roles.py lists, nothing more. They run as the owner, with a fixed search_path and the mark ledger.door, which PostgreSQL takes back
-- when they return. Without the mark no statement writes a ledger table, the owner's included; with or without it nobody
-- changes, deletes or truncates what was posted.
--
-- A refusal is raised as LG409 inside the function and caught at its edge: everything of the attempt is undone, and the
-- caller's transaction goes on. The helpers run inside the door, under its search_path. Balances are locked in the order of account ids, by every caller.

-- Refusals -------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION ledger_refuse(p_code text, p_details jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'LG409',
        MESSAGE = jsonb_build_object('code', p_code, 'details', p_details)::text;
END $$;

-- Says why the guarded update of a balance row found nothing to update.
CREATE FUNCTION ledger_refuse_balance(p_community_id uuid, p_account_id uuid, p_lowest numeric, p_highest numeric) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_balance record;
    v_code text := 'balance_too_low';
    v_needed numeric := -p_lowest;
    v_available numeric;
BEGIN
    SELECT a.code, b.* INTO v_balance
      FROM ledger_balance b JOIN ledger_account a ON a.community_id = b.community_id AND a.id = b.account_id
     WHERE b.community_id = p_community_id AND b.account_id = p_account_id;
    IF NOT v_balance.is_open THEN
        PERFORM ledger_refuse('account_closed', jsonb_build_object('account', v_balance.code));
    END IF;
    v_available := v_balance.posted_in - v_balance.posted_out - v_balance.pending_out - v_balance.floor_minor;
    IF v_available IS NULL OR v_available + p_lowest >= 0 THEN
        v_code := 'balance_too_high';
        v_needed := p_highest;
        v_available := least(
            v_balance.ceiling_minor - (v_balance.posted_in - v_balance.posted_out + v_balance.pending_in),
            4000000000000000000 - greatest(v_balance.posted_in, v_balance.posted_out));
    END IF;
    PERFORM ledger_refuse(v_code, jsonb_build_object(
        'account', v_balance.code, 'account_id', p_account_id, 'available_minor', v_available, 'needed_minor', v_needed));
END $$;

-- Answers a refusal: a twin with the same key, or another reversal, may have done it all in the meantime.
CREATE FUNCTION ledger_answer(p_community_id uuid, p_keys text[], p_reverses_id uuid, p_refusal text) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger_transaction
                WHERE community_id = p_community_id AND idempotency_key = ANY (p_keys)) THEN
        RETURN jsonb_build_object('code', 'key_known');
    END IF;
    IF p_reverses_id IS NOT NULL AND EXISTS (SELECT 1 FROM ledger_transaction
                WHERE community_id = p_community_id AND reverses_id = p_reverses_id) THEN
        RETURN jsonb_build_object('code', 'already_reversed', 'details',
                                  jsonb_build_object('transaction_id', p_reverses_id));
    END IF;
    IF p_refusal NOT LIKE '{%' THEN  -- of another unique index: an id that was made by hand
        RAISE unique_violation USING MESSAGE = p_refusal;
    END IF;
    RETURN p_refusal::jsonb;
END $$;

-- Steps of a post ------------------------------------------------------------------------------------------------------------

-- The checks return true or raise: so one expression holds them all, where every PERFORM would be a statement of its own.

-- What CHECK constraints would say; those are parsed anew for every statement, this is not.
CREATE FUNCTION ledger_check_texts(p_kind text, p_key text, p_request_hash bytea, p_content_hash bytea,
                                   p_actor text, p_source text, p_narration text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF (length(p_kind) BETWEEN 1 AND 32 AND length(p_key) BETWEEN 1 AND 120
        AND length(p_actor) BETWEEN 1 AND 120 AND length(p_source) BETWEEN 1 AND 120
        AND length(p_narration) <= 500 AND length(p_request_hash) = 32 AND length(p_content_hash) = 32) IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger: a text or hash is missing or out of range';
    END IF;
    RETURN true;
END $$;

-- Lists that belong together have one dimension, start at 1 and are equally long: an index then means the same place in all of them.
CREATE FUNCTION ledger_check_list(p_count int, VARIADIC p_dimensions text[]) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF ('[1:' || p_count || ']' = ALL (p_dimensions)) IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger: every list has one value for each leg, or for each transaction, counted from 1';
    END IF;
    RETURN true;
END $$;

-- PostgreSQL knows days and moments that no other program can read.
CREATE FUNCTION ledger_check_days(p_occurred_on date, p_recorded_at timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF (p_occurred_on BETWEEN '0001-01-01' AND '9999-12-31' AND p_recorded_at BETWEEN '0001-01-02' AND '9999-12-30') IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger: a day or moment is missing or out of range';
    END IF;
    RETURN true;
END $$;

-- Waits for a closing that is being written, keeps the next one waiting, and refuses a date that is closed.
CREATE FUNCTION ledger_check_period(p_community_id uuid, p_occurred_on date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_wait text;
    v_closed_through_on date;
BEGIN
    -- Another isolation level would look at the acts as they were before the wait.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'ledger: the book is written at READ COMMITTED';
    END IF;
    v_wait := pg_advisory_xact_lock_shared(uuid_hash_extended(p_community_id, 1));
    SELECT closed_through_on INTO v_closed_through_on FROM ledger_act
     WHERE community_id = p_community_id AND kind IN ('period_closed', 'period_reopened')
     ORDER BY act_no DESC LIMIT 1;
    IF p_occurred_on <= v_closed_through_on THEN
        PERFORM ledger_refuse('period_closed', jsonb_build_object(
            'closed_through_on', v_closed_through_on, 'occurred_on', p_occurred_on));
    END IF;
    RETURN true;
END $$;

-- Refuses legs in accounts that are not there, or whose commodities do not sum to zero; the first by the order of the legs.
CREATE FUNCTION ledger_check_sums(p_community_id uuid, p_account_ids uuid[], p_amounts bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_fault record;
BEGIN
    SELECT a.commodity, sum(leg.amount) AS sum_minor, (array_agg(leg.account_id ORDER BY leg.leg_no))[1] AS first_id INTO v_fault
      FROM unnest(p_account_ids, p_amounts) WITH ORDINALITY AS leg (account_id, amount, leg_no)
      LEFT JOIN ledger_account a ON a.community_id = p_community_id AND a.id = leg.account_id
     GROUP BY a.commodity HAVING a.commodity IS NULL OR sum(leg.amount) <> 0
     ORDER BY a.commodity IS NULL DESC, min(leg.leg_no) LIMIT 1;
    IF FOUND AND v_fault.commodity IS NULL THEN
        PERFORM ledger_refuse('unknown_account', jsonb_build_object('account_id', v_fault.first_id));
    ELSIF FOUND THEN
        PERFORM ledger_refuse('unbalanced', jsonb_build_object('commodity', v_fault.commodity, 'sum_minor', v_fault.sum_minor));
    END IF;
END $$;

-- A reversal mirrors the posted legs; those of a posted hold stand behind the pending ones that it gives back.
CREATE FUNCTION ledger_check_mirror(p_community_id uuid, p_reverses_id uuid, p_account_ids uuid[], p_amounts bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_original record;
BEGIN
    SELECT reverses_id, array_agg((account_id, -amount_minor) ORDER BY leg_no) FILTER (WHERE NOT is_pending) AS legs
      INTO v_original
      FROM ledger_transaction t JOIN ledger_posting p ON p.community_id = t.community_id AND p.transaction_id = t.id
     WHERE t.community_id = p_community_id AND t.id = p_reverses_id
     GROUP BY t.reverses_id;
    IF NOT FOUND THEN
        PERFORM ledger_refuse('unknown_transaction', jsonb_build_object('transaction_id', p_reverses_id));
    ELSIF v_original.reverses_id IS NOT NULL THEN
        PERFORM ledger_refuse('is_reversal', jsonb_build_object('transaction_id', p_reverses_id));
    ELSIF v_original.legs IS NULL THEN
        PERFORM ledger_refuse('is_hold', jsonb_build_object('transaction_id', p_reverses_id));
    ELSIF v_original.legs IS DISTINCT FROM
          (SELECT array_agg((account_id, amount) ORDER BY leg_no)
             FROM unnest(p_account_ids, p_amounts) WITH ORDINALITY AS leg (account_id, amount, leg_no)) THEN
        RAISE EXCEPTION 'ledger: a reversal mirrors every leg';
    END IF;
END $$;

-- The door -------------------------------------------------------------------------------------------------------------------

-- Posts one transaction. Returns NULL when it is done, {"code": "key_known"} when its key is, else {"code", "details"}.
-- Plans are made once (plan_cache_mode): the estimate for a list of two legs is the same every time.
CREATE FUNCTION ledger_post(
    p_community_id uuid, p_id uuid, p_kind text, p_occurred_on date, p_recorded_at timestamptz, p_reverses_id uuid,
    p_key text, p_request_hash bytea, p_content_hash bytea, p_actor text, p_source text, p_narration text,
    p_account_ids uuid[], p_amounts bigint[]
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET ledger.door = 'open'
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_leg_count int := cardinality(p_account_ids);
    v_is_well boolean;
    v_commodities text[] := '{}';
    v_sums numeric[] := '{}';
    v_slot int;
    v_delta record;
BEGIN
    IF p_kind IN ('hold', 'hold_post', 'hold_void', 'hold_expire') THEN
        RAISE EXCEPTION 'ledger: a hold has functions of its own';
    END IF;
    v_is_well := ledger_check_list(v_leg_count, array_dims(p_account_ids), array_dims(p_amounts))
        AND ledger_check_texts(p_kind, p_key, p_request_hash, p_content_hash, p_actor, p_source, p_narration)
        AND ledger_check_days(p_occurred_on, p_recorded_at)
        AND ledger_check_period(p_community_id, p_occurred_on);
    FOR v_delta IN
        SELECT leg.account_id, leg.net, leg.paid_in, leg.paid_out, a.commodity, a.is_bounded
          FROM (SELECT account_id, sum(amount)::bigint AS net, sum(greatest(amount, 0))::bigint AS paid_in,
                       sum(greatest(-amount, 0))::bigint AS paid_out
                  FROM unnest(p_account_ids, p_amounts) AS leg (account_id, amount) GROUP BY account_id) AS leg
          LEFT JOIN ledger_account a ON a.community_id = p_community_id AND a.id = leg.account_id
         ORDER BY leg.account_id
    LOOP
        v_is_well := v_is_well AND v_delta.commodity IS NOT NULL;
        v_slot := array_position(v_commodities, v_delta.commodity);
        IF v_slot IS NULL THEN
            v_commodities := v_commodities || v_delta.commodity;
            v_sums := v_sums || v_delta.net::numeric;
        ELSE
            v_sums[v_slot] := v_sums[v_slot] + v_delta.net;
        END IF;
        CONTINUE WHEN v_delta.is_bounded IS NOT TRUE;
        UPDATE ledger_balance
           SET posted_in = posted_in + v_delta.paid_in, posted_out = posted_out + v_delta.paid_out
         WHERE community_id = p_community_id AND account_id = v_delta.account_id AND is_open
           AND (floor_minor IS NULL OR posted_in - posted_out - pending_out + v_delta.net >= floor_minor)
           AND (ceiling_minor IS NULL OR posted_in - posted_out + pending_in + v_delta.net <= ceiling_minor)
           AND posted_in + v_delta.paid_in <= 4000000000000000000
           AND posted_out + v_delta.paid_out <= 4000000000000000000;
        IF NOT FOUND THEN
            PERFORM ledger_check_sums(p_community_id, p_account_ids, p_amounts);
            PERFORM ledger_refuse_balance(p_community_id, v_delta.account_id, v_delta.net, v_delta.net);
        END IF;
    END LOOP;
    IF NOT v_is_well OR 0 <> ANY (v_sums) THEN
        PERFORM ledger_check_sums(p_community_id, p_account_ids, p_amounts);
    END IF;
    IF p_reverses_id IS NOT NULL THEN
        PERFORM ledger_check_mirror(p_community_id, p_reverses_id, p_account_ids, p_amounts);
    END IF;
    INSERT INTO ledger_transaction (
        community_id, id, kind, leg_count, occurred_on, recorded_at, reverses_id, idempotency_key,
        request_hash, content_hash, actor, source, narration)
    VALUES (p_community_id, p_id, p_kind, v_leg_count, p_occurred_on, p_recorded_at, p_reverses_id, p_key,
            p_request_hash, p_content_hash, p_actor, p_source, p_narration);
    INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count, account_id, amount_minor, is_pending)
    SELECT p_community_id, p_id, leg_no - 1, v_leg_count, account_id, amount, false
      FROM unnest(p_account_ids, p_amounts) WITH ORDINALITY AS leg (account_id, amount, leg_no);
    INSERT INTO ledger_outbox (community_id, item_id) VALUES (p_community_id, p_id);
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'LG409' OR unique_violation THEN
    RETURN ledger_answer(p_community_id, ARRAY[p_key], p_reverses_id, SQLERRM);
END $$;

-- Posts many transactions, all or none, as if one after the other; balances move once per account. Headers come as arrays of
-- equal length, legs as flat arrays with the number (from 1) of their header. Returns as ledger_post does.
CREATE FUNCTION ledger_post_many(
    p_community_id uuid, p_ids uuid[], p_kinds text[], p_occurred_ons date[], p_recorded_ats timestamptz[],
    p_keys text[], p_request_hashes bytea[], p_content_hashes bytea[], p_actors text[], p_sources text[], p_narrations text[],
    p_headers int[], p_account_ids uuid[], p_amounts bigint[]
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET ledger.door = 'open'
SET enable_seqscan = off SET enable_mergejoin = off AS $$
DECLARE
    v_leg_counts int[];
    v_is_well boolean;
    v_fault record;
    v_moved_count bigint;
BEGIN
    v_is_well := ledger_check_list(
        cardinality(p_ids), array_dims(p_ids), array_dims(p_kinds), array_dims(p_occurred_ons), array_dims(p_recorded_ats),
        array_dims(p_keys), array_dims(p_request_hashes), array_dims(p_content_hashes), array_dims(p_actors),
        array_dims(p_sources), array_dims(p_narrations))
        AND ledger_check_list(cardinality(p_headers), array_dims(p_headers), array_dims(p_account_ids), array_dims(p_amounts));
    -- As ledger_check_texts and ledger_check_days do for one; for thousands, one statement is ten times faster than a loop.
    IF EXISTS (
        SELECT 1 FROM unnest(p_kinds, p_keys, p_request_hashes, p_content_hashes, p_actors, p_sources, p_narrations,
                             p_occurred_ons, p_recorded_ats)
             AS head (kind, key, request_hash, content_hash, actor, source, narration, occurred_on, recorded_at)
         WHERE (length(kind) BETWEEN 1 AND 32 AND length(key) BETWEEN 1 AND 120
                AND length(actor) BETWEEN 1 AND 120 AND length(source) BETWEEN 1 AND 120
                AND length(narration) <= 500 AND length(request_hash) = 32 AND length(content_hash) = 32
                AND kind NOT IN ('hold', 'hold_post', 'hold_void', 'hold_expire')
                AND occurred_on BETWEEN '0001-01-01' AND '9999-12-31'
                AND recorded_at BETWEEN '0001-01-02' AND '9999-12-30') IS NOT TRUE) THEN
        RAISE EXCEPTION 'ledger: a text, hash, day or moment is missing or out of range, or a hold has functions of its own';
    END IF;
    -- One count per header, in their order: a join of two lists would take as many steps as their product.
    v_leg_counts := (SELECT array_agg(legs.leg_count ORDER BY legs.header_no)
                       FROM (SELECT header_no, count(*)::int AS leg_count FROM unnest(p_headers) AS leg (header_no)
                              GROUP BY header_no) AS legs);
    IF (cardinality(v_leg_counts) = cardinality(p_ids) AND 1 <= ALL (p_headers)
        AND cardinality(p_ids) >= ALL (p_headers)) IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger: every header has legs, and every leg a header';
    END IF;
    v_is_well := ledger_check_period(p_community_id, (SELECT min(day) FROM unnest(p_occurred_ons) AS occurred (day)));
    SELECT leg.header_no, a.commodity, sum(leg.amount) AS sum_minor,
           (array_agg(leg.account_id) FILTER (WHERE a.id IS NULL))[1] AS unknown_id INTO v_fault
      FROM unnest(p_headers, p_account_ids, p_amounts) AS leg (header_no, account_id, amount)
      LEFT JOIN ledger_account a ON a.community_id = p_community_id AND a.id = leg.account_id
     GROUP BY leg.header_no, a.commodity
    HAVING a.commodity IS NULL OR sum(leg.amount) <> 0
     ORDER BY leg.header_no, a.commodity NULLS FIRST LIMIT 1;
    IF FOUND AND v_fault.commodity IS NULL THEN
        PERFORM ledger_refuse('unknown_account', jsonb_build_object('account_id', v_fault.unknown_id));
    ELSIF FOUND THEN
        PERFORM ledger_refuse('unbalanced', jsonb_build_object(
            'commodity', v_fault.commodity, 'sum_minor', v_fault.sum_minor));
    END IF;
    -- Locked in account order, then moved by one statement, whose snapshot is younger than the locks.
    PERFORM FROM ledger_balance
      WHERE community_id = p_community_id AND account_id IN (SELECT unnest(p_account_ids)) ORDER BY account_id FOR UPDATE;
    UPDATE ledger_balance AS balance
       SET posted_in = posted_in + delta.paid_in, posted_out = posted_out + delta.paid_out
      FROM (SELECT step.account_id, sum(step.paid_in) AS paid_in, sum(step.paid_out) AS paid_out,
                   min(step.running) AS lowest, max(step.running) AS highest
              FROM (SELECT account_id, header_no, sum(greatest(amount, 0)) AS paid_in, sum(greatest(-amount, 0)) AS paid_out,
                           sum(sum(amount)) OVER (PARTITION BY account_id ORDER BY header_no) AS running
                      FROM unnest(p_headers, p_account_ids, p_amounts) AS leg (header_no, account_id, amount)
                     GROUP BY account_id, header_no) AS step
             GROUP BY step.account_id) AS delta
     WHERE balance.community_id = p_community_id AND balance.account_id = delta.account_id AND is_open
       AND (floor_minor IS NULL OR posted_in - posted_out - pending_out + delta.lowest >= floor_minor)
       AND (ceiling_minor IS NULL OR posted_in - posted_out + pending_in + delta.highest <= ceiling_minor)
       AND posted_in + delta.paid_in <= 4000000000000000000
       AND posted_out + delta.paid_out <= 4000000000000000000;
    GET DIAGNOSTICS v_moved_count = ROW_COUNT;
    IF v_moved_count <> (SELECT count(*) FROM ledger_account
                          WHERE community_id = p_community_id AND id IN (SELECT unnest(p_account_ids)) AND is_bounded) THEN
        PERFORM ledger_refuse('refused', '{}');  -- which one and why: the caller posts them one by one
    END IF;
    INSERT INTO ledger_transaction (
        community_id, id, kind, leg_count, occurred_on, recorded_at, idempotency_key,
        request_hash, content_hash, actor, source, narration)
    SELECT p_community_id, id, kind, leg_count, occurred_on, recorded_at, key, request_hash, content_hash, actor, source, narration
      FROM unnest(p_ids, p_kinds, v_leg_counts, p_occurred_ons, p_recorded_ats, p_keys, p_request_hashes, p_content_hashes,
                  p_actors, p_sources, p_narrations)
           AS head (id, kind, leg_count, occurred_on, recorded_at, key, request_hash, content_hash, actor, source, narration);
    INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count, account_id, amount_minor, is_pending)
    SELECT p_community_id, p_ids[header_no], row_number() OVER (PARTITION BY header_no ORDER BY position) - 1,
           v_leg_counts[header_no], account_id, amount, false
      FROM unnest(p_headers, p_account_ids, p_amounts) WITH ORDINALITY AS leg (header_no, account_id, amount, position);
    INSERT INTO ledger_outbox (community_id, item_id) SELECT p_community_id, id FROM unnest(p_ids) AS head (id);
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'LG409' OR unique_violation THEN
    RETURN ledger_answer(p_community_id, p_keys, NULL, SQLERRM);
END $$;
