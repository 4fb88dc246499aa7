-- The function keeps the plans of its statements for as long as a session lives. Those made while the tables were nearly empty
-- read whole tables, and would go on to do so until the server happens to analyze them: 256 commands took 4 s behind 50,000
-- events, where they take 50 ms by the indices. Every statement of it finds its rows by a key.
alter function append_batch(jsonb) set enable_seqscan = off;
