-- key_counts
select master, count(*) as count from data_key where wrapped is not null group by master order by master
