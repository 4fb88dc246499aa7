-- key_samples
select distinct on (master) stream, number, master, wrapped
from data_key
where wrapped is not null
order by master, stream, number
