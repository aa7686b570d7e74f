-- Behind the door ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION ledger_keep_out() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'ledger: % is written by the posting functions only', TG_TABLE_NAME;
END $$;

CREATE FUNCTION ledger_keep_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'ledger: no % in %', TG_OP, TG_TABLE_NAME;
END $$;

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['account', 'transaction', 'posting', 'balance', 'hold', 'act', 'outbox', 'seal_block', 'seal_item', 'activity'] LOOP
        EXECUTE format(
            'CREATE TRIGGER ledger_door BEFORE INSERT OR UPDATE OR DELETE ON ledger_%s FOR EACH STATEMENT '
            'WHEN (current_setting(''ledger.door'', true) IS DISTINCT FROM ''open'') EXECUTE FUNCTION ledger_keep_out()', v_table);
        EXECUTE format(
            'CREATE TRIGGER ledger_whole BEFORE TRUNCATE ON ledger_%s FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep_row()', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['account', 'transaction', 'posting', 'act', 'seal_block', 'seal_item'] LOOP
        EXECUTE format(
            'CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_%s FOR EACH ROW EXECUTE FUNCTION ledger_keep_row()', v_table);
    END LOOP;
END $$;

CREATE TRIGGER ledger_append_only BEFORE DELETE ON ledger_balance FOR EACH ROW EXECUTE FUNCTION ledger_keep_row();

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ledger\_%' LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', v_function);
    END LOOP;
END $$;
