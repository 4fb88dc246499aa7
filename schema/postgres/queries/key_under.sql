-- key_under
select stream, number, master, wrapped
from data_key
where wrapped is not null and master = $1
order by stream, number
limit $2
