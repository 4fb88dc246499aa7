-- webhook_turn
-- One after the other to the end of the transaction.
select pg_advisory_xact_lock(hashtextextended('mandate.webhook', 0))
