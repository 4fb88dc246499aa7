-- message_erased_end
-- One that was erased again meanwhile has another position.
delete from erased_messages where component = $1 and authorizer = $2 and position = $3
