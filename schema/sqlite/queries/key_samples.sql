-- key_samples
select stream, max(number), master, wrapped
from data_key
where wrapped is not null
group by master
