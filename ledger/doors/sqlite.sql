-- The one door on SQLite: whatever a session writes, the book stays whole.
--
-- Legs are written first, their header last. The header's trigger counts and sums the legs, moves the balances and fills the outbox;
-- the deferred foreign key of the legs refuses to commit legs without a header. SQLite has one writer at a time, so no check here can
-- be overtaken. Two dashes and a semicolon end a statement.

-- Header ---------------------------------------------------------------------------------------------------------------------

-- Stands also against INSERT OR REPLACE in a session without recursive_triggers, which would drop the old row in silence.
CREATE TRIGGER ledger_transaction_once BEFORE INSERT ON ledger_transaction
WHEN EXISTS (SELECT 1 FROM ledger_transaction WHERE community_id = NEW.community_id AND id = NEW.id)
  OR EXISTS (SELECT 1 FROM ledger_transaction
              WHERE community_id = NEW.community_id AND idempotency_key = NEW.idempotency_key)
  OR NEW.reverses_id IS NOT NULL AND EXISTS (SELECT 1 FROM ledger_transaction
              WHERE community_id = NEW.community_id AND reverses_id = NEW.reverses_id)
  OR NEW.resolves_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'ledger: a transaction is written once');
END;
--;
CREATE TRIGGER ledger_transaction_post AFTER INSERT ON ledger_transaction
BEGIN
  SELECT RAISE(ABORT, 'ledger: legs are missing, pending, or in an account of no or another book')
   WHERE NEW.leg_count <> (
         SELECT count(*)
           FROM ledger_posting p JOIN ledger_account a ON a.community_id = p.community_id AND a.id = p.account_id
          WHERE p.community_id = NEW.community_id AND p.transaction_id = NEW.id
            AND p.leg_count = NEW.leg_count AND p.is_pending = 0);
  SELECT RAISE(ABORT, 'ledger: the legs of one commodity do not sum to zero')
   WHERE EXISTS (
         SELECT 1
           FROM ledger_posting p JOIN ledger_account a ON a.community_id = p.community_id AND a.id = p.account_id
          WHERE p.community_id = NEW.community_id AND p.transaction_id = NEW.id
          GROUP BY a.commodity HAVING sum(p.amount_minor) <> 0);
  SELECT RAISE(ABORT, 'ledger: a bounded account is closed or has no balance row')
   WHERE EXISTS (
         SELECT 1
           FROM ledger_posting p JOIN ledger_account a ON a.community_id = p.community_id AND a.id = p.account_id
           LEFT JOIN ledger_balance b ON b.community_id = p.community_id AND b.account_id = p.account_id
          WHERE p.community_id = NEW.community_id AND p.transaction_id = NEW.id
            AND a.is_bounded = 1 AND b.is_open IS NOT 1);
  -- Sums per row, not a GROUP BY of all: that tempts the planner into walking the whole account index.
  UPDATE ledger_balance
     SET posted_in = posted_in + (
         SELECT sum(max(amount_minor, 0)) FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id
            AND account_id = ledger_balance.account_id),
         posted_out = posted_out + (
         SELECT sum(max(-amount_minor, 0)) FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id
            AND account_id = ledger_balance.account_id)
   WHERE community_id = NEW.community_id AND account_id IN (
         SELECT account_id FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id);
  INSERT INTO ledger_outbox (community_id, transaction_id) VALUES (NEW.community_id, NEW.id);
END;
--;
CREATE TRIGGER ledger_transaction_mirror AFTER INSERT ON ledger_transaction WHEN NEW.reverses_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'ledger: a reversal mirrors every leg of a transaction that is no reversal itself')
   WHERE NEW.leg_count <> (
         SELECT count(*)
           FROM ledger_transaction t
           JOIN ledger_posting old ON old.community_id = t.community_id AND old.transaction_id = t.id
           JOIN ledger_posting new ON new.community_id = t.community_id AND new.transaction_id = NEW.id
                                  AND new.leg_no = old.leg_no
          WHERE t.community_id = NEW.community_id AND t.id = NEW.reverses_id
            AND t.reverses_id IS NULL AND t.leg_count = NEW.leg_count
            AND new.account_id = old.account_id AND new.amount_minor = -old.amount_minor);
END;
--;
CREATE TRIGGER ledger_transaction_keep BEFORE UPDATE ON ledger_transaction
BEGIN
  SELECT RAISE(ABORT, 'ledger: a transaction is never changed');
END;
--;
CREATE TRIGGER ledger_transaction_stay BEFORE DELETE ON ledger_transaction
BEGIN
  SELECT RAISE(ABORT, 'ledger: a transaction is never deleted');
END;
--;
-- Legs -----------------------------------------------------------------------------------------------------------------------

CREATE TRIGGER ledger_posting_in_time BEFORE INSERT ON ledger_posting
WHEN NEW.is_pending <> 0
  OR EXISTS (SELECT 1 FROM ledger_transaction WHERE community_id = NEW.community_id AND id = NEW.transaction_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: a leg is written before its header, once, and is not pending');
END;
--;
CREATE TRIGGER ledger_posting_keep BEFORE UPDATE ON ledger_posting
BEGIN
  SELECT RAISE(ABORT, 'ledger: a posting is never changed');
END;
--;
CREATE TRIGGER ledger_posting_stay BEFORE DELETE ON ledger_posting
BEGIN
  SELECT RAISE(ABORT, 'ledger: a posting is never deleted');
END;
--;
-- Accounts and balances ------------------------------------------------------------------------------------------------------

CREATE TRIGGER ledger_account_once BEFORE INSERT ON ledger_account
WHEN EXISTS (SELECT 1 FROM ledger_account
              WHERE community_id = NEW.community_id AND (id = NEW.id OR code = NEW.code))
BEGIN
  SELECT RAISE(ABORT, 'ledger: an account is opened once');
END;
--;
CREATE TRIGGER ledger_account_keep BEFORE UPDATE ON ledger_account
BEGIN
  SELECT RAISE(ABORT, 'ledger: an account is never changed');
END;
--;
CREATE TRIGGER ledger_account_stay BEFORE DELETE ON ledger_account
BEGIN
  SELECT RAISE(ABORT, 'ledger: an account is never deleted');
END;
--;
CREATE TRIGGER ledger_balance_at_zero BEFORE INSERT ON ledger_balance
WHEN NEW.posted_in <> 0 OR NEW.posted_out <> 0 OR NEW.pending_in <> 0 OR NEW.pending_out <> 0
  OR EXISTS (SELECT 1 FROM ledger_balance WHERE community_id = NEW.community_id AND account_id = NEW.account_id)
  OR EXISTS (SELECT 1 FROM ledger_posting WHERE community_id = NEW.community_id AND account_id = NEW.account_id)
  OR NOT EXISTS (SELECT 1 FROM ledger_account
                  WHERE community_id = NEW.community_id AND id = NEW.account_id AND is_bounded = 1)
BEGIN
  SELECT RAISE(ABORT, 'ledger: a bounded account gets one balance row, at zero, when it is opened');
END;
--;
CREATE TRIGGER ledger_balance_keep_facts BEFORE UPDATE ON ledger_balance
WHEN NEW.community_id IS NOT OLD.community_id OR NEW.account_id IS NOT OLD.account_id
  OR NEW.floor_minor IS NOT OLD.floor_minor OR NEW.ceiling_minor IS NOT OLD.ceiling_minor
  OR NEW.posted_in < OLD.posted_in OR NEW.posted_out < OLD.posted_out
  OR NEW.pending_in <> OLD.pending_in OR NEW.pending_out <> OLD.pending_out
BEGIN
  SELECT RAISE(ABORT, 'ledger: bounds never change and counters never fall');
END;
--;
-- A balance moves only while the newest header is neither in the outbox nor sealed: that is, inside that header's own trigger.
CREATE TRIGGER ledger_balance_by_header BEFORE UPDATE ON ledger_balance
WHEN NEW.posted_in <> OLD.posted_in OR NEW.posted_out <> OLD.posted_out
BEGIN
  SELECT RAISE(ABORT, 'ledger: a balance moves only with a transaction')
    FROM (SELECT 1)
    LEFT JOIN (SELECT community_id, id FROM ledger_transaction ORDER BY rowid DESC LIMIT 1) AS newest
   WHERE newest.id IS NULL
      OR newest.community_id <> NEW.community_id
      OR EXISTS (SELECT 1 FROM ledger_outbox
                  WHERE community_id = newest.community_id AND transaction_id = newest.id)
      OR EXISTS (SELECT 1 FROM ledger_seal_item
                  WHERE community_id = newest.community_id AND transaction_id = newest.id);
END;
--;
CREATE TRIGGER ledger_balance_stay BEFORE DELETE ON ledger_balance
BEGIN
  SELECT RAISE(ABORT, 'ledger: a balance row is never deleted');
END;
--;
-- Outbox and seal ------------------------------------------------------------------------------------------------------------

CREATE TRIGGER ledger_outbox_once BEFORE INSERT ON ledger_outbox
WHEN NOT EXISTS (SELECT 1 FROM ledger_transaction WHERE community_id = NEW.community_id AND id = NEW.transaction_id)
  OR EXISTS (SELECT 1 FROM ledger_seal_item
              WHERE community_id = NEW.community_id AND transaction_id = NEW.transaction_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: the outbox holds transactions that are not sealed yet');
END;
--;
CREATE TRIGGER ledger_outbox_keep BEFORE UPDATE ON ledger_outbox
BEGIN
  SELECT RAISE(ABORT, 'ledger: an outbox row is never changed');
END;
--;
CREATE TRIGGER ledger_outbox_stay BEFORE DELETE ON ledger_outbox
WHEN NOT EXISTS (SELECT 1 FROM ledger_seal_item
                  WHERE community_id = OLD.community_id AND transaction_id = OLD.transaction_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: a transaction leaves the outbox when it is sealed');
END;
--;
CREATE TRIGGER ledger_seal_block_keep BEFORE UPDATE ON ledger_seal_block
BEGIN
  SELECT RAISE(ABORT, 'ledger: a seal is never changed');
END;
--;
CREATE TRIGGER ledger_seal_block_stay BEFORE DELETE ON ledger_seal_block
BEGIN
  SELECT RAISE(ABORT, 'ledger: a seal is never deleted');
END;
--;
CREATE TRIGGER ledger_seal_item_keep BEFORE UPDATE ON ledger_seal_item
BEGIN
  SELECT RAISE(ABORT, 'ledger: a seal is never changed');
END;
--;
CREATE TRIGGER ledger_seal_item_stay BEFORE DELETE ON ledger_seal_item
BEGIN
  SELECT RAISE(ABORT, 'ledger: a seal is never deleted');
END;
--;
-- Holds come later; until then none may be written.
CREATE TRIGGER ledger_hold_closed BEFORE INSERT ON ledger_hold
BEGIN
  SELECT RAISE(ABORT, 'ledger: holds are not open yet');
END;
--;
