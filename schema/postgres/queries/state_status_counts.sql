-- state_status_counts
select component, status, count(*)
from state
where kind = 'authorizer'
group by component, status
