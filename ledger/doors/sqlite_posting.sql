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
  OR NEW.resolves_id IS NOT NULL AND EXISTS (SELECT 1 FROM ledger_transaction
              WHERE community_id = NEW.community_id AND resolves_id = NEW.resolves_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: a transaction is written once');
END;
--;
CREATE TRIGGER ledger_transaction_open_period BEFORE INSERT ON ledger_transaction
WHEN NEW.occurred_on <= (
     SELECT closed_through_on FROM ledger_act
      WHERE community_id = NEW.community_id AND kind IN ('period_closed', 'period_reopened')
      ORDER BY act_no DESC LIMIT 1)
BEGIN
  SELECT RAISE(ABORT, 'ledger: the books are closed on that day');
END;
--;
-- One trigger, because SQLite does not promise an order between two: checks, holds, balances, and last the outbox row, after which
-- nothing can move a balance any more (ledger_balance_by_header).
CREATE TRIGGER ledger_transaction_post AFTER INSERT ON ledger_transaction
BEGIN
  SELECT RAISE(ABORT, 'ledger: legs are missing, in the wrong layer, or in an account that is closed or not of this book')
   WHERE NEW.leg_count <> (
         SELECT count(*)
           FROM ledger_posting p JOIN ledger_account a ON a.community_id = p.community_id AND a.id = p.account_id
           LEFT JOIN ledger_balance b ON b.community_id = p.community_id AND b.account_id = p.account_id
          WHERE p.community_id = NEW.community_id AND p.transaction_id = NEW.id AND p.leg_count = NEW.leg_count
            AND (p.is_pending = (NEW.kind = 'hold') OR NEW.resolves_id IS NOT NULL)
            AND (a.is_bounded = 0 OR b.is_open = 1 OR b.is_open = 0 AND NEW.kind IN ('hold_void', 'hold_expire')));
  SELECT RAISE(ABORT, 'ledger: the legs of one commodity do not sum to zero')
   WHERE EXISTS (
         SELECT 1
           FROM ledger_posting p JOIN ledger_account a ON a.community_id = p.community_id AND a.id = p.account_id
          WHERE p.community_id = NEW.community_id AND p.transaction_id = NEW.id
          GROUP BY a.commodity, p.is_pending HAVING sum(p.amount_minor) <> 0);

  INSERT INTO ledger_hold (community_id, transaction_id, expires_at)
  SELECT NEW.community_id, NEW.id, NEW.expires_at WHERE NEW.kind = 'hold';
  UPDATE ledger_balance
     SET pending_in = pending_in + (
         SELECT sum(max(amount_minor, 0)) FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND account_id = ledger_balance.account_id),
         pending_out = pending_out + (
         SELECT sum(max(-amount_minor, 0)) FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND account_id = ledger_balance.account_id)
   WHERE NEW.kind = 'hold' AND community_id = NEW.community_id AND account_id IN (
         SELECT account_id FROM ledger_posting WHERE community_id = NEW.community_id AND transaction_id = NEW.id);

  SELECT RAISE(ABORT, 'ledger: a hold is open until it expires, gives every leg back, and posts what was held at most')
   WHERE NEW.resolves_id IS NOT NULL AND (
         NOT EXISTS (SELECT 1 FROM ledger_hold
                      WHERE community_id = NEW.community_id AND transaction_id = NEW.resolves_id
                        AND CASE NEW.kind WHEN 'hold_post' THEN NEW.recorded_at < expires_at
                                          WHEN 'hold_expire' THEN NEW.recorded_at >= expires_at ELSE 1 END)
         OR (SELECT count(*) FROM ledger_posting
              WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND is_pending = 1) <> (
            SELECT leg_count FROM ledger_transaction WHERE community_id = NEW.community_id AND id = NEW.resolves_id)
         OR EXISTS (
            SELECT 1 FROM ledger_posting held
              LEFT JOIN ledger_posting back ON back.community_id = held.community_id AND back.transaction_id = NEW.id
                                           AND back.leg_no = held.leg_no AND back.account_id = held.account_id
                                           AND back.amount_minor = -held.amount_minor AND back.is_pending = 1
             WHERE held.community_id = NEW.community_id AND held.transaction_id = NEW.resolves_id AND back.leg_no IS NULL)
         OR (NEW.kind = 'hold_post') <> EXISTS (SELECT 1 FROM ledger_posting
              WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND is_pending = 0)
         OR EXISTS (
            SELECT 1 FROM ledger_posting
             WHERE community_id = NEW.community_id AND transaction_id = NEW.id
             GROUP BY account_id, (amount_minor > 0) = is_pending
            HAVING abs(sum(amount_minor * (1 - is_pending))) > abs(sum(amount_minor * is_pending))));
  DELETE FROM ledger_hold
   WHERE NEW.resolves_id IS NOT NULL AND community_id = NEW.community_id AND transaction_id = NEW.resolves_id;
  UPDATE ledger_balance
     SET pending_in = pending_in - (
         SELECT sum(max(-amount_minor, 0)) FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND is_pending = 1
            AND account_id = ledger_balance.account_id),
         pending_out = pending_out - (
         SELECT sum(max(amount_minor, 0)) FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND is_pending = 1
            AND account_id = ledger_balance.account_id)
   WHERE NEW.resolves_id IS NOT NULL AND community_id = NEW.community_id AND account_id IN (
         SELECT account_id FROM ledger_posting WHERE community_id = NEW.community_id AND transaction_id = NEW.id);

  -- Sums per row, not a GROUP BY of all: that tempts the planner into walking the whole account index.
  UPDATE ledger_balance
     SET posted_in = posted_in + (
         SELECT sum(max(amount_minor, 0)) FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND is_pending = 0
            AND account_id = ledger_balance.account_id),
         posted_out = posted_out + (
         SELECT sum(max(-amount_minor, 0)) FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND is_pending = 0
            AND account_id = ledger_balance.account_id)
   WHERE community_id = NEW.community_id AND account_id IN (
         SELECT account_id FROM ledger_posting
          WHERE community_id = NEW.community_id AND transaction_id = NEW.id AND is_pending = 0);
  INSERT INTO ledger_outbox (community_id, item_id) VALUES (NEW.community_id, NEW.id);
END;
--;
-- A reversal mirrors the posted legs; those of a posted hold stand behind the pending ones that it gives back.
CREATE TRIGGER ledger_transaction_mirror AFTER INSERT ON ledger_transaction WHEN NEW.reverses_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'ledger: a reversal mirrors every leg of a transaction that is no reversal itself')
   WHERE NOT EXISTS (SELECT 1 FROM ledger_transaction
                      WHERE community_id = NEW.community_id AND id = NEW.reverses_id AND reverses_id IS NULL)
      OR NEW.leg_count <> (SELECT count(*) FROM ledger_posting
                            WHERE community_id = NEW.community_id AND transaction_id = NEW.reverses_id AND is_pending = 0)
      OR NEW.leg_count <> (
         SELECT count(*)
           FROM ledger_posting original
           JOIN ledger_posting mirror ON mirror.community_id = original.community_id AND mirror.transaction_id = NEW.id
                                     AND mirror.leg_no = original.leg_no - original.leg_count + NEW.leg_count
          WHERE original.community_id = NEW.community_id AND original.transaction_id = NEW.reverses_id AND original.is_pending = 0
            AND mirror.account_id = original.account_id AND mirror.amount_minor = -original.amount_minor);
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
WHEN EXISTS (SELECT 1 FROM ledger_transaction WHERE community_id = NEW.community_id AND id = NEW.transaction_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: a leg is written before its header, once');
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
