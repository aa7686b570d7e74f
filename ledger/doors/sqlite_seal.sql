-- Open holds -----------------------------------------------------------------------------------------------------------------

CREATE TRIGGER ledger_hold_by_header BEFORE INSERT ON ledger_hold
WHEN NOT EXISTS (SELECT 1 FROM ledger_transaction
                  WHERE community_id = NEW.community_id AND id = NEW.transaction_id AND expires_at = NEW.expires_at)
  OR EXISTS (SELECT 1 FROM ledger_hold WHERE community_id = NEW.community_id AND transaction_id = NEW.transaction_id)
  OR EXISTS (SELECT 1 FROM ledger_outbox WHERE community_id = NEW.community_id AND item_id = NEW.transaction_id)
  OR EXISTS (SELECT 1 FROM ledger_seal_item WHERE community_id = NEW.community_id AND item_id = NEW.transaction_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: a hold opens with its transaction');
END;
--;
CREATE TRIGGER ledger_hold_keep BEFORE UPDATE ON ledger_hold
BEGIN
  SELECT RAISE(ABORT, 'ledger: a hold is never changed');
END;
--;
CREATE TRIGGER ledger_hold_stay BEFORE DELETE ON ledger_hold
WHEN NOT EXISTS (SELECT 1 FROM ledger_transaction
                  WHERE community_id = OLD.community_id AND resolves_id = OLD.transaction_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: a hold ends with the transaction that resolves it');
END;
--;
-- Outbox ---------------------------------------------------------------------------------------------------------------------

CREATE TRIGGER ledger_outbox_once BEFORE INSERT ON ledger_outbox
WHEN EXISTS (SELECT 1 FROM ledger_seal_item WHERE community_id = NEW.community_id AND item_id = NEW.item_id)
  OR EXISTS (SELECT 1 FROM ledger_outbox WHERE community_id = NEW.community_id AND item_id = NEW.item_id)
  OR NOT EXISTS (
     SELECT 1 FROM ledger_transaction WHERE community_id = NEW.community_id AND id = NEW.item_id
     UNION ALL SELECT 1 FROM ledger_account WHERE community_id = NEW.community_id AND id = NEW.item_id
     UNION ALL SELECT 1 FROM ledger_act WHERE community_id = NEW.community_id AND id = NEW.item_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: the outbox holds items that are not sealed yet');
END;
--;
CREATE TRIGGER ledger_outbox_keep BEFORE UPDATE ON ledger_outbox
BEGIN
  SELECT RAISE(ABORT, 'ledger: an outbox row is never changed');
END;
--;
CREATE TRIGGER ledger_outbox_stay BEFORE DELETE ON ledger_outbox
WHEN NOT EXISTS (SELECT 1 FROM ledger_seal_item WHERE community_id = OLD.community_id AND item_id = OLD.item_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: an item leaves the outbox when it is sealed');
END;
--;
-- Seal -----------------------------------------------------------------------------------------------------------------------

CREATE TRIGGER ledger_seal_block_next BEFORE INSERT ON ledger_seal_block
BEGIN
  SELECT RAISE(ABORT, 'ledger: a block continues the chain, behind the items of the block before')
    FROM (SELECT 1)
    LEFT JOIN (SELECT * FROM ledger_seal_block WHERE community_id = NEW.community_id ORDER BY block_no DESC LIMIT 1) AS last
   WHERE NEW.block_no <> coalesce(last.block_no, 0) + 1
      OR NEW.first_sequence <> coalesce(last.last_sequence, 0) + 1
      OR NEW.last_sequence < NEW.first_sequence
      OR NEW.previous_hash <> coalesce(last.block_hash, zeroblob(32))
      OR length(NEW.merkle_root) <> 32 OR length(NEW.block_hash) <> 32
      OR NEW.first_sequence <> 1 + (SELECT coalesce(max(sequence), 0) FROM ledger_seal_item WHERE community_id = NEW.community_id);
END;
--;
CREATE TRIGGER ledger_seal_item_next BEFORE INSERT ON ledger_seal_item
BEGIN
  SELECT RAISE(ABORT, 'ledger: an item is sealed once, from the outbox, in the last block, with its own hash')
   WHERE NEW.sequence <> 1 + (SELECT coalesce(max(sequence), 0) FROM ledger_seal_item WHERE community_id = NEW.community_id)
      OR NOT EXISTS (SELECT 1 FROM ledger_outbox WHERE community_id = NEW.community_id AND item_id = NEW.item_id)
      OR NOT EXISTS (SELECT 1 FROM (SELECT * FROM ledger_seal_block
                                     WHERE community_id = NEW.community_id ORDER BY block_no DESC LIMIT 1) AS last
                      WHERE last.block_no = NEW.block_no AND NEW.sequence BETWEEN last.first_sequence AND last.last_sequence)
      OR NOT EXISTS (
         SELECT 1 FROM ledger_transaction
          WHERE NEW.kind = 'transaction' AND community_id = NEW.community_id AND id = NEW.item_id AND content_hash = NEW.content_hash
         UNION ALL SELECT 1 FROM ledger_account
          WHERE NEW.kind = 'account' AND community_id = NEW.community_id AND id = NEW.item_id AND content_hash = NEW.content_hash
         UNION ALL SELECT 1 FROM ledger_act
          WHERE NEW.kind = 'act' AND community_id = NEW.community_id AND id = NEW.item_id AND content_hash = NEW.content_hash);
END;
--;
-- The activity moves while the newest sealed item is still in the outbox: that is, inside this trigger. The plus keeps the planner
-- from walking the whole account index to group the few legs of one item.
CREATE TRIGGER ledger_seal_item_counted AFTER INSERT ON ledger_seal_item
BEGIN
  INSERT INTO ledger_activity (community_id, account_id, month_on, in_minor, out_minor, posting_count)
  SELECT NEW.community_id, p.account_id, substr(t.occurred_on, 1, 8) || '01',
         sum(max(p.amount_minor, 0)), sum(max(-p.amount_minor, 0)), count(*)
    FROM ledger_transaction t
    JOIN ledger_posting p ON p.community_id = t.community_id AND p.transaction_id = t.id
   WHERE t.community_id = NEW.community_id AND t.id = NEW.item_id AND p.is_pending = 0
   GROUP BY +p.account_id
  ON CONFLICT (community_id, account_id, month_on) DO UPDATE
     SET in_minor = in_minor + excluded.in_minor, out_minor = out_minor + excluded.out_minor,
         posting_count = posting_count + excluded.posting_count;
  DELETE FROM ledger_outbox WHERE community_id = NEW.community_id AND item_id = NEW.item_id;
END;
--;
CREATE TRIGGER ledger_activity_first BEFORE INSERT ON ledger_activity
BEGIN
  SELECT RAISE(ABORT, 'ledger: the activity moves only with the seal')
   WHERE NOT EXISTS (
         SELECT 1 FROM ledger_outbox o
          WHERE o.community_id = NEW.community_id AND o.item_id = (
                SELECT item_id FROM ledger_seal_item WHERE community_id = NEW.community_id ORDER BY sequence DESC LIMIT 1));
END;
--;
CREATE TRIGGER ledger_activity_next BEFORE UPDATE ON ledger_activity
BEGIN
  SELECT RAISE(ABORT, 'ledger: the activity moves only with the seal')
   WHERE NEW.community_id <> OLD.community_id OR NEW.account_id <> OLD.account_id OR NEW.month_on <> OLD.month_on
      OR NOT EXISTS (
         SELECT 1 FROM ledger_outbox o
          WHERE o.community_id = NEW.community_id AND o.item_id = (
                SELECT item_id FROM ledger_seal_item WHERE community_id = NEW.community_id ORDER BY sequence DESC LIMIT 1));
END;
--;
CREATE TRIGGER ledger_activity_stay BEFORE DELETE ON ledger_activity
BEGIN
  SELECT RAISE(ABORT, 'ledger: the activity is kept');
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
