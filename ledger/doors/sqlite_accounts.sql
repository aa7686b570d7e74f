-- Accounts and balances ------------------------------------------------------------------------------------------------------

CREATE TRIGGER ledger_account_once BEFORE INSERT ON ledger_account
WHEN EXISTS (SELECT 1 FROM ledger_account
              WHERE community_id = NEW.community_id AND (id = NEW.id OR code = NEW.code))
BEGIN
  SELECT RAISE(ABORT, 'ledger: an account is opened once');
END;
--;
CREATE TRIGGER ledger_account_announce AFTER INSERT ON ledger_account
BEGIN
  INSERT INTO ledger_outbox (community_id, item_id) VALUES (NEW.community_id, NEW.id);
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
BEGIN
  SELECT RAISE(ABORT, 'ledger: bounds never change and counters never fall');
END;
--;
-- The CHECKs say so too, save in a session that has switched them off.
CREATE TRIGGER ledger_balance_within BEFORE UPDATE ON ledger_balance
WHEN NEW.posted_in - NEW.posted_out - NEW.pending_out < NEW.floor_minor
  OR NEW.posted_in - NEW.posted_out + NEW.pending_in > NEW.ceiling_minor
BEGIN
  SELECT RAISE(ABORT, 'ledger: a balance stays within its bounds, holds included');
END;
--;
-- A balance moves only while the newest header is neither in the outbox nor sealed: that is, inside that header's own trigger.
CREATE TRIGGER ledger_balance_by_header BEFORE UPDATE ON ledger_balance
WHEN NEW.posted_in <> OLD.posted_in OR NEW.posted_out <> OLD.posted_out
  OR NEW.pending_in <> OLD.pending_in OR NEW.pending_out <> OLD.pending_out
BEGIN
  SELECT RAISE(ABORT, 'ledger: a balance moves only with a transaction')
    FROM (SELECT 1)
    LEFT JOIN (SELECT community_id, id FROM ledger_transaction ORDER BY rowid DESC LIMIT 1) AS newest
   WHERE newest.id IS NULL
      OR newest.community_id <> NEW.community_id
      OR EXISTS (SELECT 1 FROM ledger_outbox
                  WHERE community_id = newest.community_id AND item_id = newest.id)
      OR EXISTS (SELECT 1 FROM ledger_seal_item
                  WHERE community_id = newest.community_id AND item_id = newest.id);
END;
--;
-- An account is closed or reopened only while the newest act, which says so, is not in the outbox yet.
CREATE TRIGGER ledger_balance_by_act BEFORE UPDATE ON ledger_balance WHEN NEW.is_open <> OLD.is_open
BEGIN
  SELECT RAISE(ABORT, 'ledger: an account is closed or reopened only with an act')
    FROM (SELECT 1)
    LEFT JOIN (SELECT * FROM ledger_act WHERE community_id = NEW.community_id ORDER BY act_no DESC LIMIT 1) AS newest
   WHERE newest.account_id IS NOT NEW.account_id
      OR newest.kind <> CASE NEW.is_open WHEN 1 THEN 'account_reopened' ELSE 'account_closed' END
      OR EXISTS (SELECT 1 FROM ledger_outbox WHERE community_id = newest.community_id AND item_id = newest.id)
      OR EXISTS (SELECT 1 FROM ledger_seal_item WHERE community_id = newest.community_id AND item_id = newest.id);
END;
--;
CREATE TRIGGER ledger_balance_stay BEFORE DELETE ON ledger_balance
BEGIN
  SELECT RAISE(ABORT, 'ledger: a balance row is never deleted');
END;
--;
-- Acts -----------------------------------------------------------------------------------------------------------------------

CREATE TRIGGER ledger_act_once BEFORE INSERT ON ledger_act
WHEN EXISTS (SELECT 1 FROM ledger_act WHERE community_id = NEW.community_id AND id = NEW.id)
  OR NEW.act_no <> 1 + (SELECT coalesce(max(act_no), 0) FROM ledger_act WHERE community_id = NEW.community_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger: an act is written once, in its order');
END;
--;
CREATE TRIGGER ledger_act_account AFTER INSERT ON ledger_act WHEN NEW.account_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'ledger: only a bounded account is closed while it is open, and reopened while it is closed')
   WHERE NOT EXISTS (SELECT 1 FROM ledger_balance
                      WHERE community_id = NEW.community_id AND account_id = NEW.account_id
                        AND is_open = (NEW.kind = 'account_closed'));
  UPDATE ledger_balance SET is_open = (NEW.kind = 'account_reopened')
   WHERE community_id = NEW.community_id AND account_id = NEW.account_id;
  INSERT INTO ledger_outbox (community_id, item_id) VALUES (NEW.community_id, NEW.id);
END;
--;
-- No period is closed through '', which is earlier than any day.
CREATE TRIGGER ledger_act_period AFTER INSERT ON ledger_act WHEN NEW.account_id IS NULL
BEGIN
  SELECT RAISE(ABORT, 'ledger: a period is closed further on and reopened further back')
    FROM (SELECT coalesce((
         SELECT closed_through_on FROM ledger_act
          WHERE community_id = NEW.community_id AND account_id IS NULL AND act_no < NEW.act_no
          ORDER BY act_no DESC LIMIT 1), '') AS closed_through_on) AS before
   WHERE NOT CASE NEW.kind WHEN 'period_closed' THEN coalesce(NEW.closed_through_on, '') > before.closed_through_on
             ELSE coalesce(NEW.closed_through_on, '') < before.closed_through_on END;
  INSERT INTO ledger_outbox (community_id, item_id) VALUES (NEW.community_id, NEW.id);
END;
--;
CREATE TRIGGER ledger_act_keep BEFORE UPDATE ON ledger_act
BEGIN
  SELECT RAISE(ABORT, 'ledger: an act is never changed');
END;
--;
CREATE TRIGGER ledger_act_stay BEFORE DELETE ON ledger_act
BEGIN
  SELECT RAISE(ABORT, 'ledger: an act is never deleted');
END;
--;
