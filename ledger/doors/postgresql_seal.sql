-- The seal: a place in the gapless sequence for every item, a block over them, and the monthly activity brought up to date.

-- Seals items that wait in the outbox, in the order given. Only the caller can hash; what is checked here is that no item is left
-- out of order, sealed twice or given another hash, and that the block continues the chain. `timebank verify` recomputes the rest.
-- Returns NULL when it is done, else {"code", "details"}.
CREATE FUNCTION ledger_seal(
    p_community_id uuid, p_block_no bigint, p_item_ids uuid[], p_merkle_root bytea, p_previous_hash bytea, p_block_hash bytea,
    p_sealed_at timestamptz
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET ledger.door = 'open' SET enable_seqscan = off SET enable_mergejoin = off AS $$
DECLARE
    v_last record;
    v_count bigint;
BEGIN
    PERFORM ledger_check_days('0001-01-01', p_sealed_at);
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_community_id, 2));
    SELECT block_no, last_sequence, block_hash INTO v_last FROM ledger_seal_block
     WHERE community_id = p_community_id ORDER BY block_no DESC LIMIT 1;
    IF p_block_no <> coalesce(v_last.block_no, 0) + 1 THEN
        PERFORM ledger_refuse('seal_overtaken', jsonb_build_object('block_no', p_block_no));
    ELSIF p_previous_hash IS DISTINCT FROM coalesce(v_last.block_hash, decode(repeat('00', 32), 'hex'))
          OR (length(p_merkle_root) = 32 AND length(p_block_hash) = 32 AND cardinality(p_item_ids) > 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger: a block names the block before it and holds at least one item';
    END IF;
    INSERT INTO ledger_seal_block (community_id, block_no, first_sequence, last_sequence, merkle_root, previous_hash, block_hash, sealed_at)
    VALUES (p_community_id, p_block_no, coalesce(v_last.last_sequence, 0) + 1,
            coalesce(v_last.last_sequence, 0) + cardinality(p_item_ids), p_merkle_root, p_previous_hash, p_block_hash, p_sealed_at);
    INSERT INTO ledger_seal_item (community_id, sequence, item_id, kind, content_hash, block_no)
    SELECT p_community_id, coalesce(v_last.last_sequence, 0) + item.place, item.id, coalesce(t.kind, a.kind, c.kind),
           coalesce(t.content_hash, a.content_hash, c.content_hash), p_block_no
      FROM unnest(p_item_ids) WITH ORDINALITY AS item (id, place)
      LEFT JOIN LATERAL (SELECT 'transaction' AS kind, content_hash FROM ledger_transaction
                          WHERE community_id = p_community_id AND id = item.id) AS t ON true
      LEFT JOIN LATERAL (SELECT 'account' AS kind, content_hash FROM ledger_account
                          WHERE community_id = p_community_id AND id = item.id) AS a ON true
      LEFT JOIN LATERAL (SELECT 'act' AS kind, content_hash FROM ledger_act
                          WHERE community_id = p_community_id AND id = item.id) AS c ON true;
    DELETE FROM ledger_outbox WHERE community_id = p_community_id AND item_id = ANY (p_item_ids);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count <> cardinality(p_item_ids) THEN
        RAISE EXCEPTION 'ledger: an item is sealed once, from the outbox';
    END IF;
    INSERT INTO ledger_activity AS kept (community_id, account_id, month_on, in_minor, out_minor, posting_count)
    SELECT p_community_id, p.account_id, date_trunc('month', t.occurred_on)::date,
           sum(greatest(p.amount_minor, 0)), sum(greatest(-p.amount_minor, 0)), count(*)
      FROM unnest(p_item_ids) AS item (id)
      JOIN ledger_transaction t ON t.community_id = p_community_id AND t.id = item.id
      JOIN ledger_posting p ON p.community_id = p_community_id AND p.transaction_id = item.id
     WHERE NOT p.is_pending GROUP BY 2, 3 ORDER BY 2, 3
    ON CONFLICT (community_id, account_id, month_on) DO UPDATE
       SET in_minor = kept.in_minor + excluded.in_minor, out_minor = kept.out_minor + excluded.out_minor,
           posting_count = kept.posting_count + excluded.posting_count;
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'LG409' THEN
    RETURN SQLERRM::jsonb;
END $$;
