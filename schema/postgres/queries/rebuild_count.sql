-- rebuild_count
select count(*) from rebuilt
