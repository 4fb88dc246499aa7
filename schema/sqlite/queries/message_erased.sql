-- message_erased
select component, authorizer, position from erased_messages order by component, authorizer limit 100
